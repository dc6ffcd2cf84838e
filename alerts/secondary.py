"""Is the secondary a true and fresh copy? Judged only for keys that are mirrored."""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries, number
from alerts.rule import Alert, Group, Severity, Text
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
        f"{q.most(c.SECONDARY_LAG_SECONDS, 'key')} > {number(limit)}", t.MIRRORING, t.MIRRORING
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
            lambda q: (
                "{{ $value }} mirrored keys of " + q.name + " are not in every view of the secondary: "
                + q.culprits(missing_keys(q.pinned), "key") + ". Switching now would lose them."
            ),
            "A key that is mirrored is not in every view of the secondary.",
            board="rings",
        ),
        Alert(
            "KVMigrationSecondaryMembersMissing",
            Severity.WARNING,
            t.MEMBERS_MISSING,
            lambda q: f"sum {q.by()} (\n{missing_members(q)}\n)",
            "Ring members are missing in the secondary",
            lambda q: (
                "{{ $value }} members of mirrored rings of " + q.name + " are only in the primary: "
                + q.culprits(missing_members(q.pinned), "key", value='printf "%.0f"') + "."
            ),
            "Members of a mirrored ring are only in the primary.",
            board="rings",
        ),
        Alert(
            "KVMigrationSecondaryMismatch",
            Severity.WARNING,
            t.MISMATCH,
            lambda q: f"sum {q.by()} (\n{mismatches(q)}\n)",
            "Primary and secondary differ in contents",
            lambda q: (
                "{{ $value }} times a member of a mirrored ring of " + q.name + " differs between primary and "
                "secondary: " + q.culprits(mismatches(q.pinned), "key", "field", value='printf "%.0f"') + "."
            ),
            "Members differ in state, tokens, address or zone between primary and secondary.",
            board="rings",
        ),
        Alert(
            "KVMigrationSecondaryLagHigh",
            Severity.WARNING,
            t.LAG_HIGH,
            lambda q: f"max {q.by()} (\n{late(q)}\n)",
            "The secondary lags behind the primary",
            lambda q: (
                "The secondary of " + q.name + " is up to {{ $value | humanizeDuration }} behind (limit "
                + number(t.MAX_LAG) + "s): " + q.culprits(late(q.pinned), "key", value="humanizeDuration") + "."
            ),
            "The lag is above gate.max_lag: the gate for the switch is closed.",
            board="rings",
        ),
        Alert(
            "KVMigrationSecondaryLagCritical",
            Severity.CRITICAL,
            t.LAG_CRITICAL,
            lambda q: f"max {q.by()} (\n{dead(q)}\n)",
            "The secondary is further behind than the heartbeat timeout",
            lambda q: (
                "The secondary of " + q.name + " is up to {{ $value | humanizeDuration }} behind (heartbeat timeout "
                + number(t.HEARTBEAT_TIMEOUT) + "s): " + q.culprits(dead(q.pinned), "key", value="humanizeDuration")
                + ". Do not switch: its members would all look dead."
            ),
            "The lag is above the heartbeat timeout: a switch would make every member look dead.",
            board="rings",
        ),
    ),
    "The secondary against the primary",
)  # fmt: skip
