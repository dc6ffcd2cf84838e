"""How a KV client writes: to its store, or to the primary and then to the mirror."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from exporter.demo.simulation.gossip import NoChange
from exporter.demo.simulation.process import Client, Process
from exporter.demo.simulation.products import RING
from exporter.demo.simulation.ring_values import Value
from exporter.demo.simulation.store import StoreDown

if TYPE_CHECKING:
    from exporter.demo.simulation.cluster import Cluster

LAG = 60.0
JUST_STARTED = 15.0
BENIGN_AT_START, BENIGN = 1 / 9, 1 / 400  # "no change detected", just after a start and later
BROKEN = 0.6
Change = Callable[[Value | None], Value]


@dataclass(frozen=True, slots=True)
class Write:
    """One write of one client under one key. To the mirror goes the complete new value, as dskit's does."""

    cluster: Cluster
    process: Process
    client: Client
    key: str

    def cas(self, change: Change) -> bool:
        """One compare-and-swap; whether the primary took it."""
        written = self._try(self.cluster.primary_of(self.process, self.client), change, "primary")
        if self.client.mode == "multi":
            _count(self.client, "primary", "multi", ok=written is not None)
            if written is not None and self.client.mirror:
                self._mirror(written)
        return written is not None

    def _try(self, store: str, change: Change | Value, role: str) -> Value | None:
        written: Value | None = None
        try:
            written = self._put(store, change)
        except NoChange:
            self.cluster.gossip.views[self.process.name].failures += 1
        except StoreDown:
            why = {"key": self.key, "err": "connection refused"}
            self.cluster.log(self.process, "error", "error talking to the KV store", **why)
        _count(self.client, role, store, ok=written is not None)
        return written

    def _put(self, store: str, change: Change | Value) -> Value:
        gossip, now = self.cluster.gossip, self.cluster.now
        if store == "memberlist":
            if callable(change):
                return gossip.cas(self.process.name, self.key, change, now)
            return gossip.put(self.process.name, self.key, change, now)
        return self.cluster.store.cas(self.key, change if callable(change) else lambda _: change)

    def _mirror(self, written: Value) -> None:
        cluster, client = self.cluster, self.client
        client.mirror_writes += 1
        secondary = cluster.settings.store if client.primary == "memberlist" else "memberlist"
        if why := self._failure(secondary):
            _count(client, "secondary", secondary, ok=False)
            self._failed(secondary, why)
        elif self.key == RING and "lag" in cluster.faults:
            _count(client, "secondary", secondary, ok=True)
            cluster.after(LAG, partial(self._late, self.process.incarnation, secondary, written))
        elif self._try(secondary, written, "secondary") is None:
            self._failed(secondary, "no change detected")

    def _failure(self, secondary: str) -> str:
        """Why this mirror write fails, "" if it does not: the fault, or the benign error.

        After the benign one the value is there all the same: gossip had brought it already.
        """
        cluster = self.cluster
        broken = cluster.is_victim(self.process, "mirror-errors")
        if broken and cluster.random.random() < BROKEN:
            return "context deadline exceeded"
        odds = BENIGN_AT_START if cluster.now - self.process.started < JUST_STARTED else BENIGN
        if secondary == "memberlist" and cluster.random.random() < odds:
            return "no change detected"
        return ""

    def _failed(self, secondary: str, why: str) -> None:
        self.client.mirror_errors += 1
        fields = {
            "component": "multikv",
            "key": self.key,
            "err": f"failed to CAS-update key {self.key}: {why}",
            "primary": self.client.primary,
            "secondary": secondary,
        }
        self.cluster.log(self.process, "warn", "failed to update value in secondary store", **fields)

    def _late(self, incarnation: int, secondary: str, written: Value) -> None:
        if not self.process.up or self.process.incarnation != incarnation:
            return
        with contextlib.suppress(NoChange, StoreDown):
            self._put(secondary, written)


def in_vain(cluster: Cluster, process: Process, client: Client) -> None:
    """Count a compare-and-swap that found nothing to do, since another process was first."""
    _count(client, "primary", cluster.primary_of(process, client), ok=True)
    if client.mode == "multi":
        _count(client, "primary", "multi", ok=True)


def _count(client: Client, role: str, store: str, *, ok: bool) -> None:
    client.operations["CAS", role, "200" if ok else "500", store] += 1
