"""What the read path and the write path of the old group need before each is stopped."""

from __future__ import annotations

import re
from collections.abc import Iterable

from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, check, no_ring, unread
from exporter.derive.gate.checks.read_write_mode import DOC, GROUPED, idle
from exporter.derive.gate.checks.read_write_mode_prerequisites import in_ring
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.entry import State
from exporter.model.facts import KeyFacts, TargetFacts
from exporter.model.listed import grouped
from exporter.products.component_names import WRITE_PATH
from exporter.products.ring_pages import INGESTERS, WRITE_RINGS

UNSHIPPED = "ingester_oldest_unshipped_block_timestamp_seconds"  # 0: every block is in the object store
SERIES = "ingester_memory_series"
_STAYING = frozenset({State.ACTIVE, State.READ_ONLY})


def _present(evidence: Evidence, *, write: bool) -> Answer:
    old = evidence.rules.leaving
    rings = [key for key in evidence.keys if key.kind == "ring" and (key.ring in WRITE_RINGS) == write]
    having = tuple(key.ring for key in rings if any(member.group == old for member in key.members))
    lacking = unread(rings)
    missing = bool(rings) and not having and not lacking and not evidence.is_part
    return Answer(
        wrong=[Culprit(Kind.GROUP_MISSING, what=old)] if missing else (),
        unknown=() if having else lacking,
        good=Looked(LookedKind.OLD_GROUP_IN, names=having),
        nothing=no_ring(rings),
    )


@check(
    "old-read-path-present",
    "There is an old read path or backend to retire.",
    "Nothing is left of it: run kvmigration check retire-write-path.",
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
def old_read_path_present(evidence: Evidence) -> Answer:
    """A ring of the backend still has an old member: else this step is done."""
    return _present(evidence, write=False)


@check(
    "old-write-path-present",
    "There is an old write path to retire.",
    "Nothing is left of it: run kvmigration check finish-read-write.",
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
def old_write_path_present(evidence: Evidence) -> Answer:
    """A ring of the write path still has an old member: else this step is done."""
    return _present(evidence, write=True)


@check(
    "old-read-path-idle",
    "No client sends queries to the old group's read path.",
    "Point the ingress of the read path at the new group, and wait until the old group's request rate is 0.",
    f"{DOC}#traffic",
    "Run the check again: a rate needs two cycles. Every process must be of a group, by groups in the "
    "configuration.",
)
def old_read_path_idle(evidence: Evidence) -> Answer:
    """No old process except those of the write path gets requests: pushes go there until the next step."""
    old = [t for t in evidence.up if t.group == evidence.rules.leaving and not _words(t) & WRITE_PATH]
    return idle(evidence, old)


def _words(target: TargetFacts) -> frozenset[str]:
    """What a process runs, by discovery and by its name, word by word."""
    words = f"{target.component},{target.name},{target.config.target if target.config else ''}".lower()
    return frozenset(re.split(r"[^a-z]+", words)) - {""}


@check(
    "old-ingesters-shipped",
    "Every block of the old group's ingesters is in the object store.",
    "Wait for the next head compaction and upload. Shut ingesters down by Mimir's procedure, which also "
    "ships their heads.",
    f"{DOC}#the-ingesters",
    "Let the exporter read /metrics of every ingester: the age of the oldest unshipped block is there.",
)
def old_ingesters_shipped(evidence: Evidence) -> Answer:
    """No block is only on the disk of an old ingester. The content of a head is no block yet."""
    old = [target for target, _ in in_ring(evidence, INGESTERS) if target.group == evidence.rules.leaving]
    unshipped = {target.name: target.counters.get(UNSHIPPED) for target in old}
    heads = sum(target.counters.get(SERIES, 0.0) for target in old)
    return Answer(
        wrong=[
            Culprit(Kind.BLOCKS_UNSHIPPED, name, value=max(0.0, evidence.now.at - oldest) / 60)
            for name, oldest in unshipped.items()
            if oldest
        ],
        unknown=[
            Culprit(Kind.UNREAD, n, what="oldest unshipped block") for n, v in unshipped.items() if v is None
        ],
        good=Looked(LookedKind.INGESTERS_SHIPPED, len(old), of=heads),
    )


@check(
    "one-zone-at-a-time",
    "Members of the old group leave the ingester ring in one zone at a time.",
    "Wait until every old ingester of the zone that is leaving has left the ring, then begin the next zone.",
    f"{DOC}#the-ingesters",
    GROUPED,
)
def one_zone_at_a_time(evidence: Evidence) -> Answer:
    """At most one zone lacks ingesters at a time: else writes would lose their quorum."""
    rings = [key for key in evidence.keys if key.ring == INGESTERS]
    wrong = [culprit for key in rings for culprit in _leaving(key, evidence.rules.leaving)]
    return Answer(wrong, unread(rings), Looked(LookedKind.RINGS, len(rings)), no_ring(rings))


def _leaving(key: KeyFacts, old: str) -> Iterable[Culprit]:
    """The zones from which old members go, where they are more than one."""
    zones = grouped((m.zone, m.id) for m in key.members if m.group == old and m.state not in _STAYING)
    for zone, names in sorted(zones.items()) if len(zones) > 1 else ():
        yield Culprit(Kind.ZONE_LEAVING, key=key.key, what=zone or "none", names=tuple(sorted(names)))
