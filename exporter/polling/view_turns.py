"""Which ring pages and gossip copies a cycle reads: all while the cluster is small, else in turns."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from zlib import crc32

from exporter.model.facts import Snapshot
from exporter.model.views import ViewFacts

# Where the number is `auto`: bytes of ring pages, and of gossip values, that a cycle may read. They grow with
# the processes, so that one process costs no more in a small cluster than in a large one.
BUDGET = 24 * 1024 * 1024  # at most
FOR_EACH = 84 * 1024
ALWAYS = 6 * 1024 * 1024
AT_LEAST = 4
AT_LEAST_AT_REST = 3
PAIR = 2  # a single view agrees with itself
FIRST_TIME = 32  # views in the cycle that finds out what a view costs
SHARE = 4  # of more processes than that, one in four is read in a cycle, however small its views are
AT_REST = 16  # views a cycle, or that share, when every migration has ended: metrics show deviating processes
OF_EACH_KIND = 3  # ring views of each kind of process in every cycle, so that every ring is read
SLOWER = 4  # times; a copy that receives so much less than most is suspect
WITHIN = 300.0  # seconds; every view is read again in them while the next step requires it
BEHIND = 30.0  # seconds; a staler view is read again soon
HA_ENTRIES = 100  # read per process and cycle; the list of keys is always complete
HA_AGAIN = 20  # beside them, of those that left a doubt: another reading settles or clears it


@dataclass(frozen=True, slots=True)
class Turn:
    """The processes that are due, and the seconds until all have been read."""

    targets: frozenset[str]
    sweep_seconds: float


@dataclass(frozen=True, slots=True)
class Last:
    """When a process's copies were last read (our clock, 0 never), and their bytes then."""

    read_at: float = 0.0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How many views a cycle reads (`None`: by a budget of bytes), and how often a cycle comes. The budget is
    exceeded if all views must be read `within` some seconds. It is not used up if the views `beside` these
    take longer, since a sweep covers both. Nor is it `at_rest`, when no remaining step needs views.
    """

    views: int | None
    interval: float
    within: float | None = None
    beside: float = 0.0
    at_rest: bool = False


def turn_of(last: Mapping[str, Last], pace: Pace, bad: frozenset[str], late: Collection[Last] = ()) -> Turn:
    """Choose among the processes with memberlist. First come those with suspect views, for at most half of
    the places, then those that waited longest. One of the last turn is read again, to compare the turns. The
    `late` processes go on by themselves and keep their own turn (`is_due`), with a part of the places.
    """
    names = sorted(last, key=lambda name: (last[name].read_at, name))
    total = len(names) + len(late)
    sizes = [known.size for known in (*last.values(), *late)]
    asked = total, len(bad.intersection(names)), pace.interval
    least = AT_LEAST_AT_REST if pace.at_rest else AT_LEAST
    places = _affordable(sizes, least)
    if pace.within is not None:
        places = max(places, _needed(*asked, pace.within))
    elif pace.beside > pace.interval:
        places = min(places, max(least, _needed(*asked, pace.beside + pace.interval)))
    if pace.at_rest:
        places = min(places, max(AT_REST, total // SHARE))
    places = min(total, max(PAIR, pace.views or places))
    if places >= total:
        return Turn(frozenset(names), pace.interval if names else 0.0)
    cycles = math.ceil(total / max(1, places - 1))
    places = min(len(names), max(PAIR, places - round(places * len(late) / total)))
    first = [name for name in names if name in bad][: (places - 1) // 2]
    again = [name for name in names[-1:] if last[name].read_at and name not in first]
    others = [name for name in names if name not in first and name not in again]
    rest = places - len(first) - 1
    chosen = (first + again + others)[:places]
    return Turn(frozenset(chosen), max(cycles, math.ceil(len(names) / max(1, rest))) * pace.interval)


def _needed(total: int, suspected: int, interval: float, within: float) -> int:
    """Places for all in time, less one cycle, besides suspects and the process that is read again."""
    each = math.ceil(total / max(1, math.floor(within / interval) - 1))
    return each + min(suspected, each) + 1


def is_due(read_at: float, now: float, sweep: float, interval: float) -> bool:
    """Whether a process that goes on by itself is read in full. Where contents are read in turns, it waits
    for its turn too. On a busy machine many are late, and to read all of them would delay the next cycle
    further.
    """
    return sweep < 2 * interval or now - read_at >= sweep - interval / 2


def is_first(name: str, cycle: int, total: int) -> bool:
    """As `is_due`, while there is no sweep: a few processes in each cycle, in turn. A dozen requests to each
    of a thousand slow processes would make all of them late.
    """
    cycles = math.ceil(total / FIRST_TIME)
    return crc32(name.encode()) % cycles == cycle % cycles


def _affordable(sizes: Sequence[int], least: int) -> int:
    known = [size for size in sizes if size]
    if not known:
        return FIRST_TIME
    budget = min(BUDGET, max(ALWAYS, FOR_EACH * len(sizes)))
    affordable = int(budget / (sum(known) / len(known)))
    return max(least, min(affordable, max(FIRST_TIME, len(sizes) // SHARE)))


@dataclass(slots=True)
class Entries:
    """Which HA-tracker keys are read: the same of every process, so that views can be compared, until every
    process had its turn. Then come the next keys in the order of their names.
    """

    after: str = ""
    last: str = ""
    left: int = 0
    chosen: frozenset[str] = field(default_factory=frozenset)

    def take(
        self,
        names: Iterable[str],
        cycles: int,
        again: frozenset[str] = frozenset(),
        limit: int = HA_ENTRIES,
    ) -> frozenset[str]:
        """Choose at most `limit` of the names, and a few of `again`; `cycles` read all processes."""
        listed = sorted(names)
        if self.left <= 0:
            self.after, self.left = self.last, max(1, cycles)
        self.left -= 1
        start = bisect_right(listed, self.after) if len(listed) > limit else 0
        turn = (listed[start:] + listed[:start])[:limit]
        self.last = turn[-1] if turn else ""
        extra = sorted(again.intersection(listed).difference(turn))[:HA_AGAIN]
        self.chosen = frozenset((*turn, *extra))
        return self.chosen


def listed_by_several(lists: Sequence[frozenset[str]]) -> frozenset[str]:
    """The names on at least two of the lists, and a few on one list only: one process
    with a hundred thousand HA-tracker keys would delay all. All names, where there are two lists.
    """
    if len(lists) <= 2:
        return frozenset().union(*lists)
    count = Counter(name for names in lists for name in names)
    listed_by_one = sorted(name for name, lists_it in count.items() if lists_it == 1)
    return frozenset(count).difference(listed_by_one[HA_AGAIN:])


def suspects(snapshot: Snapshot | None, kind: str = "gossip") -> frozenset[str]:
    """Processes with suspect views of this kind, and those with metrics that differ from most."""
    if snapshot is None:
        return frozenset()
    return frozenset(
        view.target
        for key in snapshot.keys
        for view in key.views
        if view.kind in (kind, "metrics") and _is_suspect(view)
    )


def _is_suspect(view: ViewFacts) -> bool:
    found = view.against
    behind = view.staleness is not None and view.staleness > BEHIND
    return bool(view.lacks or view.diverged or behind or (found and (found.missing_key or found.settled)))


Versions = Mapping[str, Mapping[str, int]]  # of the copies in each process's gossip, by key


def slow_copies(now: Versions, before: Versions) -> frozenset[str]:
    """Processes with a copy that received much less than most since the previous cycle. Each heartbeat that
    arrives raises its version, by the count of its own process. An isolated process still counts its own.
    """
    moved: dict[str, dict[str, int]] = {}
    for name, versions in now.items():
        for key, version in versions.items():
            earlier = before.get(name, {}).get(key, -1)
            if 0 <= earlier <= version:
                moved.setdefault(key, {})[name] = version - earlier
    usual = {key: median_low(steps.values()) for key, steps in moved.items()}
    return frozenset(
        name for key, steps in moved.items() for name, step in steps.items() if step * SLOWER < usual[key]
    )


def with_each_kind(turn: Turn, last: Mapping[str, Last], kinds: Mapping[str, Hashable]) -> Turn:
    """Add processes until the turn has a few of each kind: only this kind may show some ring."""
    chosen = set(turn.targets)
    have = Counter(kinds[name] for name in chosen)
    for name in sorted(last, key=lambda name: (last[name].read_at, name)):
        if name not in chosen and have[kinds[name]] < OF_EACH_KIND:
            chosen.add(name)
            have[kinds[name]] += 1
    return Turn(frozenset(chosen), turn.sweep_seconds)
