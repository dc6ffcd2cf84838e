"""The HA tracker: pairs of replicas, one of each elected, renewed about every 15 s."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from exporter.demo.simulation.kv import Write, in_vain
from exporter.demo.simulation.process import Client, Process
from exporter.demo.simulation.products import HA
from exporter.demo.simulation.ring_values import Replica, Value

if TYPE_CHECKING:
    from exporter.demo.simulation.cluster import Cluster

UPDATE_TIMEOUT, JITTER, FAILOVER_TIMEOUT = 15.0, 5.0, 30.0
ELECTION_ODDS = 1 / 40
PLAIN = {
    "cortex": (("fake", "demo"),),
    "mimir": (("team-a", "prod"), ("team-b", "prod/eu-west")),
    "loki": (),
}
HOSTILE = (("</td><script>alert(1)</script>", 'a/b/"c"\n\u202e'),)
Pair = tuple[str, str]


def pairs(cluster: Cluster) -> tuple[Pair, ...]:
    """The (user, cluster) pairs that are tracked."""
    plain = PLAIN[cluster.settings.product]
    return plain + HOSTILE if cluster.settings.hostile and plain else plain


def key_of(pair: Pair) -> str:
    """Where a pair is stored; the cluster's name may have slashes of its own."""
    return f"{HA}/{pair[0]}/{pair[1]}"


def begin(cluster: Cluster) -> None:
    """Let every pair be renewed from now on."""
    for pair in pairs(cluster):
        cluster.after(0.5 + cluster.random.random(), partial(_renew, cluster, pair))


def _tracking(cluster: Cluster) -> list[tuple[Process, Client]]:
    return [
        (process, client)
        for process in cluster.processes
        if process.up
        for client in process.clients.values()
        if client.spec.key == HA
    ]


def _renew(cluster: Cluster, pair: Pair) -> None:
    candidates = _tracking(cluster)
    if candidates:
        process, client = candidates[cluster.random.randrange(len(candidates))]
        elect = cluster.random.random() < ELECTION_ODDS
        change = partial(
            _renewed, int(cluster.clock(process) * 1000), elect, cluster.settings.product == "mimir"
        )
        Write(cluster, process, client, key_of(pair)).cas(change)
        for other, late in candidates:
            if other is not process:
                in_vain(cluster, other, late)
            other.elections[pair] += elect
    cluster.after(UPDATE_TIMEOUT + cluster.random.uniform(-JITTER, JITTER), partial(_renew, cluster, pair))


def _renewed(now: int, elect: bool, with_election: bool, before: Value | None) -> Value:
    if not isinstance(before, Replica):
        return Replica("prom-a", now, now if with_election else 0, 0)
    received = max(now, before.received_at)
    if not elect:
        return replace(before, received_at=received)
    other = "prom-b" if before.replica == "prom-a" else "prom-a"
    changes = before.elected_changes + 1 if with_election else 0
    return Replica(other, received, now if with_election else 0, changes)


def elected(cluster: Cluster, process: Process) -> list[tuple[Pair, Replica]]:
    """The entries of a process's tracker: what its primary store delivered."""
    found = []
    for pair in sorted(pairs(cluster)):
        value = cluster.view(process, key_of(pair))
        if isinstance(value, Replica):
            found.append((pair, value))
    return found
