"""Whose gossip copies are read in this cycle: all while the cluster is small, else in turns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.facts import Snapshot

BUDGET = 64 * 1024 * 1024  # bytes of gossip values a cycle may read, where the number is `auto`
AT_LEAST = 4
FIRST_TIME = 32  # views in the cycle that finds out what a view costs


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is, and how long until everybody has been read, seconds."""

    targets: frozenset[str]
    sweep_seconds: float


@dataclass(frozen=True, slots=True)
class Last:
    """When a process's copies were last read (our clock, 0 never), and their bytes then."""

    read_at: float = 0.0
    size: int = 0


def whose_turn(
    last: Mapping[str, Last], views_per_cycle: int | None, interval: float, bad: frozenset[str]
) -> Turn:
    """Choose among the processes with memberlist: those that looked bad last time first, but never
    for more than half of the places; then whoever waited longest. `None` views means a byte budget.
    """
    names = sorted(last, key=lambda name: (last[name].read_at, name))
    places = min(len(names), views_per_cycle or _affordable([last[name].size for name in names]))
    if places >= len(names):
        return Turn(frozenset(names), interval if names else 0.0)
    first = [name for name in names if name in bad][: places // 2]
    chosen = [*first, *(name for name in names if name not in first)][:places]
    rest = places - len(first)
    return Turn(frozenset(chosen), math.ceil(len(names) / max(1, rest)) * interval)


def _affordable(sizes: Iterable[int]) -> int:
    known = [size for size in sizes if size]
    if not known:
        return FIRST_TIME
    return max(AT_LEAST, int(BUDGET / (sum(known) / len(known))))


def suspects(snapshot: Snapshot | None) -> frozenset[str]:
    """Processes whose gossip copy lacked something when it was last read."""
    if snapshot is None:
        return frozenset()
    return frozenset(
        view.target
        for key in snapshot.keys
        for view in key.views
        if view.kind == "gossip"
        and (view.missing or (view.against and (view.against.missing_key or view.against.settled)))
    )
