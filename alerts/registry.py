"""All groups, in the order in which they are written and read."""

from __future__ import annotations

from dataclasses import replace

from alerts.groups import (
    exporter,
    gossip,
    ha_tracker,
    labels,
    mirroring,
    phases,
    rings,
    secondary,
    store,
    targets,
    views,
)
from alerts.rule import Alert, Group

_TOGETHER = (
    "KVMigrationPrimariesMixed",
    "KVMigrationStoreReplaced",
    "KVMigrationStoreUnreachable",
    "KVMigrationRingForeignMembers",
    "KVMigrationGossipForeignMembers",
    "KVMigrationLabelsDisagree",
    "KVMigrationGossipSplit",
    "KVMigrationGossipProcessIsolated",
    "KVMigrationRingShrunk",
    "KVMigrationRingQuorumLost",
    "KVMigrationSecondaryLagCritical",
)
"""Alerts about harm within minutes. Prometheus spreads groups over their interval: in two groups an effect
may fire before its cause, and both are sent.
"""
_BY_QUESTION: tuple[Group, ...] = tuple(
    module.GROUP
    for module in (
        phases, mirroring, secondary, rings, views, gossip, labels, ha_tracker, store, targets, exporter,
    )
)  # fmt: skip
BOARDS = {alert.name: group.board for group in _BY_QUESTION for alert in group.alerts}
"""The dashboard of each alert."""


def _without_harm(group: Group) -> Group:
    return replace(group, alerts=tuple(alert for alert in group.alerts if alert.name not in _TOGETHER))


_EVERY = tuple(alert for group in _BY_QUESTION for alert in group.alerts)
_HARM = tuple(alert for name in _TOGETHER for alert in _EVERY if alert.name == name)
GROUPS: tuple[Group, ...] = (
    Group("harm", "Certain harm, reported within minutes", _HARM),
    *map(_without_harm, _BY_QUESTION),
)

ALERTS: tuple[Alert, ...] = tuple(alert for group in GROUPS for alert in group.alerts)
NAMES: tuple[str, ...] = tuple(dict.fromkeys(alert.name for alert in ALERTS))
