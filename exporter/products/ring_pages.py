"""Which ring is behind which page, key and KV client.

The products' names for them are in `exporter.products`; the sources are in FACTS of the design. A path stands
there only if a GET on it changes nothing: those tables are half of the allow-list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from exporter.model.pages import Product
from exporter.products import registry
from exporter.products.page_kinds import TRACKER
from exporter.products.table import HA_KEY as HA_KEY  # noqa: PLC0414  # all rooms import it from here

ANY = frozenset(Product)  # also where the product is unknown
CONFIG_PAGE = "/config"  # what the configuration page is called, whatever its path
CONFIG_PAGES = registry.config_pages(Product.UNKNOWN)
BUILD_PAGES = registry.build_pages(Product.UNKNOWN)
TRACKER_PAGE, TRACKING = TRACKER.path, TRACKER.products
INGESTERS, STORE_GATEWAYS, RULERS = "ingester", "store-gateway", "ruler"  # rings
INGESTER_KEY = "collectors/ring"
STORE_PREFIXES = ("collectors/", "rulers/", "alertmanagers/", HA_KEY)  # below which all of them keep keys
config_pages, build_pages = registry.config_pages, registry.build_pages
key_of_client, known_keys, ring_keys = registry.key_of_client, registry.known_keys, registry.ring_keys
keys_shown_by_members = registry.keys_shown_by_members


@dataclass(frozen=True, slots=True)
class RingPage:
    """One ring page. `key` is below the KV prefix of the client, as the products have it by default."""

    path: str
    key: str
    ring: str
    products: frozenset[Product]
    partitions: bool = False


def _pages() -> Iterator[RingPage]:
    """Each page once for each ring that is behind it, with the products that have it there."""
    having: dict[tuple[str, str, str, bool], set[Product]] = {}
    for table in registry.TABLES.values():
        for ring in table.rings:
            for path in ring.pages:
                having.setdefault((path, ring.key, ring.name, ring.partitions), set()).add(table.product)
    for (path, key, name, partitions), products in having.items():
        yield RingPage(path, key, name, frozenset(products), partitions)


RING_PAGES = tuple(_pages())
RING_NAMES = frozenset(ring.name for ring in registry.rings(Product.UNKNOWN))

# Rings written by quorum. The remaining rings with a replication factor (store-gateway, ruler, alertmanager)
# ignore unhealthy members and need one healthy replica: dskit's name for the strategy.
QUORUM_RINGS = frozenset({INGESTERS})
TOKEN_RINGS = frozenset({INGESTERS})  # each member has tokens: none at all is a failure
WRITE_RINGS = frozenset({INGESTERS, "distributor"})

# The rings with the members that own the partitions. An owner's id is its instance id, followed by "/" and
# the partition's number where one instance owns several (dskit's MultiPartitionInstanceRing, in Mimir's
# usage-tracker). Mimir pkg/ingester, Loki pkg/ingester and pkg/dataobj/consumer, Tempo modules/livestore:
# they all pass the lifecycler's id to PartitionInstanceLifecycler.
PARTITION_OWNERS = {
    "ingester-partitions": "ingester",
    "usage-tracker-partitions": "usage-tracker",
    "dataobj-consumer-partitions": "dataobj-consumer",
    "livestore-partitions": "live-store",
}


@lru_cache(maxsize=16)
def pages_of(product: Product) -> tuple[RingPage, ...]:
    """The ring pages a product can have; every page there is where the product is unknown."""
    return tuple(page for page in RING_PAGES if product is Product.UNKNOWN or product in page.products)


def has_partitions(key: str) -> bool:
    """Whether a ring's key, or its page's path, is that of a partition ring, whatever prefix it has."""
    return "partition" in key.rsplit("/", 1)[-1]


def is_of_ingesters(ring: str) -> bool:
    """Whether writes depend on this ring: that of the ingesters, or that of their partitions."""
    return ring.startswith(INGESTERS)


@lru_cache(maxsize=4096)
def reads_only_by_name(name: str) -> bool:
    """Whether a client only watches, by its name: `ingester-ring`, `querier-store-gateway`."""
    lowered = name.lower()
    return lowered.endswith(("-ring", "-client", "-watcher", "-reader")) or lowered.startswith("querier-")


@lru_cache(maxsize=4096)
def ring_of(key: str) -> str:
    """A key's everyday name: `ingester` for `collectors/ring`; the last part where it is unknown."""
    if key == HA_KEY:
        return HA_KEY.removesuffix("/")
    rings = tuple(registry.rings(Product.UNKNOWN))
    known = next((ring.name for ring in rings if key.removeprefix("/") == ring.key), "") or next(
        (ring.name for ring in rings if key.endswith(f"/{ring.key}")), ""
    )
    return known or key.rsplit("/", 1)[-1]
