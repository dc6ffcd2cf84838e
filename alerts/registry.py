"""All groups, in the order in which they are written and read."""

from __future__ import annotations

from alerts.groups import (
    exporting,
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

GROUPS: tuple[Group, ...] = tuple(
    module.GROUP
    for module in (
        phases, mirroring, secondary, rings, views, gossip, labels, ha_tracker, store, targets, exporting,
    )
)  # fmt: skip

ALERTS: tuple[Alert, ...] = tuple(alert for group in GROUPS for alert in group.alerts)
NAMES: tuple[str, ...] = tuple(dict.fromkeys(alert.name for alert in ALERTS))
