"""The table of keys: what each one's secondary is worth, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from exporter.expose.history import LagHistory
from exporter.expose.web import sparkline
from exporter.expose.web.words import count
from exporter.facts import KeyFacts, SecondaryFacts, Snapshot
from exporter.model import Phase, State

SHOWN: Final = 40
_ALONE: Final = (Phase.EXTERNAL, Phase.DETACHED, Phase.MEMBERLIST)
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
    members: str
    unhealthy: Judged
    missing: Judged
    views: Judged
    copy: Judged
    curve: Markup

    @property
    def tone(self) -> str:
        """The worst tone in the line."""
        cells = (self.unhealthy, self.missing, self.views, self.copy)
        return min((cell.tone for cell in cells), key=lambda tone: _RANK[tone])


def key_rows(snapshot: Snapshot, history: LagHistory, interval: float) -> tuple[KeyRow, ...]:
    """Every key, troubled ones first."""
    rows = [key_row(key, history, snapshot.at, interval) for key in snapshot.keys]
    return tuple(sorted(rows, key=lambda row: (_RANK[row.tone], row.key.key)))


def key_row(key: KeyFacts, history: LagHistory, now: float, interval: float) -> KeyRow:
    """One key's line."""
    return KeyRow(
        key=key,
        members=members(key),
        unhealthy=unhealthy(key),
        missing=missing(key),
        views=views(key),
        copy=copy(key),
        curve=sparkline.draw(history.of(key.key, now), now, interval),
    )


def members(key: KeyFacts) -> str:
    """How many members, partitions or HA entries; "not read" is not 0."""
    if not key.source:
        return "not read"
    if key.kind == "ha":
        return f"{key.entries:,} elected"
    return f"{key.partitions:,} part." if key.kind == "partition" else f"{len(key.members):,}"


def unhealthy(key: KeyFacts) -> Judged:
    """Members whose heartbeat is too old; partitions and HA entries have no heartbeat."""
    if not key.source:
        return Judged("unknown", "not read")
    if key.kind != "ring":
        broken = len(key.corrupted)
        return Judged("bad", f"{broken} corrupted") if broken else Judged("none", "–")
    amount = sum(1 for member in key.members if member.state is State.UNHEALTHY)
    return Judged("bad" if amount else "good", str(amount))


def missing(key: KeyFacts) -> Judged:
    """Members of the primary that some view of the secondary lacks."""
    found = key.secondary
    if found is None:
        return Judged("none", "–")
    if found.missing_key:
        return Judged("bad", "the key")
    amount = len(found.missing_members)
    tone = "good" if not amount else "bad" if set(found.missing_members) & set(found.settled) else "warn"
    return Judged("unknown" if not amount and found.unread else tone, str(amount))


def views(key: KeyFacts) -> Judged:
    """Whether all who were asked see the same ring."""
    unread = sum(1 for view in key.views if not view.known)
    if not key.distinct:
        return Judged("unknown", "none read")
    differing = [f"{number} different by {kind}" for kind, number in key.distinct.items() if number > 1]
    if differing:
        return Judged("bad", ", ".join(differing))
    return Judged("unknown", f"agree, {unread} not read") if unread else Judged("good", "agree")


def copy(key: KeyFacts) -> Judged:
    """Whether the secondary is a true copy, in words. What was not read proves nothing."""
    found = key.secondary
    if found is None:
        if key.phase in _ALONE and key.phase_uniform:
            return Judged("none", "no secondary in this phase")
        return Judged("unknown", "secondary not known")
    if found.missing_key:
        where = count(len(found.missing_in), "view")
        return Judged("bad", f"key missing in {where} of {found.side}")
    wrong = _wrong(found)
    if wrong:
        if found.settled:
            return Judged("bad", f"{', '.join(wrong)} in {found.side}")
        return Judged("warn", f"{', '.join(wrong)}, for less than one heartbeat")
    return _equal(found)


def _wrong(found: SecondaryFacts) -> list[str]:
    differing = {name for names in found.mismatched.values() for name in names}
    words = [f"{len(found.missing_members)} missing"] if found.missing_members else []
    return words + ([f"{len(differing)} differ"] if differing else [])


def _equal(found: SecondaryFacts) -> Judged:
    if found.unread:
        return Judged("unknown", f"equal where read; {count(len(found.unread), 'view')} not read")
    more = f", {len(found.extra_members)} extra" if found.extra_members else ""
    return Judged("good", f"equal in {found.side}{more}")
