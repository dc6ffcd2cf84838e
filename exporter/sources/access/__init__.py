"""Credentials, TLS and proxies of the requests."""
