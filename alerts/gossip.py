"""One gossip cluster, complete, and without strangers."""

from __future__ import annotations

from collections.abc import Callable

from alerts import thresholds as t
from alerts.promql import CULPRITS, Queries, number
from alerts.rule import Alert, Group, Severity
from exporter.expose import catalogue as c


def clusters(q: Queries) -> str:
    """More than one gossip cluster."""
    return f"{q.most(c.GOSSIP_CLUSTERS)} > 1"


def strangers(q: Queries) -> str:
    """Members that are nobody we know."""
    return f"{q.most(c.GOSSIP_UNKNOWN_MEMBERS)} > 0"


def isolated(q: Queries) -> str:
    """Processes that hear from nobody while others do; where nobody hears, mirroring has stopped."""
    age = q.most(c.GOSSIP_HEARTBEAT_AGE_SECONDS, "target")
    least = f"min {q.by()} ({q.series(c.GOSSIP_HEARTBEAT_AGE_SECONDS)}) <= {number(t.ISOLATED_AGE)}"
    return f"{age} > {number(t.ISOLATED_AGE)}\nand {q.on()} ({least})\n{q.any_from(t.MIRRORING)}"


def ill(q: Queries) -> str:
    """Processes whose own health score is bad."""
    return f"{q.most(c.GOSSIP_HEALTH_SCORE, 'target')} > {number(t.HEALTH_SCORE)}"


def _fewest(q: Queries) -> str:
    """The processes with the fewest members in sight."""
    alive = q.most(c.GOSSIP_MEMBERS, "target", matchers='state="alive"')
    return f"bottomk({CULPRITS}, {alive})"


def _split(q: Queries) -> str:
    return (
        "The processes of " + q.name + " form {{ $value }} gossip clusters that do not see one another. "
        "Fewest members in sight: " + q.culprits(_fewest(q.pinned), "target", value='printf "%.0f"') + "."
    )


def _strange(q: Queries) -> str:
    return (
        "{{ $value }} gossip members of " + q.name + " are no target and match no gossip.expected_members. "
        "The exporter lists them under /api/v1/gossip. Another cluster may have joined."
    )


def _by_phase(
    name: str,
    wait: t.Wait,
    expr: Callable[[Queries], str],
    summary: str,
    description: Callable[[Queries], str],
    meaning: str,
) -> tuple[Alert, Alert]:
    """A page once memberlist is the primary of anybody; before that nobody is harmed yet."""
    critical = Alert(
        name, Severity.CRITICAL, wait, lambda q: f"{expr(q)}\n{q.any_from(t.SWITCHED)}",
        summary, description, meaning + " Critical once memberlist is the primary of anybody.", board="gossip",
    )  # fmt: skip
    warning = Alert(
        name, Severity.WARNING, wait, lambda q: f"{expr(q)}\n{q.none_from(t.SWITCHED)}",
        summary, description, meaning + " A warning before memberlist is anybody's primary.", board="gossip",
    )  # fmt: skip
    return critical, warning


GROUP = Group(
    "gossip",
    (
        *_by_phase(
            "KVMigrationGossipSplit", t.SPLIT, clusters, "The gossip has split", _split,
            "Groups of processes do not see one another.",
        ),
        *_by_phase(
            "KVMigrationGossipUnknownMembers", t.UNKNOWN_MEMBERS, strangers, "Strangers are in the gossip",
            _strange, "Members in the gossip are nobody we know.",
        ),
        Alert(
            "KVMigrationGossipAbsentMembers",
            Severity.WARNING,
            t.ABSENT_MEMBERS,
            lambda q: f"{q.most(c.GOSSIP_ABSENT_MEMBERS)} > 0",
            "Processes with memberlist are seen by nobody",
            lambda q: (
                "{{ $value }} processes of " + q.name + " have memberlist and are in no other's member list. "
                "The exporter lists them under /api/v1/gossip."
            ),
            "A process that runs memberlist is in nobody else's list.",
            board="gossip",
        ),
        Alert(
            "KVMigrationGossipProcessIsolated",
            Severity.WARNING,
            t.ISOLATED,
            lambda q: f"count {q.by()} (\n{isolated(q)}\n)",
            "A process no longer hears from the gossip",
            lambda q: (
                "{{ $value }} processes of " + q.name + " know no fresh heartbeat of anybody else: "
                + q.culprits(isolated(q.pinned), "target", value="humanizeDuration")
                + ". They serve an old ring, without an error in their logs."
            ),
            "A process has not heard a fresh heartbeat of anybody else for longer than the timeout.",
            board="gossip",
        ),
        Alert(
            "KVMigrationGossipUnknownKeys",
            Severity.WARNING,
            t.UNKNOWN_KEYS,
            lambda q: f"{q.most(c.GOSSIP_UNKNOWN_KEYS)} > 0",
            "The gossip holds keys of another product",
            lambda q: (
                "{{ $value }} keys in the gossip of " + q.name + " are none that the detected product uses. "
                "Another cluster has been, or is, connected."
            ),
            "The gossip holds keys that this product does not use.",
            board="gossip",
        ),
        Alert(
            "KVMigrationGossipUnhealthy",
            Severity.WARNING,
            t.HEALTH,
            lambda q: f"count {q.by()} (\n{ill(q)}\n)",
            "Gossip connections are bad",
            lambda q: (
                "{{ $value }} processes of " + q.name + " have a bad gossip health score (0 is good, 8 the worst): "
                + q.culprits(ill(q.pinned), "target", value='printf "%.0f"') + "."
            ),
            "Processes' own health score says that their probes are lost or late.",
            board="gossip",
        ),
    ),
    "Who is in the gossip",
)  # fmt: skip
