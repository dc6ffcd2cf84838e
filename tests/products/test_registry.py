"""The products' tables: each KV client has its ring, each ring its page and its key."""

from __future__ import annotations

import msgspec
import pytest

from exporter.model.pages import Product
from exporter.products import registry
from exporter.products.ring_pages import RING_PAGES, has_partitions, key_of_client, known_keys, ring_of
from exporter.products.table import Ring

M, C, L, T, P = Product.MIMIR, Product.CORTEX, Product.LOKI, Product.TEMPO, Product.PYROSCOPE
KNOWN = registry.PRODUCTS
# As real processes and the products' sources name them.
CLIENTS = [
    (M, "ingester-lifecycler", "collectors/ring"),
    (M, "ingester-ring", "collectors/ring"),
    (M, "ingester-partitions-lifecycler", "collectors/ingester-partitions"),
    (M, "ingester-partitions-watcher", "collectors/ingester-partitions"),
    (M, "distributor-lifecycler", "collectors/distributor"),
    (M, "distributor-hatracker", "ha-tracker/"),
    (M, "store-gateway-lifecycler", "collectors/store-gateway"),
    (M, "store-gateway-client-ring", "collectors/store-gateway"),
    (M, "querier-store-gateway", "collectors/store-gateway"),
    (M, "query-scheduler-lifecycler", "collectors/query-scheduler"),
    (M, "querier-query-scheduler-client-ring", "collectors/query-scheduler"),
    (M, "query-frontend-query-scheduler-client-ring", "collectors/query-scheduler"),
    (M, "ruler-query-scheduler-client-ring", "collectors/query-scheduler"),
    (M, "querier-lifecycler", "collectors/querier"),
    (M, "ruler", "rulers/ring"),
    (M, "alertmanager", "alertmanagers/alertmanager"),
    (M, "overrides-exporter-ring", "collectors/overrides-exporter"),
    (M, "usage-tracker-lifecycler", "collectors/usage-tracker-instances"),
    (M, "usage-tracker-instances-ring", "collectors/usage-tracker-instances"),
    (M, "usage-tracker-partitions-lifecycler", "collectors/usage-tracker-partitions"),
    (M, "usage-tracker-partitions-watcher", "collectors/usage-tracker-partitions"),
    (M, "admin-api-lifecycler", "leader-election/ring"),
    (C, "querier-store-gateway", "collectors/store-gateway"),
    (C, "parquet-converter-lifecycler", "collectors/parquet-converter"),
    (C, "parquet-converter-ring", "collectors/parquet-converter"),
    (L, "ruler-lifecycler", "rulers/rulers"),
    (L, "scheduler-ring-manager", "collectors/scheduler"),
    (L, "index-gateway-ring-manager", "collectors/index-gateway"),
    (L, "bloom-gateway-ring-manager", "collectors/bloom-gateway"),
    (L, "bloom-compactor-ring-manager", "collectors/bloom-compactor"),
    (L, "compactor-lifecycler", "collectors/compactor"),
    (L, "pattern-ingester-ring", "collectors/pattern-ring"),
    (L, "ingester-partitions-lifecycler", "collectors/ingester-partitions-key"),
    (L, "dataobj-consumer-lifecycler", "collectors/dataobj-consumer"),
    (L, "dataobj-consumer-partitions-lifecycler", "collectors/dataobj-consumer-partitions-key"),
    (L, "ingest-limits-lifecycler", "collectors/ingest-limits"),
    (L, "ingest-limits-frontend-ring", "collectors/ingest-limits-frontend"),
    (T, "live-store-lifecycler", "collectors/live-store"),
    (T, "livestore-partitions-watcher", "collectors/livestore-partitions"),
    (T, "generator-lifecycler", "collectors/metrics-generator"),
    (T, "backend-worker-ring", "collectors/backend-worker"),
    (P, "segment-writer-lifecycler", "collectors/segment-writer-ring"),
    (P, "segment-writer-ring", "collectors/segment-writer-ring"),
    (P, "query-scheduler-lifecycler", "collectors/query-scheduler"),
]


@pytest.mark.parametrize(("product", "name", "key"), CLIENTS, ids=[f"{one[0]} {one[1]}" for one in CLIENTS])
def test_a_kv_client_serves_its_ring(product: Product, name: str, key: str) -> None:
    assert key_of_client(name, product) == key
    assert key_of_client(name.upper(), product) == key


@pytest.mark.parametrize(
    ("product", "name"),
    [
        (M, "tenant-shipper-lifecycler"),
        (M, "my-ingester-lifecycler"),
        (M, "shipper-partitions-lifecycler"),
        (M, "bloom-compactor-ring-manager"),
        (C, "ingester-partitions-lifecycler"),
        (T, "segment-writer-ring"),
        (M, ""),
        (M, "-ring"),
    ],
)
def test_a_name_that_no_table_of_its_product_has_tells_no_key(product: Product, name: str) -> None:
    assert key_of_client(name, product) == ""


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("distributor-lifecycler", "collectors/distributor"),
        ("live-store-ring", "collectors/live-store"),
        ("ingester-partitions-lifecycler", ""),  # Mimir, Loki and Tempo have different keys
        ("ruler", ""),
    ],
)
def test_while_the_product_is_not_known_a_name_tells_what_all_products_agree_on(name: str, key: str) -> None:
    assert key_of_client(name, Product.UNKNOWN) == key


def test_every_row_says_where_it_was_read() -> None:
    for product in KNOWN:
        for ring in registry.rings(product):
            assert ring.source, ring
            assert ring.prefix, ring
            assert ring.clients, ring
            assert ring.blocks, ring


@pytest.mark.parametrize("product", KNOWN)
def test_no_two_rings_of_a_product_share_a_key_a_client_a_page_or_a_block(product: Product) -> None:
    for field in ("clients", "pages", "blocks"):
        names = [name for ring in registry.rings(product) for name in getattr(ring, field)]
        assert len(names) == len(set(names)), field
    keys = [ring.key for ring in registry.rings(product)]
    assert len(keys) == len(set(keys))


def test_a_partition_rings_page_is_read_as_one() -> None:
    kinds = {(page.path, page.partitions) for page in RING_PAGES}
    assert {path for path, partitions in kinds if partitions} == {
        "/ingester/partition-ring",
        "/usage-tracker/partition-ring",
        "/partition-ring",
        "/partition/ring",
        "/dataobj-consumer/partition-ring",
    }
    assert len({path for path, _ in kinds}) == len(kinds)


@pytest.mark.parametrize(
    ("product", "key", "known"),
    [
        (M, "memberlist-propagation-delay-tracker", True),
        (P, "memberlist-propagation-delay-tracker", True),
        (C, "memberlist-propagation-delay-tracker", False),
        (L, "usagestats_token", True),
        (M, "usagestats_token", False),
        (L, "rulers/ring", True),  # before 2.5
        (L, "rulers/rulers", True),
        (M, "rulers/rulers", False),
        (P, "collectors/segment-writer-ring", True),
        (M, "leader-election/ring", True),
        (C, "leader-election/ring", False),
    ],
)
def test_what_a_product_writes_is_known_and_what_another_writes_is_not(
    product: Product, key: str, known: bool
) -> None:
    assert (key in known_keys(product)) is known


@pytest.mark.parametrize(
    ("key", "ring"),
    [
        ("collectors/ring", "ingester"),
        ("eu/collectors/ring", "ingester"),
        ("rulers/ring", "ruler"),
        ("rulers/rulers", "ruler"),
        ("collectors/segment-writer-ring", "segment-writer"),
        ("leader-election/ring", "admin-api"),
        ("ha-tracker/", "ha-tracker"),
        ("collectors/new", "new"),
    ],
)
def test_a_key_has_an_everyday_name(key: str, ring: str) -> None:
    assert ring_of(key) == ring


KEYS = {
    "collectors/ring": False,
    "mimir/collectors/ring": False,
    "rulers/rulers": False,
    "collectors/ingester-partitions": True,
    "collectors/ingester-partitions-key": True,
    "collectors/livestore-partitions": True,
    "partitioned/collectors/ring": False,
}


@pytest.mark.parametrize(("key", "partitions"), KEYS.items())
def test_the_key_says_whether_it_holds_partitions(key: str, partitions: bool) -> None:
    assert has_partitions(key) is partitions


ROW = {"name": "ingester", "key": "collectors/ring", "source": "pkg/ingester/ingester.go"}
ROWS = [
    ("as it is to be", {**ROW, "pages": ["/ring"]}, True),
    ("a key that means nothing", {**ROW, "page": ["/ring"]}, False),
    ("one page and no list", {**ROW, "pages": "/ring"}, False),
    ("no source", {"name": "ingester", "key": "collectors/ring"}, False),
]


@pytest.mark.parametrize(("row", "good"), [case[1:] for case in ROWS], ids=[case[0] for case in ROWS])
def test_a_row_of_a_table_has_what_it_must_and_nothing_else(row: dict[str, object], good: bool) -> None:
    if good:
        assert msgspec.convert(row, Ring).pages == ("/ring",)
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(row, Ring)
