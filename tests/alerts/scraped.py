"""What a Prometheus would store of an exporter's cycles, and what promtool makes of it with the rules."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alerts.alertmanager import configuration
from alerts.registry import ALERTS
from alerts.rule import Options
from exporter.expose.series import rows_of
from exporter.model.facts import Snapshot
from tests.alerts.test_generation import BUILT

SCRAPE = 60  # seconds
PLACE = {"cluster": "prod", "namespace": "mimir", "job": "kvmigration", "instance": "exporter-0:9895"}
FIRING = 'ALERTS{alertstate="firing"'
LOUD = FIRING + ',severity!="info"}'
_NOTIFYING = configuration(Options())


@dataclass
class Scraped:
    """What Prometheus stores: every series, a value for each scrape, `_` where it has none."""

    scrapes: int = 0
    origin: float = 0.0  # when promtool's clock begins, by the demo's
    values: dict[str, list[str]] = field(default_factory=dict)

    def take(self, snapshot: Snapshot) -> None:
        self.origin = self.origin or snapshot.at
        shown: dict[str, float] = {"up": 1.0, 'kvmigration_build_info{version="1"}': 1.0}
        for metric, labels, value in rows_of(snapshot):
            if value is not None:
                pairs = zip(metric.labels, labels, strict=True)
                inside = ",".join(f"{name}={json.dumps(str(told))}" for name, told in pairs)
                since = (
                    self.origin if metric.name.endswith(("timestamp_seconds", "start_time_seconds")) else 0
                )
                shown[f"{metric.name}{{{inside}}}" if inside else metric.name] = float(value) - since
        for name, value in shown.items():
            past = self.values.setdefault(name, [])
            past += ["_"] * (self.scrapes - len(past))
            past.append("NaN" if math.isnan(value) else f"{value:.10g}")
        self.scrapes += 1
        for past in self.values.values():
            if len(past) < self.scrapes:
                past.append("stale" if past[-1] not in ("stale", "_") else "_")

    def series(self) -> list[dict[str, str]]:
        place = ",".join(f'{name}="{value}"' for name, value in PLACE.items())
        return [
            {
                "series": f"{name[:-1]},{place}}}" if name.endswith("}") else f"{name}{{{place}}}",
                "values": " ".join(values),
            }
            for name, values in self.values.items()
        ]


def answers(scraped: Scraped, where: Path, asked: list[tuple[str, int, float | None]]) -> str:
    """What promtool says of expressions at seconds, each with its answer or none."""
    checks: list[dict[str, Any]] = [
        {"expr": expr, "eval_time": f"{at}s", "exp_samples": [] if told is None else [{"value": told}]}
        for expr, at, told in asked
    ]
    test = {"interval": f"{SCRAPE}s", "input_series": scraped.series(), "promql_expr_test": checks}
    document = {
        "rule_files": [str(BUILT / "kvmigration-alerts.yaml")],
        "evaluation_interval": "15s",
        "tests": [test],
    }
    path = where / "tests.yml"
    path.write_text(json.dumps(document))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False, timeout=300
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def unmuted(name: str, severity: str) -> str:
    """Hold while an alert fires and no other one mutes it, by the inhibitions as they are built."""
    own = f'{FIRING},alertname="{name}",severity="{severity}"}}'
    rules = [
        rule for rule in _NOTIFYING["inhibit_rules"] if _targets(rule["target_matchers"], name, severity)
    ]
    muting = " or ".join(f"{FIRING},{','.join(rule['source_matchers'])}}}" for rule in rules)
    return f"({own} unless on () ({muting}))" if muting else own


def _targets(matchers: list[str], name: str, severity: str) -> bool:
    labels = {"alertname": name, "severity": severity}
    for matcher in matchers:
        ((label, sign, wanted),) = re.findall(r'^(\w+)(=~|!~|=)"(.*)"$', matcher)
        if (re.fullmatch(wanted, labels[label]) is None) is (sign != "!~"):
            return False
    return True


def opened_after(begin: int, end: int) -> Iterator[tuple[str, int, None]]:
    """Ask for each alert but notes: is it sent between two times and not before? None is."""
    span = end - begin
    for name, severity in sorted({(alert.name, str(alert.severity)) for alert in ALERTS}):
        if severity != "info":
            asked = unmuted(name, severity)
            before = f"count_over_time({asked}[{begin}s:15s] offset {span}s)"
            yield f"count_over_time({asked}[{span}s:15s]) unless {before}", end, None


def standing(snapshot: Snapshot, minutes: int) -> list[dict[str, str]]:
    """Give the series of what an exporter shows while nothing changes any more, so many minutes long."""
    place = ",".join(f'{name}="{value}"' for name, value in PLACE.items())
    shown = {"up": "1", 'kvmigration_build_info{version="1"}': "1"}
    for metric, labels, value in rows_of(snapshot):
        if value is not None:
            inside = ",".join(f"{n}={json.dumps(str(t))}" for n, t in zip(metric.labels, labels, strict=True))
            is_time = metric.name.endswith(("timestamp_seconds", "start_time_seconds"))
            told = float(value) - (snapshot.at - minutes * 60 if is_time else 0.0)
            shown[f"{metric.name}{{{inside}}}" if inside else metric.name] = f"{told:.10g}"
    found = []
    for name, value in shown.items():
        series = f"{name[:-1]},{place}}}" if name.endswith("}") else f"{name}{{{place}}}"
        values = " ".join(["NaN"] * minutes) if value == "nan" else f"{value}x{minutes}"
        fresh = name == "kvmigration_snapshot_timestamp_seconds"
        found.append({"series": series, "values": f"0+60x{minutes}" if fresh else values})
    return found
