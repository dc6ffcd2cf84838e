"""Where one key's primary is read, and the clock for its members' ages.

The store itself counts where it was read, else what most of the processes' pages show. One page that leaves a
member out, invents some, or shows a heartbeat newer than every other page, is a minority of one. Of two that
differ, an entry counts where either has it, and the newer time of both: a doubtful entry is then judged.

A store that lacks what the pages show is another store than the processes', or only a part of it. Each
`kvstore` block names its own host, and a policy of Consul hides keys without an error. A comparison with such
a primary proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median_high, median_low
from types import MappingProxyType
from typing import TypeVar

from exporter.derive import kv_clients
from exporter.derive.comparison.key_input import NOTHING, Content, KeyInput, Stored, View, content_of
from exporter.derive.ring.health import Limit, age_of, contradicted
from exporter.derive.ring.reference_clock import is_skewed, right_clock
from exporter.model.entry import Entry, Member, Partition, Renewal, Replica, State, Tokens
from exporter.model.pages import PartitionRing, Ring
from exporter.model.views import IN_STORE, NOT_READ, Origin, Place
from exporter.products.ring_pages import HA_KEY

T = TypeVar("T", bound=Entry)
Key = TypeVar("Key", bound=Hashable)
TRACKED = 1800.0  # seconds; both trackers delete a cluster without samples after this time (Mimir, Cortex)
_HERE = frozenset({State.ACTIVE, State.READ_ONLY, State.JOINING, State.PENDING})


@dataclass(frozen=True)  # not slots: what counts of the value is computed once
class Primary:
    """The primary's content and its source. `clock` is the source's time. `recently_started` is true for a
    process that has just started: members that it lacks may exist.
    """

    value: Stored | None
    source: Origin
    clock: float | None
    store: str
    recently_started: bool = False

    @cached_property
    def content(self) -> Content | None:
        """What counts of the value, `None` where none was read."""
        return None if self.value is None else content_of(self.value)


def judged_primary(
    inputs: KeyInput, timeout: float, period: float, *, was_stored: bool
) -> tuple[Primary, Absentees]:
    """The primary to judge a ring by, and what the store lacks where it is that. A store that had the ring
    before (`was_stored`) and is empty now has lost it.
    """
    primary = find_primary(inputs)
    missing = absentees(inputs, primary, timeout, period)
    return (primary if was_stored else believed(inputs, primary, missing)), missing


def find_primary(inputs: KeyInput) -> Primary:
    """Choose where the primary is read: the store itself where it was read, else what most recent pages show.
    The pages do not replace a value that exists and is broken.
    """
    store = kv_clients.primary_of(inputs.clients)
    if inputs.store_broken and _is_of_store(inputs, store):
        return Primary(None, NOT_READ, inputs.store_clock, store)
    pages = _believed(inputs.pages, inputs)
    if is_source(inputs, store):
        if inputs.store is not None:
            return Primary(inputs.store, IN_STORE, inputs.store_clock, store or inputs.store_kind)
        if store and pages:  # what processes remember is not what the store has
            return Primary(_emptied(pages[0].value), IN_STORE, inputs.store_clock, store)
    if pages:
        return _of_pages(inputs, pages, store)
    copies = _believed(inputs.copies, inputs) if store in ("", "memberlist") else []
    if copies:
        return _of_most(copies, Place.GOSSIP, store, inputs.skew)
    return Primary(None, IN_STORE if is_source(inputs, store) else NOT_READ, inputs.store_clock, store)


def page_of(inputs: KeyInput, store: str) -> Primary | None:
    """The primary as most recent pages show it; `None` where no page does."""
    pages = _believed(inputs.pages, inputs)
    return _of_pages(inputs, pages, store) if pages else None


def _of_pages(inputs: KeyInput, pages: list[View], store: str) -> Primary:
    return _of_most(
        pages, Place.TRACKER_PAGE if inputs.key == HA_KEY else Place.RING_PAGE, store, inputs.skew
    )


def _of_most(views: list[View], place: Place, store: str, skew: float | None) -> Primary:
    """What most of these views show, judged by the middle one of their clocks."""
    clocks = [clock for v in views if (clock := right_clock(v.read_at, skew, v.now)) is not None]
    source = Origin(place, views[0].target) if len(views) == 1 else Origin(place, processes=len(views))
    return Primary(
        most(views), source, median_high(clocks) if clocks else None, store, views[0].recently_started
    )


def is_by_pages(inputs: KeyInput, primary: Primary) -> bool:
    """Whether the primary store could not be read, so that only the processes' pages of it remain."""
    return primary.store in inputs.failed and primary.source.place not in (Place.NOWHERE, Place.STORE)


def unhealthy_by_pages(inputs: KeyInput, limit: Limit) -> frozenset[str]:
    """Ids of the members that most ring pages call unhealthy, by the processes' own limit, which may be
    another than ours. A page that its own heartbeat column contradicts does not count.
    """
    pages = [
        page for page in inputs.pages if page.known and page.content is not None and not page.recently_started
    ]
    return called(
        pages,
        lambda member, clock: (
            member.state is State.UNHEALTHY and not contradicted(age_of(member, clock), limit)
        ),
    )


def is_source(inputs: KeyInput, store: str) -> bool:
    """Whether the store that is the primary was read."""
    return inputs.store_known and _is_of_store(inputs, store)


def _is_of_store(inputs: KeyInput, store: str) -> bool:
    """Whether the store that is read is the primary; of a key without clients, unless the fleet left it."""
    return store == inputs.store_kind or (not store and inputs.fleet != "memberlist")


def _emptied(value: Stored | None) -> Stored:
    if isinstance(value, Ring):
        return Ring(MappingProxyType({}))
    return PartitionRing(MappingProxyType({})) if isinstance(value, PartitionRing) else MappingProxyType({})


def _believed(views: Iterable[View], inputs: KeyInput) -> list[View]:
    """The views that count: of processes that have not just started, with right clocks, and not behind the
    rest. Where no view is like that, the best there are.
    """
    having = [view for view in views if view.known and view.content is not None]
    grown = [view for view in having if not view.recently_started] or having
    return fresh(
        [view for view in grown if not is_skewed(view.read_at, inputs.skew, view.now)] or grown,
        inputs.settings.period,
    )


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


@dataclass(frozen=True, slots=True)
class Absentees:
    """Names of recently renewed members, entries or partitions that some page shows and the primary store
    lacks. `mostly`: most pages show some, so it is not one process's error.
    """

    names: tuple[str, ...] = ()
    mostly: bool = False


def absentees(inputs: KeyInput, primary: Primary, timeout: float, period: float) -> Absentees:
    """Compare the pages with the store, where that is the primary. An entry within its first heartbeat
    `period`, or one that has left meanwhile, may have been absent when the store was read.
    """
    if not is_source(inputs, primary.store):
        return Absentees()
    stored = inputs.stored or NOTHING
    shown = [set(_fresh(page, stored, inputs, (timeout, period))) for page in inputs.pages if page.known]
    names = frozenset[str]().union(*shown)
    return Absentees(tuple(sorted(names)), 2 * sum(map(bool, shown)) > len(shown))


def believed(inputs: KeyInput, primary: Primary, missing: Absentees) -> Primary:
    """The primary to judge the ring by: an empty store that most pages contradict is not theirs."""
    if not missing.mostly or primary.content:
        return primary
    return page_of(inputs, primary.store) or primary


def _fresh(page: View, stored: Content, inputs: KeyInput, limits: tuple[float, float]) -> Iterator[str]:
    clock = right_clock(page.read_at, inputs.skew, page.now)
    for name, entry in (page.content or {}).items():
        if name not in stored and (clock is None or _is_fresh(entry, clock, *limits, empty=not stored)):
            yield name


def _is_fresh(entry: Entry, clock: float, timeout: float, period: float, *, empty: bool) -> bool:
    """Whether an entry is current, and has been for a while. Partitions have no heartbeats: one that the
    store's ring lacks was deleted there, if the store has a ring at all.
    """
    if entry.renewal is Renewal.NONE:
        return empty and isinstance(entry, Partition) and clock - (entry.time or 0.0) > period
    if entry.time is None:
        return False
    if entry.renewal is Renewal.SAMPLES:
        return clock - entry.time <= TRACKED
    settled = entry.registered is None or clock - entry.registered > period
    return entry.state in _HERE and settled and (timeout <= 0 or clock - entry.time <= timeout)
