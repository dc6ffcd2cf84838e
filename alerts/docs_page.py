"""docs/alerts.md: every alert, when it fires, and how the rules are loaded."""

from __future__ import annotations

from alerts import thresholds
from alerts.promql import indented
from alerts.registry import ALERTS, GROUPS, NAMES
from alerts.rule import Alert, Options, Severity
from alerts.thresholds import Limit, Wait

INTRODUCTION = """\
# Alerts

Written by `python -m alerts`; change `alerts/*.py`, not this page.

{count} alerts. `critical` pages the person on call: users are harmed now, or no exporter watches.
`warning` is a ticket for the day. `info` is for reading. There is one alert for each fleet: the
processes that one exporter, or its shards and replicas, watch. The description names up to ten
culprits. Each alert has a [runbook](../alerts/runbooks/). How to load them:
[loading-alerts.md](loading-alerts.md).

An alert does not fire for what is normal in a phase. The secondary is judged only for keys that are
mirrored. The external store is judged only while a client needs it. A split gossip is critical only
once memberlist is the primary of a client. An alert fires for minutes after its cause has ended
(`keep_firing_for`), so that a restarting exporter does not resolve it and send it again. A cause is kept for
longer than its effects: no ticket is opened after recovery. What follows from what stands in one table
([causes.py](../exporter/derive/gate/causes.py)); status, page and Alertmanager's inhibitions use it.

No recording rule is needed beside one exporter. With [several shards](shards.md) the alerts need the rules
that join them; `KVMigrationShardsIncomplete` uses a series that they record. Without shards it never fires.
"""


def _for(alert: Alert, options: Options) -> str:
    return options.queries().span(alert.wait) if alert.wait.seconds else "at once"


def _row(alert: Alert, options: Options) -> str:
    runbook = f"[runbook](../alerts/runbooks/{alert.name}.md)"
    return f"| `{alert.name}` | {alert.severity} | {_for(alert, options)} | {alert.meaning} | {runbook} |"


def _tables(options: Options) -> list[str]:
    lines: list[str] = []
    for group in GROUPS:
        lines += [f"## {group.about}", "", "| alert | severity | for | meaning | |", "|---|---|---|---|---|"]
        lines += [*(_row(alert, options) for alert in group.alerts), ""]
    return lines


def _expressions(options: Options) -> list[str]:
    lines = ["## Expressions", ""]
    for alert in ALERTS:
        severity = f" ({alert.severity})" if alert.severity is not Severity.WARNING else ""
        lines += [f"`{alert.name}`{severity}: {alert.wait.reason}.", ""]
        lines += ["```promql", indented(alert.expr(options.queries())), "```", ""]
    return lines


def _numbers() -> list[str]:
    lines = ["## Numbers", "", "Limits are exceeded above the number, not at it.", ""]
    lines += ["| name in `alerts/thresholds.py` | number | reason |", "|---|---|---|"]
    for name, value in vars(thresholds).items():
        if isinstance(value, Limit):
            lines.append(f"| `{name}` | {value.value:g} | {value.reason} |")
        elif isinstance(value, Wait):
            lines.append(f"| `{name}` | {value.seconds:g} s | {value.reason} |")
    return [*lines, ""]


def markdown(options: Options) -> str:
    """The page as Markdown."""
    head = INTRODUCTION.format(count=len(NAMES)).splitlines()
    parts = [*head, "", *_tables(options), *_numbers(), *_expressions(options)]
    return "\n".join(parts).rstrip() + "\n"
