"""One cycle's pages sorted by KV key: from the processes' pages to the facts of a ring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

from exporter.derive.comparison.excluded_zones import with_excluded
from exporter.derive.comparison.key_input import KeyInput, Stored, View, view
from exporter.derive.comparison.page_keys import KeyLookup, Shown, pages_shown, product_for, used_keys
from exporter.derive.comparison.ring_metrics_comparison import Signal
from exporter.derive.identity.key_names import Names
from exporter.derive.kv_clients import EXTERNAL_STORES, primary_of
from exporter.derive.process_judgement import fleet_skew
from exporter.derive.ring.agreed_settings import Claim, Role
from exporter.derive.ring.reference_clock import store_clock
from exporter.derive.store.store_choice import Places, places_of
from exporter.model.entry import Replica
from exporter.model.facts import ClientFacts, ProbeResult, Rejection, TargetFacts
from exporter.model.pages import (
    Observation,
    Outcome,
    Page,
    Product,
    RingSignals,
    TrackerPage,
    Unwatched,
)
from exporter.model.shard import Share
from exporter.model.stores import StoreContent
from exporter.model.views import ViewFacts
from exporter.products.ha_keys import HaKeys, prefixes_in
from exporter.products.ring_pages import HA_KEY, RingPage

MAX_KEYS = 500


@dataclass(frozen=True)  # not slots: the clock of most processes is found once
class Cycle:
    """All that one cycle read. Old views count if read since `keep_views_since`, our clock."""

    at: float
    started: float
    number: int
    observed: tuple[Observation, ...]
    stores: tuple[StoreContent, ...] = ()
    keep_views_since: float = 0.0
    sweep_seconds: float | None = None
    discovered: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    unsure: Unwatched = field(default_factory=Unwatched)
    fetches: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    rejections: tuple[Rejection, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    resolved: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ticked: float | None = None  # the monotonic clock at `at`; None: there is none to compare with
    share: Share | None = None  # where only a part of the processes is watched here
    names: Names = field(default_factory=Names)  # how its keys are called, once that is found out

    @cached_property
    def skew(self) -> float | None:
        """How far the clocks of most processes are ahead of ours, seconds."""
        return fleet_skew(self.observed)


def read_keys(
    cycle: Cycle,
    judged: tuple[TargetFacts, ...],
    before: Mapping[str, tuple[ViewFacts, ...]],
    pages: tuple[RingPage, ...] | None = None,
    product: Product = Product.UNKNOWN,
) -> tuple[KeyInput, ...]:
    """Sort a cycle by key. `before` has the views of each key as they were judged last, `pages` the ring
    pages and `product` the product that are configured.
    """
    facts = {target.name: target for target in judged}
    stores = tuple(s for s in cycle.stores if s.outcome is Outcome.OK)
    common = KeyLookup(pages, product_for(judged, product), names=cycle.names)
    if common.product is Product.UNKNOWN:
        common = replace(common, used=used_keys(cycle.observed, stores, judged))
    up = tuple(
        pages_shown(read, facts[read.target.name], common)
        for read in cycle.observed
        if facts[read.target.name].up
    )
    places = places_of((shown.target for shown in up) if cycle.stores else (), cycle.stores)
    ours = {client.key for shown in up for client in shown.target.clients}
    found = sorted(_keys(up, stores, cycle.names.ha), key=lambda key: (key not in ours, key))[:MAX_KEYS]
    failed = frozenset(s.kind for s in cycle.stores if s.outcome is Outcome.FAILED)
    fleet = _Fleet(up, places, failed, cycle.skew, cycle.names)
    span = cycle.keep_views_since, cycle.started
    return tuple(
        _read_key(key, fleet, _earlier_views(before.get(key, ()), span, up)) for key in sorted(found)
    )


@dataclass(frozen=True)  # not slots: the primary and the prefixes are determined once
class _Fleet:
    """What is the same for every key: the processes that answered, the stores that were read, and the kinds
    of those that were not. Also how far the processes' clocks are ahead of ours, and the keys' names.
    """

    up: tuple[Shown, ...]
    places: Places
    failed: frozenset[str]
    skew: float | None
    names: Names

    @property
    def ha(self) -> HaKeys:
        """How the HA tracker's entries are recognised."""
        return self.names.ha

    @cached_property
    def primary(self) -> str:
        """The primary of all clients together."""
        return primary_of(client for shown in self.up for client in shown.target.clients)

    @cached_property
    def trackers(self) -> tuple[str, ...]:
        """The prefixes of the HA trackers that run; all configured prefixes where no page shows one."""
        configs = [shown.target.config for shown in self.up if shown.target.config]
        return tuple(prefixes_in(configs, tracking=True) or prefixes_in(configs))


def _keys(up: Iterable[Shown], stores: Iterable[StoreContent], ha: HaKeys) -> set[str]:
    found: set[str] = set()
    for shown in up:
        found |= {key for key, pages in shown.pages.items() if any(p.value is not None for p in pages)}
        found |= {client.key for client in shown.target.clients if client.key} | (shown.waiting - {HA_KEY})
        found |= {ha.canonical(key) for key in shown.observation.gossip.values}
        tracker = shown.observation.tracker
        if tracker is not None and tracker.value and tracker.value.entries:
            found.add(HA_KEY)
    for store in stores:
        found |= {ha.canonical(key) for key in (*store.values, *store.broken)}
    return found


def _read_key(key: str, fleet: _Fleet, earlier: Mapping[tuple[str, str], ViewFacts]) -> KeyInput:
    up = fleet.up
    clients = tuple(client for shown in up for client in shown.target.clients if client.key == key)
    place = _store_of(key, clients, fleet)
    store = place if place is not None and place.outcome is Outcome.OK else None
    failed = fleet.failed if place is None or store is None else frozenset[str]()
    stored = _stored(key, store, fleet.ha) if store is not None else None
    configs = tuple(_claims(key, up))
    return with_excluded(
        KeyInput(
            key=key,
            clients=clients,
            pages=tuple(_tracker_views(up) if key == HA_KEY else _page_views(key, up)),
            copies=tuple(_copy(key, shown, fleet.ha) for shown in up if _has_gossip(shown.observation)),
            signals=tuple(_signal(shown, shown.signals[key]) for shown in up if key in shown.signals),
            store=stored,
            store_known=store is not None and _was_read(key, store, fleet),
            store_broken=store is not None and _is_broken(key, store, fleet.ha),
            store_kind=store.kind if store is not None else "",
            store_clock=None if store is None else store_clock(store, fleet.skew),
            configs=configs,
            earlier=earlier,
            fleet=fleet.primary,
            failed=failed,
            skew=fleet.skew,
            default=_default(configs) or fleet.names.default(key),
            in_memory=tuple(shown.target.name for shown in up if key in shown.in_memory),
        )
    )


def _signal(shown: Shown, signals: RingSignals) -> Signal:
    target = shown.target
    return Signal(target.name, signals, target.recently_started, shown.observation.metrics.asked_at)


def _default(claims: Iterable[Claim]) -> str:
    """The default key of a stored one, as most configurations that name it have it."""
    usual = Counter(claim.config.default_key for claim in claims).most_common(1)
    return usual[0][0] if usual else ""


def _claims(key: str, up: Iterable[Shown]) -> Iterable[Claim]:
    """The settings of a ring in each configuration, and its process's role in the ring."""
    for shown in up:
        config = shown.observation.config.value
        if config is not None and key in config.rings:
            yield Claim(config.rings[key], shown.target.name, shown.roles.get(key, Role.NONE))


def _store_of(key: str, clients: Iterable[ClientFacts], fleet: _Fleet) -> StoreContent | None:
    """The store that a key's clients use, as far as it is configured."""
    if not fleet.places.stores:
        return None
    kinds = {kind for client in clients for kind in (client.primary, *client.stores, *client.store_requests)}
    return fleet.places.of(key, kinds & EXTERNAL_STORES)


def _was_read(key: str, store: StoreContent, fleet: _Fleet) -> bool:
    """Whether the reading would include a key: HA entries need the prefixes of all trackers."""
    if _is_broken(key, store, fleet.ha):
        return False
    if key == HA_KEY and not fleet.trackers:  # no configuration was read: below a prefix like the usual one
        return not store.prefixes or any(fleet.ha.entry(f"{prefix}u/c") for prefix in store.prefixes)
    sought = fleet.trackers if key == HA_KEY else (key,)
    return not store.prefixes or all(name.startswith(store.prefixes) for name in sought)


def _is_broken(key: str, store: StoreContent, ha: HaKeys) -> bool:
    return any(ha.canonical(name) == key for name in store.broken)


def _stored(key: str, store: StoreContent, ha: HaKeys) -> Stored | None:
    if key != HA_KEY:
        return store.values.get(key)
    entries = _entries(store.values, ha)
    return entries or None


def _entries(values: Mapping[str, object], ha: HaKeys) -> dict[str, Replica]:
    """HA entries by `user/cluster`, without deleted entries; of an entry below two prefixes the newer."""
    found: dict[str, Replica] = {}
    for key, value in values.items():
        if isinstance(value, Replica) and not value.is_tombstone and (entry := ha.entry(key)):
            other = found.get(entry)
            if other is None or (value.time or 0.0) > (other.time or 0.0):
                found[entry] = value
    return found


def _page_views(key: str, up: tuple[Shown, ...]) -> Iterable[View]:
    for shown in up:
        pages = shown.pages.get(key, ())
        found = next((page for page in pages if page.value is not None), None) or next(
            (page for page in pages if page.outcome is Outcome.FAILED), None
        )
        if found is not None:
            yield _view(shown.target, found, found.value, known=found.outcome is not Outcome.FAILED)
        elif key in shown.waiting:
            yield _without_turn(shown.target.name, recently_started=shown.target.recently_started)


@lru_cache(maxsize=16_384)  # in a large cluster hardly any process is due
def _without_turn(target: str, *, recently_started: bool) -> View:
    return View(target, None, known=False, recently_started=recently_started, had_turn=False)


def _view(target: TargetFacts, page: Page[Any], value: Stored | None, *, known: bool) -> View:
    times = {"clock": page.clock, "read_at": page.asked_at}
    return view(target.name, value, known=known, recently_started=target.recently_started, **times)


def _tracker_views(up: tuple[Shown, ...]) -> Iterable[View]:
    for shown in up:
        page, target = shown.observation.tracker, shown.target
        if page is None and HA_KEY in shown.waiting:
            yield _without_turn(target.name, recently_started=target.recently_started)
        if page is None or page.outcome is Outcome.ABSENT:
            continue
        entries = _tracked(page.value) if page.value is not None else None
        yield _view(target, page, entries, known=page.value is not None)


def _tracked(page: TrackerPage) -> Mapping[str, Replica]:
    return {
        f"{e.user}/{e.cluster}": Replica(e.replica, e.received_at, elected_at=e.elected_at)
        for e in page.entries
    }


def _has_gossip(observation: Observation) -> bool:
    return observation.gossip.page.outcome is not Outcome.ABSENT


def _copy(key: str, shown: Shown, ha: HaKeys) -> View:
    """One process's gossip copy: read, absent for certain, or unknown."""
    gossip, target = shown.observation.gossip, shown.target
    page, values = gossip.page, gossip.values
    if page.value is None:
        return View(target.name, None, known=False, recently_started=target.recently_started)
    listed = shown.listed.get(key, ())
    if listed and not values and key != HA_KEY:
        return _without_turn(target.name, recently_started=target.recently_started)
    requested = {name: values[name] for name in listed if name in values}
    read = {name: v.value for name, v in requested.items() if v.value is not None}
    failed = {name for name, value in requested.items() if value.outcome is Outcome.FAILED}
    unread = {n for n in listed if n not in read and (n not in requested or n in failed)}
    stored: Stored | None = next(iter(read.values()), None)
    if key == HA_KEY:
        stored = _entries(read, ha) or None
    return view(
        target.name,
        stored,
        known=not unread or (key == HA_KEY and bool(read)),
        had_turn=not listed or bool(requested),
        recently_started=target.recently_started,
        clock=page.value.now or page.clock,
        read_at=min((v.asked_at for v in requested.values()), default=page.asked_at),
        unread=frozenset(ha.entry(name) for name in unread),
    )


def _earlier_views(
    views: Iterable[ViewFacts], span: tuple[float, float], up: Iterable[Shown]
) -> Mapping[tuple[str, str], ViewFacts]:
    """The views that may stand in for one that was not read this time. They are from after the process's
    restart, and not from the future: our clock may have been set back.
    """
    since, until = span
    targets = [shown.target for shown in up]
    started_at = {target.name: (target.started or 0.0) - (target.skew or 0.0) for target in targets}
    return {
        (v.kind, v.target): v
        for v in (view if view.known else view.last for view in views)
        if v and v.known and max(since, started_at.get(v.target, 0.0)) <= (v.read_at or 0.0) <= until
    }
