"""An example Alertmanager configuration for the weeks of a migration: route, inhibitions, receivers.

An inhibition mutes only while its source fires, and only alerts that are no more severe than the source. It
keeps back the alerts that follow from another fault, and never turns a page into a ticket.
"""

from __future__ import annotations

import re
from typing import Any

from alerts.inhibitions import effects
from alerts.registry import ALERTS
from alerts.rule import Options, Severity
from alerts.thresholds import MINUTE

OURS = 'alertname=~"KVMigration.+"'
OTHERS = 'alertname!~"KVMigrationExporter.+"'
# Not KVMigrationShardsIncomplete: the findings of the other shards about their own parts stay true.
DOWN, STALE = "KVMigrationExporterDown", "KVMigrationExporterStale"
RANKS = tuple(str(severity) for severity in Severity)  # the most severe first
# Prometheus restores waits of this length and longer: such an alert fires at once after a restart.
RESTORED = 10 * MINUTE
# Longer than the longest wait of a cause, which begins anew, with two evaluations: the cause is sent first.
WAIT_FOR_CAUSES = "150s"


def _matcher(names: str) -> str:
    return f'alertname=~"{names}"' if any(sign in names for sign in "|.") else f'alertname="{names}"'


def _severities(names: str) -> list[str]:
    found = {str(alert.severity) for alert in ALERTS if re.fullmatch(names, alert.name)}
    return [rank for rank in RANKS if rank in found]


def _muting(source: str, target: str, fleet: list[str]) -> list[dict[str, Any]]:
    """One inhibition for each severity of the source: it mutes what is as severe or less."""
    made = []
    for severity in _severities(source):
        lower = [rank for rank in _severities(target) if RANKS.index(rank) >= RANKS.index(severity)]
        if lower:
            made.append(
                {
                    "source_matchers": [_matcher(source), f'severity="{severity}"'],
                    "target_matchers": [_matcher(target), f'severity=~"{"|".join(lower)}"'],
                    "equal": fleet,
                }
            )
    return made


def _inhibitions(fleet: list[str]) -> list[dict[str, Any]]:
    """Without any exporter, every alert that still fires is only kept, so all are muted. A stale exporter may
    be a shard or a replica of several. It mutes only tickets and notes, because pages of the rest are true.
    """
    blind = [
        {
            "source_matchers": [_matcher(source), 'severity="critical"'],
            "target_matchers": [OURS, OTHERS, f'severity=~"{"|".join(muted)}"'],
            "equal": fleet,
        }
        for source, muted in ((DOWN, RANKS), (STALE, RANKS[1:]))
    ]
    followed = effects().items()
    return blind + [rule for source, others in followed for rule in _muting(source, "|".join(others), fleet)]


def _restored() -> str:
    """The pattern of the tickets that fire at once after a restart of Prometheus."""
    tickets = [alert for alert in ALERTS if alert.severity is Severity.WARNING]
    return "|".join(alert.name for alert in tickets if alert.wait.seconds >= RESTORED)


def _receiver(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "webhook_configs": [{"url": f"http://127.0.0.1:9099/{name}", "send_resolved": True}],
    }


def configuration(options: Options) -> dict[str, Any]:
    """The configuration. Receivers are webhooks on loopback, to be replaced by your own."""
    fleet = list(options.queries().fleet)
    routes = [
        {
            "matchers": [OURS, 'severity="critical"'],
            "receiver": "migration-pager",
            "group_wait": "10s",
            "repeat_interval": "4h",
        },
        {
            "matchers": [OURS, 'severity="warning"'],
            "receiver": "migration-tickets",
            "repeat_interval": "12h",
            "routes": [{"matchers": [_matcher(_restored())], "group_wait": WAIT_FOR_CAUSES}],
        },
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
