"""`kvmigration plan`: what it prints of recorded clusters, in each format, and its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Recorded, as_reviewed

Start = Callable[..., Recorded]
PLANS = [
    ("cortex/0-consul-only", "yaml", 1),
    ("cortex/1-multi-mirror-off", "yaml", 0),
    ("cortex/1b-rolling-out-multi", "yaml", 1),
    ("cortex/2a-mirror-just-enabled", "yaml", 1),
    ("cortex/2b-mirroring", "yaml", 1),
    ("cortex/2b-mirroring", "flags", 1),
    ("cortex/2b-mirroring", "helm", 1),
    ("cortex/2c-mirroring-all-rings", "yaml", 0),
    ("cortex/3a-switching-primary", "yaml", 2),
    ("cortex/5-memberlist-only", "yaml", 2),
    ("cortex/f1a-killed-30s", "yaml", 1),
    ("cortex/f1b-killed-90s", "yaml", 1),
    ("cortex/f3-foreign-label", "yaml", 1),
    ("mimir/0-consul", "yaml", 0),
    ("mimir/0-consul", "jsonnet", 0),
    ("mimir/0-consul", "flags", 0),
    ("mimir/1-multi", "yaml", 0),
    ("mimir/1-multi", "helm", 0),
    ("mimir/1-multi", "jsonnet", 0),
    ("mimir/2-mirroring", "yaml", 0),
    ("mimir/f4-merged", "yaml", 2),
    ("loki/1-multi-mirror-off", "yaml", 0),
    ("loki/2-mirroring", "yaml", 0),
    ("loki/2-mirroring", "jsonnet", 0),
]  # fmt: skip


@pytest.mark.parametrize(("recording", "form", "status"), PLANS, ids=[f"{r}-{f}" for r, f, _ in PLANS])
def test_the_plan_of_a_real_cluster_reads_as_reviewed(
    recorded: Start, recording: str, form: str, status: int
) -> None:
    started = recorded(recording)
    said = started.run("plan", "--format", form)
    as_reviewed(f"plan-{recording.replace('/', '-')}-{form}.txt", said.out)
    assert said.status == status


def test_what_is_printed_is_a_file_of_its_format(recorded: Start) -> None:
    said = recorded("cortex/2b-mirroring").run("plan", "--format", "yaml")
    documents = list(yaml.safe_load_all(said.out))
    assert [sorted(document) for document in documents] == [
        ["compactor", "ruler", "store_gateway"],
        ["distributor"],
    ]


def test_json_has_every_fact_of_it(recorded: Start) -> None:
    (plan,) = json.loads(recorded("mimir/1-multi").run("plan", "rings", "--format=json").out)
    assert (plan["migration"], plan["step"], plan["gate"]) == ("rings", "enable-mirroring", "open")
    assert plan["runtime"] == {"primary": "consul", "mirror_enabled": True}
    assert {ring["route"] for ring in plan["reached"]} == {"runtime"}
    assert not plan["changes"] and not plan["waves"]


def test_clients_that_the_runtime_configuration_left_out_are_named(recorded: Start) -> None:
    plans = json.loads(recorded("cortex/2b-mirroring").run("plan", "--format=json").out)
    routes = {ring["ring"]: ring["route"] for plan in plans for ring in plan["reached"]}
    assert routes == {
        "ingester": "runtime",
        "compactor": "restart",
        "ruler": "restart",
        "store-gateway": "restart",
        "ha-tracker": "restart",
    }
    settings = {
        name: value
        for plan in plans
        for change in plan["changes"]
        for name, value in change["settings"].items()
    }
    assert set(settings.values()) == {True}
    assert all(name.endswith(".kvstore.multi.mirror_enabled") for name in settings)


@pytest.mark.parametrize(
    ("recording", "text", "left"),
    [
        ("cortex/2b-mirroring", "multi_kv_config: {mirror_enabled: true}\n", True),
        ("mimir/1-multi", "multi_kv_config: {mirror_enabled: true}\n", False),
    ],
)
def test_a_runtime_file_that_is_right_names_the_rings_that_need_a_restart(
    recorded: Start, tmp_path: Path, recording: str, text: str, left: bool
) -> None:
    file = tmp_path / "runtime.yaml"
    file.write_text(text)
    said = recorded(recording).run("plan", "rings", "--check", str(file))
    assert said.status == 0
    named = "this file does not reach compactor, ruler, store-gateway. Change these"
    assert (named in said.out) == left


def test_a_step_that_is_not_next_says_so(recorded: Start) -> None:
    said = recorded("mimir/1-multi").run("plan", "rings/switch-primary")
    assert "This step is not the next one." in said.out
    assert said.status == 1


@pytest.mark.parametrize(("stores", "is_said"), [({"stores": {}}, True), ({}, False)])
def test_the_end_of_the_last_migration_is_named_only_where_no_store_is_configured(
    recorded: Start, stores: dict[str, object], is_said: bool
) -> None:
    said = recorded("cortex/5-memberlist-only", **stores).run("plan")
    assert ("this migration has ended" in " ".join(said.out.replace("#", "").split())) == is_said


def test_a_name_that_is_neither_migration_nor_step_is_refused(recorded: Start) -> None:
    said = recorded("mimir/1-multi").run("plan", "ringss")
    assert said.status == 2
    assert "no migration or step called ringss" in said.err


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("multi_kv_config: {mirror_enabled: true}\n", 0, "ok for rings/enable-mirroring"),
        ("multi_kv_config: {mirror_enabled: false}\n", 1, "multi_kv_config.mirror_enabled is false"),
    ],
)
def test_an_edited_file_is_compared_with_the_plan(
    recorded: Start, tmp_path: Path, text: str, status: int, said: str
) -> None:
    file = tmp_path / "runtime.yaml"
    file.write_text(text)
    printed = recorded("mimir/1-multi").run("plan", f"--check={file}")
    assert (printed.status, said in printed.out) == (status, True)


def test_a_file_is_not_judged_where_the_plan_is_refused(recorded: Start, tmp_path: Path) -> None:
    file = tmp_path / "runtime.yaml"
    file.write_text("multi_kv_config: {mirror_enabled: true}\n")
    printed = recorded("cortex/3a-switching-primary").run("plan", f"--check={file}")
    assert (printed.status, printed.out) == (2, "")
    assert "Primaries are mixed" in printed.err
