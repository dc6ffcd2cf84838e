"""The rings of each product, as FACTS and the products' sources have them, and nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.model.pages import Product


@dataclass(frozen=True)
class Kind:
    """One ring of a product: who is in it, under which page and client."""

    role: str
    prefix: str
    name: str
    page: str
    writer: str
    reader: str = ""
    readers: tuple[str, ...] = ()  # roles that only watch it
    shown: bool = True  # whether its own members show the page


C = "collectors/"
_READ = ("distributor", "querier")
_DISTRIBUTOR = Kind(
    "distributor", C, "distributor", "/distributor/ring", "distributor-lifecycler", "distributor-ring"
)
_COMMON = (
    Kind("ingester", C, "ring", "/ingester/ring", "ingester-lifecycler", "ingester-ring", _READ),
    _DISTRIBUTOR,
    Kind("store-gateway", C, "store-gateway", "/store-gateway/ring", "store-gateway"),
    Kind("compactor", C, "compactor", "/compactor/ring", "compactor-lifecycler", "compactor-ring"),
    Kind("ruler", "rulers/", "ring", "/ruler/ring", "ruler"),
    Kind("alertmanager", "alertmanagers/", "alertmanager", "/multitenant_alertmanager/ring", "alertmanager"),
)  # fmt: skip
KINDS: dict[Product, tuple[Kind, ...]] = {
    Product.MIMIR: _COMMON,
    Product.CORTEX: _COMMON,
    Product.LOKI: (
        Kind("ingester", C, "ring", "/ring", "ingester-lifecycler", "ingester-ring", _READ),
        _DISTRIBUTOR,
        Kind("compactor", C, "compactor", "/compactor/ring", "compactor-lifecycler"),
        Kind("scheduler", C, "scheduler", "/scheduler/ring", "scheduler-ring-manager"),
        Kind("index-gateway", C, "index-gateway", "/indexgateway/ring", "index-gateway-ring-manager"),
        Kind("ruler", "rulers/", "rulers", "/ruler/ring", "ruler-lifecycler"),
    ),
    Product.TEMPO: (
        Kind("ingester", C, "ring", "/ingester/ring", "ingester-lifecycler", "ingester-ring",
             _READ, shown=False),
        Kind("compactor", C, "compactor", "/compactor/ring", "compactor-lifecycler", "compactor-ring"),
    ),
    Product.PYROSCOPE: (
        Kind("segment-writer", C, "segment-writer-ring", "/ring-segment-writer", "segment-writer-lifecycler",
             "segment-writer-ring", ("distributor",), shown=False),
        _DISTRIBUTOR,
    ),
}  # fmt: skip
VERSIONS = {
    Product.MIMIR: ("2.17.0", "3.0.1"),
    Product.CORTEX: ("1.21.0", "1.22.1"),
    Product.LOKI: ("2.9.8", "3.5.0"),
    Product.TEMPO: ("2.6.1", "2.9.0"),
    Product.PYROSCOPE: ("1.13.0", "2.1.0"),
}
