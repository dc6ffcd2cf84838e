"""What `python -m alerts` writes: committed, clean, the same every time, and the reader's own names in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts import __main__ as command
from alerts.groups.loki_ruler import LABEL, LINE
from alerts.promql import duration
from alerts.registry import BOARDS

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "alerts" / "built"
FILES = {
    "kvmigration-alerts.yaml", "kvmigration-shards.yaml", "prometheusrule.yaml",
    "prometheusrule-shards.yaml", "alertmanager.yaml", "loki-rules.yaml", "boards.yaml",
}  # fmt: skip
RENAMED = [
    "--selector", 'env="eu"', "--cluster-label", "k8s", "--namespace-label", "space", "--job-label",
    "service", "--label", "team=storage", "--runbook-base", "https://wiki.test/r", "--dashboard-base",
    "https://boards.test", "--loki-selector", 'app="mimir"',
]  # fmt: skip


def load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def rules(path: Path) -> list[dict[str, Any]]:
    document = load(path)
    return [rule for group in document.get("spec", document)["groups"] for rule in group["rules"]]


def clean(*words: str) -> str:
    """Run a checker and give what it says; anything but success fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def renamed(tmp_path: Path) -> Path:
    """The files with every name changed that can be."""
    assert command.run([*RENAMED, "--output", str(tmp_path)]) == 0
    return tmp_path


def test_committed_files_are_what_is_written() -> None:
    assert command.run(["--check"]) == 0
    assert {path.name for path in BUILT.iterdir()} == FILES


def test_check_names_a_file_that_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.run(["--output", str(tmp_path)])
    assert command.run(["--output", str(tmp_path), "--check"]) == 0
    (tmp_path / "loki-rules.yaml").write_text("groups: []\n")
    (tmp_path / "alerts.md").unlink()
    assert command.run(["--output", str(tmp_path), "--check"]) == 1
    said = capsys.readouterr().err
    assert "loki-rules.yaml" in said and "alerts.md" in said and "prometheusrule.yaml" not in said


def test_a_second_process_writes_the_same_bytes(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "alerts", "--output", str(tmp_path)]
    subprocess.run(words, check=True, cwd=ROOT, env={"PYTHONHASHSEED": "7", "PATH": "/usr/bin"}, timeout=120)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (BUILT / name).read_bytes()


@pytest.mark.parametrize(
    "arguments", [[], RENAMED, ["--cluster-label", "", "--namespace-label", "", "--job-label", ""]]
)
def test_promtool_and_amtool_find_nothing(arguments: list[str], tmp_path: Path) -> None:
    command.run([*arguments, "--output", str(tmp_path)])
    files = (str(path) for path in sorted(tmp_path.glob("kvmigration-*.yaml")))
    assert "FAILED" not in clean("promtool", "check", "rules", "--lint=all", "--lint-fatal", *files)
    assert "SUCCESS" in clean("amtool", "check-config", str(tmp_path / "alertmanager.yaml"))


def test_no_default_name_is_left_when_all_are_changed(renamed: Path) -> None:
    for name in FILES:
        text = (renamed / name).read_text()
        assert "example" not in text
        assert not re.search(r"\$labels\.(cluster|namespace|job)\b", text)
        assert not re.search(r"\b(cluster|namespace|job)=[~\"%]", text)
        assert not re.search(r"(by|on) \([^)]*\b(cluster|namespace|job)\b", text)
        assert not re.search(r"^ +- (cluster|namespace|job)$", text, re.MULTILINE)
        assert not re.search(r", (cluster|namespace) \{\{", text)


@pytest.mark.parametrize("name", ["prometheusrule.yaml", "prometheusrule-shards.yaml"])
def test_every_selector_carries_the_readers_matchers_and_every_rule_the_labels(
    renamed: Path, name: str
) -> None:
    for rule in rules(renamed / name):
        assert rule["labels"]["team"] == "storage"
        asked = re.findall("`(.*?)`", rule.get("annotations", {}).get("description", ""))
        text = " ".join([rule["expr"], *asked])
        named = re.findall(r"(?<![:\w])(?:\w+:kvmigration_\w+:\w+|kvmigration_[a-z_]+|up)\b(.{0,12})", text)
        assert named and all(behind.startswith('{env="eu"') for behind in named), rule
    assert '{app="mimir"}' in (renamed / "loki-rules.yaml").read_text()


def test_annotations_lead_to_the_readers_own_places(renamed: Path) -> None:
    for rule in rules(renamed / "kvmigration-alerts.yaml"):
        notes = rule["annotations"]
        assert set(notes) == {"summary", "description", "runbook_url", "dashboard_url"}
        assert notes["runbook_url"] == f"https://wiki.test/r/{rule['alert']}.md"
        assert notes["dashboard_url"].startswith("https://boards.test/d/kvmigration-")


def test_boards_that_annotations_lead_to_exist() -> None:
    boards = {path.stem for path in (ROOT / "dashboards" / "built").glob("*.json")}
    assert {f"kvmigration-{board}" for board in BOARDS.values()} <= boards


def test_operator_resource_has_every_rule() -> None:
    resource = load(BUILT / "prometheusrule.yaml")
    assert (resource["apiVersion"], resource["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rules(BUILT / "prometheusrule.yaml") == rules(BUILT / "kvmigration-alerts.yaml")
    assert len({group["name"] for group in resource["spec"]["groups"]}) == len(resource["spec"]["groups"])


def test_the_rules_that_join_shards_are_apart() -> None:
    """Beside one exporter they would say a second time what it says itself."""
    joining = {rule["record"] for rule in rules(BUILT / "kvmigration-shards.yaml")}
    assert rules(BUILT / "prometheusrule-shards.yaml") == rules(BUILT / "kvmigration-shards.yaml")
    assert "kvmigration_gate_open" in joining
    assert not joining & {rule.get("record") for rule in rules(BUILT / "prometheusrule.yaml")}


@pytest.mark.parametrize(
    ("selector", "labels"),
    [
        ("", {}),
        ('env="eu"', {"env": "eu"}),
        ('job="kvm", env = "e\\"u",zone!="a",team=~"x=\\"y\\"|z"', {"env": 'e"u'}),
    ],
)
def test_what_is_joined_is_found_by_the_readers_matchers(
    selector: str, labels: dict[str, str], tmp_path: Path
) -> None:
    """Joining leaves the fleet's labels alone; boards and alerts ask by the others too."""
    command.run(["--selector", selector, "--output", str(tmp_path)])
    for rule in rules(tmp_path / "kvmigration-shards.yaml"):
        assert rule.get("labels", {}) == labels


@pytest.mark.parametrize("name", sorted(path.name for path in BUILT.glob("kvmigration-*.yaml")))
def test_no_group_is_longer_than_mimirs_ruler_takes(name: str) -> None:
    sizes = {group["name"]: len(group["rules"]) for group in load(BUILT / name)["groups"]}
    assert sizes
    assert all(size <= 20 for size in sizes.values()), sizes


def test_every_alert_waits_but_the_edge() -> None:
    hasty = [rule["alert"] for rule in rules(BUILT / "kvmigration-alerts.yaml") if "for" not in rule]
    assert hasty == ["KVMigrationRingMembersReturned"]


def test_every_alert_is_held_over_an_exporters_restart_but_those_of_the_exporters_absence() -> None:
    free = {r["alert"] for r in rules(BUILT / "kvmigration-alerts.yaml") if "keep_firing_for" not in r}
    assert free == {"KVMigrationExporterDown", "KVMigrationExporterStale"}


def test_scaling_shortens_waits_and_windows(tmp_path: Path) -> None:
    command.run(["--scale-durations", "0.01", "--output", str(tmp_path)])
    text = (tmp_path / "kvmigration-alerts.yaml").read_text()
    named = {rule["alert"]: rule for rule in rules(tmp_path / "kvmigration-alerts.yaml")}
    assert named["KVMigrationPhaseUnknown"]["for"] == "9s"
    assert named["KVMigrationMirroringPartial"]["keep_firing_for"] == "7200ms"
    assert named["KVMigrationRingShrunk"]["for"] == "600ms"
    assert "[9s]" in text and "[15m]" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(600, "10m"), (90, "90s"), (604800, "7d"), (0.5, "500ms"), (3600, "1h"), (1.5, "1500ms")],
)
def test_durations_are_written_as_prometheus_reads_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cluster-label", "a-b"],
        ["--label", "team"],
        ["--label", "9=x"],
        ["--scale-durations", "0"],
        ["--nonsense"],
    ],
)
def test_wrong_options_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command.run(arguments)
    assert refused.value.code == 2


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=KVMigrationRingShrunk severity=critical", "migration-pager"),
        ("alertname=KVMigrationTargetsDown severity=warning", "migration-tickets"),
        ("alertname=KVMigrationClockSkew severity=info", "migration-notes"),
    ],
)
def test_alertmanager_routes_by_severity(labels: str, receiver: str) -> None:
    config = f"--config.file={BUILT / 'alertmanager.yaml'}"
    assert clean("amtool", "config", "routes", "test", config, *labels.split()).splitlines()[0] == receiver


def test_loki_rules_have_the_shape_that_its_ruler_reads() -> None:
    (group,) = load(BUILT / "loki-rules.yaml")["groups"]
    alert, record = group["rules"]
    assert set(alert) == {"alert", "expr", "for", "labels", "annotations"}
    assert set(record) == {"record", "expr"}
    assert alert["expr"].startswith("sum by (cluster, namespace) (count_over_time({") and alert[
        "expr"
    ].endswith("> 0")
    assert "runbook_url" not in alert["annotations"], "Loki's ruler knows no exporter"
    assert record["expr"].count("(") == record["expr"].count(")")


@pytest.mark.parametrize(
    ("line", "label"),
    [
        (
            r'level=error msg="discarding stream with unacceptable label \"other\": from=127.0.0.1:42396"',
            "other",
        ),
        (r'level=error msg="discarding packet with unacceptable label \"\": from=10.0.0.9:7946"', ""),
        (
            '{"msg":"discarding packet with unacceptable label \\"eu.loki\\": from=1.2.3.4:9"}',
            "eu.loki",
        ),
    ],
)
def test_loki_patterns_find_the_label_in_the_line(line: str, label: str) -> None:
    assert re.search(LINE, line)
    found = re.search(LABEL, line)
    assert found and found["foreign_label"] == label
