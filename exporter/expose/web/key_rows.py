"""The table of keys: the state of each one's secondary, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from exporter.expose.lag_history import LagHistory
from exporter.expose.web import sparkline
from exporter.expose.web.words import count, span
from exporter.expose.wording.migrations import NO_LONGER_COPIED, NOT_YET_COPIED
from exporter.model.entry import State
from exporter.model.facts import KeyFacts, SecondaryFacts, Snapshot
from exporter.model.gate import Verdict
from exporter.model.pages import Phase

SHOWN: Final = 40
_NOT_COPIED: Final = {
    Phase.EXTERNAL: "none in this phase",
    Phase.MULTI: NOT_YET_COPIED,
    Phase.DETACHED: NO_LONGER_COPIED,
    Phase.MEMBERLIST: "none in this phase",
}
_BEFORE: Final = frozenset({Phase.EXTERNAL, Phase.MULTI})
_RANK: Final = {"bad": 0, "unknown": 1, "warn": 2, "good": 3, "none": 3}


@dataclass(frozen=True, slots=True)
class Judged:
    """A cell's text and tone: good, warn, bad, unknown, or none where there is nothing to judge."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One line of the table."""

    key: KeyFacts
    members: Judged
    unhealthy: Judged
    missing: Judged
    views: Judged
    copy: Judged
    lag: Judged
    notes: tuple[str, ...]
    short_of_quorum: bool
    curve: Markup

    @property
    def tone(self) -> str:
        """The worst tone in the line."""
        if self.notes:
            return "bad"
        cells = (self.members, self.unhealthy, self.missing, self.lag, self.views, self.copy)
        return min((cell.tone for cell in cells), key=lambda tone: _RANK[tone])


def key_rows(snapshot: Snapshot, history: LagHistory, interval: float) -> tuple[KeyRow, ...]:
    """Every key, keys in trouble first."""
    rows = [key_row(key, snapshot, history, interval) for key in snapshot.keys]
    return tuple(sorted(rows, key=lambda row: (_RANK[row.tone], row.key.key)))


def key_row(key: KeyFacts, snapshot: Snapshot, history: LagHistory, interval: float) -> KeyRow:
    """One key's line."""
    late, short, now = blamed(key, "lag", snapshot), blamed(key, "quorum-margin", snapshot), snapshot.at
    idle = not_copied(key, snapshot)
    return KeyRow(
        key=key,
        members=members(key),
        unhealthy=unhealthy(key),
        missing=missing(key, idle),
        views=views(key),
        copy=copy(key, idle, late=late),
        lag=lag(key, idle, late=late),
        notes=tuple(notes(key, short)),
        short_of_quorum=short,
        curve=sparkline.draw(history.of(key.key, now), now, interval),
    )


def members(key: KeyFacts) -> Judged:
    """How many members, partitions or HA entries; "not read" is not 0."""
    if not key.source:
        return Judged("unknown", "not read")
    if key.lost:
        return Judged("bad", f"{key.size:,}, were {key.size + key.lost:,}")
    if key.kind == "ha":
        return Judged("none", f"{key.entries:,} elected")
    amount = f"{key.partitions:,} partitions" if key.kind == "partition" else f"{len(key.members):,}"
    return Judged("none", amount)


def blamed(key: KeyFacts, check: str, snapshot: Snapshot) -> bool:
    """Whether a check of the gate names this key: the page has no limits of its own."""
    checks_of_id = (found for step in snapshot.steps for found in step.checks if found.id == check)
    found = next(checks_of_id, None)
    if found is None or found.verdict is not Verdict.FAILED:
        return False
    return any(culprit.key == key.key for culprit in found.culprits)


def lag(key: KeyFacts, idle: str, *, late: bool) -> Judged:
    """How far the secondary is behind; a dash where no process copies."""
    seconds = key.secondary.lag if key.secondary else None
    if seconds is None:
        return Judged("none", "–") if idle else Judged("unknown", "unknown")
    return Judged("bad" if late and not idle else "good", span(seconds))


def notes(key: KeyFacts, short_of_quorum: bool) -> Iterable[str]:
    """What is wrong with the ring itself, apart from its copy."""
    if key.token_conflicts:
        yield count(key.token_conflicts, "token conflict")
    if key.foreign:
        yield count(len(key.foreign), "foreign member")
    if key.writers and key.writers.missing:
        yield count(len(key.writers.missing), "writer without a member", "writers without a member")
    if key.writers and key.writers.shared:
        yield count(len(key.writers.shared), "shared address", "shared addresses")
    if ownerless := sum(partition.is_ownerless for partition in key.owned):
        yield count(ownerless, "partition without an owner", "partitions without an owner")
    if key.orphaned:
        yield count(len(key.orphaned), "orphaned member")
    if key.ahead:
        yield f"{count(len(key.ahead), 'time stamp')} in the future"
    if key.without_tokens:
        yield f"{len(key.without_tokens):,} without tokens"
    if short_of_quorum:
        yield f"quorum margin {key.quorum_margin}"


def unhealthy(key: KeyFacts) -> Judged:
    """Members with a heartbeat older than the timeout; partitions and HA entries have no heartbeat."""
    if not key.source:
        return Judged("unknown", "not read")
    if key.kind != "ring":
        broken = len(key.corrupted)
        return Judged("bad", f"{broken} corrupted") if broken else Judged("none", "–")
    amount = sum(1 for member in key.members if member.state is State.UNHEALTHY)
    return Judged("bad" if amount else "good", str(amount))


def missing(key: KeyFacts, idle: str) -> Judged:
    """Members of the primary that some view of the secondary lacks."""
    found = key.secondary
    if found is None or idle:
        return Judged("none", "–")
    if found.missing_key:
        return Judged("bad", "key")
    amount = len(found.missing_members)
    tone = "good" if not amount else "bad" if set(found.missing_members) & set(found.settled) else "warn"
    unknown = not amount and (found.unread or found.by_pages)
    return Judged("unknown" if unknown else tone, str(amount))


def views(key: KeyFacts) -> Judged:
    """Whether all processes that were read show the same ring."""
    unread = sum(1 for view in key.views if not view.known)
    if not key.distinct:
        return Judged("unknown", "none read")
    differing = [f"{number} different by {kind}" for kind, number in key.distinct.items() if number > 1]
    if differing:
        return Judged("bad", ", ".join(differing))
    return Judged("unknown", f"agree, {unread} not read") if unread else Judged("good", "agree")


def not_copied(key: KeyFacts, snapshot: Snapshot) -> str:
    """Why this key is not copied, else "". Its clients agree on a phase without mirroring. Or a rollout to
    `multi` is in progress and no client of any key mirrors yet. Or none of its clients mirrors any more.
    """
    idle = _NOT_COPIED.get(key.phase, "")
    over = key.phase is Phase.DETACHED or (key.phase in _BEFORE and not _is_any_copied(snapshot))
    return idle if key.phase_uniform or over else ""


def _is_any_copied(snapshot: Snapshot) -> bool:
    phases = {client.phase for target in snapshot.targets for client in target.clients}
    return not phases <= {*_BEFORE, Phase.UNKNOWN}


def copy(key: KeyFacts, idle: str, *, late: bool = False) -> Judged:
    """Whether the secondary is a true copy, in words. What was not read proves nothing."""
    found = key.secondary
    if idle:
        return Judged("none", idle)
    if found is None:
        return Judged("unknown", "unknown")
    if found.missing_key:
        where = count(len(found.missing_in), "view")
        return Judged("bad", f"key missing in {where} of {found.store}")
    wrong = _wrong(found)
    if wrong:
        if found.settled:
            return Judged("bad", f"{', '.join(wrong)} in {found.store}")
        return Judged("warn", f"{', '.join(wrong)}, for less than one heartbeat")
    return Judged("bad", "equal, but late") if late else _equal(found)


def _wrong(secondary: SecondaryFacts) -> list[str]:
    differing = {name for names in secondary.mismatched.values() for name in names}
    words = [f"{len(secondary.missing_members)} missing"] if secondary.missing_members else []
    return words + ([f"{len(differing)} differ{'s' if len(differing) == 1 else ''}"] if differing else [])


def _equal(secondary: SecondaryFacts) -> Judged:
    if secondary.by_pages:
        return Judged("unknown", "equal to what the processes show; the store was not read completely")
    if secondary.unread:
        return Judged("unknown", f"equal where read; {count(len(secondary.unread), 'view')} not read")
    more = f", {len(secondary.extra_members)} extra" if secondary.extra_members else ""
    return Judged("good", f"equal{more}")
