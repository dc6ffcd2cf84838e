"""Runs cases through the real `promtool test rules`."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import Any

import yaml

from alerts.registry import ALERTS, NAMES
from tests.alerts.case import Case
from tests.alerts.fleet import changed, full, healthy, identity

SUMMARY = {(alert.name, str(alert.severity)): alert.summary for alert in ALERTS}
ANYTHING = {"__name__", "ALERTS", "ALERTS_FOR_STATE"}  # what reads these may read any series
_WORD = re.compile(r"[a-zA-Z_:][\w:]*")
Document = dict[str, Any]
Check = dict[str, Any]


def run(rules: Path, document: Document, where: Path) -> subprocess.CompletedProcess[str]:
    """Run one promtool document against a rule file."""
    path = where / "tests.yml"
    path.write_text(json.dumps({"rule_files": [str(rules)], **document}))  # JSON is YAML, and quick to write
    return subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False, timeout=240
    )


def groups(rules: Path) -> list[Document]:
    """The groups of a rule file."""
    found: list[Document] = yaml.load(rules.read_text(), Loader=yaml.CSafeLoader)["groups"]
    return found


def together(where: Path, *files: Path) -> Path:
    """One rule file of several, for what reads in one that another records."""
    path = where / "together.yaml"
    path.write_text(json.dumps({"groups": [group for file in files for group in groups(file)]}))
    return path


def alone(rules: Path, alert: str, where: Path) -> Path:
    """A rule file with this alert only: its own silence needs no other rule, and takes a fortieth."""
    return only(rules, {alert}, where / f"{alert}.yaml")


def only(rules: Path, alerts: Container[str], path: Path) -> Path:
    """A rule file with these alerts only."""
    return _with(rules, lambda rule: rule["alert"] in alerts, path)


def touched(rules: Path, cases: Iterable[Case], where: Path) -> Path:
    """A rule file with the cases' own alerts and those that read a metric that a case changes: a tenth.
    The others see nothing but the healthy fleet, in which test_rules.py shows each of them silent.
    """
    own, read = set[str](), set(ANYTHING)
    for case in cases:
        own.add(case.alert)
        read |= laid_over(case)
    return _with(
        rules,
        lambda rule: rule["alert"] in own or not read.isdisjoint(_WORD.findall(rule["expr"])),
        where / "touched.yaml",
    )


def laid_over(case: Case) -> set[str]:
    """The metrics of which a case shows something else than the healthy fleet of its phase."""
    fleet = healthy(case.phase, case.step)
    differ = fleet.items() ^ changed(fleet, case.changes, case.without).items()
    return {identity(full(short))[0] for short, _ in differ}


def _with(rules: Path, keeps: Callable[[Document], bool], path: Path) -> Path:
    kept = [rule for group in groups(rules) for rule in group["rules"] if keeps(rule)]
    path.write_text(json.dumps({"groups": [{"name": "kept", "rules": kept}]}))
    return path


def document(cases: Iterable[Case], every: int, checks: Callable[[Case], list[Check]]) -> Document:
    """One promtool document: a test for each case, rules evaluated every so many seconds."""
    return {"evaluation_interval": f"{every}s", "tests": [_test(case, checks(case)) for case in cases]}


def _test(case: Case, checks: list[Check]) -> Document:
    series = changed(healthy(case.phase, case.step), case.changes, case.without)
    return {
        "interval": f"{case.step}s",
        "input_series": [{"series": full(short), "values": values} for short, values in series.items()],
        "alert_rule_test": checks,
    }


def silent(case: Case) -> list[Check]:
    """The alert is silent at every step."""
    return [_at(case, step, case.alert, []) for step in range(case.until + 1)]


def speaks(case: Case) -> list[Check]:
    """It fires at its step and not before, with exactly these words, and nothing else fires."""
    before = [] if case.held or not case.at else [case.at - 1]
    after = [case.gone] if case.gone else []
    own = [_at(case, step, case.alert, []) for step in before + after]
    return [*own, _at(case, case.at, case.alert, [_expected(case)]), *_others(case, [case.at])]


def nobody_else(case: Case) -> list[Check]:
    """No other alert fires either."""
    return _others(case, range(0, case.until + 1, 5))


def never_another(case: Case) -> list[Check]:
    """No other alert fires at any step."""
    return _others(case, range(case.until + 1))


def _others(case: Case, steps: Iterable[int]) -> list[Check]:
    quiet = [name for name in NAMES if name != case.alert and name not in case.also]
    return [_at(case, step, name, []) for step in steps for name in quiet]


def _at(case: Case, step: int, alert: str, expected: list[Document]) -> Check:
    return {"eval_time": f"{step * case.step}s", "alertname": alert, "exp_alerts": expected}


def _expected(case: Case) -> Document:
    summary = SUMMARY[case.alert, case.severity]
    return {
        "exp_labels": {"severity": case.severity, **case.labels},
        "exp_annotations": {
            "summary": f"{summary} ({case.fleet})",
            "description": case.says.replace("<fleet>", case.fleet),
            "runbook_url": case.served_by and f"http://{case.served_by}/docs/runbooks/{case.alert}",
        },
    }
