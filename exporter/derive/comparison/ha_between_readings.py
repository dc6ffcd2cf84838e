"""HA entries are read in turns: a difference of one process counts until it is read again. An election that
only some processes have is no difference, for one update of its entry.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from types import MappingProxyType

from exporter.derive.comparison.views import View, with_diverged
from exporter.model.entry import Replica
from exporter.model.views import ViewFacts

Diverged = Mapping[
    str, Mapping[str, str]
]  # by process: entry, and the replica it named; "" where it had none
MAX_DIVERGED = 100  # entries of one process
Failovers = Mapping[str, float]  # entries with an election that only some views have; since when, our clock
FORGET = 3600.0  # seconds after which one that was not read again is forgotten


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
    dated = sorted((replica for replica in replicas if replica.time is not None), key=_time)
    return len(dated) > 1 and dated[0].is_neighbour(dated[-1], period)


def _time(replica: Replica) -> float:
    return replica.time or 0.0


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
    usual = {name: replica for name, replica in _usual(voters).items() if name not in passing}
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


def _usual(voters: tuple[View, ...]) -> Mapping[str, str | None]:
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
