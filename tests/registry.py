"""A snapshot in a registry of prometheus_client, whose writers ours are compared with."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from exporter.expose.collector import exposed, family_of
from exporter.model.facts import Snapshot


class SnapshotCollector(Collector):
    """One snapshot in a registry: fresh families each time, nothing kept."""

    def __init__(self, snapshot: Snapshot, max_series: int) -> None:
        self._snapshot = snapshot
        self._max_series = max_series

    def collect(self) -> Iterator[Family]:
        for metric, series in exposed(self._snapshot, self._max_series):
            yield family_of(metric, series)


def registry_of(snapshot: Snapshot, max_series: int) -> CollectorRegistry:
    """A registry of its own that holds this snapshot and nothing else."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(snapshot, max_series))
    return registry
