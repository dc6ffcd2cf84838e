"""Is the secondary a true and fresh copy? Judged only for keys that are mirrored."""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries
from alerts.rule import Alert, Group, Names, Severity, Text
from alerts.thresholds import Limit
from exporter.expose import catalogue as c


def _kept(q: Queries, expr: str) -> str:
    """Keys that have a secondary: it is mirrored to, in either direction."""
    return q.key_within(expr, t.MIRRORING, t.SWITCHED)


def missing_keys(q: Queries) -> str:
    """Mirrored keys that the secondary lacks."""
    return _kept(q, f"{q.most(c.SECONDARY_KEY_MISSING, 'key')} == 1")


def missing_members(q: Queries) -> str:
    """Mirrored keys with members missing; a key that is missing as a whole is another alert."""
    missing = (
        f"({q.most(c.SECONDARY_MISSING_MEMBERS, 'key')} > 0 "
        f"unless {q.on('key')} {q.most(c.SECONDARY_KEY_MISSING, 'key')} == 1)"
    )
    return _kept(q, missing)


def mismatches(q: Queries) -> str:
    """Mirrored rings with members that differ, by field; the HA tracker's has an alert of its own."""
    return _kept(
        q, q.most(c.SECONDARY_MISMATCHED_MEMBERS, "key", "field", matchers='field!="replica"') + " > 0"
    )


def _lag(limit: Limit) -> Text:
    """Keys that lag, in mirroring only: once memberlist is primary the old store holds whatever the
    last writer saw, and its heartbeats jump.
    """
    return lambda q: q.key_within(
        q.beyond_a_period(q.most(c.SECONDARY_LAG_SECONDS, "key"), limit, "key"), t.MIRRORING, t.MIRRORING
    )


late, dead = _lag(t.MAX_LAG), _lag(t.HEARTBEAT_TIMEOUT)


GROUP = Group(
    "secondary",
    (
        Alert(
            "KVMigrationSecondaryKeyMissing",
            Severity.WARNING,
            t.KEY_MISSING,
            lambda q: f"count {q.by()} (\n{missing_keys(q)}\n)",
            "Mirrored keys are missing in the secondary",
            (
                "{{ $value }} mirrored key(s) of <fleet> are not in every view of the secondary: "
                "<names>. Switching now would lose them."
            ),
            "A key that is mirrored is not in every view of the secondary.",
            names=Names(missing_keys, ("key",)),
            board="rings",
        ),
        Alert(
            "KVMigrationSecondaryMembersMissing",
            Severity.WARNING,
            t.MEMBERS_MISSING,
            lambda q: f"sum {q.by()} (\n{missing_members(q)}\n)",
            "Ring members are missing in the secondary",
            "{{ $value }} member(s) of mirrored rings of <fleet> are only in the primary: <names>.",
            "Members of a mirrored ring are only in the primary.",
            names=Names(missing_members, ("key",), value='printf "%.0f"'),
            board="rings",
        ),
        Alert(
            "KVMigrationSecondaryMismatch",
            Severity.WARNING,
            t.MISMATCH,
            lambda q: f"sum {q.by()} (\n{mismatches(q)}\n)",
            "Primary and secondary differ in contents",
            (
                "{{ $value }} time(s) a member of a mirrored ring of <fleet> differs between primary "
                "and secondary: <names>."
            ),
            "Members differ in state, tokens, address or zone between primary and secondary.",
            names=Names(
                mismatches,
                (
                    "key",
                    "field",
                ),
                value='printf "%.0f"',
            ),
            board="rings",
        ),
        Alert(
            "KVMigrationSecondaryLagHigh",
            Severity.WARNING,
            t.LAG_HIGH,
            lambda q: f"max {q.by()} (\n{late(q)}\n)",
            "The secondary lags behind the primary",
            (
                "The secondary of <fleet> is up to {{ $value | humanizeDuration }} behind (limit "
                "<MAX_LAG>s and one heartbeat period): <names>."
            ),
            "The lag is above gate.max_lag and one heartbeat period: the gate for the switch is closed.",
            names=Names(late, ("key",), value="humanizeDuration"),
            board="rings",
        ),
        Alert(
            "KVMigrationSecondaryLagCritical",
            Severity.CRITICAL,
            t.LAG_CRITICAL,
            lambda q: f"max {q.by()} (\n{dead(q)}\n)",
            "The secondary is further behind than the heartbeat timeout",
            (
                "The secondary of <fleet> is up to {{ $value | humanizeDuration }} behind (heartbeat "
                "timeout <HEARTBEAT_TIMEOUT>s and one period): <names>. Do not switch: all of its members "
                "would look unhealthy."
            ),
            "The lag is above the heartbeat timeout and a period: at a switch every member would look "
            "unhealthy.",
            names=Names(dead, ("key",), value="humanizeDuration"),
            board="rings",
        ),
    ),
    "The secondary against the primary",
)
