"""The kinds of pages beside the rings' and those that every process has: what is asked of whom, and when.

A row is all that a kind needs beside its decoder, which is `decode_<name>` in `exporter/decode/<name>.py` and
takes a body and the time of the answer. The page is then allowed, asked for, decoded, put into
`Observation.others`, shown as `kvmigration_page_up` and documented. A path stands here only if a GET on it
changes nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import lru_cache

from exporter.model.pages import Product
from exporter.products import registry
from exporter.products.table import HA_KEY


class Round(enum.Enum):
    """When a page is asked for: with /metrics, or with the ring pages, which are read in turns."""

    METRICS = "every cycle"
    RINGS = "in turns"


@dataclass(frozen=True, slots=True)
class PageKind:
    """One kind. The KV clients of `key` tell that a process has the page: then it is asked for again though
    it was absent a moment ago.
    """

    name: str
    path: str
    round: Round
    source: str
    products: frozenset[Product] = frozenset(registry.PRODUCTS)
    key: str = ""


TRACKER = PageKind(
    "tracker",
    "/distributor/ha_tracker",
    Round.RINGS,
    "Mimir and Cortex pkg/distributor/ha_tracker_http.go",
    products=frozenset(table.product for table in registry.TABLES.values() if table.tracker is not None),
    key=HA_KEY,
)
PAGE_KINDS = (TRACKER,)


@lru_cache(maxsize=32)
def kinds_of(product: Product, when: Round) -> tuple[PageKind, ...]:
    """The kinds that a product has in this round; every one of it where the product is not known."""
    having = (kind for kind in PAGE_KINDS if product in kind.products or product is Product.UNKNOWN)
    return tuple(kind for kind in having if kind.round is when)
