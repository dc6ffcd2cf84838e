"""One process's pages by the keys that they show. Two products can have one path and behind it different
keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from exporter.derive.identity.key_names import Names
from exporter.derive.ring.agreed_settings import Role
from exporter.model.facts import TargetFacts
from exporter.model.listed import grouped
from exporter.model.pages import Observation, Page, PartitionRing, Product, Ring, RingSignals
from exporter.model.stores import StoreContent
from exporter.products.ring_pages import HA_KEY, TRACKER_PAGE, RingPage, key_of_client, pages_of


@dataclass(frozen=True, slots=True)
class KeyLookup:
    """What is the same for every process: the configured pages, and the product of processes that do not show
    theirs. Where that is unknown, also the keys that certainly exist; `names` are the keys' names.
    """

    pages: tuple[RingPage, ...] | None = None
    product: Product = Product.UNKNOWN
    used: frozenset[str] = frozenset()
    names: Names = field(default_factory=Names)


def product_for(targets: Iterable[TargetFacts], configured: Product) -> Product:
    """The product of processes that do not show theirs: as configured, else that of most, else unknown."""
    shown = Counter(target.product for target in targets if target.product is not Product.UNKNOWN)
    usual, count = next(iter(shown.most_common(1)), (Product.UNKNOWN, 0))
    return usual if configured is Product.UNKNOWN and 2 * count > shown.total() else configured


def used_keys(
    observed: Iterable[Observation], stores: Iterable[StoreContent], targets: Iterable[TargetFacts]
) -> frozenset[str]:
    """Keys in a store, in the gossip, or of a client with a key in its product's table."""
    found = {key for store in stores for key in (*store.values, *store.broken)}
    for observation in observed:
        page = observation.gossip.page.value
        found |= {key for key, what in page.keys.items() if not what.deleted} if page else set()
    for target in targets:
        if target.product is not Product.UNKNOWN:
            found |= {client.key for client in target.clients}
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Shown:
    """One process that answered: its ring pages by key, the keys in its gossip by their canonical key."""

    observation: Observation
    target: TargetFacts
    pages: Mapping[str, tuple[Page[Ring] | Page[PartitionRing], ...]]
    listed: Mapping[str, tuple[str, ...]]
    waiting: frozenset[str] = frozenset()  # keys with a page that was not due
    in_memory: frozenset[str] = frozenset()  # keys as they would be stored
    signals: Mapping[str, RingSignals] = field(default_factory=lambda: MappingProxyType({}))
    roles: Mapping[str, Role] = field(default_factory=lambda: MappingProxyType({}))


def pages_shown(observation: Observation, target: TargetFacts, common: KeyLookup) -> Shown:
    """Sort one process's pages. The key of a page is the one in the store: with the process's prefix. What a
    process keeps in its own memory is in no store, and no view of what is.
    """
    found: dict[str, tuple[Page[Ring] | Page[PartitionRing], ...]] = {}
    waiting = {HA_KEY} if TRACKER_PAGE in observation.waiting else set()
    requested = {*observation.rings, *observation.partitions, *observation.waiting}
    for known in _meant(target, common):
        if known.path not in requested or known.key in target.in_memory:
            continue
        page = observation.ring_page(known.path)
        key = common.names.stored(known.key, target.config)
        if page is not None:
            found[key] = (*found.get(key, ()), page)
        else:
            waiting.add(key)
    listed: dict[str, list[str]] = {}
    for name, what in observation.gossip.page.value.keys.items() if observation.gossip.page.value else ():
        if not what.deleted:
            listed.setdefault(common.names.ha.canonical(name), []).append(name)
    by_key = {key: tuple(names) for key, names in listed.items()}
    roles = {client.key: Role.READER for client in target.clients}
    roles |= {client.key: Role.OWNER for client in target.clients if client.writes}
    in_memory = frozenset(common.names.stored(key, target.config) for key in target.in_memory if key)
    signals = _signals(observation, target, common)
    return Shown(observation, target, found, by_key, frozenset(waiting), in_memory, signals, roles)


def _signals(observation: Observation, target: TargetFacts, common: KeyLookup) -> Mapping[str, RingSignals]:
    """The process's metrics about each ring that it watches, by the ring's key in the store."""
    rings = observation.metrics.value.rings if observation.metrics.value is not None else {}
    product = target.product if target.product is not Product.UNKNOWN else common.product
    by_key = signals_by_key(rings, product)
    here = by_key.keys() - target.in_memory
    return {common.names.stored(key, target.config): by_key[key] for key in here}


def signals_by_key(signals: Mapping[str, RingSignals], product: Product) -> dict[str, RingSignals]:
    """Sort by default keys. Of one ring that a process watches twice, the view with fewer members counts."""
    found: dict[str, RingSignals] = {}
    for name, ring in signals.items():
        key = key_of_client(name, product)
        if key and (key not in found or _shows_less(ring, found[key])):
            found[key] = ring
    return found


def _shows_less(ring: RingSignals, other: RingSignals) -> bool:
    return (ring.size, ring.oldest or 0.0) < (other.size, other.oldest or 0.0)


def _meant(target: TargetFacts, common: KeyLookup) -> tuple[RingPage, ...]:
    """The ring pages of one process, each with the key that is behind it there."""
    shown = target.product is not Product.UNKNOWN
    product = target.product if shown else common.product
    return tuple(
        page
        for same in _by_path(common.pages, target.product)
        for page in (_distinguished(same, product, target, common) if len(same) > 1 else same)
    )


@lru_cache(maxsize=32)  # the same for all processes of a product
def _by_path(pages: tuple[RingPage, ...] | None, product: Product) -> tuple[tuple[RingPage, ...], ...]:
    """The configured pages, else those of a product, the readings of one path together. Of a process that
    does not show its product every page that was read counts.
    """
    found = grouped((page.path, page) for page in (pages_of(product) if pages is None else pages))
    return tuple(map(tuple, found.values()))


def _distinguished(
    same: tuple[RingPage, ...], product: Product, target: TargetFacts, common: KeyLookup
) -> Sequence[RingPage]:
    """Of the readings of one path, that of the product. Else the one with a key in the process's
    configuration, else the one with a key that exists. If both are used, both count, as differing views; if
    none is, a page is still one ring.
    """
    fitting = [page for page in same if product in page.products]
    if fitting:
        return fitting
    config = target.config
    having = [page for page in same if config and common.names.stored(page.key, config) in config.rings]
    if len(having) != 1:
        having = [page for page in same if common.names.stored(page.key, config) in common.used]
    return having or same[:1]
