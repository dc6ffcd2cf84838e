"""The mixin, as jsonnet evaluates it: what is built where nothing is chosen, else what is chosen."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import render_mixin

jsonnet = pytest.importorskip("_jsonnet", reason="jsonnet is not installed")
ROOT = Path(__file__).parents[2]
BUILT = ROOT / "alerts" / "built"
CHOSEN = """{
  selector: 'env="eu", team="metrics"', clusterLabel: 'k8s', namespaceLabel: 'space', jobLabel: 'service',
  podLabel: 'kubernetes_pod', severities+: { warning: 'ticket' }, waits: { KVMigrationGossipSplit: '5m' },
  keeps: { KVMigrationGossipSplit: '9m' }, without: ['KVMigrationClockSkew'], runbookBase: 'https://wiki.test/r',
  dashboardBase: 'https://boards.test', labels: { env: 'eu', team: 'metrics' }, tags: ['mine'], shards: true,
}"""


def evaluated(config: str = "{}") -> dict[str, Any]:
    """The three parts of the mixin with this `_config`."""
    snippet = f"""
    local mixin = (import 'mixin/mixin.libsonnet') + {{ _config+:: {config} }};
    {{ alerts: mixin.prometheusAlerts, rules: mixin.prometheusRules, boards: mixin.grafanaDashboards }}
    """
    found: dict[str, Any] = json.loads(jsonnet.evaluate_snippet("test", snippet, jpathdir=[str(ROOT)]))
    return found


def load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def test_its_files_are_what_is_written() -> None:
    assert render_mixin.main(["--check"]) == 0


def test_with_nothing_chosen_it_is_what_is_built() -> None:
    mixin = evaluated()
    assert mixin["alerts"] == load(BUILT / "kvmigration-alerts.yaml")
    assert mixin["rules"] == {"groups": []}
    for name, board in mixin["boards"].items():
        assert board == json.loads((ROOT / "dashboards" / "built" / name).read_text(encoding="utf-8"))
    assert len(mixin["boards"]) == len(list((ROOT / "dashboards" / "built").glob("*.json")))


def test_with_shards_it_has_the_rules_that_join_them() -> None:
    groups = load(BUILT / "kvmigration-shards.yaml")["groups"]
    assert evaluated("{ shards: true }")["rules"]["groups"] == groups


def rules(mixin: dict[str, Any], name: str = "") -> list[dict[str, Any]]:
    every = [rule for group in mixin["alerts"]["groups"] for rule in group["rules"]]
    return [rule for rule in every if name in ("", rule["alert"])]


def test_what_is_chosen_is_everywhere_and_no_default_is_left() -> None:
    mixin = evaluated(CHOSEN)
    text = json.dumps(mixin)
    assert "kvm_" not in text.lower() and "kvm-" not in text
    assert not re.search(r"\b(cluster|namespace|job)=[~%]", json.dumps(mixin["alerts"]))
    assert {rule["labels"]["severity"] for rule in rules(mixin)} == {"critical", "ticket", "info"}
    for rule in rules(mixin):
        assert rule["annotations"]["runbook_url"] == f"https://wiki.test/r/{rule['alert']}.md"
        assert rule["annotations"]["dashboard_url"].startswith("https://boards.test/d/kvmigration-")
        assert "?var-k8s={{ $labels.k8s | urlquery }}&var-space=" in rule["annotations"]["dashboard_url"]
        assert rule["labels"]["team"] == "metrics"
        assert 'env="eu", team="metrics"' in rule["expr"]
    for rule in rules(mixin, "KVMigrationGossipSplit"):
        assert (rule["for"], rule["keep_firing_for"]) == ("5m", "9m")
    assert not rules(mixin, "KVMigrationClockSkew")
    assert all("mine" in board["tags"] for board in mixin["boards"].values())
    assert "https://wiki.test/r/KVMigrationGossipSplit.md" in json.dumps(mixin["boards"])


def test_a_selector_that_a_template_would_read_otherwise_is_refused() -> None:
    with pytest.raises(RuntimeError, match="a % is not allowed"):
        evaluated("""{ selector: 'env="50%"' }""")


@pytest.mark.parametrize("config", ["{}", CHOSEN])
def test_promtool_finds_nothing(config: str, tmp_path: Path) -> None:
    mixin = evaluated(config)
    for part in ("alerts", "rules"):
        path = tmp_path / f"{part}.yaml"
        path.write_text(json.dumps(mixin[part]))
        done = subprocess.run(
            ["promtool", "check", "rules", "--lint=all", "--lint-fatal", str(path)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
