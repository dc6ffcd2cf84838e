"""Differences over time. One that a heartbeat could explain settles when it stays; one in an HA entry stays
until that entry is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

from exporter.derive.comparison.ha_between_readings import Diverged, Failovers
from exporter.derive.comparison.views import View
from exporter.model.views import Comparison, Difference
from exporter.products.ring_pages import HA_KEY

T = TypeVar("T")
Unread = Mapping[str, frozenset[str]]  # HA entries, by view
NONE_UNREAD: Unread = MappingProxyType({})
FORGET = 3600.0  # seconds; a view that was not compared for so long starts anew
MAX_STANDING = 20_000


@dataclass(frozen=True, slots=True)
class Standing:
    """What is kept of one key's comparisons. `doubts` is when a difference was first observed, our clock.
    `replicas` are the differing replicas by view. `uncovered` are the HA entries of a view that were never
    read, or left a doubt. `diverged` is what a process had of HA entries that differed. `failovers` are the
    entries with an election that only some views have.
    """

    doubts: Mapping[Difference, float] = field(default_factory=lambda: MappingProxyType({}))
    replicas: Mapping[str, tuple[Difference, ...]] = field(default_factory=lambda: MappingProxyType({}))
    uncovered: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    diverged: Diverged = field(default_factory=lambda: MappingProxyType({}))
    failovers: Failovers = field(default_factory=lambda: MappingProxyType({}))

    def again(self) -> frozenset[str]:
        """Which HA entries should be read again soon: another reading would settle or clear them."""
        return frozenset(d.member for d in self.doubts).union(self.failovers, *self.diverged.values())


def settle(
    comparisons: Mapping[str, Comparison],
    standing: Standing,
    now: float,
    period: float,
    unread: Unread = NONE_UNREAD,
) -> tuple[dict[str, Comparison], Mapping[Difference, float]]:
    """Settle the differences that last longer than a period. A heartbeat explains a difference once: the same
    difference a period later is copied by no process. The second value is for the next cycle. A doubt about
    an HA entry stays in it until that entry is read again.
    """
    doubts = {d: standing.doubts.get(d, now) for c in comparisons.values() for d in c.doubtful}
    # One from the future was observed before our clock was set back: its age is unknown.
    late = {d for d, since in doubts.items() if now - since > period or since > now}
    judged = {
        name: replace(c, settled=c.settled | {d.member for d in c.doubtful if d in late})
        if late.intersection(c.doubtful)
        else c
        for name, c in comparisons.items()
    }
    read = {d.view for d in doubts} | {view_name(name) for name in comparisons} | comparisons.keys()
    waiting = {
        d: at
        for d, at in standing.doubts.items()
        if d.member in unread.get(d.view, ()) or (d.view not in read and now - at < FORGET)
    }
    return judged, MappingProxyType(_oldest(doubts | waiting))


def _oldest(doubts: dict[Difference, float]) -> dict[Difference, float]:
    """Keep the oldest of too many: they settle first, and one that settles is enough."""
    if len(doubts) <= MAX_STANDING:
        return doubts
    return dict(sorted(doubts.items(), key=lambda pair: pair[1])[:MAX_STANDING])


def unread_of(views: Iterable[View]) -> Unread:
    """The HA entries that were not read this time, by view as differences call it."""
    return {name: v.unread for v in views if v.unread for name in (view_name(v.target), v.target)}


def view_name(target: str) -> str:
    """How differences call one process's gossip copy."""
    return f"gossip of {target}"


def carry(
    key: str, views: Iterable[View], comparisons: Mapping[str, Comparison], standing: Standing
) -> tuple[dict[str, Comparison], Standing]:
    """Put what was found in HA entries that were not read this time to what was found now."""
    views = tuple(views)
    if key != HA_KEY or not views:  # no copies: nothing that is read in turns
        return dict(comparisons), Standing(standing.doubts, failovers=standing.failovers)
    compared = [v for v in views if v.target in comparisons]
    joined = {
        v.target: _with(comparisons[v.target], v, standing.replicas.get(v.target, ())) for v in compared
    }
    replicas = {
        name: tuple(d for d in c.differences if d.what == "replica" and d.member in c.settled)
        for name, c in joined.items()
    }
    doubted: dict[str, set[str]] = {view_name(v.target): set() for v in compared}
    for d in standing.doubts:
        doubted.get(d.view, set()).add(d.member)
    uncovered = {
        v.target: _uncovered(v, standing, doubted.get(view_name(v.target), set())) for v in views if v.known
    }
    return {**comparisons, **joined}, replace(
        standing,
        replicas=_carried(standing.replicas, replicas, views),
        uncovered=_carried(standing.uncovered, uncovered, views),
    )


def _carried(earlier: Mapping[str, T], fresh: Mapping[str, T], views: tuple[View, ...]) -> Mapping[str, T]:
    """The present values, else the last values of processes that are still there."""
    here = {v.target for v in views}
    return MappingProxyType({name: what for name, what in earlier.items() if name in here} | dict(fresh))


def _with(comparison: Comparison, v: View, before: tuple[Difference, ...]) -> Comparison:
    old = tuple(d for d in before if d.member in v.unread)
    if not old:
        return comparison
    names = {d.member for d in old}
    replicas = tuple(sorted({*comparison.mismatched.get("replica", ()), *names}))
    return replace(
        comparison,
        mismatched=MappingProxyType({**comparison.mismatched, "replica": replicas}),
        settled=comparison.settled | names,
        differences=(*old, *comparison.differences),
    )


def _uncovered(v: View, standing: Standing, doubted: set[str]) -> frozenset[str]:
    """Entries listed there that were never read from this process, or not since they left a doubt."""
    before = standing.uncovered.get(v.target)
    return v.unread if before is None else (before | doubted) & v.unread
