"""Is the secondary a true and recent copy? Judged only for keys that are mirrored."""

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


def unread(q: Queries) -> str:
    """Mirrored keys with unread views of the secondary, by how many."""
    return _kept(q, f"{q.most(c.SECONDARY_UNREAD_VIEWS, 'key')} > 0")


def missing_members(q: Queries) -> str:
    """Mirrored keys with members missing; a missing key is another alert."""
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


def _lag(limit: Limit, phase: int) -> Text:
    """Keys that lag in one phase. Once memberlist is primary, the external store has the last writer's view,
    and its heartbeats jump. Only a lag beyond the heartbeat timeout is evidence then.
    """
    return lambda q: q.key_within(
        q.beyond_a_period(q.most(c.SECONDARY_LAG_SECONDS, "key"), limit, "key"), phase, phase
    )


late, beyond_timeout = _lag(t.MAX_LAG, t.MIRRORING), _lag(t.HEARTBEAT_TIMEOUT, t.SWITCHED)


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
            about=("keys-copied",),
        ),
        Alert(
            "KVMigrationSecondaryUnread",
            Severity.WARNING,
            t.UNREAD,
            lambda q: f"max {q.by()} (\n{unread(q)}\n)",
            "The exporter cannot read some views of the secondary",
            (
                "Up to {{ $value }} view(s) of the secondary of <fleet> cannot be read: <names>. What they "
                "lack is not judged, and no gate opens."
            ),
            "Views of the secondary have not been read for long: what they lack is unknown.",
            names=Names(unread, ("key",), value='printf "%.0f"'),
            board="rings",
            about=("keys-copied",),
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
            about=("members-copied",),
        ),
        Alert(
            "KVMigrationSecondaryMismatch",
            Severity.WARNING,
            t.MISMATCH,
            lambda q: f"sum {q.by()} (\n{mismatches(q)}\n)",
            "Primary and secondary differ in contents",
            (
                "Members of mirrored rings of <fleet> differ between primary and secondary, {{ $value }} in "
                "all: <names>."
            ),
            "Members differ in state, tokens, address or zone between primary and secondary.",
            names=Names(mismatches, ("key", "field"), value='printf "%.0f"'),
            board="rings",
            about=("contents-equal",),
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
            about=("lag",),
        ),
        Alert(
            "KVMigrationSecondaryLagCritical",
            Severity.CRITICAL,
            t.LAG_CRITICAL,
            lambda q: f"max {q.by()} (\n{beyond_timeout(q)}\n)",
            "The external store is further behind than the heartbeat timeout after the switch",
            (
                "The secondary of <fleet> is up to {{ $value | humanizeDuration }} behind (heartbeat "
                "timeout <HEARTBEAT_TIMEOUT>s and one period) after the switch: <names>. Do not roll back: "
                "members would appear unhealthy."
            ),
            "After the switch the external store is behind by more than the heartbeat timeout and a period: "
            "the way back is closed.",
            names=Names(beyond_timeout, ("key",), value="humanizeDuration"),
            board="rings",
            about=("lag",),
        ),
    ),
    "The secondary against the primary",
)
