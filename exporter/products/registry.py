"""All products' tables, read from `tables/`, and lookups in them by product."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import yaml

from exporter.model.pages import Product
from exporter.products.table import HATracker, ProductTable, Ring

PRODUCTS = tuple(product for product in Product if product is not Product.UNKNOWN)
_HERE = Path(__file__).parent / "tables"


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((_HERE / f"{name}.yaml").read_bytes(), Loader=yaml.CSafeLoader)
    return found


def _table(product: Product, shared: Mapping[str, list[Any]]) -> ProductTable:
    """A product's table is in the file of its name; a row that is a name stands for the shared rows."""
    table = _read(product.value)
    for part in ("rings", "other_keys", "traffic"):
        table[part] = [row for item in table.get(part, ()) for row in _rows(item, shared)]
    return msgspec.convert({**table, "product": product.value}, ProductTable)


def _rows(item: Any, shared: Mapping[str, list[Any]]) -> list[Any]:
    return shared[item] if isinstance(item, str) else [item]


_SHARED = _read("shared")
# Each member of `Product` has a table here.
TABLES: Mapping[Product, ProductTable] = MappingProxyType(
    {product: _table(product, _SHARED) for product in PRODUCTS}
)
# What the libraries put behind a ring's name, by what the client is for: dskit's and Cortex's
# ring/lifecycler.go, ring/ring.go, ring/partition_ring_watcher.go, Loki's pkg/util/ring/ring_manager.go.
_USES = ("-ring-manager", "-lifecycler", "-watcher", "-ring", "-client", "-reader", "-editor")
# Components that put their own name before that of a ring they read: `querier-store-gateway`,
# `query-frontend-query-scheduler-client-ring`.
_READERS = ("query-frontend-", "querier-", "ruler-", "distributor-", "frontend-")


def tables(product: Product) -> tuple[ProductTable, ...]:
    """The product's table; every table where it is unknown."""
    return tuple(TABLES.values()) if product is Product.UNKNOWN else (TABLES[product],)


def rings(product: Product) -> Iterator[Ring]:
    """The product's rings; those of every product where it is unknown."""
    for table in tables(product):
        yield from table.rings


def config_pages(product: Product) -> tuple[str, ...]:
    """Where a product's configuration page is; every path that has one where it is unknown."""
    return tuple(dict.fromkeys(table.config_page for table in tables(product)))


def build_pages(product: Product) -> tuple[str, ...]:
    """Where a product's build information is; every path that has it where it is unknown."""
    return tuple(dict.fromkeys(table.build_page for table in tables(product)))


@lru_cache(maxsize=4096)
def key_of_client(name: str, product: Product) -> str:
    """The default key of the ring, or of the HA tracker, that a KV client (`kv_name`) serves.

    "" where no table has the name, or where the product is unknown and products differ.
    """
    stem = _stem(name.lower())
    found = {key for table in tables(product) if (key := _served(table, stem))}
    return found.pop() if len(found) == 1 else ""


def _stem(name: str) -> str:
    """A client's name without the part that shows how it uses its ring: `query-scheduler-client-ring`."""
    shorter = next((name.removesuffix(use) for use in _USES if name.endswith(use)), name)
    return name if shorter == name else _stem(shorter)


def _served(table: ProductTable, stem: str) -> str:
    clients = _clients(table.product)
    bare = next((stem.removeprefix(owner) for owner in _READERS if stem.startswith(owner)), stem)
    return clients.get(stem) or clients.get(bare, "")


@cache
def _clients(product: Product) -> Mapping[str, str]:
    table = TABLES[product]
    found = {client: ring.key for ring in table.rings for client in ring.clients}
    if table.tracker is not None:
        found |= dict.fromkeys(table.tracker.clients, table.tracker.key)
    return found


@cache
def ring_keys(product: Product) -> frozenset[str]:
    """The keys, with their default prefixes, that the product's rings have or had in an earlier release."""
    return frozenset(key for ring in rings(product) for key in (ring.key, *ring.formerly))


@cache
def keys_shown_by_members(product: Product) -> frozenset[str]:
    """The keys, with their default prefixes, of the rings with a page on members only."""
    return frozenset(ring.key for ring in rings(product) if ring.page_on_members)


@cache
def known_keys(product: Product) -> frozenset[str]:
    """Every key that the product writes but those of its HA tracker."""
    return ring_keys(product) | {key for table in tables(product) for key, _ in table.other_keys}


@cache
def outside_requests(product: Product) -> re.Pattern[str]:
    """What matches the routes by which users push and query; those of every product where it is unknown."""
    return re.compile(
        "|".join(f"(?:{routes.pattern})" for table in tables(product) for routes in table.traffic)
    )


def trackers(product: Product) -> Iterator[HATracker]:
    """The product's HA tracker, if it has one; that of every product where it is unknown."""
    yield from (table.tracker for table in tables(product) if table.tracker is not None)
