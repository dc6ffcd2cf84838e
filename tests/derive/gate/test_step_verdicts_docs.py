"""A check's place in the docs becomes an address where somebody serves them."""

from __future__ import annotations

import pytest

from exporter.config import load_text
from exporter.derive.gate.step_verdicts import linked
from exporter.derive.judging_rules import Rules
from exporter.errors import ConfigError
from exporter.model.gate import Check, Step, Verdict
from exporter.wiring import rules_of
from tests.derive.build import Fleet, step_of

TARGETS = 'targets: [{static: {urls: ["http://a:1"]}}]\n'


def docs(fleet: Fleet) -> set[str]:
    return {check.doc for check in step_of(fleet.look(), "switch-primary").checks}


def test_every_check_links_to_its_docs() -> None:
    found = docs(Fleet(rules=Rules(docs_url="https://docs.lab/kv")))
    assert "https://docs.lab/kv/ring.md#clocks" in found
    assert all(doc.startswith("https://docs.lab/kv/") for doc in found)


def test_without_an_address_a_check_names_the_file() -> None:
    found = docs(Fleet())
    assert "docs/ring.md#clocks" in found
    assert all(doc.startswith("docs/") for doc in found)


def test_what_is_no_place_in_the_docs_stays() -> None:
    check = Check("c", "It is so.", Verdict.PASSED, doc="")
    step = Step("s", False, Verdict.PASSED, (check,), "next")
    assert linked((step,), "https://docs.lab") == (step,)


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("", ""),
        ("gate: {docs_url: 'https://docs.lab/kv/'}\n", "https://docs.lab/kv"),
        ("gate: {docs_url: 'http://d:1'}\n", "http://d:1"),
    ],
)
def test_the_address_is_taken_from_the_configuration(said: str, url: str) -> None:
    assert rules_of(load_text(TARGETS + said)).docs_url == url


@pytest.mark.parametrize("said", ["javascript:alert(1)", "docs", "//docs.lab"])
def test_no_other_kind_of_address_becomes_a_link(said: str) -> None:
    with pytest.raises(ConfigError):
        load_text(f"{TARGETS}gate: {{docs_url: '{said}'}}\n")
