"""Generation: the same bytes every time, what is committed is what the boards say, options are obeyed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dashboards.__main__ import run
from dashboards.build import BUILT, boards, differences, files, write
from dashboards.installation_settings import Options
from exporter.errors import ConfigError
from tests.dashboards.every import queries

ROOT = Path(__file__).parents[2]
OTHER = Options(
    datasource="metrics", cluster_label="k8s_cluster", namespace_label="ns", pod_label="kubernetes_pod",
    selector='team="storage"', runbooks="https://wiki.example/kv/", read_write_pods="x-(write|read)-.*",
)  # fmt: skip


def test_what_is_committed_is_what_the_boards_say() -> None:
    assert differences(files(Options()), BUILT) == []


def test_generation_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dashboards", "--output", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, env={"PYTHONHASHSEED": "7"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files(Options())


def test_other_options_leave_no_trace_of_the_defaults() -> None:
    for query in queries(boards(OTHER)):
        assert not re.search(r"\$cluster|\$namespace|\bcluster=|\bnamespace=|\bpod[=!]", query.expr)
        assert not re.search(r"\((cluster|namespace), ", query.expr)
        for braces in re.findall(r"\{[^}]*\}", query.expr):
            assert 'team="storage"' in braces
    text = json.dumps(boards(OTHER))
    assert "kvmigration.example" not in text
    assert "${datasource}" not in text
    assert '"name": "cluster"' not in text and '"name": "namespace"' not in text


def test_labels_that_nobody_has_can_be_left_out() -> None:
    text = json.dumps(boards(Options(cluster_label="", namespace_label="")))
    assert "$cluster" not in text and "$namespace" not in text
    assert "$job" in text


def test_a_label_that_is_no_label_is_refused() -> None:
    with pytest.raises(ConfigError, match="--pod-label: 'a-b' is not a name"):
        Options(pod_label="a-b")


def test_a_changed_missing_or_left_over_file_is_told(tmp_path: Path) -> None:
    wanted = files(Options())
    write(wanted, tmp_path)
    (tmp_path / "kvmigration-old.json").write_text("{}")
    (tmp_path / "kvmigration-rings.json").write_text("{}")
    (tmp_path / "kvmigration-gossip.json").unlink()
    told = sorted(line.rsplit("/", 1)[1] for line in differences(wanted, tmp_path))
    assert told == [
        "kvmigration-gossip.json: missing",
        "kvmigration-old.json: no board makes this",
        "kvmigration-rings.json: not what the boards write",
    ]
    write(wanted, tmp_path)
    assert differences(wanted, tmp_path) == []


def test_check_exits_with_1_where_something_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--check", "--output", str(tmp_path)]) == 1
    assert "kvmigration-overview.json: missing" in capsys.readouterr().err
    assert run(["--output", str(tmp_path)]) == 0
    assert run(["--check", "--output", str(tmp_path)]) == 0


def test_a_wrong_option_exits_with_2_and_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--check", "--datasource", "my source"]) == 2
    assert capsys.readouterr().err == "--datasource: 'my source' is not a name\n"


def test_a_folder_is_a_directory_a_uid_or_an_annotation() -> None:
    options = Options(folder="kv")
    assert "kv/kvmigration-rings.json" in files(options)
    body = json.loads(files(options, "api")["kvmigration-rings.api.json"])
    assert (body["folderUid"], body["overwrite"], body["dashboard"]["uid"]) == (
        "kv",
        True,
        "kvmigration-rings",
    )
    config_map = json.loads(files(options, "configmap")["kvmigration-rings.configmap.json"])
    assert config_map["metadata"]["annotations"] == {"grafana_folder": "kv"}
    assert json.loads(config_map["data"]["kvmigration-rings.json"])["uid"] == "kvmigration-rings"


def test_only_panels_imports_grafanalib() -> None:
    found = [
        path.name for path in (ROOT / "dashboards").rglob("*.py") if "grafanalib import" in path.read_text()
    ]
    assert found == ["panels.py"]


def test_without_grafanalib_the_command_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['grafanalib'] = None; from dashboards.__main__ import run; sys.exit(run([]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "the boards need grafanalib: pip install 'kvmigration-exporter[dashboards]'\n"


def test_nothing_that_grafana_dropped_is_written() -> None:
    for board in boards(Options()).values():
        text = json.dumps(board)
        assert not re.search(
            r'"(fieldOptions|rangeMaps|intervalFactor|hideControls|sharedCrosshair|rows)"', text
        )
        assert board["schemaVersion"] == 38
        assert board["id"] is None
        assert board["refresh"] == "30s"
        assert board["graphTooltip"] == 1
