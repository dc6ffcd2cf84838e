"""`kvmigration validate`."""

import json
import re
from pathlib import Path

import pytest
import yaml

from exporter.cli.source.series_estimate import estimate, report, series_of
from exporter.config import load, load_text
from exporter.derive.gate.step_table import STEPS
from exporter.expose import catalogue
from exporter.model.migration import FIXED, Migration
from tests.cli.conftest import said_here

HERE = Path(__file__).parents[1] / "config"


def _run(*words: Path | str) -> tuple[int, str, str]:
    said = said_here("validate", *map(str, words))
    return said.status, said.out, said.err


def test_a_good_file_is_ok() -> None:
    path = HERE / "good" / "minimal.yml"
    assert _run(path) == (0, f"{path}: ok\n", "")


def test_a_bad_file_has_its_problems_on_stderr() -> None:
    path = HERE / "bad" / "unknown_key.yml"
    assert _run(path) == (1, "", f'{path}:3: intervall: this key is unknown (did you mean "interval"?)\n')


def test_files_that_are_not_there_are_a_warning() -> None:
    status, _, err = _run(HERE / "good" / "everything.yml")
    assert status == 0
    assert f"warning: {HERE}/good/secrets/consul cannot be read here" in err
    assert "hunter2" not in err


WARNINGS: list[tuple[str, str, str]] = [
    ("a cycle as long as the timeout", "interval: 5s", "http_client.timeout is as long as interval (5s)"),
    ("a cycle shorter than the timeout that nobody set", "interval: 2s", "as long as interval (2s)"),
    ("an entry's own", "interval: 10s, own: {timeout: 10s}", "targets[1].http_client.timeout is as long"),
    ("a cycle with time to spare", "interval: 6s", ""),
]


@pytest.mark.parametrize(("told", "said"), [row[1:] for row in WARNINGS], ids=[row[0] for row in WARNINGS])
def test_a_timeout_that_takes_a_whole_cycle_is_a_warning(told: str, said: str, tmp_path: Path) -> None:
    given = yaml.safe_load(f"{{{told}}}")
    own = given.pop("own", {})
    entries = [{"static": {"urls": ["http://a"]}}, {"static": {"urls": ["http://b"]}, "http_client": own}]
    path = tmp_path / "my.yml"
    path.write_text(yaml.safe_dump({**given, "targets": entries[: 2 if own else 1]}))
    status, out, err = _run(path)
    assert (status, out) == (0, f"{path}: ok\n")
    assert said in err
    assert bool(err) is bool(said)


def test_a_pattern_that_matches_no_file_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "my.yml"
    path.write_text("targets: [{file: {paths: [there/*.yml, gone/*.yml]}}]")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.yml").write_text("[]")
    status, _, err = _run(path)
    assert status == 0
    assert err == f"{path}: warning: targets[0].file.paths: no file matches {tmp_path}/gone/*.yml here now\n"


def test_the_schema_is_printed_without_a_file() -> None:
    status, out, _ = _run("--schema")
    assert status == 0
    assert json.loads(out)["required"] == ["targets"]


def test_without_a_file_it_says_what_to_give_and_that_it_was_misused() -> None:
    assert _run() == (2, "", "kvmigration: name the FILE to check, or give --schema\n")


def test_an_estimate_looks_for_the_targets_and_counts_their_series() -> None:
    path = HERE / "good" / "minimal.yml"
    status, out, _ = _run(path, "--estimate")
    lines = out.splitlines()
    assert status == 0
    assert lines[0] == f"{path}: ok"
    assert re.fullmatch(r"about \d+ series at most; scale.max_series is 50000", lines[1])
    assert "  T = 1 targets" in lines


def test_an_estimate_grows_with_the_targets() -> None:
    config = load(HERE / "good" / "minimal.yml")
    few, many = estimate(config, 10).series, estimate(config, 1000).series
    assert few < many < 100 * few


def test_more_than_max_series_is_said() -> None:
    config = load(HERE / "good" / "minimal.yml")
    assert "raise it" not in report(config, 1)
    assert "raise it" in report(config, 10_000)


def test_every_formula_of_the_catalogue_is_understood() -> None:
    letters = dict.fromkeys(catalogue.ESTIMATE_LETTERS, 2)
    for metric in catalogue.by_name.values():
        words = set(metric.estimate.split()) - {"×", "about"}
        assert all(word in letters or word.isdigit() for word in words)
        assert series_of(metric.estimate, letters) >= 1


OWN = """\
targets: [{static: {urls: ["http://mimir-0:8080"]}}]
migrations: [{name: usage, keys: [usage-tracker-instances]}, {name: rulers, keys: [rulers/ring]}]
"""


@pytest.mark.parametrize(("text", "own"), [(OWN, ["usage", "rulers"]), (OWN.splitlines()[0], [])])
def test_an_estimate_counts_every_migration_with_all_its_steps_and_checks(text: str, own: list[str]) -> None:
    said = estimate(load_text(text), 1).letters
    names = [*FIXED, *own]
    steps = [(name, rule) for name in names for rule in STEPS if rule.is_of(Migration(name))]
    assert said["Y"] == len(names)
    assert series_of(catalogue.GATE_OPEN.estimate, said) >= len(steps)
    assert series_of(catalogue.GATE_CHECK.estimate, said) >= sum(len(r.checks_of(n)) for n, r in steps)


def test_no_migration_has_more_steps_or_checks_than_its_part_of_the_estimate() -> None:
    for name in (*FIXED, "rulers"):
        steps = [rule for rule in STEPS if rule.is_of(Migration(name))]
        assert len(steps) <= series_of(catalogue.GATE_OPEN.estimate, {"Y": 1})
        checks = sum(len(rule.checks_of(name)) for rule in steps)
        assert checks <= series_of(catalogue.GATE_CHECK.estimate, {"Y": 1})
