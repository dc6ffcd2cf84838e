"""Mimir 2.0 to 3.x, and Grafana Enterprise Metrics, which is built of it."""

from __future__ import annotations

from exporter.model.pages import Product
from exporter.products.table import (
    LEADER_ELECTION,
    PROMETHEUS_TRAFFIC,
    PROPAGATION,
    HATracker,
    ProductTable,
    Ring,
)

RINGS = (
    Ring(
        "ingester",
        "collectors/ring",
        "pkg/ingester/ingester_ring.go, pkg/mimir/modules.go initIngesterRing; since 2.0",
        pages=("/ingester/ring",),
        clients=("ingester",),
        blocks=("ingester.ring",),
    ),
    Ring(
        "ingester-partitions",
        "collectors/ingester-partitions",
        "pkg/ingester/ingester_partition_ring.go, PartitionRingKey; since 2.13",
        pages=("/ingester/partition-ring",),
        clients=("ingester-partitions", "ingester-partition"),
        blocks=("ingester.partition_ring",),
        partitions=True,
    ),
    Ring(
        "distributor",
        "collectors/distributor",
        "pkg/distributor/distributor.go; since 2.0",
        pages=("/distributor/ring",),
        clients=("distributor",),
        blocks=("distributor.ring",),
    ),
    Ring(
        "store-gateway",
        "collectors/store-gateway",
        "pkg/storegateway/gateway.go, gateway_ring.go; since 2.0",
        pages=("/store-gateway/ring",),
        clients=("store-gateway",),
        blocks=("store_gateway.sharding_ring",),
    ),
    Ring(
        "compactor",
        "collectors/compactor",
        "pkg/compactor/compactor.go, ringKey; since 2.0",
        pages=("/compactor/ring",),
        clients=("compactor",),
        blocks=("compactor.sharding_ring",),
    ),
    Ring(
        "ruler",
        "rulers/ring",
        "pkg/ruler/ruler.go, RulerRingKey, and ruler_ring.go; since 2.0",
        pages=("/ruler/ring",),
        clients=("ruler",),
        blocks=("ruler.ring",),
    ),
    Ring(
        "alertmanager",
        "alertmanagers/alertmanager",
        "pkg/alertmanager/multitenant.go, RingKey, and alertmanager_ring.go; since 2.0",
        pages=("/multitenant_alertmanager/ring",),
        clients=("alertmanager",),
        blocks=("alertmanager.sharding_ring",),
    ),
    Ring(
        "query-scheduler",
        "collectors/query-scheduler",
        "pkg/scheduler/schedulerdiscovery/ring.go, ringKey; since 2.4",
        pages=("/query-scheduler/ring",),
        clients=("query-scheduler",),
        blocks=("query_scheduler.ring",),
    ),
    Ring(
        "overrides-exporter",
        "collectors/overrides-exporter",
        "pkg/util/validation/exporter/ring.go; since 2.5",
        pages=("/overrides-exporter/ring",),
        clients=("overrides-exporter",),
        blocks=("overrides_exporter.ring",),
    ),
    Ring(
        "querier",
        "collectors/querier",
        "pkg/querier/ring.go, querier-lifecycler; since 3.0",
        pages=("/querier/ring",),
        clients=("querier",),
        blocks=("querier.ring",),
    ),
    Ring(
        "usage-tracker",
        "collectors/usage-tracker-instances",
        "pkg/usagetracker/tracker_instance_ring.go; since 3.0",
        pages=("/usage-tracker/instance-ring",),
        clients=("usage-tracker", "usage-tracker-instances"),
        blocks=("usage_tracker.instance_ring",),
    ),
    Ring(
        "usage-tracker-partitions",
        "collectors/usage-tracker-partitions",
        "pkg/usagetracker/tracker_partition_ring.go, PartitionRingKey; since 3.0",
        pages=("/usage-tracker/partition-ring",),
        clients=("usage-tracker-partitions", "usage-tracker-partition"),
        blocks=("usage_tracker.partition_ring",),
        partitions=True,
    ),
    LEADER_ELECTION,
)
# Its usage statistics' seed is in the bucket (pkg/usagestats/seed.go): here that key is another product's
# trace, see grafana/mimir#5981.
TABLE = ProductTable(
    Product.MIMIR,
    RINGS,
    config_page="/config",
    build_page="/api/v1/status/buildinfo",
    tracker=HATracker("distributor.ha_tracker", ("distributor-hatracker",), "pkg/distributor/ha_tracker.go"),
    other_keys=PROPAGATION,
    traffic=PROMETHEUS_TRAFFIC,
)
