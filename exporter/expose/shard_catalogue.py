"""What one shard exposes in place of the families about all processes, and how the parts are joined.

A shard keeps the series of its own processes and of the exporter itself. A family about all processes stands
under `kvmigration_shard_…` instead (`kvmigration_shard_ring_members`). The recording rules of
`alerts/shard_rules.py` join all shards' parts to `kvmigration_ring_members`. They use the catalogue's `join`
(`max`, `min`, `sum`) or a rule of its own, so boards and alerts are the same with shards and without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.expose import catalogue as c
from exporter.expose.metric import PREFIX, Join, Metric, Section

SHARD = f"{PREFIX}shard_"
GROUP = "One shard of several"
ESTIMATE_LETTERS = {"M": "members of the gossip, or of one ring"}
VERDICTS = "0 failed, 1 unknown, 2 nothing here to check, 3 passed"

JOINED: Mapping[Metric, Join] = MappingProxyType(
    {metric: metric.join for metric in c.ALL if metric.join not in ("", "anew")}
)
"""Families about all processes of which a shard has a part. Families without a part are in `JUDGED_ANEW`."""

JUDGED_ANEW = frozenset(metric for metric in c.ALL if metric.join == "anew")


def _part(metric: Metric) -> Metric:
    name = metric.name.replace(PREFIX, SHARD, 1)
    return replace(metric, name=name, help=f"This shard's part: {metric.help}", group=GROUP, join="")


PART_OF: Mapping[Metric, Metric] = MappingProxyType({metric: _part(metric) for metric in JOINED})

_own_made: list[Metric] = []
_own = Section(_own_made, GROUP)
SHARDS = _own(
    "shards", "How many shards there are; shard is this exporter's number, counted from 0.", labels="shard"
)
SHARD_TARGETS = _own("shard_targets", "Processes that this shard reports.")
SHARD_COMMON_TARGETS = _own(
    "shard_common_targets", "Processes that every shard watches, so that all of them can be joined."
)
SHARD_DISCOVERY_DIGEST = _own(
    "shard_discovery_digest", "Digest of the names of all processes discovered; shards must agree."
)
SHARD_RULES_DIGEST = _own(
    "shard_rules_digest", "Digest of the limits and patterns of the judgement; shards must agree."
)
SHARD_HELD_SINCE_TIMESTAMP_SECONDS = _own(
    "shard_held_since_timestamp_seconds",
    "Since when all checks of a step have passed in this shard's part, unix seconds. It is 0 if there "
    "is nothing to check, and absent if a check has not passed.", labels="migration step", per="Y × 5",
)  # fmt: skip
SHARD_SOAK_SECONDS = _own(
    "shard_soak_seconds", "The configured gate.soak, and at least three intervals, in seconds."
)
SHARD_INTERVAL_SECONDS = _own("shard_interval_seconds", "The configured interval, in seconds.")
SHARD_CHECK = _own(
    "shard_check", f"A check of the gate, as far as this shard's part shows: {VERDICTS}.",
    labels="migration step check", per="Y × 120",
)  # fmt: skip
SHARD_CLIENTS = _own(
    "shard_clients", "KV clients by what they serve (a key, else the client's own name), phase, whether they "
    "write, and migration.", labels="serves phase writes migration", per="K × 4",
)  # fmt: skip
SHARD_GOSSIP_MEMBER = _own(
    "shard_gossip_member", "1 for each gossip member that is no process of this shard; expected is true "
    "where expected_members matches it.", labels="member expected", per="M",
)  # fmt: skip
SHARD_OWN_MEMBER = _own(
    "shard_own_member", "1 for each gossip member that is a process of this shard; labelled is true where "
    "its label was read, `seen` where another process of this shard lists it.",
    labels="member labelled seen", per="T",
)  # fmt: skip
SHARD_UNSEEN_MEMBER = _own(
    "shard_unseen_member", "1 for each own gossip member that no other process of this shard lists, although "
    "a process should.", labels="member", per="T",
)  # fmt: skip
SHARD_GHOST_MEMBER = _own(
    "shard_ghost_member", "1 for each ring member that belongs to no process that this shard watches; used "
    "is true where a process of this shard uses the key.", labels="key ring member used", per="K × M",
)  # fmt: skip
SHARD_CLAIMED_MEMBER = _own(
    "shard_claimed_member", "1 for each ring member that is a process of this shard and not in the gossip.",
    labels="key member", per="K × T",
)  # fmt: skip
SHARD_USED_KEY = _own(
    "shard_used_key", "1 for each key that a process watched by this shard uses.", labels="key", per="K"
)
SHARD_VIEW_DIGEST = _own(
    "shard_view_digest",
    "Digests of the different contents that this shard's views showed in the last cycle; aspect is members "
    "(with their tokens) or states (only where every state is visible).",
    labels="key ring view aspect rank", per="K × 4",
)  # fmt: skip

# What the joining rules record for themselves, and for `check --prometheus` to read.
COMPLETE = "fleet:kvmigration_shards:complete"
UNKNOWN_MEMBERS = "member:kvmigration_shard_gossip_member:strangers"
ABSENT = "member:kvmigration_shard_unseen_member:absent"
ORPHANED_MEMBERS = "member:kvmigration_shard_ghost_member:ghosts"
UNMET = "key:kvmigration_shard_used_key:not_everywhere"
PRESENT = "fleet:kvmigration_shards:present"
UNBROKEN = "migration_step:kvmigration_gate_unbroken:timestamp_seconds"
HELD = "migration_step:kvmigration_gate_held:timestamp_seconds"

OWN: tuple[Metric, ...] = tuple(_own_made)
ALL: tuple[Metric, ...] = (*OWN, *PART_OF.values())
by_name: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in ALL})
