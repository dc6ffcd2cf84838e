"""Why a store was not read: headline and gate say each reason that the docs list, as it stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.expose.wording import culprits
from exporter.model.gate import Verdict
from exporter.model.pages import Outcome
from tests.derive.build import Fleet, step_of

DOCS = Path(__file__).parents[3] / "docs" / "stores.md"


def reasons() -> list[str]:
    section = DOCS.read_text("utf-8").partition("## Why it was not read\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return [row.strip("| ").replace("\\|", "\0").split(" | ")[1].replace("\0", "|") for row in rows]


@pytest.mark.parametrize("reason", reasons())
def test_the_headline_says_why_the_store_was_not_read_and_the_gate_stays_closed(reason: str) -> None:
    made = Fleet()
    assert "was not read" not in made.look(beat=True).fleet.headline
    made.store_outcome, made.store_detail = Outcome.FAILED, reason
    seen = made.look(beat=True)
    assert seen.fleet.headline == f"The external store consul was not read ({reason})."
    last = step_of(seen, "decommission-store")
    check = next(check for check in last.checks if check.id == "store-read")
    assert (last.open, check.verdict) == (False, Verdict.UNKNOWN)
    assert list(map(culprits.name, check.culprits)) == [f"consul was not read ({reason})"]


def test_the_docs_list_reasons() -> None:
    assert len(reasons()) > 25
