"""Cortex 1.8 to 1.21. It has a ring library of its own, which dskit was made from."""

from __future__ import annotations

from exporter.model.pages import Product
from exporter.products.table import PROMETHEUS_TRAFFIC, HATracker, ProductTable, Ring

RINGS = (
    Ring(
        "ingester",
        "collectors/ring",
        "pkg/ring/lifecycler.go, pkg/cortex/modules.go initRing; /ingester/ring since 1.0",
        pages=("/ingester/ring", "/ring"),
        clients=("ingester",),
        blocks=("ingester.lifecycler.ring",),
    ),
    Ring(
        "distributor",
        "collectors/distributor",
        "pkg/distributor/distributor.go, distributor_ring.go",
        pages=("/distributor/ring",),
        clients=("distributor",),
        blocks=("distributor.ring",),
    ),
    Ring(
        "store-gateway",
        "collectors/store-gateway",
        "pkg/storegateway/gateway.go, RingKey, and gateway_ring.go",
        pages=("/store-gateway/ring",),
        clients=("store-gateway",),
        blocks=("store_gateway.sharding_ring",),
    ),
    Ring(
        "compactor",
        "collectors/compactor",
        "pkg/compactor/compactor.go, ringKey",
        pages=("/compactor/ring",),
        clients=("compactor",),
        blocks=("compactor.sharding_ring",),
    ),
    Ring(
        "ruler",
        "rulers/ring",
        "pkg/ruler/ruler.go, ringKey, and ruler_ring.go",
        pages=("/ruler/ring",),
        clients=("ruler",),
        blocks=("ruler.ring",),
    ),
    Ring(
        "alertmanager",
        "alertmanagers/alertmanager",
        "pkg/alertmanager/multitenant.go, RingKey, and alertmanager_ring.go; since 1.8",
        pages=("/multitenant_alertmanager/ring",),
        clients=("alertmanager",),
        blocks=("alertmanager.sharding_ring",),
    ),
    Ring(
        "parquet-converter",
        "collectors/parquet-converter",
        "pkg/parquetconverter/converter.go, ringKey; since 1.20",
        pages=("/parquet-converter/ring",),
        clients=("parquet-converter",),
        blocks=("parquet_converter.ring",),
    ),
)
TABLE = ProductTable(
    Product.CORTEX,
    RINGS,
    config_page="/config",
    build_page="/api/v1/status/buildinfo",
    tracker=HATracker("distributor.ha_tracker", ("distributor-hatracker",), "pkg/ha/ha_tracker.go"),
    traffic=PROMETHEUS_TRAFFIC,
)
