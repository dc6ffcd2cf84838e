"""The web server: connections, TLS, access, routes."""
