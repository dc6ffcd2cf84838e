"""Membership: how a process enters a ring, heartbeats and leaves it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from exporter.demo.simulation.kv import Write
from exporter.demo.simulation.process import Client, Process
from exporter.demo.simulation.products import RING, STORE_GATEWAY
from exporter.demo.simulation.ring_values import ACTIVE, JOINING, LEAVING, Instance, Ring, Tokens, Value

if TYPE_CHECKING:
    from exporter.demo.simulation.cluster import Cluster

JOIN_TIME = 4.0
FIRST_WRITE = 0.3


def begin(cluster: Cluster, process: Process, client: Client) -> None:
    """Begin a client's life: the first read, and the heartbeats if it writes."""
    if client.spec.watches:
        store = cluster.primary_of(process, client)
        client.operations["GET", "primary", "200", store] += 1
        if client.mode == "multi":
            client.operations["GET", "primary", "200", "multi"] += 1
    if client.spec.period:
        first = FIRST_WRITE + cluster.random.random()
        cluster.after(first, partial(_beat, cluster, process, client, process.incarnation))


def tokens_of(cluster: Cluster, process: Process, client: Client) -> Tokens:
    """The tokens a member claims; with the fault, some of the first one's."""
    count = cluster.settings.tokens if client.spec.tokens < 0 else client.spec.tokens
    own = process.tokens(client.spec.key, count)
    if client.spec.key != RING or not cluster.is_victim(process, "token-conflict"):
        return own
    others = (p for p in cluster.processes if p is not process and "ingester-lifecycler" in p.clients)
    other = next(others, None)
    if other is None:
        return own
    stolen = other.tokens(RING, count).values[: min(3, count)]
    return Tokens(stolen + own.values[len(stolen) :])


def _state(cluster: Cluster, process: Process, client: Client) -> int:
    if process.leaving and client.spec.key == RING:
        return LEAVING
    joining = JOIN_TIME if client.spec.key in (RING, STORE_GATEWAY) else 0.0
    # The first ring of a cluster that was there before the demo is not joined again.
    if process.incarnation == 1 and process.started == cluster.began:
        joining = 0.0
    return JOINING if cluster.now - process.started < joining else ACTIVE


def _beat(cluster: Cluster, process: Process, client: Client, incarnation: int) -> None:
    if not process.up or process.incarnation != incarnation:
        return
    write = Write(cluster, process, client, client.spec.key)
    if write.cas(partial(_entered, cluster, process, client)):
        process.heartbeats[client.spec.key] += 1
    joining = _state(cluster, process, client) == JOINING
    period = JOIN_TIME if joining else client.spec.period
    cluster.after(period, partial(_beat, cluster, process, client, incarnation))


def _entered(cluster: Cluster, process: Process, client: Client, before: Value | None) -> Value:
    """The ring with this member's entry renewed, or put back if another process dropped it."""
    ring: dict[str, Instance] = dict(before) if isinstance(before, dict) else {}
    clock = int(cluster.clock(process))
    old = ring.get(process.name)
    ring[process.name] = Instance(
        id=process.name,
        addr=f"{process.at.host}:{process.at.grpc}",
        timestamp=max(clock, old.timestamp + 1 if old and old.registered >= int(process.started) else clock),
        registered=old.registered if old and old.registered >= int(process.started) else clock,
        state=_state(cluster, process, client),
        zone=process.spec.zone,
        tokens=_kept(old, tokens_of(cluster, process, client)),
    )
    return ring


def _kept(old: Instance | None, tokens: Tokens) -> Tokens:
    return old.tokens if old is not None and old.tokens == tokens else tokens


def unregister(cluster: Cluster, process: Process, client: Client) -> None:
    """Take the member out of the ring, as a graceful stop does where it is so configured."""
    stays = client.spec.key == STORE_GATEWAY and not process.unregisters
    if client.spec.period and not stays:
        Write(cluster, process, client, client.spec.key).cas(partial(_left, process))


def _left(process: Process, before: Value | None) -> Value:
    ring: Ring = before if isinstance(before, dict) else {}
    return {name: member for name, member in ring.items() if name != process.name}
