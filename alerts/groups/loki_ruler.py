"""Rules for Loki's ruler: rejections straight from the logs, where Loki reads them.

Both lines of memberlist are meant: `discarding stream with unacceptable label "other": from=…` and
`discarding packet with …`. No metric counts either.
"""

from __future__ import annotations

from typing import Any

from alerts import thresholds as t
from alerts.promql import duration
from alerts.rule import Options

LINE = r"discarding (?:stream|packet) with unacceptable label"
LABEL = r"unacceptable label \\*\"(?P<foreign_label>[^\"\\\\]{0,128})"


def document(options: Options) -> dict[str, Any]:
    """One rule group in Loki's rule format: an alert and the series behind it."""
    span = duration(t.REJECTED_WINDOW.seconds * options.scale)
    by = ", ".join(name for name in (options.cluster_label, options.namespace_label) if name)
    count = "{" + options.loki_selector + "} |~ `" + LINE + "`"
    alert: dict[str, Any] = {
        "alert": "KVMigrationForeignLabelRejectedInLogs",
        "expr": f"sum by ({by}) (count_over_time({count} [{span}])) > 0",
        "for": duration(t.REJECTED.seconds * options.scale),
        "labels": {"severity": "warning", **options.labels},
        "annotations": {
            "summary": "A process with another gossip label keeps sending",
            "description": "{{ $value }} packets or streams were rejected for their label in " + span + ".",
            **options.links("KVMigrationForeignLabelRejected", "gossip"),
        },
    }
    record = {
        "record": "label:kvmigration_foreign_label_rejections_in_logs:rate5m",
        "expr": f"sum by ({by}{', ' if by else ''}foreign_label) (rate({count} | regexp `{LABEL}` [5m]))",
        "labels": dict(options.labels),
    }
    if not options.labels:
        del record["labels"]
    return {"groups": [{"name": "kvmigration-logs", "rules": [alert, record]}]}
