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

from exporter.expose.metric import Metric, Section

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

_made: list[Metric] = []

_METRICS = "the process's /metrics"
_RING = "the primary (the store itself where configured, else the ring pages)"
_VIEWS = "ring pages, /memberlist?downloadKey and /metrics"
_SECONDARY = "the primary first, then every view of the secondary"
_STORE = "the store named in stores"
_GOSSIP = "/memberlist"
_CONFIG = "/config"
_PHASES = "0 external, 1 multi, 2 mirroring, 3 switched, 4 detached, 5 memberlist"

_fleet = Section(_made, "The fleet", labels="migration", page=_METRICS, per="Y")
PHASE = _fleet(
    "phase", "1 for the earliest phase of the migration's writing KV clients, 0 else.",
    labels="migration phase", per="Y × 7", join="anew",
)  # fmt: skip
PHASE_UNIFORM = _fleet(
    "phase_uniform", "1 if every writing KV client of the migration is in its phase, 0 if not. Keys with all "
    "their clients on memberlist do not count while other keys move.", join="anew",
)  # fmt: skip
NEXT_STEP = _fleet(
    "next_step", "1 for the next step, else 0.", labels="migration step", page="", per="Y × 5", join="anew"
)
KV_CLIENTS = _fleet(
    "kv_clients", "How many KV clients of this name are in this phase.",
    labels="kv_name phase", per="K × 2 × 7", join="sum",
)  # fmt: skip
ROLLOUT_MOVED_TIMESTAMP_SECONDS = _fleet(
    "rollout_moved_timestamp_seconds", "When a process of a rollout last went on to the next phase, unix "
    "seconds; no series without a rollout.", join="max",
)  # fmt: skip
UNREACHED_CLIENTS = _fleet(
    "unreached_clients", "Writing KV clients that do not mirror while other clients do and that no current "
    "rollout reaches; no series while none mirrors.", labels="migration kv_name", per="K", join="max",
)  # fmt: skip
KEY_PHASE = _fleet(
    "key_phase", f"Earliest phase of the writing KV clients of this key: {_PHASES}, -1 unknown.",
    labels="key ring", per="K", join="min",
)  # fmt: skip

_target = Section(_made, "Targets", labels="target", page=_METRICS, per="T")
TARGET_UP = _target(
    "target_up", "1 if the last cycle got any page from this process, 0 if none.",
    labels="target component", page="any page",
)  # fmt: skip
TARGET_INFO = _target(
    "target_info",
    "What runs there; always 1.", labels="target component product version", page="build info or /metrics",
)  # fmt: skip
TARGET_PHASE = _target(
    "target_phase", f"Earliest phase of its writing KV clients: {_PHASES}, -1 unknown.",
    labels="target migration", per="T × Y",
)  # fmt: skip
TARGET_CLOCK_SKEW_SECONDS = _target(
    "target_clock_skew_seconds",
    "The process's clock less the exporter's, in seconds.", page="any page that shows the time",
)  # fmt: skip
TARGET_START_TIME_SECONDS = _target(
    "target_start_time_seconds", "When the process started, unix seconds by its own clock."
)
TARGET_RESTARTS_TOTAL = _target(
    "target_restarts_total", "Restarts of this process since the exporter watches it."
)
PAGE_UP = _target(
    "page_up", "1 if this page was read and decoded, 0 if it failed. A page that the process does not have "
    "has no series; neither has any page of a process that does not answer. The page /memberlist?downloadKey "
    "is 0 if any value of the gossip failed. The page /config is the configuration page, whatever its path "
    "in a product.", labels="target page", page="", per="T × P",
)  # fmt: skip

_client = Section(_made, "KV clients", labels="target kv_name", page=_METRICS, per="T × C")
CLIENT_PHASE = _client(
    "client_phase", f"Phase of one KV client: {_PHASES}, -1 unknown; writes is true or false; key may be "
    "empty.", labels="target kv_name key writes",
)  # fmt: skip
MIRROR_ENABLED = _client("mirror_enabled", "1 if this KV client mirrors, 0 if not.")
PRIMARY_STORE = _client(
    "primary_store", "1 for this multi KV client's primary store, 0 for its secondary store.",
    labels="target kv_name store", per="T × C × 2",
)  # fmt: skip
MIRROR_WRITES_TOTAL = _client(
    "mirror_writes_total",
    "Attempts to mirror a write to the secondary store, failed attempts included, as the client counts them.",
)  # fmt: skip
MIRROR_WRITE_ERRORS_TOTAL = _client(
    "mirror_write_errors_total",
    "Failed mirror writes as the client counts them; a few 'no change detected' are benign.",
)  # fmt: skip
CLIENT_STORE_REQUESTS_TOTAL = _client(
    "client_store_requests_total", "Requests of this KV client to a store, as the client counts them; store "
    "is consul, etcd, memberlist, …", labels="target kv_name store", per="T × C × 3",
)  # fmt: skip
HA_TRACKER_ELECTIONS_TOTAL = _client(
    "ha_tracker_elections_total", "Elected replica changes that this process counts, summed over its "
    "HA-tracker entries.", labels="target", per="T",
)  # fmt: skip

_ring = Section(_made, "Rings, as the primary has them", labels="key ring", page=_RING, per="K", join="max")
RING_MEMBERS = _ring(
    "ring_members", "Members of this ring in the primary view, tombstones left out; state is active, "
    "joining, leaving, pending, read_only or unhealthy, group the deployment mode.",
    labels="key ring state member_zone group", per="K × Z × G × 6",
)  # fmt: skip
RING_OLDEST_HEARTBEAT_AGE_SECONDS = _ring(
    "ring_oldest_heartbeat_age_seconds",
    "Age of the oldest heartbeat of any member in seconds, by the answering process's clock.",
)  # fmt: skip
RING_HEARTBEAT_PERIOD_SECONDS = _ring(
    "ring_heartbeat_period_seconds",
    "Heartbeat period in seconds by which this key is judged: its writers' shortest.", page="/config",
)  # fmt: skip
RING_LONGEST_TRANSITION_SECONDS = _ring(
    "ring_longest_transition_seconds", "Longest time that a member has been leaving, joining or pending, in "
    "seconds since it was first read; 0 if there is none.",
)  # fmt: skip
RING_TOKEN_CONFLICTS = _ring("ring_token_conflicts", "Tokens claimed by more than one member.")
RING_MEMBERS_WITHOUT_TOKENS = _ring(
    "ring_members_without_tokens", "Active members without tokens, in a ring that has tokens."
)
RING_GHOST_MEMBERS = _ring(
    "ring_ghost_members",
    "Members that belong to no target that answers and to no gossip member.", join="rule",
)  # fmt: skip
RING_FOREIGN_MEMBERS = _ring(
    "ring_foreign_members",
    "Members that certainly belong to another product, cluster or release; in the gossip copies too.",
)  # fmt: skip
FOREIGN_MEMBER_INFO = _ring(
    "foreign_member_info", "A foreign member of this ring, at most 10 of each; key is empty for members of "
    "the gossip; always 1.", labels="key member", per="K × 20",
)  # fmt: skip
RING_WRITERS_MISSING = _ring(
    "ring_writers_missing",
    "Processes that write this ring without a member, two heartbeat periods or more after their start.",
)  # fmt: skip
RING_DUPLICATE_ADDRESSES = _ring(
    "ring_duplicate_addresses", "Addresses (host and port) that two or more members of this ring share."
)
RING_QUORUM_MARGIN = _ring(
    "ring_quorum_margin", "Healthy members (zones where zone-aware) that may still be lost before writes "
    "fail; below 0 they fail.", join="min",
)  # fmt: skip
RING_MEMBERS_RETURNED_TOTAL = _ring(
    "ring_members_returned_total",
    "Members that returned with an earlier heartbeat after they had left, since the exporter started.",
)  # fmt: skip
RING_SHRUNK_MEMBERS = _ring(
    "ring_shrunk_members",
    "Members, or partitions, still missing since this ring lost half or more of them at once; 0 otherwise.",
)  # fmt: skip
RING_PARTITIONS = _ring(
    "ring_partitions", "Partitions of a partition ring by state: unknown, pending, active, inactive or "
    "deleted.", labels="key ring state", per="K × 5",
)  # fmt: skip
RING_CORRUPTED_PARTITIONS = _ring("ring_corrupted_partitions", "Partitions that the page marks as corrupted.")
RING_PARTITIONS_WITHOUT_OWNER = _ring(
    "ring_partitions_without_owner",
    "Active partitions without a running owner; inactive partitions with only unhealthy or removed owners.",
)  # fmt: skip
HA_TRACKER_ENTRIES = _ring(
    "ha_tracker_entries",
    "HA-tracker entries, one per user and cluster, in the primary view.", labels="", per="1",
)  # fmt: skip

_view = Section(
    _made,
    "Views: the ring as each process has it",
    labels="key ring view target",
    page=_VIEWS,
    per="K × 3 × T",
)
RING_VIEWS = _view(
    "ring_views", "How many different contents (members, states, tokens) the processes' views show; 1 is "
    "agreement.", labels="key ring view", per="K × 3", join="rule",
)  # fmt: skip
RING_VIEW_STALENESS_SECONDS = _view(
    "ring_view_staleness_seconds", "How far this process's view is behind the latest view, in seconds."
)
RING_VIEW_MISSING_MEMBERS = _view(
    "ring_view_missing_members", "Healthy members that the latest views have and this process's view lacks."
)

_secondary = Section(
    _made, "The secondary against the primary", labels="key ring", page=_SECONDARY, per="K", join="max"
)
SECONDARY_KEY_MISSING = _secondary(
    "secondary_key_missing", "1 if the primary has the key and a view of the secondary lacks it, else 0; no "
    "series while no client of its migration mirrors.",
)  # fmt: skip
SECONDARY_LAG_SECONDS = _secondary(
    "secondary_lag_seconds", "Greatest difference of a member's heartbeat, primary less secondary, in "
    "seconds over every view; by received_at for ha-tracker/; less than one heartbeat period is none.",
)  # fmt: skip
SECONDARY_MISSING_MEMBERS = _secondary(
    "secondary_missing_members", "Members that only the primary has, over every view."
)
SECONDARY_EXTRA_MEMBERS = _secondary(
    "secondary_extra_members",
    "Members that only the secondary has, over every view; deletes are never mirrored.",
)  # fmt: skip
SECONDARY_MISMATCHED_MEMBERS = _secondary(
    "secondary_mismatched_members", "Members that differ in this field: state, tokens, address or zone; "
    "replica for ha-tracker/.", labels="key ring field", per="K × 4",
)  # fmt: skip
SECONDARY_UNREAD_VIEWS = _secondary(
    "secondary_unread_views",
    "Views of the secondary that could not be read: above 0 the other secondary metrics prove nothing.",
)  # fmt: skip

_store = Section(_made, "The external store", labels="store", page=_STORE, per="S", join="max")
STORE_UP = _store("store_up", "1 if the external store was read, 0 if it failed.", join="min")
STORE_REPLACED = _store(
    "store_replaced", "1 if the external store is not the store that was read before: another cluster, a "
    "lower revision, or keys that vanished together.",
)  # fmt: skip
STORE_KEYS = _store("store_keys", "Keys in the external store below the configured prefixes.")
STORE_LAST_WRITE_TIMESTAMP_SECONDS = _store(
    "store_last_write_timestamp_seconds",
    "When the exporter last found a changed key in the store, unix seconds by its own clock.",
)  # fmt: skip

_gossip = Section(_made, "Gossip", page=_GOSSIP, join="max")
GOSSIP_MEMBERS = _gossip(
    "gossip_members", "Gossip members in this process's list; state is alive, suspect, dead or left. Without "
    "/memberlist only the state alive, counted by its own metrics.",
    labels="target state", page="/metrics or /memberlist", per="T × 4", join="",
)  # fmt: skip
GOSSIP_CLUSTERS = _gossip(
    "gossip_clusters", "How many separate gossip clusters the targets form; 1 is correct."
)
GOSSIP_CLUSTER_TARGETS = _gossip(
    "gossip_cluster_targets", "Processes in one of several gossip clusters, at most 10 clusters; first is "
    "the first of them by name. No series where there is one cluster.", labels="first", per="10",
)  # fmt: skip
GOSSIP_UNKNOWN_MEMBERS = _gossip(
    "gossip_unknown_members", "Gossip members that are no target and match no expected_members.", join="rule"
)
GOSSIP_FOREIGN_MEMBERS = _gossip(
    "gossip_foreign_members",
    "Of the unknown gossip members, those that certainly belong to another product, cluster or release.",
)  # fmt: skip
GOSSIP_ABSENT_MEMBERS = _gossip(
    "gossip_absent_members", "Targets with memberlist that no other target lists.", join="rule"
)
GOSSIP_HEALTH_SCORE = _gossip(
    "gossip_health_score", "The process's own memberlist health score; 0 is healthy.",
    labels="target", page="/metrics or /memberlist", per="T", join="",
)  # fmt: skip
GOSSIP_UNKNOWN_KEYS = _gossip(
    "gossip_unknown_keys", "Keys in the gossip that are written and no key of the product."
)
GOSSIP_HEARTBEAT_AGE_SECONDS = _gossip(
    "gossip_heartbeat_age_seconds", "Age in seconds of the newest heartbeat of any other process in this "
    "process's gossip; high if isolated.", labels="target", page="/memberlist?downloadKey", per="T", join="",
)  # fmt: skip
GOSSIP_LABEL_TARGETS = _gossip(
    "gossip_label_targets", "Processes configured with this gossip label; empty for none.",
    labels="label", page=_CONFIG, per="L", join="sum",
)  # fmt: skip
GOSSIP_LABEL_VERIFIED = _gossip(
    "gossip_label_verified", "1 if the process verifies gossip labels, 0 where that is switched off.",
    labels="target", page=_CONFIG, per="T", join="",
)  # fmt: skip
FOREIGN_LABEL_REJECTIONS_TOTAL = _gossip(
    "foreign_label_rejections_total",
    "Gossip packets and streams rejected for their label, found in logs since the exporter started; source "
    "is the kind of log.", labels="target label source", page="logs", per="T × L", join="",
)  # fmt: skip
LABEL_PROBE_ACCEPTED = _gossip(
    "label_probe_accepted", "1 if the member answered a ping with its own, with no or with a foreign label "
    "(kind), 0 if it refused.", labels="target kind", page="a ping to its gossip port", per="T × 3", join="",
)  # fmt: skip

_gate = Section(_made, "The gate", join="anew")
GATE_OPEN = _gate(
    "gate_open", "1 if every check of this step has passed for the soak time, 0 if not or unknown.",
    labels="migration step", per="Y × 5",
)  # fmt: skip
GATE_CHECK = _gate(
    "gate_check", "1 passed, 0 failed, NaN unknown.", labels="migration step check", per="Y × 120"
)

_exporter = Section(_made, "The exporter itself")
SNAPSHOT_TIMESTAMP_SECONDS = _exporter(
    "snapshot_timestamp_seconds", "When the cycle behind all these values ended, unix seconds."
)
INTERVAL_SECONDS = _exporter("interval_seconds", "The configured interval of the cycles, in seconds.")
CYCLE_DURATION_SECONDS = _exporter("cycle_duration_seconds", "How long the last cycle took, in seconds.")
VIEW_SWEEP_SECONDS = _exporter(
    "view_sweep_seconds", "How long it takes until every view has been read once, in seconds."
)
DISCOVERED_TARGETS = _exporter(
    "discovered_targets", "Targets by kind of discovery.", labels="source", per="D"
)
DISCOVERY_FAILING_SOURCES = _exporter(
    "discovery_failing_sources", "Entries of `targets` that have failed for a minute, or never found a "
    "process; processes that only they list are not watched.",
)  # fmt: skip
FETCHES_TOTAL = _exporter(
    "fetches_total", "Pages requested since the exporter started; outcome is ok, absent or failed.",
    labels="page outcome", per="P × 3",
)  # fmt: skip
SERIES_DROPPED = _exporter(
    "series_dropped", "Series left out of this exposition because of scale.max_series."
)
CONFIG_LAST_RELOAD_SUCCESSFUL = _exporter(
    "config_last_reload_successful", "1 if the configuration was last loaded without errors, 0 if not."
)
CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS = _exporter(
    "config_last_reload_success_timestamp_seconds",
    "When the configuration was last loaded without errors, unix seconds.",
)  # fmt: skip
BUILD_INFO = _exporter("build_info", "What this exporter is; always 1.", labels="version python_version")

ALL: tuple[Metric, ...] = tuple(_made)
by_name: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in ALL})
