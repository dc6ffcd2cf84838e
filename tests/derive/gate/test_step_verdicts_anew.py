"""What takes a gate's word back: other rules, a reload, a primary that is only remembered."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.judging_rules import Rules
from exporter.model.gate import Verdict
from exporter.model.pages import Outcome, Product
from tests.derive.build import CLIENTS, Fleet, Process, client, step_of

OTHER_RULES = [
    ("another store", {"stores": ("consul http://b:8500 ",)}, False),
    ("another label", {"label": "prod"}, False),
    ("a key that moves by itself", {"migrations": (("one", ("nothing/ring",)),)}, False),
    ("a longer interval", {"interval": 20.0}, True),
    ("another place of the docs", {"docs_url": "https://docs.example"}, True),
]


@pytest.mark.parametrize(("rules", "kept"), [r[1:] for r in OTHER_RULES], ids=[r[0] for r in OTHER_RULES])
def test_judged_by_something_else_the_soak_begins_anew(rules: dict[str, Any], kept: bool) -> None:
    fleet = Fleet(rules=Rules(soak=1000.0, stores=("consul",)))
    before = [step_of(fleet.look(beat=True), "preflight") for _ in range(4)][-1]
    fleet.rules = replace(fleet.rules, **rules)
    now = step_of(fleet.look(beat=True), "preflight")
    held = {check.id: check.since for check in before.checks if check.since}
    same = [check.id for check in now.checks if check.since and check.since == held.get(check.id)]
    assert bool(same) is kept


def test_what_is_withheld_is_not_known_and_all_else_stands() -> None:
    seen = Fleet().look()
    assert step_of(seen, "switch-primary").open
    kept = seen.withheld("Unknown: reloaded.")
    assert {(step.open, step.verdict, step.headline) for step in kept.steps} == {
        (False, Verdict.UNKNOWN, "Unknown: reloaded.")
    }
    assert {c.verdict for step in kept.steps for c in step.checks} == {Verdict.UNKNOWN}
    assert (kept.fleet.headline, kept.fleet.rollback.safe) == ("Unknown: reloaded.", None)
    assert (kept.targets, kept.keys, kept.fleet.phase) == (seen.targets, seen.keys, seen.fleet.phase)


def test_with_a_source_of_targets_that_fails_nobody_calls_the_fleet_uniform() -> None:
    fleet = Fleet()
    assert fleet.look().fleet.uniform is True
    fleet.unsure = ("targets[1] (file): no file matches /etc/targets/*.yml",)
    seen = fleet.look().fleet
    assert seen.uniform is None
    assert seen.headline == (
        "Some processes may not be watched: targets[1] (file): no file matches /etc/targets/*.yml."
    )


def test_what_is_compared_with_the_memory_of_a_store_says_so() -> None:
    fleet = Fleet()
    assert not [key.key for key in fleet.look(beat=True).keys if key.secondary and key.secondary.by_pages]
    fleet.store_outcome = Outcome.FAILED
    seen = fleet.look(beat=True)
    assert {key.secondary.by_pages for key in seen.keys if key.secondary} == {True}
    for process in fleet.processes:
        process.clients = tuple(client(name, primary="memberlist") for name in CLIENTS)
    assert not [key.key for key in fleet.look().keys if key.secondary and key.secondary.by_pages]


def test_one_process_that_shows_another_product_breaks_nobodys_soak() -> None:
    grouped = Rules(soak=1000.0, stores=("consul",), default_groups=(("read-write", re.compile("-write-")),))
    fleet = Fleet(rules=grouped, processes=[Process(n) for n in range(1, 7)])
    for process in fleet.processes:
        process.sees = tuple(range(1, 7))
    began = []
    for cycle in range(6):
        fleet.processes[-1].product = Product.MIMIR if cycle % 2 else Product.CORTEX
        step = step_of(fleet.look(beat=True), "switch-primary")
        began.append({check.id: check.since for check in step.checks if check.since})
    anew = {name for name, since in began[0].items() if began[2].get(name) != since}
    assert anew <= {"no-foreign-members"}, "only what asks for other products' members"
