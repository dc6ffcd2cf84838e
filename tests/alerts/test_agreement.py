"""Page, gate, alerts and overview say the same of healthy clusters, of each fault and of recorded ones.

A fault stands for three quarters of an hour, so that every wait is over. What alerts judge by how counters
grow is not compared: their own cases do that.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts.registry import ALERTS
from dashboards.fault_queries import faults
from dashboards.installation_settings import Options
from dashboards.preview.prometheus_client import filled
from dashboards.queries import Queries
from exporter.derive.conclude import conclude
from exporter.derive.gate.causes import CAUSES
from exporter.derive.previous_cycle import History
from exporter.model.facts import Snapshot
from exporter.model.gate import Verdict
from tests.alerts import promtool
from tests.alerts.scraped import BUILT, FIRING, standing
from tests.conftest import free_base_port
from tests.evidence.capture import capture, names
from tests.evidence.changes import later
from tests.evidence.lives import Episode, Life
from tests.evidence.living import BY_PHASE, harmful, living

MINUTES, LOOKS, HEALTHY = 46, 28, 3  # the last one: looks before a fault begins
EVERY = 3  # minutes between evaluations: nothing changes any more, and the rules end as with one each minute
ANYTHING = {"cluster": ".*", "namespace": ".*", "job": ".+", "component": ".*", "key": ".*"}
BESIDE: Mapping[str, str] = {
    "primaries-mixed": "KV clients with different primaries",
    "mirroring-partial": "KV clients that do not mirror beside some that do",
    "gossip-split": "gossip clusters too many",
    "store-unread": "external store not readable",
    "store-replaced": "external store is another one",
    "ring-shrunk": "members lost at once",
    "process-down": "processes that do not answer",
    "writers-missing": "writers without a member",
    "addresses-shared": "addresses shared by members",
    "partitions-unowned": "partitions without an owner",
    "clocks-differ": "clocks that are off",
}
"""By cause, the fault of the overview that belongs to it. The alerts are those that are about the cause."""
BESIDE_CHECKS: Mapping[str, str] = {
    "members-healthy": "unhealthy members",
    "no-ghosts": "orphaned members",
    "keys-copied": "keys missing in the secondary",
    "members-copied": "members missing in the secondary",
    "contents-equal": "members that differ in the secondary",
    "no-token-conflicts": "token conflicts",
}
"""By check of the gate. What no check of the next step asks, alert and overview tell all the same."""
FAULTS = faults(Queries(Options()))
UNKNOWN = frozenset({"KVMigrationSecondaryUnread"})  # what is unknown; check and tile tell what is wrong
SAID_AS = {"without-multi": "mirroring-partial"}  # a kind of it, with advice of its own


def alerts_about(cause: str) -> str:
    """The names of the alerts that tell of a cause, as a pattern."""
    names = _names_about(cause)
    assert names, cause
    return "|".join(sorted(names))


def _names_about(*causes: str) -> set[str]:
    return {alert.name for alert in ALERTS if not {*causes}.isdisjoint(alert.about)} - UNKNOWN


def said(snapshot: Snapshot) -> set[str]:
    """What page and status say, by the ids of causes."""
    return {SAID_AS.get(found.id, found.id) for found in snapshot.fleet.findings}


def failing(snapshot: Snapshot) -> dict[str, str]:
    """The checks that fail before a step that is next, with what explains each: then that is told."""
    steps = (step for step in snapshot.steps if step.place == "next")
    found = [check for step in steps for check in step.checks if check.verdict is Verdict.FAILED]
    causes = {check.id: check.cause for check in found}
    if "keys-copied" in causes and "members-copied" in causes:
        causes["members-copied"] = "keys-copied"
    return causes


def checks(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """For each cause and check: does an alert fire, and does the overview list it, just where it is said?"""
    there, fails = said(snapshot), failing(snapshot)
    effects = frozenset[str]().union(*(cause.failing for cause in CAUSES if cause.id in there))
    for id_, fault in (BESIDE | BESIDE_CHECKS).items():
        firing = f'(count({FIRING},alertname=~"{alerts_about(id_)}"}}) > bool 0)'
        listed = f"(({filled(FAULTS[fault], ANYTHING)} > 0) > bool 0)"
        if fails.get(id_) or (id_ in BESIDE_CHECKS and id_ in effects):
            continue  # it is explained
        if id_ in BESIDE or id_ in fails:
            answer = [{"value": 1.0}] if id_ in there | fails.keys() else []
            asked = [(firing, answer), (listed, answer)]
        else:
            asked = [(f"{firing} unless {listed}", []), (f"{listed} unless {firing}", [])]
        for expr, answer in asked:
            yield {"expr": expr, "eval_time": f"{MINUTES - 1}m", "exp_samples": answer}


def disagreements(states: Mapping[str, Snapshot], where: Path) -> str:
    """What promtool finds, "" where all agree."""
    tests = [
        {
            "name": name,
            "interval": "1m",
            "input_series": standing(snapshot, MINUTES),
            "promql_expr_test": list(checks(snapshot)),
        }
        for name, snapshot in states.items()
    ]
    asked = _names_about(*BESIDE, *BESIDE_CHECKS)  # no other rule is asked, and none reads another
    rules = promtool.only(BUILT / "kvmigration-alerts.yaml", asked, where / "asked.yaml")
    document = {"rule_files": [str(rules)], "evaluation_interval": f"{EVERY}m", "tests": tests}
    path = where / "tests.yml"
    path.write_text(json.dumps(document))
    words = ["promtool", "test", "rules", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def states_of(step: str) -> Iterator[tuple[str, Snapshot]]:
    """A cluster before a step, healthy and with each fault that keeps the step closed."""
    began = Life(living(f"{step} agree", step, 12), step, "agree")
    for _ in range(HEALTHY):
        began.look()
    for fault in (None, *harmful(began.made, step)):
        life = replace(began, made=copy(began.made), looks=[], configs={**began.configs})
        life.episodes = [Episode(fault, "agree")] if fault else []
        for _ in range(LOOKS - HEALTHY):
            life.look()
        snapshot = life.past.snapshot
        assert snapshot is not None
        if fault is None or life.looks[-1].faults:
            yield fault.name if fault else "healthy", snapshot


STEPS = [
    pytest.param(step, marks=[] if step == "switch-primary" else [pytest.mark.slow], id=step)
    for step in BY_PHASE
]


@pytest.mark.parametrize("step", STEPS)
def test_page_alerts_and_overview_say_the_same_of_each_fault(step: str, tmp_path: Path) -> None:
    states = dict(states_of(step))
    assert not said(states["healthy"]) and len(states) > 5
    assert any(said(snapshot) & BESIDE.keys() for snapshot in states.values())
    assert not disagreements(states, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", names() or [pytest.param("", marks=pytest.mark.skip("no shared cases"))])
def test_page_alerts_and_overview_say_the_same_of_a_recorded_cluster(name: str, tmp_path: Path) -> None:
    cycle, rules = capture(name, free_base_port())
    past = History()
    for _ in range(LOOKS):
        cycle = later(cycle)
        snapshot, past = conclude(cycle, past, rules)
    assert not disagreements({name: _by_its_clock(snapshot)}, tmp_path)


def _by_its_clock(snapshot: Snapshot) -> Snapshot:
    """A recorded cluster's clocks are in the past, and nothing is said of them."""
    fleet = snapshot.fleet
    findings = tuple(found for found in fleet.findings if found.id != "clocks-differ")
    targets = tuple(replace(target, skew=None) for target in snapshot.targets)
    return replace(snapshot, targets=targets, fleet=replace(fleet, findings=findings))
