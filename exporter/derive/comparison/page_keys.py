"""Which key's ring a page shows. Two products can have one path and behind it different keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from exporter.derive.identity.key_names import Names
from exporter.model.facts import TargetFacts
from exporter.model.pages import Observation, Product
from exporter.model.stores import StoreContent
from exporter.products.ring_pages import RingPage, pages_of


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


def meant(target: TargetFacts, common: KeyLookup) -> tuple[RingPage, ...]:
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
    found: dict[str, list[RingPage]] = {}
    for page in pages_of(product) if pages is None else pages:
        found.setdefault(page.path, []).append(page)
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
