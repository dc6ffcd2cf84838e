"""The forms of a file that `plan --check` takes: the product's, Helm values, manifests."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from exporter.cli.planning.edited_file_reader import EMBEDDED, HELM, RUNTIME, STATIC, read
from exporter.errors import UsageError
from exporter.model.pages import Phase, Product
from exporter.products.kv_settings import SETTINGS
from tests.cli.planning.clusters import plan
from tests.cli.planning.test_file_check import LOKI, MIMIR, STEP_1, TEMPO, said

SWITCH = "multi_kv_config:\n  mirror_enabled: true\n"
SERVICE = "apiVersion: v1\nkind: Service\nspec: {ports: []}\n"


def config_map(name: str, text: str) -> str:
    """A manifest with a file in it."""
    return f"apiVersion: v1\nkind: ConfigMap\ndata:\n  {name}: |\n{indent(text, '    ')}"


FORMS = [
    ("the product's file", STEP_1, STATIC),
    ("with a byte order mark", "\ufeff" + STEP_1, STATIC),
    ("of Windows", STEP_1.replace("\n", "\r\n"), STATIC),
    ("with a document's beginning and end", f"---\n{STEP_1}---\n# nothing\n", STATIC),
    ("with anchors", STEP_1.replace("kvstore: {", "kvstore: &k {", 1), STATIC),
    ("values with a block", f"mimir:\n  structuredConfig:\n{indent(STEP_1, '    ')}", HELM),
    ("values with a text", f"mimir:\n  config: |\n{indent(STEP_1, '    ')}", EMBEDDED),
    ("a manifest", config_map("mimir.yaml", STEP_1), EMBEDDED),
    ("manifests", f"{SERVICE}---\n{config_map('mimir.yaml', STEP_1)}---\n{SERVICE}", EMBEDDED),
]


@pytest.mark.parametrize(("text", "kind"), [one[1:] for one in FORMS], ids=[one[0] for one in FORMS])
def test_a_right_file_is_silent_in_each_form_and_a_wrong_one_is_told_at_its_line(
    tmp_path: Path, text: str, kind: str
) -> None:
    plans, file = plan(MIMIR, Phase.EXTERNAL), tmp_path / "edited.yaml"
    assert said(file, text, plans) == []
    assert read(file, SETTINGS[MIMIR]).kind == kind
    wrong = text.replace("secondary: memberlist", "secondary: consul")
    (line, *_) = (number for number, one in enumerate(wrong.splitlines(), 1) if "secondary: consul" in one)
    assert said(file, wrong, plans)[0].startswith(f"{line}: ingester.ring.kvstore.multi.secondary is consul")


def test_the_runtime_configuration_is_found_beside_the_other_one(tmp_path: Path) -> None:
    plans, file = plan(MIMIR, Phase.MULTI), tmp_path / "edited.yaml"
    both = f"{config_map('mimir.yaml', STEP_1)}---\n{config_map('overrides.yaml', SWITCH)}"
    assert said(file, both, plans) == []
    (fault,) = said(file, both.replace("enabled: true", "enabled: false"), plans)
    assert fault == "13: multi_kv_config.mirror_enabled is false, and this step needs true."
    file.write_text(SWITCH)
    assert read(file, SETTINGS[MIMIR]).kind == RUNTIME


REFUSED = [
    ("nothing", "", "expected keys and values at the top"),
    ("comments", "# a\n", "expected keys and values at the top"),
    ("another program's file", "scrape_configs: []\n", "has no setting of mimir"),
    ("flags", "multi_kv_config.mirror_enabled: true\n", "has no setting of mimir"),
    ("tabs", "ingester:\n\tring: {}\n", ":2: not YAML"),
    ("two files of one kind", config_map("a.yaml", STEP_1) + "  b.yaml: |\n" + indent(STEP_1, "    "),
     "has 2 configurations: check each in a file of its own"),
    ("a document on the line of its mark", f"--- {{a: 1}}\n{STEP_1}", "not YAML"),
    ("two documents", f"{STEP_1}---\n{STEP_1}", "has 2 documents, and a process reads the first one only"),
    ("a template", "mimir:\n  config: |\n    kvstore: {store: {{ .Values.store }}}\n",
     ":2: this is a template: check the output of helm template"),
    ("a text that is no YAML", config_map("a.yaml", "kvstore: [\n"), "not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "why"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_a_file_that_cannot_be_judged_is_refused_and_never_silent(
    tmp_path: Path, text: str, why: str
) -> None:
    file = tmp_path / "edited.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as told:
        read(file, SETTINGS[MIMIR])
    assert why in str(told.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        read(tmp_path, SETTINGS[MIMIR])


@pytest.mark.parametrize(("given", "is_right"), [("60s", True), ("1m", True), ("30s", True), ("0s", False)])
def test_a_wait_may_be_another_than_the_plans_and_must_be_one(
    tmp_path: Path, given: str, *, is_right: bool
) -> None:
    plans = plan(TEMPO, Phase.DETACHED, wait=0.0)
    rings = "{ring: {kvstore: {store: memberlist}}"
    text = f"compactor: {rings}}}\ningester: {{lifecycler: {rings}, join_after: {given}}}}}\n"
    told = said(tmp_path / "edited.yaml", text, plans)
    assert told == ([] if is_right else ["2: ingester.lifecycler.join_after is 0s, and this step needs 60s."])


def test_seeds_make_no_step_that_is_taken_ring_by_ring_look_taken(tmp_path: Path) -> None:
    plans = plan(TEMPO, Phase.MIRRORING)
    told = said(tmp_path / "edited.yaml", "memberlist: {join_members: [gossip-ring:7946]}\n", plans)
    assert "compactor.ring.kvstore.multi.primary is missing: memberlist." in told


def test_lokis_common_block_is_a_setting_of_it(tmp_path: Path) -> None:
    file = tmp_path / "edited.yaml"
    file.write_text("common: {replication_factor: 3}\n")
    assert read(file, SETTINGS[LOKI]).kind == STATIC
    with pytest.raises(UsageError):
        read(file, SETTINGS[Product.CORTEX])
