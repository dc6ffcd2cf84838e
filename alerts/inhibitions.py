"""Which alert explains which: from the one table of causes and effects, which status and page use, too.

An alert is the cause of another where it reports a cause and the second alert an effect. Pairs that no
finding of the exporter separates stand below: two alerts about one fault, the worse one first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from alerts.registry import ALERTS, NAMES
from alerts.rule import Alert
from alerts.thresholds import KEEP, OUTLIVE, Wait
from exporter.derive.gate.causes import CAUSES

SAME_FAULT: Mapping[str, str] = {
    "KVMigrationNoTargets": "KVMigrationPhaseUnknown|KVMigrationTargetsDown|KVMigrationDiscoveryFailing",
    "KVMigrationRingForeignMembers": "KVMigrationGossipForeignMembers",
    "KVMigrationGossipForeignMembers": "KVMigrationGossipUnknownKeys|KVMigrationGossipUnknownMembers",
    "KVMigrationGossipUnknownMembers": "KVMigrationGossipUnknownKeys|KVMigrationRingGhostMembers",
    "KVMigrationPrimariesMixed": "KVMigrationPhaseStalled|KVMigrationMirroringPartial",
    "KVMigrationMirroringPartial": "KVMigrationPhaseStalled|KVMigrationRolloutStalled",
    "KVMigrationRolloutStalled": "KVMigrationPhaseStalled",
    "KVMigrationMirrorWritesStopped": "KVMigrationSecondary.+",
    "KVMigrationSecondaryLagCritical": "KVMigrationSecondaryLagHigh",
    "KVMigrationLabelsDisagree": "KVMigrationForeignLabelRejected|KVMigrationOwnLabelRefused",
    "KVMigrationRingViewStale": "KVMigrationRingViewsDiverged",
    "KVMigrationGossipProcessIsolated": "KVMigrationGossipUnhealthy|KVMigrationRingView.+",
    "KVMigrationGossipAbsentMembers": "KVMigrationGossipUnhealthy",
    "KVMigrationRingQuorumLost": "KVMigrationRingMembersUnhealthy",
    "KVMigrationRingMembersUnhealthy": "KVMigrationRingGhostMembers|KVMigrationRingMemberInTransit",
    "KVMigrationTargetsDown": "KVMigrationRingMemberInTransit|KVMigrationRolloutStalled",
}


def _about(name: str) -> frozenset[str]:
    return frozenset(finding for alert in ALERTS if alert.name == name for finding in alert.about)


def _effects(name: str) -> Iterable[str]:
    about = _about(name)
    explained = frozenset[str]().union(*(cause.failing for cause in CAUSES if cause.id in about))
    same = SAME_FAULT.get(name, "")
    for other in NAMES:
        if other != name and (not explained.isdisjoint(_about(other)) or re.fullmatch(same, other)):
            yield other


@cache
def effects() -> Mapping[str, tuple[str, ...]]:
    """The alerts that each alert explains, by name; those that explain none are left out."""
    found = {name: tuple(_effects(name)) for name in NAMES}
    return {name: others for name, others in found.items() if others}


def kept(alert: Alert) -> Wait | None:
    """How long an alert is kept after its end: each cause for longer than its effects."""
    if alert.keep is None:
        return None
    seconds = _kept(alert.name)
    return alert.keep if alert.keep.seconds >= seconds else Wait(seconds, OUTLIVE.reason)


@cache
def _kept(name: str) -> float:
    own = [alert.keep.seconds for alert in ALERTS if alert.name == name and alert.keep]
    behind = [_kept(other) + memory(other) + OUTLIVE.seconds for other in effects().get(name, ())]
    return max([*own, *behind], default=KEEP.seconds)


def memory(name: str) -> float:
    return max((a.memory.seconds for a in ALERTS if a.name == name and a.memory), default=0.0)
