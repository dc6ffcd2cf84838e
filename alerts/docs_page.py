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

{count} alerts. `critical` pages the person on call: users are harmed now, or no exporter watches. A
`warning` needs work within the day. An `info` alert needs no work. Each alert fires at most once for a
fleet. A fleet is all processes that one exporter watches, with the exporter's shards and replicas. The
description of an alert names up to ten culprits. Each alert has a [runbook](../alerts/runbooks/).
[loading-alerts.md](loading-alerts.md) explains how to load the alerts.

An alert does not fire for what is normal in a phase. The alerts judge the secondary only for keys that are
mirrored. They judge the external store only while a client needs it. A split gossip is critical only when
memberlist is the primary of a client. An alert fires for minutes after its cause has ended
(`keep_firing_for`), so that a restarting exporter does not resolve it and send it again. An alert about a
cause fires longer than the alerts about its effects. So Alertmanager still inhibits the effects after
recovery. One table ([causes.py](../exporter/derive/gate/causes.py)) lists which alert is the cause of which
other alert. `kvmigration status`, the page and Alertmanager's inhibitions use this table.

With a single exporter, the alerts need no recording rule. With [several shards](shards.md), the alerts need
the rules that join the shards. `KVMigrationShardsIncomplete` uses a series of these rules, so it never
fires without shards.
"""


def _for(alert: Alert, options: Options) -> str:
    return options.queries().span(alert.wait) if alert.wait.seconds else "at once"


def _after(alert: Alert, options: Options) -> str:
    return f"when its expression is true for {_for(alert, options)}" if alert.wait.seconds else "at once"


def _sentence(reason: str) -> str:
    return f"{reason[0].upper()}{reason[1:]}."


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
        lines += [
            f"`{alert.name}`{severity} fires {_after(alert, options)}. {_sentence(alert.wait.reason)}",
            "",
        ]
        lines += ["```promql", indented(alert.expr(options.queries())), "```", ""]
    return lines


def _numbers() -> list[str]:
    lines = [
        "## Numbers",
        "",
        "A value exceeds a limit only if it is above the number. A value equal to the number fires nothing.",
        "",
    ]
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
