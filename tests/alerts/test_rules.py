"""Every alert: fires after its time, and is silent when all is well, at the limit, and in its look-alikes."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.registry import NAMES
from exporter.expose import catalogue
from tests.alerts import cases, promtool
from tests.alerts.case import Case, Kind
from tests.alerts.cases import exporting
from tests.alerts.fleet import healthy, identity, phases

ROOT = Path(__file__).parents[2]
RULES = ROOT / "alerts" / "built" / "kvmigration-alerts.yaml"
JOINING = RULES.with_name("kvmigration-shards.yaml")
CASES: tuple[Case, ...] = tuple(
    case
    for module in sorted(found.name for found in pkgutil.iter_modules(cases.__path__))
    for case in importlib.import_module(f"tests.alerts.cases.{module}").CASES
)
LINGERING, WEEK = "KVMigrationPhaseLingering", 7 * 24 * 3600
UNDER = {(case.phase, case.step) for case in CASES}  # the healthy fleets that cases are laid over
FAULTY = {
    catalogue.FOREIGN_MEMBER_INFO.name,
    catalogue.GOSSIP_CLUSTER_TARGETS.name,
    catalogue.ROLLOUT_MOVED_TIMESTAMP_SECONDS.name,
}


def verdict(
    rules: Path, cases: list[Case], checks: Callable[[Case], list[promtool.Check]], where: Path
) -> str:
    """Give "" where all is as the cases say, else the names of those that are not, and why."""
    said = ""
    for step in sorted({case.step for case in cases}):
        of_step = [case for case in cases if case.step == step]
        every = step * 5 if checks is promtool.nobody_else else step
        result = promtool.run(rules, promtool.document(of_step, every, checks), where)
        if result.returncode and len(of_step) > 1:
            said += "".join(verdict(rules, [case], checks, where) for case in of_step)
        elif result.returncode:
            said += f"\n{of_step[0].kind}: {of_step[0].name}\n{result.stdout}{result.stderr}"
    return said


def of(alert: str, *kinds: Kind) -> list[Case]:
    """The cases of one alert."""
    return [case for case in CASES if case.alert == alert and case.kind in kinds]


@pytest.mark.parametrize("alert", NAMES)
def test_alert_fires_after_its_time_with_exact_words_and_alone(alert: str, tmp_path: Path) -> None:
    loud = of(alert, Kind.FIRES)
    assert not verdict(promtool.touched(RULES, loud, tmp_path), loud, promtool.speaks, tmp_path)


def test_a_shard_that_discovery_lost_is_missed_by_the_rules_that_join_them(tmp_path: Path) -> None:
    """The files as they are loaded: what the one records, the other reads, and no other alert speaks."""
    both = promtool.together(tmp_path, JOINING, RULES)
    shown = {name: values for name, values in exporting.LOST.changes.items() if name != exporting.COMPLETE}
    lost = replace(exporting.LOST, changes=shown, at=22, held=True)  # groups are evaluated in any order
    assert not verdict(both, [lost], promtool.speaks, tmp_path)
    whole = replace(lost, changes=shown | exporting.shard(2))
    assert not verdict(both, [whole], promtool.silent, tmp_path)


@pytest.mark.parametrize("alert", NAMES)
def test_alert_is_silent_at_its_limit_and_in_its_lookalikes(alert: str, tmp_path: Path) -> None:
    quiet = of(alert, Kind.THRESHOLD, Kind.LOOKALIKE)
    assert not verdict(promtool.alone(RULES, alert, tmp_path), quiet, promtool.silent, tmp_path)


@pytest.mark.parametrize("alert", NAMES)
def test_what_is_no_case_of_one_alert_is_no_case_of_another(alert: str, tmp_path: Path) -> None:
    quiet = of(alert, Kind.THRESHOLD, Kind.LOOKALIKE)
    assert not verdict(promtool.touched(RULES, quiet, tmp_path), quiet, promtool.nobody_else, tmp_path)


@pytest.mark.parametrize(("phase", "step"), sorted({(phase, 60) for phase in range(6)} | UNDER))
def test_healthy_fleet_is_silent_in_every_phase(phase: int, step: int, tmp_path: Path) -> None:
    """For as long as any case lasts: what a case leaves alone is as it is here. A phase lingers in time."""
    ends = (max(case.at, case.until) for case in CASES if (case.phase, case.step) == (phase, step))
    case = Case(LINGERING, Kind.LOOKALIKE, "healthy", {}, phase=phase, step=step, until=max(110, *ends))
    assert not verdict(RULES, [case], promtool.never_another, tmp_path)
    short = replace(case, until=min(case.until, WEEK // step - 1))
    assert not verdict(promtool.alone(RULES, LINGERING, tmp_path), [short], promtool.silent, tmp_path)


def test_healthy_migration_from_the_first_step_to_the_last_is_silent(tmp_path: Path) -> None:
    """Each step is applied by the runtime configuration; the store is written until mirroring ends."""
    written = {'store_last_write_timestamp_seconds{store="consul"}': "0+60x79 4740x200"}
    walk = phases("0x9 1x19 2x29 3x19 4x9 5x100") | written
    case = Case(LINGERING, Kind.LOOKALIKE, "migration", walk, phase=0, until=150)
    assert not verdict(RULES, [case], promtool.never_another, tmp_path)
    assert not verdict(promtool.alone(RULES, LINGERING, tmp_path), [case], promtool.silent, tmp_path)


def test_healthy_fleet_shows_every_metric_that_an_alert_looks_at() -> None:
    """Else silence would prove nothing. Some a healthy fleet does not have."""
    shown = {"kvmigration_" + identity(short)[0] for short in healthy()} | {"up"}
    wanted = set(re.findall(r"kvmigration_\w+|\bup\b", RULES.read_text())) - {"kvmigration_up"}
    assert {name for name in wanted if name in catalogue.by_name} - FAULTY <= shown


@pytest.mark.parametrize("alert", NAMES)
def test_alert_has_cases_of_every_kind(alert: str) -> None:
    kinds = {case.kind for case in CASES if case.alert == alert}
    assert kinds == set(Kind)


def test_more_cases_expect_silence_than_a_page() -> None:
    silent = [case for case in CASES if not case.says]
    assert len(silent) > len(CASES) - len(silent) > 0


@pytest.mark.parametrize(
    ("expr", "changes", "without", "kept"),
    [
        ("count by (job) (kvmigration_store_up == 0)", {'store_up{store="consul"}': "0x9"}, (), True),
        ("count by (job) (kvmigration_store_up == 0)", {}, ("store_up",), True),
        ("up unless on (job) kvmigration_store_up", {"up": "0x9"}, (), True),
        ('count by (job) ({__name__=~".+"})', {"up": "0x9"}, (), True),
        ('ALERTS{alertname="x"}', {"up": "0x9"}, (), True),
        ("kvmigration_store_up == 0", {"up": "0x9", **dict([*healthy().items()][-1:])}, (), False),
    ],
)
def test_only_alerts_that_read_what_a_case_changes_are_evaluated_beside_its_own(
    expr: str, changes: dict[str, str], without: tuple[str, ...], kept: bool, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    group = {
        "name": "two",
        "rules": [{"alert": "Own", "expr": "vector(1)"}, {"alert": "Other", "expr": expr}],
    }
    rules.write_text(json.dumps({"groups": [group]}))
    case = Case("Own", Kind.LOOKALIKE, "", changes, without=without)
    (found,) = promtool.groups(promtool.touched(rules, [case], tmp_path))
    assert [rule["alert"] for rule in found["rules"]] == ["Own", *(["Other"] if kept else [])]


def test_every_case_is_of_an_alert_that_exists() -> None:
    assert {case.alert for case in CASES} <= set(NAMES)
