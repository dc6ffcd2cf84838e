"""What one shard of several exposes in place of the whole, and how the parts are joined.

A shard keeps the series of its own processes and of the exporter itself. A family about the whole
stands under `kvmigration_shard_…` instead (`kvmigration_shard_ring_members`), and the recording rules of
`alerts/groups/shards.py` make `kvmigration_ring_members` of all shards' parts: by `max`, `min` or `sum` as
said in `JOINED`, or by a rule of its own. So boards and alerts need not know of shards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.expose import catalogue as c
from exporter.expose.catalogue import PREFIX, Kind, Metric

SHARD = f"{PREFIX}shard_"
GROUP = "One shard of several"
ESTIMATE_LETTERS = {"M": "members of the gossip, or of one ring"}
VERDICTS = "0 it does not hold, 1 not known, 2 nothing here to look at, 3 it holds"

JOINED: Mapping[Metric, str] = MappingProxyType(
    {
        c.KV_CLIENTS: "sum",
        c.KEY_PHASE: "min",
        c.RING_MEMBERS: "max",
        c.RING_OLDEST_HEARTBEAT_AGE_SECONDS: "max",
        c.RING_HEARTBEAT_PERIOD_SECONDS: "max",
        c.RING_LONGEST_TRANSITION_SECONDS: "max",
        c.RING_TOKEN_CONFLICTS: "max",
        c.RING_MEMBERS_WITHOUT_TOKENS: "max",
        c.RING_GHOST_MEMBERS: "rule",
        c.RING_FOREIGN_MEMBERS: "max",
        c.RING_WRITERS_MISSING: "max",
        c.RING_DUPLICATE_ADDRESSES: "max",
        c.RING_QUORUM_MARGIN: "min",
        c.RING_MEMBERS_RETURNED_TOTAL: "max",
        c.RING_SHRUNK_MEMBERS: "max",
        c.RING_PARTITIONS: "max",
        c.RING_CORRUPTED_PARTITIONS: "max",
        c.RING_PARTITIONS_WITHOUT_OWNER: "max",
        c.HA_TRACKER_ENTRIES: "max",
        c.RING_VIEWS: "rule",
        c.SECONDARY_KEY_MISSING: "max",
        c.SECONDARY_LAG_SECONDS: "max",
        c.SECONDARY_MISSING_MEMBERS: "max",
        c.SECONDARY_EXTRA_MEMBERS: "max",
        c.SECONDARY_MISMATCHED_MEMBERS: "max",
        c.SECONDARY_UNREAD_VIEWS: "max",
        c.STORE_UP: "min",
        c.STORE_REPLACED: "max",
        c.STORE_KEYS: "max",
        c.STORE_LAST_WRITE_TIMESTAMP_SECONDS: "max",
        c.GOSSIP_CLUSTERS: "max",
        c.GOSSIP_UNKNOWN_MEMBERS: "rule",
        c.GOSSIP_FOREIGN_MEMBERS: "max",
        c.GOSSIP_ABSENT_MEMBERS: "rule",
        c.GOSSIP_UNKNOWN_KEYS: "max",
        c.GOSSIP_LABEL_TARGETS: "sum",
    }
)
"""Families about the whole of which a shard knows a part. Those it knows nothing of stand in `WHOLE`."""

WHOLE = frozenset({c.PHASE, c.PHASE_UNIFORM, c.NEXT_STEP, c.GATE_OPEN, c.GATE_CHECK})


def _part(metric: Metric) -> Metric:
    name = metric.name.replace(PREFIX, SHARD, 1)
    return replace(metric, name=name, help=f"This shard's part: {metric.help}", group=GROUP)


PART_OF: Mapping[Metric, Metric] = MappingProxyType({metric: _part(metric) for metric in JOINED})


def _own(name: str, labels: str, text: str, per: str = "1", kind: Kind = "gauge") -> Metric:
    unit = "seconds" if name.endswith("_seconds") else ""
    return Metric(PREFIX + name, kind, unit, tuple(labels.split()), f"{text} Read every cycle.", per, GROUP)


SHARDS = _own("shards", "shard", "How many shards there are; shard is this one, counted from 0.")
SHARD_TARGETS = _own("shard_targets", "", "Processes that this shard reports.")
SHARD_COMMON_TARGETS = _own(
    "shard_common_targets", "", "Processes that every shard watches, so that all of them can be joined."
)
SHARD_DISCOVERY_DIGEST = _own(
    "shard_discovery_digest", "", "Digest of the names of all processes discovered; shards must agree."
)
SHARD_RULES_DIGEST = _own(
    "shard_rules_digest", "", "Digest of the limits and patterns judged by; shards must agree."
)
SHARD_STEADY_SINCE_TIMESTAMP_SECONDS = _own(
    "shard_steady_since_timestamp_seconds", "",
    "Since when the same processes are discovered and looked at without a break, unix seconds.",
)  # fmt: skip
SHARD_SOAK_SECONDS = _own("shard_soak_seconds", "", "The configured gate.soak, in seconds.")
SHARD_INTERVAL_SECONDS = _own("shard_interval_seconds", "", "The configured interval, in seconds.")
SHARD_CHECK = _own(
    "shard_check", "step check", f"A check of the gate, as far as this shard's part shows: {VERDICTS}.",
    per="about 200",
)  # fmt: skip
SHARD_CLIENTS = _own(
    "shard_clients", "serves phase writes kept",
    "KV clients by what they serve (a key, else the client's own name), phase, whether they write, and "
    "whether gate.keep_on_store names what they serve.",
    per="K × 4",
)  # fmt: skip
SHARD_GOSSIP_MEMBER = _own(
    "shard_gossip_member", "member expected",
    "1 for each gossip member that is no process of this shard; expected is true where expected_members "
    "matches it.",
    per="M",
)  # fmt: skip
SHARD_OWN_MEMBER = _own(
    "shard_own_member", "member labelled seen",
    "1 for each gossip member that is a process of this shard; labelled is true where its label was read, "
    "seen where another process of this shard sees it.",
    per="T",
)  # fmt: skip
SHARD_UNSEEN_MEMBER = _own(
    "shard_unseen_member", "member",
    "1 for each own gossip member that no other process of this shard sees, and that should be seen.",
    per="T",
)  # fmt: skip
SHARD_GHOST_MEMBER = _own(
    "shard_ghost_member", "key ring member used",
    "1 for each ring member that belongs to nobody this shard knows; used is true where a process of this "
    "shard uses the key.", per="K × M",
)  # fmt: skip
SHARD_CLAIMED_MEMBER = _own(
    "shard_claimed_member", "key member",
    "1 for each ring member that is a process of this shard and not in the gossip.", per="K × T",
)  # fmt: skip
SHARD_USED_KEY = _own(
    "shard_used_key", "key", "1 for each key that a process watched by this shard uses.", per="K"
)
SHARD_VIEW_DIGEST = _own(
    "shard_view_digest", "key ring view aspect rank",
    "Digests of the different contents that this shard's views showed in the last cycle; aspect is members "
    "(with their tokens) or states (as well, where no state is hidden).",
    per="K × 4",
)  # fmt: skip

# What the joining rules record for themselves, and for `check --prometheus` to read.
COMPLETE = "fleet:kvmigration_shards:complete"
STRANGERS = "member:kvmigration_shard_gossip_member:strangers"
ABSENT = "member:kvmigration_shard_unseen_member:absent"
GHOSTS = "member:kvmigration_shard_ghost_member:ghosts"
UNMET = "key:kvmigration_shard_used_key:not_everywhere"
HELD = "step:kvmigration_gate_held:timestamp_seconds"

OWN: tuple[Metric, ...] = (
    SHARDS,
    SHARD_TARGETS,
    SHARD_COMMON_TARGETS,
    SHARD_DISCOVERY_DIGEST,
    SHARD_RULES_DIGEST,
    SHARD_STEADY_SINCE_TIMESTAMP_SECONDS,
    SHARD_SOAK_SECONDS,
    SHARD_INTERVAL_SECONDS,
    SHARD_CHECK,
    SHARD_CLIENTS,
    SHARD_GOSSIP_MEMBER,
    SHARD_OWN_MEMBER,
    SHARD_UNSEEN_MEMBER,
    SHARD_GHOST_MEMBER,
    SHARD_CLAIMED_MEMBER,
    SHARD_USED_KEY,
    SHARD_VIEW_DIGEST,
)
ALL: tuple[Metric, ...] = (*OWN, *PART_OF.values())
by_name: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in ALL})
