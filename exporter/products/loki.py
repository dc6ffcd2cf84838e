"""Loki 2.4 to 3.6, and Grafana Enterprise Logs. Its `common` block is handed on to its rings."""

from __future__ import annotations

from exporter.model.pages import Product
from exporter.products.table import LEADER_ELECTION, PROPAGATION, USAGE_SEED, ProductTable, Ring, Routes

# pkg/loki/config_wrapper.go: applyConfigToRings, applyCommonReplicationFactor and
# applyIngesterReplicationFactor.
STORE = frozenset({"store"})  # with the times and the instance's name, address and zone
ZONES = STORE | {"zone_awareness"}
ALL = ZONES | {"replication_factor"}

RINGS = (
    Ring(
        "ingester",
        "collectors/ring",
        "pkg/ingester/ingester.go, RingKey, pkg/loki/modules.go initRing",
        pages=("/ring",),
        clients=("ingester",),
        blocks=("ingester.lifecycler.ring",),
        inherits=ALL,
    ),
    Ring(
        "ingester-partitions",
        "collectors/ingester-partitions-key",
        "pkg/ingester/kafka_consumer.go, PartitionRingKey; since 3.3",
        pages=("/partition-ring",),
        clients=("ingester-partitions", "ingester-partition"),
        blocks=("ingester.kafka_ingestion.partition_ring",),
        partitions=True,
    ),
    Ring(
        "distributor",
        "collectors/distributor",
        "pkg/distributor/distributor.go",
        pages=("/distributor/ring",),
        clients=("distributor",),
        blocks=("distributor.ring",),
        inherits=STORE,
    ),
    Ring(
        "compactor",
        "collectors/compactor",
        "pkg/compactor/compactor.go, ringKey",
        pages=("/compactor/ring",),
        clients=("compactor",),
        blocks=("compactor.compactor_ring",),
        inherits=ZONES,
    ),
    Ring(
        "ruler",
        "rulers/rulers",
        'pkg/ruler/base/ruler.go, ringKey: "rulers" since 2.5, "ring" before, where a common prefix put '
        "the rulers into the ingesters' ring",
        pages=("/ruler/ring",),
        clients=("ruler",),
        blocks=("ruler.ring",),
        formerly=("rulers/ring",),
        inherits=STORE,
    ),
    Ring(
        "scheduler",
        "collectors/scheduler",
        "pkg/loki/modules.go, schedulerRingKey; pkg/scheduler/scheduler.go before 3.0",
        pages=("/scheduler/ring",),
        clients=("scheduler", "query-scheduler"),
        blocks=("query_scheduler.scheduler_ring",),
        inherits=ZONES,
    ),
    Ring(
        "index-gateway",
        "collectors/index-gateway",
        "pkg/loki/modules.go, indexGatewayRingKey; since 2.5",
        pages=("/indexgateway/ring",),
        clients=("index-gateway",),
        blocks=("index_gateway.ring",),
        inherits=ALL,
    ),
    Ring(
        "bloom-gateway",
        "collectors/bloom-gateway",
        "pkg/loki/modules.go, bloomGatewayRingKey; 2.9 to 3.1",
        pages=("/bloomgateway/ring",),
        clients=("bloom-gateway",),
        blocks=("bloom_gateway.ring",),
        inherits=ZONES,
    ),
    Ring(
        "bloom-compactor",
        "collectors/bloom-compactor",
        "pkg/loki/modules.go, bloomCompactorRingKey; 3.0 and 3.1. The bloom planner of later releases uses "
        "the index gateways' ring",
        pages=("/bloomcompactor/ring",),
        clients=("bloom-compactor",),
        blocks=("bloom_compactor.ring",),
        inherits=ZONES,
    ),
    Ring(
        "pattern",
        "collectors/pattern-ring",
        "pkg/pattern/ingester.go, NewLifecycler; since 3.0",
        pages=("/pattern/ring",),
        clients=("pattern-ingester", "pattern"),
        blocks=("pattern_ingester.lifecycler.ring",),
        inherits=ZONES,
    ),
    Ring(
        "ingest-limits",
        "collectors/ingest-limits",
        "pkg/limits/service.go, RingKey; since 3.5",
        pages=("/ingest-limits/ring",),
        clients=("ingest-limits",),
        blocks=("ingest_limits.lifecycler.ring",),
        inherits=ZONES,
    ),
    Ring(
        "ingest-limits-frontend",
        "collectors/ingest-limits-frontend",
        "pkg/limits/frontend/frontend.go, RingKey; since 3.5",
        pages=("/ingest-limits-frontend/ring",),
        clients=("ingest-limits-frontend",),
        blocks=("ingest_limits_frontend.lifecycler.ring",),
        inherits=ZONES,
    ),
    Ring(
        "dataobj-consumer",
        "collectors/dataobj-consumer",
        "pkg/dataobj/consumer/service.go, RingKey; since 3.6",
        pages=("/dataobj-consumer/ring",),
        clients=("dataobj-consumer",),
        blocks=("dataobj.consumer.lifecycler.ring",),
        inherits=ZONES,
    ),
    Ring(
        "dataobj-consumer-partitions",
        "collectors/dataobj-consumer-partitions-key",
        "pkg/dataobj/consumer/service.go, PartitionRingKey; since 3.6",
        pages=("/dataobj-consumer/partition-ring",),
        clients=("dataobj-consumer-partitions",),
        blocks=("dataobj.consumer.partition_ring",),
        partitions=True,
    ),
    Ring(
        "ui",
        "collectors/ui",
        "pkg/ui/service.go; 3.6",
        pages=("/ui/ring",),
        clients=("ui",),
        blocks=("ui.ring",),
        inherits=ZONES,
    ),
    LEADER_ELECTION,
)
TABLE = ProductTable(
    Product.LOKI,
    RINGS,
    config_page="/config",
    build_page="/loki/api/v1/status/buildinfo",
    other_keys=(*PROPAGATION, *USAGE_SEED),
    traffic=(
        Routes(r"^(loki_api_v1|api_prom)_push$|^otlp_v1_logs$", "pkg/loki/modules.go, initDistributor"),
        Routes(
            r"^loki_api_v1_(query|query_range|labels?|label_name_values|series|tail|patterns|index_\w+|detected_\w+)$"
            r"|^api_prom_(query|label|label_name_values|series|tail)$",
            "production/loki-mixin, loki-reads.libsonnet, http_routes; pkg/loki/modules.go, initQuerier",
        ),
    ),
)
