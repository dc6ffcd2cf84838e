"""The configuration: types, defaults, checks and the loading of the file.

`load(path)` gives a frozen `Config` or raises `ConfigError`, one line per problem. Durations are
float seconds, sizes int bytes; secrets are `SecretStr` and show nowhere.
"""

from __future__ import annotations

from exporter.config.http_client import BasicAuth, HttpClient, OAuth2, TlsConfig
from exporter.config.loading import load, load_as, load_text, schema
from exporter.config.models import Config, Gossip, LogFiles, Loki, RingSpec
from exporter.config.scalars import shown_url
from exporter.config.stores import Consul, Etcd, each_store
from exporter.config.targets import Dns, FileSd, GossipSd, HttpSd, Kubernetes, Static, TargetEntry

__all__ = [
    "BasicAuth",
    "Config",
    "Consul",
    "Dns",
    "Etcd",
    "FileSd",
    "Gossip",
    "GossipSd",
    "HttpClient",
    "HttpSd",
    "Kubernetes",
    "LogFiles",
    "Loki",
    "OAuth2",
    "RingSpec",
    "Static",
    "TargetEntry",
    "TlsConfig",
    "each_store",
    "load",
    "load_as",
    "load_text",
    "schema",
    "shown_url",
]
