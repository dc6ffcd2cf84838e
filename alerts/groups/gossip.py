"""One gossip cluster, complete, and without unknown members."""

from __future__ import annotations

from dataclasses import replace

from alerts import thresholds as t
from alerts.promql import Queries, number
from alerts.rule import COUNT, Alert, Group, Names, Severity
from exporter.expose import catalogue as c
from exporter.model.pages import Phase


def clusters(q: Queries) -> str:
    """More than one gossip cluster."""
    return f"{q.most(c.GOSSIP_CLUSTERS)} > 1"


def unknown(q: Queries) -> str:
    """Members that match no target, without evidence that they belong to another cluster."""
    return f"{q.most(c.GOSSIP_UNKNOWN_MEMBERS)} > 0\nunless {q.on()} ({foreign(q)})"


def foreign(q: Queries) -> str:
    """Members that certainly belong to another product, cluster or release."""
    return f"{q.most(c.GOSSIP_FOREIGN_MEMBERS)} > 0"


def isolated(q: Queries) -> str:
    """Processes that receive no heartbeats while another process does. Where no process receives any,
    mirroring has stopped. An age within the slowest ring's heartbeat period does not count.

    A process with a clock ahead of the fleet's median shows too great an age: the difference is taken off.
    """
    limit = number(t.ISOLATED_AGE)
    age = q.most(c.GOSSIP_HEARTBEAT_AGE_SECONDS, "target")
    least = _less_a_period(q, f"min {q.by()} ({q.series(c.GOSSIP_HEARTBEAT_AGE_SECONDS)})")
    skew = q.most(c.TARGET_CLOCK_SKEW_SECONDS, "target")
    ahead = f"({skew} - {q.on()} group_left () quantile {q.by()} (0.5, {skew}))"
    by_others = _less_a_period(q, f"({age} - {q.on('target')} {ahead})")
    return (
        f"{age} > {limit}\nunless {q.on('target')} ({_less_a_period(q, age)} <= {limit})\n"
        f"unless {q.on('target')} ({by_others} <= {limit})\n"
        f"and {q.on()} ({least} <= {limit})\n{q.any_from(Phase.MIRRORING)}"
    )


def _less_a_period(q: Queries, value: str) -> str:
    """An age less the period of the fleet's slowest ring, where there is a metric of it."""
    return f"({value} - {q.on()} group_left () {q.most(c.RING_HEARTBEAT_PERIOD_SECONDS)} or {value})"


def unhealthy(q: Queries) -> str:
    """Processes with a bad health score of their own."""
    return f"{q.most(c.GOSSIP_HEALTH_SCORE, 'target')} > {number(t.HEALTH_SCORE)}"


def by_cluster(q: Queries) -> str:
    """The gossip clusters, each by its first process, and how many processes are in it."""
    return q.most(c.GOSSIP_CLUSTER_TARGETS, "first")


def _strange(q: Queries) -> str:
    return q.most(c.FOREIGN_MEMBER_INFO, "member", matchers='key=""')


SPLIT = Alert(
    "KVMigrationGossipSplit",
    Severity.CRITICAL,
    t.SPLIT,
    clusters,
    "The gossip has split",
    (
        "The processes of <fleet> form {{ $value }} gossip clusters without contact. One process "
        "of each, and how many are with it: <names>."
    ),
    "Groups of processes have no gossip contact with each other.",
    names=Names(by_cluster, ("first",), value=COUNT),
    about=("gossip-split", "gossip-one-cluster"),
)
UNKNOWN_MEMBERS = Alert(
    "KVMigrationGossipUnknownMembers",
    Severity.CRITICAL,
    t.UNKNOWN_MEMBERS,
    unknown,
    "Unknown members are in the gossip",
    (
        "{{ $value }} gossip member(s) of <fleet> are no target and match no "
        "gossip.expected_members. The exporter lists them under /api/v1/gossip. Another "
        "cluster may have joined."
    ),
    "The gossip has members that are no target and no expected name.",
    about=("unknown-members", "gossip-no-strangers"),
)


def by_phase(alert: Alert) -> tuple[Alert, Alert]:
    """A page once any client has memberlist as primary, and a ticket before: no ring is harmed yet."""
    page = replace(
        alert,
        condition=lambda q: f"{alert.expr(q)}\n{q.any_from(Phase.SWITCHED)}",
        meaning=f"{alert.meaning} Critical once memberlist is the primary of any client.",
    )
    ticket = replace(
        alert,
        severity=Severity.WARNING,
        condition=lambda q: f"{alert.expr(q)}\n{q.none_from(Phase.SWITCHED)}",
        meaning=f"{alert.meaning} A warning while memberlist is the primary of no client.",
    )
    return page, ticket


GROUP = Group(
    "gossip",
    "Members of the gossip",
    board="gossip",
    alerts=(
        *by_phase(SPLIT),
        *by_phase(UNKNOWN_MEMBERS),
        Alert(
            "KVMigrationGossipForeignMembers",
            Severity.CRITICAL,
            t.FOREIGN_MEMBERS,
            foreign,
            "Members of another product, cluster or release are in the gossip",
            (
                "{{ $value }} gossip member(s) of <fleet> are foreign: <names>. Their rings merge with these "
                "as soon as they write the same key. Halt all rollouts."
            ),
            "The gossip has members that certainly belong to another product, cluster or release.",
            names=Names(_strange, ("member",), quoted=True),
            about=("foreign-members",),
        ),
        Alert(
            "KVMigrationGossipAbsentMembers",
            Severity.WARNING,
            t.ABSENT_MEMBERS,
            lambda q: f"{q.most(c.GOSSIP_ABSENT_MEMBERS)} > 0",
            "Processes run memberlist, but no other process lists them",
            (
                "{{ $value }} process(es) of <fleet> run memberlist and are in no other process's member "
                "list. The exporter lists them under /api/v1/gossip."
            ),
            "A process that runs memberlist is in no other process's member list.",
            about=("gossip-complete",),
        ),
        Alert(
            "KVMigrationGossipProcessIsolated",
            Severity.WARNING,
            t.ISOLATED,
            Names(isolated, ("target",), value="humanizeDuration"),
            "A process receives no heartbeats by gossip",
            (
                "{{ $value }} process(es) of <fleet> have no recent heartbeat of another process: <names>. "
                "They use a stale ring, without an error in their logs."
            ),
            "A process has received no recent heartbeat of another process for longer than the timeout and "
            "one period.",
            about=("process-isolated",),
        ),
        Alert(
            "KVMigrationGossipUnknownKeys",
            Severity.WARNING,
            t.UNKNOWN_KEYS,
            lambda q: f"{q.most(c.GOSSIP_UNKNOWN_KEYS)} > 0",
            "The gossip has keys of another product",
            (
                "{{ $value }} key(s) in the gossip of <fleet> do not belong to the detected product. "
                "Another cluster is merged with it, or was before."
            ),
            "The gossip has keys that this product does not use.",
            about=("gossip-no-strangers",),
        ),
        Alert(
            "KVMigrationGossipUnhealthy",
            Severity.WARNING,
            t.HEALTH,
            Names(unhealthy, ("target",), value=COUNT),
            "Gossip connections fail or are slow",
            (
                "{{ $value }} process(es) of <fleet> have a bad gossip health score (0 is good, 8 the "
                "worst): <names>."
            ),
            "The processes' own health score shows lost or late probes.",
            about=("gossip-port-reachable",),
        ),
    ),
)
