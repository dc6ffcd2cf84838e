"""The shape of a product's table. Every row says where in the product's public source it was read."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.model.pages import Product

HA_KEY = "ha-tracker/"


@dataclass(frozen=True, slots=True)
class Ring:
    """One ring, or one partition ring where `partitions` says so.

    `name` is its everyday name and `key` its key with the default prefix. `clients` are the names of its
    KV clients without what says how they use it (`-lifecycler`, `-ring`). `blocks` are where its settings
    stand in the configuration, one for each form that releases have had; `chosen_by` is the setting that
    names the key. `formerly` are the keys that earlier releases had. `inherits` says what Loki's `common`
    block hands on to it beside the store.
    """

    name: str
    key: str
    source: str
    pages: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    chosen_by: str = ""
    formerly: tuple[str, ...] = ()
    partitions: bool = False
    inherits: frozenset[str] = frozenset()

    @property
    def prefix(self) -> str:
        """The default prefix, slash included."""
        return self.key[: self.key.rindex("/") + 1]


@dataclass(frozen=True, slots=True)
class HATracker:
    """Where the HA tracker's settings stand, and the names of its KV clients."""

    block: str
    clients: tuple[str, ...]
    source: str
    key: str = HA_KEY


@dataclass(frozen=True, slots=True)
class Routes:
    """Routes of requests that users cause, as a pattern of the `route` label of the product's
    `…_request_duration_seconds`: the path's template with "_" for all but letters and digits.
    """

    pattern: str
    source: str


@dataclass(frozen=True, slots=True)
class ProductTable:
    """All of one product. `other_keys` are in its gossip or store and are no rings: key, then source.
    `traffic` are the routes by which its users push and query.
    """

    product: Product
    rings: tuple[Ring, ...]
    config_page: str
    build_page: str
    tracker: HATracker | None = None
    other_keys: tuple[tuple[str, str], ...] = ()
    traffic: tuple[Routes, ...] = ()


# dskit since December 2025, `kv/memberlist/propagation_tracker.go`: every process writes it where
# memberlist.propagation_delay_tracker.enabled is set. It has no prefix and goes through no KV client.
PROPAGATION = (
    ("memberlist-propagation-delay-tracker", "dskit kv/memberlist/propagation_tracker.go, since 2025"),
)
# Mimir's and Cortex's pushes and queries. Queriers that the frontend asks count them elsewhere
# (`cortex_querier_request_duration_seconds`): who shows one of these was asked directly.
PROMETHEUS_TRAFFIC = (
    Routes(
        r"^api_(v1|prom)_push|^otlp_v1_metrics$|^/distributor\.Distributor/Push$",
        "Mimir's mixin, dashboard-queries.libsonnet, write_http_routes_regex; pkg/api/api.go",
    ),
    Routes(
        r"(^|_)api_v1_(query|query_range|query_exemplars|series|labels|label_name_values|metadata|read|"
        r"format_query|cardinality_\w+|rules|alerts)$",
        "Mimir's mixin, dashboard-queries.libsonnet, read_http_routes_regex, below any "
        "api.prometheus-http-prefix; pkg/api/handlers.go",
    ),
)
# The seed of the usage statistics, a KV client of the ingester ring's store; the key is below its prefix.
USAGE_SEED = (
    ("usagestats_token", "pkg/analytics/reporter.go, seedKey"),
    ("collectors/usagestats_token", "the same below the prefix of the ingester ring"),
)
# The enterprise builds' admin API elects its leader in a ring of its own: on by default since GEM 2.0.
LEADER_ELECTION = Ring(
    "admin-api",
    "leader-election/ring",
    "docs/enterprise-{metrics,logs,traces}/latest/admin-api/leadership-election; prefix and key as in the "
    "flags -admin-api.leader-election.ring.*",
    clients=("admin-api",),
    blocks=("admin_api.leader_election.ring",),
)
