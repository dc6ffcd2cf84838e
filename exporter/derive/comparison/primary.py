"""Where one key's primary is read, and the clock for its members' ages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import median_high
from types import MappingProxyType

from exporter.derive import kv_clients
from exporter.derive.comparison.majority import called, fresh, most
from exporter.derive.comparison.signals import Signal
from exporter.derive.comparison.views import View
from exporter.derive.ring.agreed_settings import Claim, agree, differing_primaries, in_memory_culprits
from exporter.derive.ring.clocks import is_skewed, right_clock
from exporter.derive.ring.health import Limit, age_of, contradicted
from exporter.model.entry import Replica, State
from exporter.model.facts import ClientFacts
from exporter.model.pages import PartitionRing, Ring, Value
from exporter.model.settings import RingSettings
from exporter.model.views import IN_STORE, NOT_READ, Origin, Place, ViewFacts
from exporter.products.ring_pages import HA_KEY

Stored = Value | Mapping[str, Replica]


@dataclass(frozen=True)  # not slots: the settings are agreed on once
class KeyInput:
    """All that was read about one key in one cycle. `store` is its content in the external store, `None`
    where the store lacks it. `store_known` is true if the store was read at all, `store_broken` if its value
    is undecodable.
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
    configs: tuple[Claim, ...] = ()
    earlier: Mapping[tuple[str, str], ViewFacts] = field(default_factory=lambda: MappingProxyType({}))
    """Views read in an earlier cycle of the same sweep, by kind and target."""
    fleet: str = ""  # the primary of all clients together, for a key with unknown clients
    failed: frozenset[str] = frozenset()  # kinds of stores that could not be read
    skew: float | None = None  # the processes' clocks less ours, as most of them have it
    default: str = ""  # the key with the product's default prefix
    in_memory: tuple[str, ...] = ()  # processes that keep it in their own memory
    signals: tuple[Signal, ...] = ()  # what processes' metrics count

    @cached_property
    def settings(self) -> RingSettings:
        """The ring's settings, as the processes that own them agree; its primary store is one of them."""
        found = agree(self.configs)
        apart = in_memory_culprits(self.in_memory, self.clients)
        return replace(found, differing=(*found.differing, *differing_primaries(self.clients), *apart))


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary's content and its source. `clock` is the source's time. `recently_started` is true for a
    process that has just started: members that it lacks may exist.
    """

    value: Stored | None
    source: Origin
    clock: float | None
    store: str
    recently_started: bool = False


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
