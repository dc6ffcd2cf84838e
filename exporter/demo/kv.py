"""How a KV client writes: to its store, or to the primary and then to the mirror."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from exporter.demo.gossip import NoChange
from exporter.demo.process import Client, Process
from exporter.demo.products import HA, RING
from exporter.demo.store import StoreDown
from exporter.demo.values import Value

if TYPE_CHECKING:
    from exporter.demo.cluster import Cluster

LAG = 60.0
BENIGN_YOUNG, BENIGN = 1 / 9, 1 / 400
BROKEN = 0.6
Change = Callable[[Value | None], Value]


class Writer:
    """Writes of all clients. A write to the mirror carries the whole new value, as dskit's does."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def cas(self, process: Process, client: Client, key: str, change: Change) -> bool:
        """One compare-and-swap; whether the primary took it."""
        cluster = self._cluster
        primary = cluster.primary_of(process, client)
        written = self._one(process, client, primary, key, change, "primary")
        if process.mode == "multi":
            client.operations["CAS", "primary", "200" if written is not None else "500", "multi"] += 1
            if written is not None and client.mirror:
                self._mirror(process, client, key, written)
        return written is not None

    def _one(
        self, process: Process, client: Client, store: str, key: str, change: Change | Value, role: str
    ) -> Value | None:
        cluster = self._cluster
        written: Value | None = None
        try:
            written = self._put(process, store, key, change)
        except NoChange:
            cluster.gossip.views[process.name].failures += 1
        except StoreDown:
            cluster.log(process, "error", "error talking to the KV store", key=key, err="connection refused")
        status = "200" if written is not None else "500"
        client.operations["CAS", role, status, store] += 1
        return written

    def _put(self, process: Process, store: str, key: str, change: Change | Value) -> Value:
        cluster = self._cluster
        if store == "memberlist":
            if callable(change):
                return cluster.gossip.cas(process.name, key, change, cluster.now)
            return cluster.gossip.put(process.name, key, change, cluster.now)
        return cluster.store.cas(key, change if callable(change) else lambda _: change)

    def _mirror(self, process: Process, client: Client, key: str, written: Value) -> None:
        cluster = self._cluster
        client.mirror_writes += 1
        secondary = "memberlist" if client.primary != "memberlist" else cluster.external()
        if self._fails(process, client, secondary, key):
            return
        if key == RING and "lag" in cluster.faults:
            client.operations["CAS", "secondary", "200", secondary] += 1
            cluster.after(LAG, partial(self._late, process, process.incarnation, secondary, key, written))
        elif self._one(process, client, secondary, key, written, "secondary") is None:
            self._failed(process, client, secondary, key)

    def _fails(self, process: Process, client: Client, secondary: str, key: str) -> bool:
        cluster = self._cluster
        broken = "mirror-errors" in cluster.faults and process.name == cluster.victims.get("mirror-errors")
        if broken and cluster.random.random() < BROKEN:
            client.operations["CAS", "secondary", "500", secondary] += 1
            self._failed(process, client, secondary, key, "context deadline exceeded")
            return True
        young = cluster.now - process.started < 15
        if secondary == "memberlist" and cluster.random.random() < (BENIGN_YOUNG if young else BENIGN):
            # Gossip brought the same value first: the value is there, the write counts as an error.
            client.operations["CAS", "secondary", "500", secondary] += 1
            self._failed(process, client, secondary, key)
            return True
        return False

    def _failed(
        self, process: Process, client: Client, secondary: str, key: str, why: str = "no change detected"
    ) -> None:
        client.mirror_errors += 1
        self._cluster.log(
            process,
            "warn",
            "failed to update value in secondary store",
            component="multikv",
            key=key,
            err=f"failed to CAS-update key {key}: {why}",
            primary=client.primary,
            secondary=secondary,
        )

    def _late(self, process: Process, incarnation: int, secondary: str, key: str, written: Value) -> None:
        cluster = self._cluster
        if not process.up or process.incarnation != incarnation:
            return
        try:
            self._put(process, secondary, key, written)
        except (NoChange, StoreDown):
            return


def is_tracker(client: Client) -> bool:
    """Whether this client serves the HA tracker."""
    return client.spec.key == HA
