"""Where one key's primary is read, and by whose clock its members are old or young."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.derive import phase
from exporter.derive.lag import Content, Thing
from exporter.derive.rules import DEFAULT_PERIOD
from exporter.derive.views import View
from exporter.facts import ClientFacts, ViewFacts
from exporter.model import Member, PartitionRing, Replica, Ring, RingConfig, State, Value
from exporter.rings import HA_KEY

Stored = Value | Mapping[str, Replica]
SKEWED = 5.0  # seconds away from the other processes' clocks; a Date header can be off by one


@dataclass(frozen=True, slots=True)
class KeyInput:
    """All that was read about one key in one cycle. `store` is its content in the external store,
    `None` where the store has not got it; `store_known` says whether the store was read at all, and
    `store_broken` that it has the key and what it has could not be understood.
    """

    key: str
    clients: tuple[ClientFacts, ...] = ()
    pages: tuple[View, ...] = ()  # ring pages (tracker pages, for the HA tracker)
    copies: tuple[View, ...] = ()  # gossip
    store: Stored | None = None
    store_known: bool = False
    store_broken: bool = False
    store_kind: str = ""
    store_clock: float | None = None
    configs: tuple[RingConfig, ...] = ()
    kept: Mapping[tuple[str, str], ViewFacts] = field(default_factory=lambda: MappingProxyType({}))
    """Views read in an earlier cycle of the same sweep, by kind and target."""
    fleet: str = ""  # the primary of all clients together, for a key whose own clients are not known
    failed: frozenset[str] = frozenset()  # kinds of stores that were asked and could not be read
    skew: float | None = None  # the processes' clocks less ours, as most of them have it
    default: str = ""  # the key with the product's default prefix


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary's content, and who said so. `clock` is the answering side's time; `young` says that it is
    a process that has just started, so that who is not in it need not be gone.
    """

    value: Stored | None
    source: str
    clock: float | None
    store: str
    young: bool = False


def find_primary(read: KeyInput) -> Primary:
    """Choose where the primary is read: the store itself where it was read, else the freshest page. What
    the pages remember does not stand in for a value that is there and broken.
    """
    store = phase.primary_of(read.clients)
    if read.store_broken and _is_of_store(read, store):
        return Primary(None, "", read.store_clock, store)
    page = _freshest(read.pages, read.skew)
    if speaks(read, store):
        if read.store is not None:
            return Primary(read.store, "store", read.store_clock, store or read.store_kind)
        if store and page is not None:  # what processes remember is not what the store has
            return Primary(_emptied(page.value), "store", read.store_clock, store)
    if page is not None:
        return _of_page(read, page, store)
    copy = _freshest(read.copies, read.skew) if store in ("", "memberlist") else None
    if copy is not None:
        return Primary(copy.value, f"gossip of {copy.target}", clock_of(copy, read.skew), store, copy.young)
    return Primary(None, "store" if speaks(read, store) else "", read.store_clock, store)


def page_of(read: KeyInput, store: str) -> Primary | None:
    """The primary as the freshest page shows it; `None` where no page does."""
    page = _freshest(read.pages, read.skew)
    return None if page is None else _of_page(read, page, store)


def _of_page(read: KeyInput, page: View, store: str) -> Primary:
    what = "tracker page" if read.key == HA_KEY else "ring page"
    return Primary(page.value, f"{what} of {page.target}", clock_of(page, read.skew), store, page.young)


def is_remembered(read: KeyInput, primary: Primary) -> bool:
    """Tell whether the store that is the primary could not be read, so that all there is of it is what the
    processes remember.
    """
    return primary.store in read.failed and primary.source not in ("", "store")


def ill_by_pages(read: KeyInput, primary: Primary) -> frozenset[str]:
    """Ids of the members that every page which shows them calls unhealthy, by the process's own limit,
    which may be another than ours; none where a page is the primary and says so itself.
    """
    if primary.source != "store":
        return frozenset()
    ill, well = set[str](), set[str]()
    for page in read.pages:
        for name, thing in (page.content or {}).items() if page.known and not page.young else ():
            if isinstance(thing, Member):
                (ill if thing.state is State.UNHEALTHY else well).add(name)
    return frozenset(ill - well)


def speaks(read: KeyInput, store: str) -> bool:
    """Tell whether the store that is the primary was read."""
    return read.store_known and _is_of_store(read, store)


def _is_of_store(read: KeyInput, store: str) -> bool:
    """Tell whether the store that is read is the primary. Of a key whose clients are not known it is,
    unless the fleet has left it.
    """
    return store == read.store_kind or (not store and read.fleet != "memberlist")


def _emptied(value: Stored | None) -> Stored:
    if isinstance(value, Ring):
        return Ring(MappingProxyType({}))
    return PartitionRing(MappingProxyType({})) if isinstance(value, PartitionRing) else MappingProxyType({})


def clock_of(view: View, skew: float | None) -> float | None:
    """Give the time of the answering process, or that of the others where its clock is wrong."""
    if _is_skewed(view, skew):
        return (view.read_at or 0.0) + (skew or 0.0)
    return _own_clock(view)


def _own_clock(view: View) -> float | None:
    return (view.value.now if isinstance(view.value, Ring | PartitionRing) else None) or view.clock


def _is_skewed(view: View, skew: float | None) -> bool:
    clock = _own_clock(view)
    if skew is None or clock is None or not view.read_at:
        return False
    return abs(clock - view.read_at - skew) > SKEWED


def _freshest(views: Iterable[View], skew: float | None) -> View | None:
    """Pick the view to believe: of an old process with a right clock, then the one with the most fresh
    members (who is isolated has a fresh heartbeat of its own and nobody else's), then the newest.
    """
    having = [(v, _times(v.content or {})) for v in views if v.known and v.content is not None]
    limit = max((max(times, default=0.0) for _, times in having), default=0.0) - 2 * DEFAULT_PERIOD

    def rank(pair: tuple[View, list[float]]) -> tuple[bool, bool, int, float, int, str]:
        v, times = pair
        fresh = sum(time >= limit for time in times)
        size = len(v.content or ())
        return not v.young, not _is_skewed(v, skew), fresh, max(times, default=0.0), size, v.target

    return max(having, key=rank)[0] if having else None


def _times(content: Content) -> list[float]:
    return [time for thing in content.values() if (time := _time(thing)) is not None]


def _time(thing: Thing) -> float | None:
    if isinstance(thing, Member):
        return thing.heartbeat
    return thing.received_at if isinstance(thing, Replica) else None
