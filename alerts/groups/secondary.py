"""Is the secondary a true and recent copy? Judged only for keys that are mirrored."""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries
from alerts.rule import COUNT, Alert, Group, Names, Severity, Text
from alerts.thresholds import Limit
from exporter.expose import catalogue as c
from exporter.model.pages import Phase


def _kept(q: Queries, expr: str) -> str:
    """Keys that have a secondary: it is mirrored to, in either direction."""
    return q.key_within(expr, Phase.MIRRORING, Phase.SWITCHED)


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


def _lag(limit: Limit, phase: Phase) -> Text:
    """Keys that lag in one phase. Once memberlist is primary, the external store has the last writer's view,
    and its heartbeats jump. Only a lag beyond the heartbeat timeout is evidence then.
    """
    return lambda q: q.key_within(
        q.beyond_a_period(q.most(c.SECONDARY_LAG_SECONDS, "key"), limit, "key"), phase, phase
    )


late, beyond_timeout = _lag(t.MAX_LAG, Phase.MIRRORING), _lag(t.HEARTBEAT_TIMEOUT, Phase.SWITCHED)


GROUP = Group(
    "secondary",
    "The secondary against the primary",
    board="rings",
    alerts=(
        Alert(
            "KVMigrationSecondaryKeyMissing",
            Severity.WARNING,
            t.KEY_MISSING,
            Names(missing_keys, ("key",)),
            "Mirrored keys are missing in the secondary",
            (
                "{{ $value }} mirrored key(s) of <fleet> are not in every view of the secondary: "
                "<names>. Switching now would lose them."
            ),
            "A key that is mirrored is not in every view of the secondary.",
            about=("keys-copied",),
        ),
        Alert(
            "KVMigrationSecondaryUnread",
            Severity.WARNING,
            t.UNREAD,
            Names(unread, ("key",), value=COUNT, total="max"),
            "The exporter cannot read some views of the secondary",
            (
                "Up to {{ $value }} view(s) of the secondary of <fleet> cannot be read: <names>. What they "
                "lack is not judged, and no gate opens."
            ),
            "Views of the secondary have not been read for long: what they lack is unknown.",
            about=("keys-copied",),
        ),
        Alert(
            "KVMigrationSecondaryMembersMissing",
            Severity.WARNING,
            t.MEMBERS_MISSING,
            Names(missing_members, ("key",), value=COUNT, total="sum"),
            "Ring members are missing in the secondary",
            "{{ $value }} member(s) of mirrored rings of <fleet> are only in the primary: <names>.",
            "Members of a mirrored ring are only in the primary.",
            about=("members-copied",),
        ),
        Alert(
            "KVMigrationSecondaryMismatch",
            Severity.WARNING,
            t.MISMATCH,
            Names(mismatches, ("key", "field"), value=COUNT, total="sum"),
            "Primary and secondary differ in contents",
            (
                "Members of mirrored rings of <fleet> differ between primary and secondary, {{ $value }} in "
                "all: <names>."
            ),
            "Members differ in state, tokens, address or zone between primary and secondary.",
            about=("contents-equal",),
        ),
        Alert(
            "KVMigrationSecondaryLagHigh",
            Severity.WARNING,
            t.LAG_HIGH,
            Names(late, ("key",), value="humanizeDuration", total="max"),
            "The secondary lags behind the primary",
            (
                "The secondary of <fleet> is up to {{ $value | humanizeDuration }} behind (limit "
                "<MAX_LAG>s and one heartbeat period): <names>."
            ),
            "The lag is above gate.max_lag and one heartbeat period: the gate for the switch is closed.",
            about=("lag",),
        ),
        Alert(
            "KVMigrationSecondaryLagCritical",
            Severity.CRITICAL,
            t.LAG_CRITICAL,
            Names(beyond_timeout, ("key",), value="humanizeDuration", total="max"),
            "The external store is further behind than the heartbeat timeout after the switch",
            (
                "The secondary of <fleet> is up to {{ $value | humanizeDuration }} behind (heartbeat "
                "timeout <HEARTBEAT_TIMEOUT>s and one period) after the switch: <names>. Do not roll back: "
                "members would appear unhealthy."
            ),
            "After the switch the external store is behind by more than the heartbeat timeout and a period: "
            "the way back is closed.",
            about=("lag",),
        ),
    ),
)
