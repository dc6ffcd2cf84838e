"""Pyroscope 1.0 to 2.x."""

from __future__ import annotations

from exporter.model.pages import Product
from exporter.products.table import PROPAGATION, USAGE_SEED, ProductTable, Ring, Routes

RINGS = (
    Ring(
        "ingester",
        "collectors/ring",
        "pkg/ingester/ingester.go, pkg/pyroscope/modules.go initIngesterRing",
        pages=("/ring",),
        clients=("ingester",),
        blocks=("ingester.lifecycler.ring",),
    ),
    Ring(
        "segment-writer",
        "collectors/segment-writer-ring",
        "pkg/segmentwriter/service.go, RingKey; since 1.11",
        pages=("/ring-segment-writer",),
        clients=("segment-writer",),
        blocks=("segment_writer.lifecycler.ring",),
    ),
    Ring(
        "distributor",
        "collectors/distributor",
        "pkg/distributor/distributor.go",
        pages=("/distributor/ring",),
        clients=("distributor",),
        blocks=("distributor.ring",),
    ),
    Ring(
        "store-gateway",
        "collectors/store-gateway",
        "pkg/storegateway/gateway.go, RingKey",
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
        "query-scheduler",
        "collectors/query-scheduler",
        "pkg/scheduler/schedulerdiscovery/ring.go, ringKey",
        pages=("/query-scheduler/ring",),
        clients=("query-scheduler",),
        blocks=("query_scheduler.ring",),
    ),
    Ring(
        "overrides-exporter",
        "collectors/overrides-exporter",
        "pkg/validation/exporter/ring.go",
        pages=("/overrides-exporter/ring",),
        clients=("overrides-exporter",),
        blocks=("overrides_exporter.ring",),
    ),
)
TABLE = ProductTable(
    Product.PYROSCOPE,
    RINGS,
    config_page="/api/v1/status/config",
    build_page="/api/v1/status/buildinfo",
    other_keys=(*PROPAGATION, *USAGE_SEED),
    traffic=(
        Routes(r"^(pyroscope_)?ingest$|^/push\.v1\.PusherService/Push$", "pkg/api/api.go, distributor"),
        Routes(
            r"^pyroscope_(render|render_diff|label_values)$|^/querier\.v1\.QuerierService/\w+$",
            "pkg/api/api.go, RegisterQueryFrontend and RegisterPyroscopeHandlers",
        ),
    ),
)
