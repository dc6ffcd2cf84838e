"""What most views of a key show: its members, their states and tokens, and their heartbeats.

One page that leaves a member out, invents some, or shows a heartbeat newer than every other page, is a
minority of one. Of two that differ, an entry counts where either has it, and the newer time of both: a
doubtful entry is then judged.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from statistics import median_high, median_low
from types import MappingProxyType
from typing import TypeVar

from exporter.derive.comparison.compare import Content
from exporter.derive.comparison.views import View
from exporter.model.entry import Entry, Member, Replica, State, Tokens
from exporter.model.pages import PartitionRing, Ring, Value

Stored = Value | Mapping[str, Replica]
T = TypeVar("T", bound=Entry)
Key = TypeVar("Key", bound=Hashable)


def most(views: Sequence[View]) -> Stored | None:
    """The value that most of these views show; `None` where no view has one. All are of one key."""
    having = [view for view in views if view.value is not None]
    if len(having) < 2:
        return having[0].value if having else None
    first = having[0].value
    if isinstance(first, Ring):
        members = _voted([v.content or {} for v in having])
        return Ring(MappingProxyType({name: m for name, m in members.items() if isinstance(m, Member)}))
    if isinstance(first, PartitionRing):
        partitions = [v.value.partitions for v in having if isinstance(v.value, PartitionRing)]
        return PartitionRing(MappingProxyType(_voted(partitions)))
    entries = _voted([v.content or {} for v in having])
    return MappingProxyType({name: e for name, e in entries.items() if isinstance(e, Replica)})


def fresh(views: Iterable[View], period: float) -> list[View]:
    """The views that are less than two periods behind most of the rest. A process with a stopped watch, or an
    isolated one (with a recent heartbeat of its own and none of any other member), does not count.
    """
    having = [(view, _usual(view.content)) for view in views if view.content is not None]
    if len(having) < 2:
        return [view for view, _ in having]
    limit = median_high(time for _, time in having) - 2 * period
    return [view for view, time in having if time >= limit]


def _usual(content: Content) -> float:
    times = [time for entry in content.values() if (time := entry.time) is not None]
    return median_low(times) if times else 0.0


def _voted(contents: Sequence[Mapping[Key, T]]) -> dict[Key, T]:
    """The entries that half of the contents or more have, each as most of them show it."""
    found: dict[Key, list[T]] = {}
    for content in contents:
        for name, entry in content.items():
            if (entries := found.get(name)) is None:
                found[name] = [entry]
            else:
                entries.append(entry)
    return {name: _shown(entries) for name, entries in found.items() if 2 * len(entries) >= len(contents)}


def _shown(entries: list[T]) -> T:
    """One entry as most show it, with the middle one of their times."""
    first = entries[0]
    different = dict(zip(map(id, entries), entries, strict=True)).values()
    if len(different) == 1:
        return first  # the very same bytes on every page: nearly all are
    middle = sorted(entries, key=_order)[len(entries) // 2]
    if all(first.same(entry) for entry in different):
        return middle
    return max(_usual_of(entries), key=_order).renewed(middle.time)


def _order(entry: Entry) -> float:
    return entry.time or 0.0


def _usual_of(entries: list[T]) -> list[T]:
    """Those with the value of most. A page that calls a member unhealthy hides its own state and does not
    count there; of two that differ the one renewed last counts.
    """
    open_ = [entry for entry in entries if entry.state is not State.UNHEALTHY]
    healthy = open_ or entries
    listed = [entry for entry in healthy if entry.tokens.digest]
    groups: dict[Hashable, list[T]] = {}
    # A page in HTML lists no tokens: it does not count where at least half of the pages list them.
    for entry in listed if 2 * len(listed) >= len(healthy) else healthy:
        groups.setdefault(_values_of(entry), []).append(entry)
    return max(groups.values(), key=lambda group: (len(group), max(map(_order, group))))


def _values_of(entry: Entry) -> Hashable:
    values = ((v.digest or v.count) if isinstance(v, Tokens) else v for _, v in entry.fields)
    return (*values, *entry.beside)


Judge = Callable[[Entry, float | None], bool]


def called(views: Iterable[View], is_unhealthy: Judge) -> frozenset[str]:
    """Ids of the members that most of the views which show them call unhealthy; half of them suffice."""
    views, unhealthy = tuple(views), State.UNHEALTHY
    accused = {
        name for view in views for name, entry in (view.content or {}).items() if entry.state is unhealthy
    }
    return frozenset(name for name in accused if _most_call(name, views, is_unhealthy))


def _most_call(name: str, views: Iterable[View], is_unhealthy: Judge) -> bool:
    shown = [(entry, v.now) for v in views if (entry := (v.content or {}).get(name)) is not None]
    return 2 * sum(is_unhealthy(entry, clock) for entry, clock in shown) >= len(shown)
