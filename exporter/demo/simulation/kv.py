"""How a KV client writes: to its store, or to the primary and then to the mirror."""

from __future__ import annotations

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
    """One write of one client under one key."""

    process: Process
    client: Client
    key: str


class Writer:
    """Writes of all clients. A write to the mirror carries the complete new value, as dskit's does."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def cas(self, process: Process, client: Client, key: str, change: Change) -> bool:
        """One compare-and-swap; whether the primary took it."""
        write = Write(process, client, key)
        written = self._try(write, self._cluster.primary_of(process, client), change, "primary")
        if client.mode == "multi":
            _count(client, "primary", "multi", ok=written is not None)
            if written is not None and client.mirror:
                self._mirror(write, written)
        return written is not None

    def in_vain(self, process: Process, client: Client) -> None:
        """A compare-and-swap that found nothing to do, since another process was first."""
        _count(client, "primary", self._cluster.primary_of(process, client), ok=True)
        if client.mode == "multi":
            _count(client, "primary", "multi", ok=True)

    def _try(self, write: Write, store: str, change: Change | Value, role: str) -> Value | None:
        written: Value | None = None
        try:
            written = self._put(write.process, store, write.key, change)
        except NoChange:
            self._cluster.gossip.views[write.process.name].failures += 1
        except StoreDown:
            why = {"key": write.key, "err": "connection refused"}
            self._cluster.log(write.process, "error", "error talking to the KV store", **why)
        _count(write.client, role, store, ok=written is not None)
        return written

    def _put(self, process: Process, store: str, key: str, change: Change | Value) -> Value:
        cluster = self._cluster
        if store == "memberlist":
            if callable(change):
                return cluster.gossip.cas(process.name, key, change, cluster.now)
            return cluster.gossip.put(process.name, key, change, cluster.now)
        return cluster.store.cas(key, change if callable(change) else lambda _: change)

    def _mirror(self, write: Write, written: Value) -> None:
        cluster, client = self._cluster, write.client
        client.mirror_writes += 1
        secondary = cluster.external() if client.primary == "memberlist" else "memberlist"
        why = self._failure(write, secondary)
        if why:
            _count(client, "secondary", secondary, ok=False)
            self._failed(write, secondary, why)
        elif write.key == RING and "lag" in cluster.faults:
            _count(client, "secondary", secondary, ok=True)
            late = partial(self._late, write, write.process.incarnation, secondary, written)
            cluster.after(LAG, late)
        elif self._try(write, secondary, written, "secondary") is None:
            self._failed(write, secondary, "no change detected")

    def _failure(self, write: Write, secondary: str) -> str:
        """Why this mirror write fails, "" if it does not: the fault, or the benign error.

        After the benign one the value is there all the same: gossip had brought it already.
        """
        cluster = self._cluster
        broken = cluster.victims.get("mirror-errors") == write.process.name
        if broken and cluster.random.random() < BROKEN:
            return "context deadline exceeded"
        odds = BENIGN_AT_START if cluster.now - write.process.started < JUST_STARTED else BENIGN
        if secondary == "memberlist" and cluster.random.random() < odds:
            return "no change detected"
        return ""

    def _failed(self, write: Write, secondary: str, why: str) -> None:
        write.client.mirror_errors += 1
        fields = {
            "component": "multikv",
            "key": write.key,
            "err": f"failed to CAS-update key {write.key}: {why}",
            "primary": write.client.primary,
            "secondary": secondary,
        }
        self._cluster.log(write.process, "warn", "failed to update value in secondary store", **fields)

    def _late(self, write: Write, incarnation: int, secondary: str, written: Value) -> None:
        if not write.process.up or write.process.incarnation != incarnation:
            return
        try:
            self._put(write.process, secondary, write.key, written)
        except (NoChange, StoreDown):
            return


def _count(client: Client, role: str, store: str, *, ok: bool) -> None:
    client.operations["CAS", role, "200" if ok else "500", store] += 1
