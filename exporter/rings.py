"""Which ring is behind which page, key and KV client: the table the products agree on.

Read in dskit's and the products' sources and seen live; see FACTS of the design. A path stands
here only if a GET on it changes nothing: this table is half of the allow-list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from exporter.model import Product

M, C, L, T, P = Product.MIMIR, Product.CORTEX, Product.LOKI, Product.TEMPO, Product.PYROSCOPE
ALL = frozenset({M, C, L, T, P})
ANY = frozenset(Product)  # also where the product is not known
CONFIG_PAGE = "/config"  # and what this page is called, whatever its path
CONFIG_PAGES = (CONFIG_PAGE, "/status/config", "/api/v1/status/config")
_CONFIG_PAGE_OF = {T: "/status/config", P: "/api/v1/status/config"}  # their cmd/tempo/app and pkg/api
HA_KEY = "ha-tracker/"
TRACKER_PAGE = "/distributor/ha_tracker"


@dataclass(frozen=True, slots=True)
class RingPage:
    """One ring page. `key` is below the KV prefix of the client, as the products have it by default."""

    path: str
    key: str
    ring: str
    products: frozenset[Product]
    kind: str = "ring"


def _pages(*rows: tuple[str, str, str, frozenset[Product]]) -> tuple[RingPage, ...]:
    return tuple(RingPage(*row, kind="partition" if "partition" in row[0] else "ring") for row in rows)


def _in(*products: Product) -> frozenset[Product]:
    return frozenset(products)


RING_PAGES = _pages(
    ("/ingester/ring", "collectors/ring", "ingester", _in(M, C, T)),
    ("/ring", "collectors/ring", "ingester", _in(C, L, P)),
    ("/distributor/ring", "collectors/distributor", "distributor", ALL),
    ("/store-gateway/ring", "collectors/store-gateway", "store-gateway", _in(M, C, P)),
    ("/compactor/ring", "collectors/compactor", "compactor", ALL),
    ("/ruler/ring", "rulers/ring", "ruler", _in(M, C)),
    ("/ruler/ring", "rulers/rulers", "ruler", _in(L)),
    ("/multitenant_alertmanager/ring", "alertmanagers/alertmanager", "alertmanager", _in(M, C)),
    ("/query-scheduler/ring", "collectors/query-scheduler", "query-scheduler", _in(M)),
    ("/overrides-exporter/ring", "collectors/overrides-exporter", "overrides-exporter", _in(M, P)),
    ("/querier/ring", "collectors/querier", "querier", _in(M)),
    ("/parquet-converter/ring", "collectors/parquet-converter", "parquet-converter", _in(C)),
    ("/usage-tracker/instance-ring", "collectors/usage-tracker-instances", "usage-tracker", _in(M)),
    ("/scheduler/ring", "collectors/scheduler", "scheduler", _in(L)),
    ("/indexgateway/ring", "collectors/index-gateway", "index-gateway", _in(L)),
    ("/pattern/ring", "collectors/pattern-ring", "pattern", _in(L)),
    ("/ingest-limits/ring", "collectors/ingest-limits", "ingest-limits", _in(L)),
    ("/ingest-limits-frontend/ring", "collectors/ingest-limits-frontend", "ingest-limits-frontend", _in(L)),
    ("/dataobj-consumer/ring", "collectors/dataobj-consumer", "dataobj-consumer", _in(L)),
    ("/ui/ring", "collectors/ui", "ui", _in(L)),
    ("/live-store/ring", "collectors/live-store", "live-store", _in(T)),
    ("/backend-worker/ring", "collectors/backend-worker", "backend-worker", _in(T)),
    ("/metrics-generator/ring", "collectors/metrics-generator", "metrics-generator", _in(T)),
    ("/ring-segment-writer", "collectors/segment-writer", "segment-writer", _in(P)),
    ("/ingester/partition-ring", "collectors/ingester-partitions", "ingester-partitions", _in(M)),
    (
        "/usage-tracker/partition-ring",
        "collectors/usage-tracker-partitions",
        "usage-tracker-partitions",
        _in(M),
    ),
    ("/partition-ring", "collectors/ingester-partitions-key", "ingester-partitions", _in(L)),
    (
        "/dataobj-consumer/partition-ring",
        "collectors/dataobj-consumer-partitions-key",
        "dataobj-consumer-partitions",
        _in(L),
    ),
    ("/partition-ring", "collectors/livestore-partitions", "livestore-partitions", _in(T)),
    ("/partition/ring", "collectors/livestore-partitions", "livestore-partitions", _in(T)),
)

RING_NAMES = frozenset(page.ring for page in RING_PAGES)

# Rings written by quorum. The others that have a replication factor (store-gateway, ruler,
# alertmanager) ignore unhealthy members and need one healthy replica: dskit calls the strategy so.
QUORUM_RINGS = frozenset({"ingester"})

# Keys beside the rings. Mimir keeps its usage statistics' seed in the bucket and Cortex has none, so that
# there this key is the trace of another product: grafana/mimir#5981.
OTHER_KEYS = dict.fromkeys((L, T, P), frozenset({"usagestats_token", "collectors/usagestats_token"}))

# First match names the key: (part of a client's name, key). Longest and most special first.
_CLIENT_KEYS = (
    ("hatracker", HA_KEY),
    ("ha-tracker", HA_KEY),
    ("store-gateway", "collectors/store-gateway"),
    ("overrides-exporter", "collectors/overrides-exporter"),
    ("parquet-converter", "collectors/parquet-converter"),
    ("query-scheduler", "collectors/query-scheduler"),
    ("index-gateway", "collectors/index-gateway"),
    ("pattern", "collectors/pattern-ring"),
    ("ingest-limits-frontend", "collectors/ingest-limits-frontend"),
    ("ingest-limits", "collectors/ingest-limits"),
    ("live-store", "collectors/live-store"),
    ("backend-worker", "collectors/backend-worker"),
    ("metrics-generator", "collectors/metrics-generator"),
    ("segment-writer", "collectors/segment-writer"),
    ("alertmanager", "alertmanagers/alertmanager"),
    ("compactor", "collectors/compactor"),
    ("distributor", "collectors/distributor"),
    ("scheduler", "collectors/scheduler"),
    ("ingester", "collectors/ring"),
    ("querier", "collectors/querier"),
)
_PARTITION_KEYS = {
    M: "collectors/ingester-partitions",
    L: "collectors/ingester-partitions-key",
    T: "collectors/livestore-partitions",
}


def config_pages(product: Product) -> tuple[str, ...]:
    """Where a product's configuration page is; every path that has one where the product is not known."""
    if product is Product.UNKNOWN:
        return CONFIG_PAGES
    return (_CONFIG_PAGE_OF.get(product, CONFIG_PAGE),)


def pages_of(product: Product) -> Iterator[RingPage]:
    """The ring pages a product can have; every page there is where the product is not known."""
    for page in RING_PAGES:
        if product is Product.UNKNOWN or product in page.products:
            yield page


@lru_cache(maxsize=4096)
def key_of_client(name: str, product: Product) -> str:
    """The KV key a client (`kv_name`) serves; "" where its name tells nothing."""
    lowered = name.lower()
    if "partition" in lowered:
        return _PARTITION_KEYS.get(product, "")
    if "ruler" in lowered:
        return "rulers/rulers" if product is L else "rulers/ring"
    return next((key for part, key in _CLIENT_KEYS if part in lowered), "")


@lru_cache(maxsize=4096)
def reads_only_by_name(name: str) -> bool:
    """Whether a client's name says that it only watches: `ingester-ring`, `querier-store-gateway`."""
    lowered = name.lower()
    return lowered.endswith(("-ring", "-client", "-watcher", "-reader")) or lowered.startswith("querier-")


def ring_of(key: str) -> str:
    """A key's everyday name: `ingester` for `collectors/ring`; the last part where it is not known."""
    if key == HA_KEY:
        return "ha-tracker"
    known = next((page.ring for page in RING_PAGES if key.removeprefix("/") == page.key), "") or next(
        (page.ring for page in RING_PAGES if key.endswith(f"/{page.key}")), ""
    )
    return known or key.rsplit("/", 1)[-1]


def known_keys(product: Product) -> frozenset[str]:
    """Keys that this product uses; anything else in its gossip came from a stranger."""
    return frozenset(page.key for page in pages_of(product)) | OTHER_KEYS.get(product, frozenset())
