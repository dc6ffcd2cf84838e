"""The kinds of pages besides the rings' and those of every process: which processes have them, and when they
are requested.

A row is all that a kind needs besides its decoder. That is `decode_<name>` in `exporter/decode/<name>.py` and
takes a body and the time of the answer. The page is then allowed, requested, decoded, put into
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
    """When a page is requested: with /metrics, with the ring pages (in turns), or rarely."""

    METRICS = "every cycle"
    RINGS = "in turns"
    RARELY = "every five minutes, and when a KV client changed its phase"


@dataclass(frozen=True, slots=True)
class PageKind:
    """One kind. A process with KV clients of `key` has the page: it is then requested again even if it was
    absent before. `query` is appended to the path. No judgement depends on an `is_optional` page: one that
    fails does not count as missing.
    """

    name: str
    path: str
    round: Round
    source: str
    products: frozenset[Product] = frozenset(registry.PRODUCTS)
    key: str = ""
    query: str = ""
    is_optional: bool = False

    @property
    def request(self) -> str:
        """The path with its query, as it is requested."""
        return f"{self.path}?{self.query}" if self.query else self.path


TRACKER = PageKind(
    "tracker",
    "/distributor/ha_tracker",
    Round.RINGS,
    "Mimir and Cortex pkg/distributor/ha_tracker_http.go",
    products=frozenset(table.product for table in registry.TABLES.values() if table.tracker is not None),
    key=HA_KEY,
)
RUNTIME_CONFIG = PageKind(
    "runtime_config",
    "/runtime_config",
    Round.RARELY,
    "pkg/mimir/runtime_config.go and pkg/cortex/runtime_config.go, runtimeConfigHandler",
    products=frozenset({Product.MIMIR, Product.CORTEX}),
    query="mode=diff",
    is_optional=True,
)
# Loki has no such page. Those of Tempo (`/status/runtime_config`) and Pyroscope have no `multi_kv_config`.
PAGE_KINDS = (TRACKER, RUNTIME_CONFIG)
OPTIONAL = frozenset(kind.name for kind in PAGE_KINDS if kind.is_optional)


@lru_cache(maxsize=32)
def kinds_of(product: Product, when: Round) -> tuple[PageKind, ...]:
    """The kinds that a product has in this round; every one of it where the product is unknown."""
    having = (kind for kind in PAGE_KINDS if product in kind.products or product is Product.UNKNOWN)
    return tuple(kind for kind in having if kind.round is when)
