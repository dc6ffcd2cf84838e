"""From rules to files: YAML that is the same byte for byte whenever the input is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from alerts import alertmanager
from alerts.groups import loki_ruler
from alerts.inhibitions import kept
from alerts.promql import indented
from alerts.registry import BOARDS, GROUPS, NAMES
from alerts.rule import Alert, Options, Record
from alerts.shard_rules import COUNTS, INTERVAL, JUDGED_ANEW, PARTS

HEADING = "# Written by `python -m alerts`; change alerts/*.py, not this file.\n"
MOST_RULES = 20
"""Of one group; Mimir's ruler takes no more by default (`ruler_max_rules_per_rule_group`)."""
HERE = Path(__file__).parent
_EQUAL = re.compile(r'(?:^|,)\s*([a-zA-Z_]\w*)\s*=\s*("(?:[^"\\]|\\.)*")')


class _Writer(yaml.SafeDumper):
    """Block style for text of more than one line, and lists indented as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(writer: yaml.SafeDumper, text: str) -> yaml.Node:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Writer.add_representer(str, _text)


def _yaml(document: dict[str, Any]) -> str:
    body = yaml.dump(document, Dumper=_Writer, sort_keys=False, width=100_000, allow_unicode=True)
    return HEADING + body


def rule_of(alert: Alert, options: Options) -> dict[str, Any]:
    """One alerting rule as Prometheus reads it."""
    q = options.queries()
    rule: dict[str, Any] = {"alert": alert.name, "expr": indented(alert.expr(q))}
    if alert.wait.seconds:
        rule["for"] = q.span(alert.wait)
    if keep := kept(alert):
        rule["keep_firing_for"] = q.span(keep)
    rule["labels"] = {"severity": str(alert.severity), **options.labels}
    rule["annotations"] = {
        "summary": f"{alert.summary} ({q.name})",
        "description": alert.described(q),
        **options.links(alert.name, BOARDS[alert.name], q.documents(), q.fleet),
    }
    return rule


def alert_groups(options: Options) -> dict[str, Any]:
    """The alerting rules as a rule file's document."""
    every = options.queries().span(INTERVAL)
    return {
        "groups": [
            {
                "name": f"kvmigration-{group.name}",
                "interval": every,
                "rules": [rule_of(alert, options) for alert in group.alerts],
            }
            for group in GROUPS
        ]
    }


def shard_groups(options: Options) -> dict[str, Any]:
    """The recording rules that join shards, in three kinds of groups. Families that are joined one by
    one read no other rule. Each of the next kind may read those before it. Nothing reads the counts.
    """
    every = options.queries().span(INTERVAL)
    options = replace(options, labels=_selected(options) | options.labels)
    groups = {
        f"parts-{at // MOST_RULES + 1}": PARTS[at : at + MOST_RULES]
        for at in range(0, len(PARTS), MOST_RULES)
    }
    groups |= {"whole": JUDGED_ANEW, "counts": COUNTS}
    return {
        "groups": [
            {"name": f"kvmigration-shards-{name}", "interval": every, "rules": _recorded(records, options)}
            for name, records in groups.items()
        ]
    }


def _selected(options: Options) -> dict[str, str]:
    """Labels that the reader's matchers select and that joining takes off a series. They are put on the
    recorded series, which is read by the same matchers.
    """
    asked = {name: json.loads(value) for name, value in _EQUAL.findall(options.selector)}
    return {name: value for name, value in asked.items() if name not in options.queries().fleet}


def _recorded(records: Iterable[Record], options: Options) -> list[dict[str, Any]]:
    q = options.queries()
    rules = []
    for record in records:
        rule: dict[str, Any] = {"record": record.name, "expr": indented(record.expr(q))}
        if options.labels:
            rule["labels"] = dict(options.labels)
        rules.append(rule)
    return rules


def _operator(name: str, *documents: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/name": "kvmigration-exporter", "role": "alert-rules"},
        },
        "spec": {"groups": [group for document in documents for group in document["groups"]]},
    }


def files(options: Options) -> dict[str, str]:
    """The contents of every rule file by its name."""
    alerts, shards = alert_groups(options), shard_groups(options)
    return {
        "kvmigration-alerts.yaml": _yaml(alerts),
        "kvmigration-shards.yaml": _yaml(shards),
        "prometheusrule.yaml": _yaml(_operator("kvmigration", alerts)),
        "boards.yaml": _yaml({name: f"kvmigration-{BOARDS[name]}" for name in NAMES}),
        "prometheusrule-shards.yaml": _yaml(_operator("kvmigration-shards", shards)),
        "alertmanager.yaml": _yaml(alertmanager.configuration(options)),
        "loki-rules.yaml": _yaml(loki_ruler.document(options)),
    }
