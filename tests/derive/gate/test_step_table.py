"""The table of harms: every step says what it can lose, and each loss keeps the step closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.conclude import conclude
from exporter.derive.gate.step_table import NAMES, STEPS, Rule
from exporter.derive.gate.step_verdicts import nothing_read
from exporter.derive.judging_rules import Rules
from exporter.generated_docs import harms
from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import State
from exporter.model.facts import Snapshot
from tests.derive.build import CLIENTS, COMPACTOR, Fleet, check_of, client, member, ring, step_of, verdicts

Change = Callable[[Fleet], None]
MEMBERLIST: dict[str, Any] = {
    "primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 9.0}
}  # fmt: skip
EXTERNAL: dict[str, Any] = MEMBERLIST | {"requests": {("consul", "CAS"): 9.0}}
PHASES: dict[str, dict[str, Any]] = {
    "preflight": EXTERNAL,
    "enable-mirroring": {"mirror": False, "mirror_writes": 0.0},
    "switch-primary": {},
    "disable-mirroring": {"primary": "memberlist"},
    "remove-multi": {"primary": "memberlist", "mirror": False},
    "decommission-store": MEMBERLIST,
    "set-label": {},
    "enforce-label": {},
}
LABEL = "prod-eu.mimir"


def _ids(rule: Rule) -> list[str]:
    return [check(nothing_read()).id for check in rule.checks]


@pytest.mark.parametrize("rule", STEPS, ids=NAMES)
def test_a_step_says_what_it_does_and_what_it_can_lose(rule: Rule) -> None:
    for text in (rule.action, *(harm.loss for harm in rule.harms)):
        assert text.endswith(".")
        assert text[0].isupper()
        assert len(text.split()) <= 25
    assert all(harm.guards for harm in rule.harms)
    assert len(_ids(rule)) == len(set(_ids(rule)))
    assert [step.name for step in STEPS].count(rule.name) == 1


@pytest.mark.parametrize("rule", STEPS, ids=NAMES)
def test_every_step_asks_who_was_seen_and_whether_a_rollout_goes_on(rule: Rule) -> None:
    assert {"targets-answer", "processes-settled", "no-long-transitions"} <= set(_ids(rule))


def test_the_page_of_harms_is_that_of_the_table() -> None:
    sections = harms.page().split("\n## ")[1:]
    for rule in STEPS:
        section = next(text for text in sections if text.startswith(f"{rule.name}\n"))
        assert all(f"[`{name}`](" in section for name in _ids(rule))
        assert section.count("\n| ") == len(rule.harms) + 1


def _at(step: str, rules: Rules) -> Fleet:
    fleet = Fleet(rules=rules)
    for process in fleet.processes:
        process.label = LABEL
        process.memberlist = step != "preflight"
        process.clients = tuple(client(name, **PHASES[step]) for name in CLIENTS)
        process.config = {"label_verification_disabled": step != "enforce-label"}
    fleet.stored = step != "decommission-store"
    return fleet


def _compactors(fleet: Fleet, *states: State) -> None:
    """The members of one ring that nobody writes by quorum, everywhere."""
    told = ring((member(f"p-{n}", fleet.now, state) for n, state in enumerate(states, 1)), fleet.now)
    for process in fleet.processes:
        process.pages[COMPACTOR] = process.copies[COMPACTOR] = told
    if fleet.stored:
        fleet.store[COMPACTOR] = told


def _after(step: str, states: tuple[State, ...], seconds: float) -> Snapshot:
    """What is there after members have been in these states for some seconds."""
    fleet = _at(step, Rules(soak=60.0, stores=("consul",)))
    for _ in range(10):
        seen = fleet.look(beat=True)
    assert step_of(seen, step).open, verdicts(seen, step)
    end = fleet.now + seconds
    while fleet.now < end:
        fleet.now += 15.0
        fleet.beat()
        _compactors(fleet, *states)
        seen = fleet.look(0.0)
    return seen


@pytest.mark.parametrize("step", PHASES)
@pytest.mark.parametrize("state", [State.JOINING, State.LEAVING])
def test_members_that_stay_joining_or_leaving_close_every_step(step: str, state: State) -> None:
    seen = _after(step, (state,) * 3, 900.0)
    assert not step_of(seen, step).open
    assert verdicts(seen, step)["no-long-transitions"] == "fails"


@pytest.mark.parametrize("step", PHASES)
@pytest.mark.parametrize("state", [State.JOINING, State.LEAVING])
def test_a_short_transition_is_told_and_closes_nothing(step: str, state: State) -> None:
    seen = _after(step, (State.ACTIVE, State.ACTIVE, state), 30.0)
    assert (step_of(seen, step).open, verdicts(seen, step)) == (True, {})
    evidence = check_of(seen, step, "no-long-transitions").evidence
    named = [(one.member, one.what) for looked in evidence for one in looked.culprits]
    assert named == [("p-3", state.value)]


def test_an_exporter_that_starts_while_members_are_joining_opens_nothing() -> None:
    fleet = _at("remove-multi", Rules(soak=300.0, stores=("consul",)))
    for _ in range(80):
        fleet.now += 15.0
        fleet.beat()
        _compactors(fleet, *(State.JOINING,) * 3)
        assert not step_of(fleet.look(0.0), "remove-multi").open


def _young(fleet: Fleet) -> None:
    fleet.processes[2].started = fleet.now


@pytest.mark.parametrize("step", PHASES)
def test_a_process_that_started_recently_closes_every_step(step: str) -> None:
    fleet = _at(step, Rules(soak=0.0, stores=("consul",)))
    for _ in range(4):
        seen = fleet.look(beat=True)
    assert step_of(seen, step).open, verdicts(seen, step)
    _young(fleet)
    assert verdicts(fleet.look(beat=True), step)["processes-settled"] == "unknown"


@pytest.mark.parametrize("skew", [20.0, -20.0])
@pytest.mark.parametrize(
    "step", ["preflight", "switch-primary", "disable-mirroring", "remove-multi", "decommission-store"]
)
def test_a_clock_that_is_off_closes_the_steps_before_and_after_the_switch(step: str, skew: float) -> None:
    fleet = _at(step, Rules(soak=0.0, stores=("consul",)))
    fleet.processes[1].skew = skew
    assert verdicts(fleet.look(), step)["clocks-agree"] == "fails"
    fleet.processes[1].skew = skew / 10
    assert "clocks-agree" not in verdicts(fleet.look(), step)


@pytest.mark.parametrize(("apart", "told"), [(600.0, 600.0), (2.0, None)])
def test_a_process_whose_pages_tell_two_times_is_named(apart: float, told: float | None) -> None:
    """A cache that answers for it, say: the pages that tell their own time are right, the Date is not."""
    fleet = Fleet()
    cycle = fleet.cycle()
    old = [replace(p, clock=p.clock - apart) if (p := seen.metrics).clock else p for seen in cycle.observed]
    seen = [
        replace(one, metrics=page) if n == 1 else one
        for n, (one, page) in enumerate(zip(cycle.observed, old, strict=True))
    ]
    snapshot, _ = conclude(replace(cycle, observed=tuple(seen)), fleet.history, fleet.rules)
    found = next(c for c in step_of(snapshot, "switch-primary").checks if c.id == "clocks-agree")
    culprit = Culprit(Kind.CLOCKS_OF_ONE_APART, "10.0.0.2:80", value=told)
    assert found.culprits == ((culprit,) if told else ())


MIXED: list[tuple[str, dict[str, Any], bool]] = [
    ("one client is on memberlist", MEMBERLIST, True),
    ("one client has switched", {"primary": "memberlist"}, True),
    ("one client mirrors already", {}, False),
    ("all are where they were", EXTERNAL, False),
]


@pytest.mark.parametrize(("told", "closed"), [row[1:] for row in MIXED], ids=[row[0] for row in MIXED])
def test_mixed_primaries_close_preflight(told: dict[str, Any], closed: bool) -> None:
    fleet = _at("preflight", Rules(soak=0.0, stores=("consul",)))
    fleet.processes[0].clients = tuple(client(name, **told) for name in CLIENTS)
    assert ("primaries-agree" in verdicts(fleet.look(), "preflight")) is closed
