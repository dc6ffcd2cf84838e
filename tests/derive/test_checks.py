"""Every check explains itself, and its link leads to a heading that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter.derive.gate.step_table import NAMES
from exporter.derive.gate.step_verdicts import NEED_TWO_CYCLES
from exporter.derive.judging_rules import Rules
from exporter.model.gate import Check
from tests.derive.build import Fleet, client

ROOT = Path(__file__).parents[2]


def checks() -> list[Check]:
    """All checks of all steps, of a small healthy cluster that shows every migration."""
    groups = (("read-write", re.compile(".*")),)
    fleet = Fleet(rules=Rules(soak=0.0, stores=("consul",), groups=groups))
    for process in fleet.processes:
        process.clients = (*process.clients, client("distributor-hatracker"))
    seen = fleet.look()
    assert {step.name for step in seen.steps} == set(NAMES)
    return [check for step in seen.steps for check in step.checks]


def anchors(path: Path) -> set[str]:
    """The anchors of a Markdown file's headings, as the usual renderers make them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.id)
def test_a_check_has_a_sentence_evidence_a_remedy_and_a_page(check: Check) -> None:
    assert re.fullmatch(r"[a-z-]+", check.id)
    assert check.sentence.endswith(".")
    assert check.evidence or check.culprits
    assert check.remedy.endswith((".", ";"))
    file, _, anchor = check.doc.partition("#")
    assert anchor in anchors(ROOT / file), check.doc


def test_an_id_always_means_the_same() -> None:
    said: dict[str, tuple[str, str, str]] = {}
    for check in checks():
        told = (check.sentence, check.remedy, check.doc)
        assert said.setdefault(check.id, told) == told


def test_checks_that_need_two_looks_exist() -> None:
    assert {check.id for check in checks()} >= NEED_TWO_CYCLES
