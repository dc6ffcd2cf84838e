"""Which product a key belongs to, by its name: ours, another, or unknown. Also which of our keys a reading of
the external store did not cover.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain

from exporter.model.facts import TargetFacts
from exporter.model.pages import ProcessConfig, Product
from exporter.model.stores import StoreFacts
from exporter.products.ha_keys import HaKeys
from exporter.products.ring_pages import HA_KEY, TRACKING, known_keys


def configs_of(targets: Iterable[TargetFacts]) -> tuple[ProcessConfig, ...]:
    """The configurations that were read."""
    return tuple(target.config for target in targets if target.config is not None)


def named_prefixes(targets: Iterable[TargetFacts]) -> frozenset[str]:
    """Every prefix that the configuration of any process names for a ring or for its HA tracker."""
    return frozenset().union(*(config.prefixes for config in configs_of(targets)))


def mostly_named(targets: Iterable[TargetFacts]) -> frozenset[str]:
    """The stored keys that more than half of the configurations name: a single one proves nothing."""
    configs = configs_of(targets)
    counts = Counter(chain.from_iterable(config.rings for config in configs))
    return frozenset(key for key, count in counts.items() if 2 * count > len(configs))


def uncovered(read: tuple[str, ...], targets: Iterable[TargetFacts], keys: Iterable[str]) -> tuple[str, ...]:
    """What is not among `read`, the prefixes of a store that were read: prefixes that a configuration
    names, and of `keys` those that stand elsewhere. Nothing where everything was read.
    """
    if not read:
        return ()
    prefixes = named_prefixes(targets)
    missing = {prefix for prefix in prefixes if prefix and not prefix.startswith(read)}
    covered = (*read, *missing)
    missing |= {key for key in keys if key != HA_KEY and not key.startswith(covered)}
    if HA_KEY in keys and not prefixes and not HA_KEY.startswith(read):
        missing.add(HA_KEY)
    return tuple(sorted(missing))


@lru_cache(maxsize=16)
def tails_of(product: Product) -> frozenset[str]:
    """What a product calls its keys behind their prefix."""
    return frozenset(tail(key) for key in known_keys(product))


def is_foreign(key: str, product: Product) -> bool:
    """Whether only other products have a key of this name, with any prefix."""
    other_products = (other for other in Product if other not in (product, Product.UNKNOWN))
    if product is Product.UNKNOWN or tail(key) in tails_of(product):
        return False
    return any(tail(key) in tails_of(other) for other in other_products)


def unused_keys(
    listed: Iterable[str], targets: Iterable[TargetFacts], product: Product, ha: HaKeys
) -> Mapping[str, bool]:
    """The keys of these that the product does not use, and whether they are another product's. The HA
    tracker's entries count as one. A prefix that no configuration names is another installation's, once
    all have been read.
    """
    targets = tuple(target for target in targets if target.up)
    if product is Product.UNKNOWN:
        return {}
    all_read = all(target.config is not None and target.config.rings for target in targets)
    prefixes = tuple(named_prefixes(targets))

    def is_ours(key: str) -> bool:
        if key == HA_KEY:
            return product in TRACKING
        near = not all_read or key in known_keys(product) or key.startswith(prefixes)
        return near and tail(key) in tails_of(product)

    left = [key for key in sorted(map(ha.canonical, listed)) if not is_ours(key)]
    if not left:
        return {}  # nearly always
    used = mostly_named(targets) | {client.key for target in targets for client in target.clients}
    return {
        key: key == HA_KEY or is_foreign(key, product) for key in left if key == HA_KEY or key not in used
    }


def label(store: StoreFacts, key: str) -> str:
    """What one of a store's keys counts under: HA entries are counted together."""
    return HA_KEY if key in store.entries else key


def tail(key: str) -> str:
    """A key behind its prefix."""
    return key.rpartition("/")[2]
