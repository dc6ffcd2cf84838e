"""An example Alertmanager configuration for the weeks of a migration: route, inhibitions, receivers.

An inhibition mutes only while its source really fires, so nothing is lost by one: it keeps the
alerts that follow from another fault from being sent beside it.
"""

from __future__ import annotations

from typing import Any

from alerts.rule import Options

OURS = 'alertname=~"KVMigration.+"'
# Not KVMigrationShardsIncomplete: what the other shards find of their own parts is as true as before.
BLIND = 'alertname=~"KVMigrationExporterDown|KVMigrationExporterStale"'

# Source alerts, alerts that follow from them.
FOLLOWS: tuple[tuple[str, str], ...] = (
    ("KVMigrationNoTargets", "KVMigrationPhaseUnknown"),
    (
        "KVMigrationPrimariesMixed",
        "KVMigrationPhaseStalled|KVMigrationRingViewsDiverged|KVMigrationRingViewStale"
        "|KVMigrationMirror.+|KVMigrationSecondary.+",
    ),
    ("KVMigrationStoreUnreachable", "KVMigrationMirrorWrite.+|KVMigrationRingMembersUnhealthy"),
    ("KVMigrationMirroringPartial", "KVMigrationPhaseStalled|KVMigrationSecondary.+"),
    ("KVMigrationMirrorWritesStopped|KVMigrationMirrorWriteErrors", "KVMigrationSecondary.+"),
    ("KVMigrationSecondaryLagCritical", "KVMigrationSecondaryLagHigh"),
    (
        "KVMigrationGossipSplit",
        "KVMigrationGossipAbsentMembers|KVMigrationGossipProcessIsolated|KVMigrationGossipUnhealthy"
        "|KVMigrationRingViewsDiverged|KVMigrationRingViewStale|KVMigrationSecondary.+",
    ),
    ("KVMigrationGossipUnknownMembers", "KVMigrationGossipUnknownKeys|KVMigrationRingGhostMembers"),
    (
        "KVMigrationGossipProcessIsolated|KVMigrationGossipAbsentMembers",
        "KVMigrationRingViewsDiverged|KVMigrationRingViewStale|KVMigrationSecondary.+"
        "|KVMigrationGossipUnhealthy",
    ),
    ("KVMigrationRingViewStale", "KVMigrationRingViewsDiverged"),
    ("KVMigrationRingQuorumLost", "KVMigrationRingMembersUnhealthy"),
    ("KVMigrationRingMembersUnhealthy", "KVMigrationTargetsDown|KVMigrationRingGhostMembers"),
    ("KVMigrationTargetsDown", "KVMigrationRingGhostMembers"),
    ("KVMigrationLabelsDisagree", "KVMigrationForeignLabelRejected|KVMigrationOwnLabelRefused"),
)


def _matcher(names: str) -> str:
    return f'alertname=~"{names}"' if any(sign in names for sign in "|.") else f'alertname="{names}"'


def _inhibitions(fleet: list[str]) -> list[dict[str, Any]]:
    blind = {
        "source_matchers": [BLIND, 'severity="critical"'],
        "target_matchers": [OURS, 'alertname!~"KVMigrationExporter.+"'],
        "equal": fleet,
    }
    return [blind] + [
        {"source_matchers": [_matcher(source)], "target_matchers": [_matcher(target)], "equal": fleet}
        for source, target in FOLLOWS
    ]


def _receiver(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "webhook_configs": [{"url": f"http://127.0.0.1:9099/{name}", "send_resolved": True}],
    }


def configuration(options: Options) -> dict[str, Any]:
    """Give the configuration. Receivers are webhooks on loopback, to be replaced by your own."""
    fleet = list(options.queries().fleet)
    routes = [
        {"matchers": [OURS, 'severity="critical"'], "receiver": "migration-pager", "repeat_interval": "1h"},
        {"matchers": [OURS, 'severity="warning"'], "receiver": "migration-tickets", "repeat_interval": "12h"},
        {"matchers": [OURS], "receiver": "migration-notes", "repeat_interval": "7d"},
    ]
    return {
        "route": {
            "receiver": "migration-tickets",
            "group_by": ["alertname", *fleet],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": routes,
        },
        "inhibit_rules": _inhibitions(fleet),
        "receivers": [
            _receiver(name) for name in ("migration-pager", "migration-tickets", "migration-notes")
        ],
    }
