"""Differences over time. One that a heartbeat could explain settles when it stays. HA entries are read in
turns: a difference in one stays until that entry is read again. An election that only some processes have is
no difference, for one update of its entry.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import TypeVar

from exporter.derive.comparison.key_input import KeyInput, View
from exporter.derive.comparison.views import with_diverged
from exporter.model.entry import Replica
from exporter.model.views import Comparison, Difference, ViewFacts
from exporter.products.ring_pages import HA_KEY

T = TypeVar("T")
Diverged = Mapping[
    str, Mapping[str, str]
]  # by process: entry, and the replica it named; "" where it had none
MAX_DIVERGED = 100  # entries of one process
Failovers = Mapping[str, float]  # entries with an election that only some views have; since when, our clock
Unread = Mapping[str, frozenset[str]]  # HA entries, by view
NONE_UNREAD: Unread = MappingProxyType({})
FORGET = 3600.0  # seconds; a view that was not compared for so long, or an entry not read again, starts anew
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


@dataclass(frozen=True, slots=True)
class Times:
    """The ring's heartbeat timeout and period in seconds, and our clock."""

    timeout: float
    period: float
    now: float


def carried(
    inputs: KeyInput,
    found: Mapping[str, Comparison],
    store: tuple[View, ...],
    standing: Standing,
    times: Times,
) -> tuple[dict[str, Comparison], Standing, frozenset[str]]:
    """The comparisons of this cycle with what stands of earlier cycles; then what is kept for the next cycle,
    and the failovers without a fault. `store` is the store as a view, where it is the secondary.
    """
    settled, doubts = settle(found, standing, times.now, times.period, unread_of(store or inputs.copies))
    views = (*inputs.pages, *inputs.copies) if inputs.key == HA_KEY else ()
    elections = failovers(views, standing.failovers, times.now, times.period)
    kept = replace(standing, doubts=doubts, failovers=elections)
    settled, then = carry(inputs.key, (*inputs.copies, *store), settled, kept)
    return settled, then, under_way(elections, times.now, times.period)


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
        replicas=_kept_of(standing.replicas, replicas, views),
        uncovered=_kept_of(standing.uncovered, uncovered, views),
    )


def _kept_of(earlier: Mapping[str, T], fresh: Mapping[str, T], views: tuple[View, ...]) -> Mapping[str, T]:
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


def failovers(views: Iterable[View], earlier: Failovers, now: float, period: float) -> Failovers:
    """The entries with different replicas in different views, where the newer reading is one update later. In
    large fleets some Prometheus fails over in every cycle.
    """
    first: dict[str, Replica] = {}
    split: dict[str, list[Replica]] = {}
    for v in views:
        for name, entry in _entries(v) if v.known else ():
            other = first.setdefault(name, entry)
            if other is not entry and other.replica != entry.replica:
                split.setdefault(name, [other]).append(entry)
    fresh = {name: earlier.get(name, now) for name, all_ in split.items() if _is_one_update(all_, period)}
    recent = {name: at for name, at in earlier.items() if name not in first and now - at < FORGET}
    return MappingProxyType(recent | fresh)


def _is_one_update(replicas: Iterable[Replica], period: float) -> bool:
    dated = sorted((one for one in replicas if one.time is not None), key=lambda one: one.time or 0.0)
    return len(dated) > 1 and dated[0].is_neighbour(dated[-1], period)


def under_way(moved: Failovers, now: float, period: float) -> frozenset[str]:
    """The failovers without a fault. One that lasts is in some views and missing in the rest."""
    return frozenset(name for name, since in moved.items() if 0 <= now - since <= period)


def diverged_entries(
    views: Iterable[View],
    judged: Iterable[ViewFacts],
    earlier: Diverged,
    passing: frozenset[str] = frozenset(),
) -> Diverged:
    """Each process's entries that differed from most, or that it lacked, when last read. Empty where all were
    read: then the present views show it. `passing` are failovers.
    """
    views = tuple(views)
    if not any(v.unread for v in views):
        return MappingProxyType({})
    facts = {v.target: v for v in judged}
    voters = tuple(v for v in views if v.known and facts[v.target].judged)
    readers = Counter(name for v in voters for name in v.content or ())
    listed = frozenset[str]().union(*(v.unread for v in views))
    usual = {name: replica for name, replica in _usual_replicas(voters).items() if name not in passing}
    found: dict[str, Mapping[str, str]] = {}
    for v in views:
        before = earlier.get(v.target, {})
        if facts[v.target].known and facts[v.target].judged:
            lacking = dict.fromkeys(facts[v.target].missing, "")
            before = {e: r for e, r in before.items() if _is_open(e, v, readers, listed)}
            before = {**_differing(v, usual), **lacking, **before}
        if before:
            found[v.target] = MappingProxyType(dict(islice(before.items(), MAX_DIVERGED)))
    return MappingProxyType(found)


def _usual_replicas(voters: tuple[View, ...]) -> Mapping[str, str | None]:
    """The entries with different replicas, each with the replica of most views, if any."""
    first: dict[str, str] = {}
    split: dict[str, Counter[str]] = {}
    for v in voters:
        for name, replica in _named(v):
            if first.setdefault(name, replica) != replica:
                split[name] = Counter()
    for v in voters if split else ():
        for name, replica in _named(v):
            if name in split:
                split[name][replica] += 1
    return {name: _most(counts) for name, counts in split.items()}


def _named(v: View) -> Iterable[tuple[str, str]]:
    return ((name, entry.replica) for name, entry in _entries(v))


def _entries(v: View) -> Iterable[tuple[str, Replica]]:
    return ((name, entry) for name, entry in (v.content or {}).items() if isinstance(entry, Replica))


def _most(counts: Counter[str]) -> str | None:
    (one, count), (_, other) = counts.most_common(2)
    return one if count > other else None


def _differing(v: View, usual: Mapping[str, str | None]) -> Mapping[str, str]:
    if not usual:
        return {}
    return {name: replica for name, replica in _named(v) if name in usual and replica != usual[name]}


def _is_open(entry: str, v: View, readers: Mapping[str, int], listed: frozenset[str]) -> bool:
    """Whether this cycle has no result for the entry: it was not read here, or in no other view."""
    if entry in v.unread:
        return True
    if entry in (v.content or {}):
        return readers.get(entry, 0) < 2
    return entry in listed and not readers.get(entry, 0)


def with_entries(
    views: tuple[ViewFacts, ...], diverged: Diverged, uncovered: Mapping[str, frozenset[str]]
) -> tuple[ViewFacts, ...]:
    """Add to each view the differences in entries not read this time, and its entries never read."""
    marked = tuple(replace(v, complete=False) if v.known and uncovered.get(v.target) else v for v in views)
    return (
        with_diverged(tuple(_marked(v, diverged.get(v.target)) if v.known else v for v in marked))
        if diverged
        else marked
    )


def _marked(v: ViewFacts, diverged: Mapping[str, str] | None) -> ViewFacts:
    if not diverged:
        return v
    text = repr((v.fingerprint, sorted(diverged.items()))).encode("utf-8", "surrogatepass")
    return replace(v, fingerprint=hashlib.blake2b(text, digest_size=8).hexdigest())
