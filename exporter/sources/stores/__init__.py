"""Consul and etcd, read directly."""
