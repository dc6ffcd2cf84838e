"""kvmigration-exporter: watches Mimir, Cortex, Loki, Tempo or Pyroscope move their rings to memberlist."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("kvmigration-exporter")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+source"
