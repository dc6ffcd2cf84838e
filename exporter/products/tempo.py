"""Tempo 2.0 to 3.x, and Grafana Enterprise Traces. Each ring's key can be chosen in the configuration."""

from __future__ import annotations

from exporter.model.pages import Product
from exporter.products.table import LEADER_ELECTION, PROPAGATION, USAGE_SEED, ProductTable, Ring, Routes

RINGS = (
    Ring(
        "ingester",
        "collectors/ring",
        "modules/ingester/ingester.go, cmd/tempo/app/modules.go initRing; before 3.0",
        pages=("/ingester/ring",),
        clients=("ingester",),
        blocks=("ingester.lifecycler.ring",),
        chosen_by="ingester.override_ring_key",
    ),
    Ring(
        "ingester-partitions",
        "collectors/ingester-partitions",
        "modules/ingester/config.go, partition_ring; 2.7 to 2.10",
        clients=("ingester-partitions", "ingester-partition"),
        blocks=("ingester.partition_ring",),
        partitions=True,
    ),
    Ring(
        "distributor",
        "collectors/distributor",
        "modules/distributor/config.go, override_ring_key",
        pages=("/distributor/ring",),
        clients=("distributor",),
        blocks=("distributor.ring",),
        chosen_by="distributor.override_ring_key",
    ),
    Ring(
        "compactor",
        "collectors/compactor",
        "modules/compactor/config.go, override_ring_key; before 3.0",
        pages=("/compactor/ring",),
        clients=("compactor",),
        blocks=("compactor.ring",),
        chosen_by="compactor.override_ring_key",
    ),
    Ring(
        "metrics-generator",
        "collectors/metrics-generator",
        "modules/generator/config.go, generatorRingKey; before 3.0",
        pages=("/metrics-generator/ring",),
        clients=("metrics-generator", "generator"),
        blocks=("metrics_generator.ring",),
        chosen_by="metrics_generator.override_ring_key",
    ),
    Ring(
        "live-store",
        "collectors/live-store",
        "modules/livestore/live_store.go; since 3.0",
        pages=("/live-store/ring",),
        clients=("live-store",),
        blocks=("live_store.ring",),
        chosen_by="live_store.override_ring_key",
    ),
    Ring(
        "livestore-partitions",
        "collectors/livestore-partitions",
        "modules/livestore/live_store.go, PartitionRingKey; since 3.0",
        pages=("/partition-ring", "/partition/ring"),
        clients=("livestore-partitions",),
        blocks=("live_store.partition_ring",),
        partitions=True,
    ),
    Ring(
        "backend-worker",
        "collectors/backend-worker",
        "modules/backendworker/backendworker.go, backendWorkerRingKey; since 2.8",
        pages=("/backend-worker/ring",),
        clients=("backend-worker",),
        blocks=("backend_worker.ring",),
        chosen_by="backend_worker.override_ring_key",
    ),
    LEADER_ELECTION,
)
TABLE = ProductTable(
    Product.TEMPO,
    RINGS,
    config_page="/status/config",
    build_page="/api/status/buildinfo",
    other_keys=(*PROPAGATION, *USAGE_SEED),
    traffic=(
        # Pushes come in by receivers of their own port, which no route counts.
        Routes(
            r"^api_(traces_\w+|search|search_\w+|v2_(search|traces)_\w+|metrics_\w+)$",
            "integration/e2e/api_test.go, routeTable; the querier's own begin with querier_",
        ),
    ),
)
