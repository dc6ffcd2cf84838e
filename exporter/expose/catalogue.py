"""Every metric: name, kind, unit, labels, HELP. Dashboards, alerts and docs take names from here.

A constant is named as its metric, without the prefix and in upper case::

    catalogue.SECONDARY_LAG_SECONDS.name    kvmigration_secondary_lag_seconds
    catalogue.SECONDARY_LAG_SECONDS.labels  ("key", "ring")

Labels used throughout: `target` is the process, `kv_name` its KV client as the process names it. `key` is the
KV key (`collectors/ring`), `ring` the key's everyday name (`ingester`). `view` is `ring` (a process's ring
page) or `gossip` (its memberlist copy). What is unknown has no series.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from exporter.expose.metric import Metric, Metrics

ESTIMATE_LETTERS = {
    "T": "targets",
    "C": "KV clients of one process (often 2 to 8)",
    "K": "keys: one per ring, and one for the HA tracker",
    "P": "pages requested of one process",
    "Z": "zones",
    "G": "configured groups",
    "S": "external stores",
    "D": "discovery sources",
    "L": "gossip labels found",
    "Y": "migrations: 5, and each one configured",
    "M": "members of the gossip, for shards",
}

_metrics = Metrics()
_section, _gauge, _counter, _info = _metrics.section, _metrics.gauge, _metrics.counter, _metrics.info

_METRICS = "the process's /metrics"
_RING = "the primary (the store itself where configured, else the ring pages)"
_GOSSIP = "/memberlist"
_CONFIG = "/config"
_PHASES = "0 external, 1 multi, 2 mirroring, 3 switched, 4 detached, 5 memberlist"

_section("The fleet")
PHASE = _gauge(
    "phase", "migration phase", "1 for the earliest phase of the migration's writing KV clients, 0 else.",
    _METRICS, per="Y × 7", join="anew",
)  # fmt: skip
PHASE_UNIFORM = _gauge(
    "phase_uniform", "migration", "1 if every writing KV client of the migration is in its phase, 0 if not. "
    "Keys with all their clients on memberlist do not count while other keys move.",
    _METRICS, per="Y", join="anew",
)  # fmt: skip
NEXT_STEP = _gauge("next_step", "migration step", "1 for the next step, else 0.", per="Y × 5", join="anew")
KV_CLIENTS = _gauge(
    "kv_clients", "kv_name phase", "How many KV clients of this name are in this phase.", _METRICS,
    per="K × 2 × 7", join="sum",
)  # fmt: skip
ROLLOUT_MOVED_TIMESTAMP_SECONDS = _gauge(
    "rollout_moved_timestamp_seconds", "migration",
    "When a process of a rollout last went on to the next phase, unix seconds; no series without a rollout.",
    _METRICS, per="Y", join="max",
)  # fmt: skip
UNREACHED_CLIENTS = _gauge(
    "unreached_clients", "migration kv_name", "Writing KV clients that do not mirror while other clients "
    "do and that no current rollout reaches; no series while none mirrors.", _METRICS, per="K", join="max",
)  # fmt: skip
KEY_PHASE = _gauge(
    "key_phase", "key ring", f"Earliest phase of the writing KV clients of this key: {_PHASES}, -1 unknown.",
    _METRICS, per="K", join="min",
)  # fmt: skip

_section("Targets")
TARGET_UP = _gauge(
    "target_up", "target component", "1 if the last cycle got any page from this process, 0 if none.",
    "any page", per="T",
)  # fmt: skip
TARGET_INFO = _info(
    "target_info", "target component product version", "What runs there; always 1.",
    "build info or /metrics", per="T",
)  # fmt: skip
TARGET_PHASE = _gauge(
    "target_phase", "target migration", f"Earliest phase of its writing KV clients: {_PHASES}, -1 unknown.",
    _METRICS, per="T × Y",
)  # fmt: skip
TARGET_CLOCK_SKEW_SECONDS = _gauge(
    "target_clock_skew_seconds", "target", "The process's clock less the exporter's, in seconds.",
    "any page that shows the time", per="T",
)  # fmt: skip
TARGET_START_TIME_SECONDS = _gauge(
    "target_start_time_seconds", "target", "When the process started, unix seconds by its own clock.",
    _METRICS, per="T",
)  # fmt: skip
TARGET_RESTARTS_TOTAL = _counter(
    "target_restarts_total", "target", "Restarts of this process since the exporter watches it.",
    _METRICS, per="T",
)  # fmt: skip
PAGE_UP = _gauge(
    "page_up", "target page",
    "1 if this page was read and decoded, 0 if it failed. A page that the process does not have has no "
    "series; neither has any page of a process that does not answer. The page /memberlist?downloadKey is 0 "
    "if any value of the gossip failed. The page /config is the configuration page, whatever its path in a "
    "product.",
    per="T × P",
)  # fmt: skip

_section("KV clients")
CLIENT_PHASE = _gauge(
    "client_phase", "target kv_name key writes",
    f"Phase of one KV client: {_PHASES}, -1 unknown; writes is true or false; key may be empty.",
    _METRICS, per="T × C",
)  # fmt: skip
MIRROR_ENABLED = _gauge(
    "mirror_enabled", "target kv_name", "1 if this KV client mirrors, 0 if not.", _METRICS, per="T × C",
)  # fmt: skip
PRIMARY_STORE = _gauge(
    "primary_store", "target kv_name store",
    "1 for this multi KV client's primary store, 0 for its secondary store.", _METRICS, per="T × C × 2",
)  # fmt: skip
MIRROR_WRITES_TOTAL = _counter(
    "mirror_writes_total", "target kv_name",
    "Attempts to mirror a write to the secondary store, failed attempts included, as the client counts them.",
    _METRICS, per="T × C",
)  # fmt: skip
MIRROR_WRITE_ERRORS_TOTAL = _counter(
    "mirror_write_errors_total", "target kv_name",
    "Failed mirror writes as the client counts them; a few 'no change detected' are benign.",
    _METRICS, per="T × C",
)  # fmt: skip
CLIENT_STORE_REQUESTS_TOTAL = _counter(
    "client_store_requests_total", "target kv_name store",
    "Requests of this KV client to a store, as the client counts them; store is consul, etcd, memberlist, …",
    _METRICS, per="T × C × 3",
)  # fmt: skip
HA_TRACKER_ELECTIONS_TOTAL = _counter(
    "ha_tracker_elections_total", "target",
    "Elected replica changes that this process counts, summed over its HA-tracker entries.",
    _METRICS, per="T",
)  # fmt: skip

_section("Rings, as the primary has them")
RING_MEMBERS = _gauge(
    "ring_members", "key ring state member_zone group",
    "Members of this ring in the primary view, tombstones left out; state is active, joining, leaving, "
    "pending, read_only or unhealthy, group the deployment mode.",
    _RING, per="K × Z × G × 6", join="max",
)  # fmt: skip
RING_OLDEST_HEARTBEAT_AGE_SECONDS = _gauge(
    "ring_oldest_heartbeat_age_seconds", "key ring",
    "Age of the oldest heartbeat of any member in seconds, by the answering process's clock.", _RING, per="K",
    join="max",
)  # fmt: skip
RING_HEARTBEAT_PERIOD_SECONDS = _gauge(
    "ring_heartbeat_period_seconds", "key ring",
    "Heartbeat period in seconds by which this key is judged: its writers' shortest.", "/config", per="K",
    join="max",
)  # fmt: skip
RING_LONGEST_TRANSITION_SECONDS = _gauge(
    "ring_longest_transition_seconds", "key ring",
    "Longest time that a member has been leaving, joining or pending, in seconds since it was first read; 0 "
    "if there is none.", _RING, per="K", join="max",
)  # fmt: skip
RING_TOKEN_CONFLICTS = _gauge(
    "ring_token_conflicts", "key ring", "Tokens claimed by more than one member.", _RING, per="K", join="max"
)
RING_MEMBERS_WITHOUT_TOKENS = _gauge(
    "ring_members_without_tokens", "key ring",
    "Active members without tokens, in a ring that has tokens.", _RING, per="K", join="max",
)  # fmt: skip
RING_GHOST_MEMBERS = _gauge(
    "ring_ghost_members", "key ring",
    "Members that belong to no target that answers and to no gossip member.", _RING, per="K", join="rule",
)  # fmt: skip
RING_FOREIGN_MEMBERS = _gauge(
    "ring_foreign_members", "key ring",
    "Members that certainly belong to another product, cluster or release; in the gossip copies too.", _RING,
    per="K", join="max",
)  # fmt: skip
FOREIGN_MEMBER_INFO = _info(
    "foreign_member_info", "key member",
    "A foreign member of this ring, at most 10 of each; key is empty for members of the gossip; always 1.",
    _RING, per="K × 20", join="max",
)  # fmt: skip
RING_WRITERS_MISSING = _gauge(
    "ring_writers_missing", "key ring",
    "Processes that write this ring without a member, two heartbeat periods or more after their start.",
    _RING, per="K", join="max",
)  # fmt: skip
RING_DUPLICATE_ADDRESSES = _gauge(
    "ring_duplicate_addresses", "key ring",
    "Addresses (host and port) that two or more members of this ring share.", _RING, per="K", join="max",
)  # fmt: skip
RING_QUORUM_MARGIN = _gauge(
    "ring_quorum_margin", "key ring",
    "Healthy members (zones where zone-aware) that may still be lost before writes fail; below 0 they fail.",
    _RING, per="K", join="min",
)  # fmt: skip
RING_MEMBERS_RETURNED_TOTAL = _counter(
    "ring_members_returned_total", "key ring",
    "Members that returned with an earlier heartbeat after they had left, since the exporter started.", _RING,
    per="K", join="max",
)  # fmt: skip
RING_SHRUNK_MEMBERS = _gauge(
    "ring_shrunk_members", "key ring",
    "Members, or partitions, still missing since this ring lost half or more of them at once; 0 otherwise.",
    _RING, per="K", join="max",
)  # fmt: skip
RING_PARTITIONS = _gauge(
    "ring_partitions", "key ring state",
    "Partitions of a partition ring by state: unknown, pending, active, inactive or deleted.", _RING,
    per="K × 5", join="max",
)  # fmt: skip
RING_CORRUPTED_PARTITIONS = _gauge(
    "ring_corrupted_partitions", "key ring", "Partitions that the page marks as corrupted.", _RING, per="K",
    join="max",
)  # fmt: skip
RING_PARTITIONS_WITHOUT_OWNER = _gauge(
    "ring_partitions_without_owner", "key ring",
    "Active partitions without a running owner; inactive partitions with only unhealthy or removed owners.",
    _RING, per="K", join="max",
)  # fmt: skip
HA_TRACKER_ENTRIES = _gauge(
    "ha_tracker_entries", "", "HA-tracker entries, one per user and cluster, in the primary view.", _RING,
    join="max",
)  # fmt: skip

_section("Views: the ring as each process has it")
RING_VIEWS = _gauge(
    "ring_views", "key ring view",
    "How many different contents (members, states, tokens) the processes' views show; 1 is agreement.",
    "ring pages, /memberlist?downloadKey and /metrics", per="K × 3", join="rule",
)  # fmt: skip
RING_VIEW_STALENESS_SECONDS = _gauge(
    "ring_view_staleness_seconds", "key ring view target",
    "How far this process's view is behind the latest view, in seconds.",
    "ring pages, /memberlist?downloadKey and /metrics", per="K × 3 × T",
)  # fmt: skip
RING_VIEW_MISSING_MEMBERS = _gauge(
    "ring_view_missing_members", "key ring view target",
    "Healthy members that the latest views have and this process's view lacks.",
    "ring pages, /memberlist?downloadKey and /metrics", per="K × 3 × T",
)  # fmt: skip

_section("The secondary against the primary")
_SECONDARY = "the primary first, then every view of the secondary"
SECONDARY_KEY_MISSING = _gauge(
    "secondary_key_missing", "key ring",
    "1 if the primary has the key and a view of the secondary lacks it, else 0; no series while no client of "
    "its migration mirrors.",
    _SECONDARY, per="K", join="max",
)  # fmt: skip
SECONDARY_LAG_SECONDS = _gauge(
    "secondary_lag_seconds", "key ring",
    "Greatest difference of a member's heartbeat, primary less secondary, in seconds over every view; by "
    "received_at for ha-tracker/; less than one heartbeat period is none.",
    _SECONDARY, per="K", join="max",
)  # fmt: skip
SECONDARY_MISSING_MEMBERS = _gauge(
    "secondary_missing_members", "key ring", "Members that only the primary has, over every view.",
    _SECONDARY, per="K", join="max",
)  # fmt: skip
SECONDARY_EXTRA_MEMBERS = _gauge(
    "secondary_extra_members", "key ring",
    "Members that only the secondary has, over every view; deletes are never mirrored.", _SECONDARY, per="K",
    join="max",
)  # fmt: skip
SECONDARY_MISMATCHED_MEMBERS = _gauge(
    "secondary_mismatched_members", "key ring field",
    "Members that differ in this field: state, tokens, address or zone; replica for ha-tracker/.", _SECONDARY,
    per="K × 4", join="max",
)  # fmt: skip
SECONDARY_UNREAD_VIEWS = _gauge(
    "secondary_unread_views", "key ring",
    "Views of the secondary that could not be read: above 0 the other secondary metrics prove nothing.",
    _SECONDARY, per="K", join="max",
)  # fmt: skip

_section("The external store")
_STORE = "the store named in stores"
STORE_UP = _gauge(
    "store_up", "store", "1 if the external store was read, 0 if it failed.", _STORE, per="S", join="min"
)
STORE_REPLACED = _gauge(
    "store_replaced", "store",
    "1 if the external store is not the store that was read before: another cluster, a lower revision, or "
    "keys that vanished together.", _STORE, per="S", join="max",
)  # fmt: skip
STORE_KEYS = _gauge(
    "store_keys", "store", "Keys in the external store below the configured prefixes.", _STORE, per="S",
    join="max",
)  # fmt: skip
STORE_LAST_WRITE_TIMESTAMP_SECONDS = _gauge(
    "store_last_write_timestamp_seconds", "store",
    "When the exporter last found a changed key in the store, unix seconds by its own clock.",
    _STORE, per="S", join="max",
)  # fmt: skip

_section("Gossip")
GOSSIP_MEMBERS = _gauge(
    "gossip_members", "target state",
    "Gossip members in this process's list; state is alive, suspect, dead or left. Without /memberlist only "
    "the state alive, counted by its own metrics.", "/metrics or /memberlist", per="T × 4",
)  # fmt: skip
GOSSIP_CLUSTERS = _gauge(
    "gossip_clusters", "", "How many separate gossip clusters the targets form; 1 is correct.", _GOSSIP,
    join="max",
)  # fmt: skip
GOSSIP_CLUSTER_TARGETS = _gauge(
    "gossip_cluster_targets", "first",
    "Processes in one of several gossip clusters, at most 10 clusters; first is the first of them by name. "
    "No series where there is one cluster.",
    _GOSSIP, per="10", join="max",
)  # fmt: skip
GOSSIP_UNKNOWN_MEMBERS = _gauge(
    "gossip_unknown_members", "", "Gossip members that are no target and match no expected_members.", _GOSSIP,
    join="rule",
)  # fmt: skip
GOSSIP_FOREIGN_MEMBERS = _gauge(
    "gossip_foreign_members", "",
    "Of the unknown gossip members, those that certainly belong to another product, cluster or release.",
    _GOSSIP, join="max",
)  # fmt: skip
GOSSIP_ABSENT_MEMBERS = _gauge(
    "gossip_absent_members", "", "Targets with memberlist that no other target lists.", _GOSSIP, join="rule"
)
GOSSIP_HEALTH_SCORE = _gauge(
    "gossip_health_score", "target", "The process's own memberlist health score; 0 is healthy.",
    "/metrics or /memberlist", per="T",
)  # fmt: skip
GOSSIP_UNKNOWN_KEYS = _gauge(
    "gossip_unknown_keys", "", "Keys in the gossip that are written and no key of the product.", _GOSSIP,
    join="max",
)  # fmt: skip
GOSSIP_HEARTBEAT_AGE_SECONDS = _gauge(
    "gossip_heartbeat_age_seconds", "target",
    "Age in seconds of the newest heartbeat of any other process in this process's gossip; high if isolated.",
    "/memberlist?downloadKey", per="T",
)  # fmt: skip
GOSSIP_LABEL_TARGETS = _gauge(
    "gossip_label_targets", "label", "Processes configured with this gossip label; empty for none.", _CONFIG,
    per="L", join="sum",
)  # fmt: skip
GOSSIP_LABEL_VERIFIED = _gauge(
    "gossip_label_verified", "target",
    "1 if the process verifies gossip labels, 0 where that is switched off.", _CONFIG, per="T",
)  # fmt: skip
FOREIGN_LABEL_REJECTIONS_TOTAL = _counter(
    "foreign_label_rejections_total", "target label source",
    "Gossip packets and streams rejected for their label, found in logs since the exporter started; source "
    "is the kind of log.", "logs", per="T × L",
)  # fmt: skip
LABEL_PROBE_ACCEPTED = _gauge(
    "label_probe_accepted", "target kind",
    "1 if the member answered a ping with its own, with no or with a foreign label (kind), 0 if it refused.",
    "a ping to its gossip port", per="T × 3",
)  # fmt: skip

_section("The gate")
GATE_OPEN = _gauge(
    "gate_open", "migration step",
    "1 if every check of this step has passed for the soak time, 0 if not or unknown.", per="Y × 5",
    join="anew",
)  # fmt: skip
GATE_CHECK = _gauge(
    "gate_check", "migration step check", "1 passed, 0 failed, NaN unknown.", per="Y × 120", join="anew"
)

_section("The exporter itself")
SNAPSHOT_TIMESTAMP_SECONDS = _gauge(
    "snapshot_timestamp_seconds", "", "When the cycle behind all these values ended, unix seconds."
)
INTERVAL_SECONDS = _gauge("interval_seconds", "", "The configured interval of the cycles, in seconds.")
CYCLE_DURATION_SECONDS = _gauge("cycle_duration_seconds", "", "How long the last cycle took, in seconds.")
VIEW_SWEEP_SECONDS = _gauge(
    "view_sweep_seconds", "", "How long it takes until every view has been read once, in seconds."
)
DISCOVERED_TARGETS = _gauge("discovered_targets", "source", "Targets by kind of discovery.", per="D")
DISCOVERY_FAILING_SOURCES = _gauge(
    "discovery_failing_sources", "",
    "Entries of `targets` that have failed for a minute, or never found a process; processes that only they "
    "list are not watched.",
)  # fmt: skip
FETCHES_TOTAL = _counter(
    "fetches_total", "page outcome",
    "Pages requested since the exporter started; outcome is ok, absent or failed.", per="P × 3",
)  # fmt: skip
SERIES_DROPPED = _gauge(
    "series_dropped", "", "Series left out of this exposition because of scale.max_series."
)
CONFIG_LAST_RELOAD_SUCCESSFUL = _gauge(
    "config_last_reload_successful", "", "1 if the configuration was last loaded without errors, 0 if not."
)
CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS = _gauge(
    "config_last_reload_success_timestamp_seconds", "",
    "When the configuration was last loaded without errors, unix seconds.",
)  # fmt: skip
BUILD_INFO = _info("build_info", "version python_version", "What this exporter is; always 1.")

ALL: tuple[Metric, ...] = tuple(_metrics.made)
by_name: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in ALL})
