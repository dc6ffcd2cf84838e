"""The soak counts what was watched; ordinary life breaks nothing, and what does break it is named."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.derive.conclude import conclude
from exporter.derive.judging_rules import Rules
from exporter.expose.wording.findings import text
from exporter.expose.wording.worded_snapshot import worded
from exporter.model.facts import Snapshot
from exporter.model.findings import Finding, FindingKind
from exporter.model.pages import Reason
from tests.derive.build import Fleet, Process, step_of

STEP = "switch-primary"
SOAK = 60.0


def _fleet(size: int = 3, soak: float = SOAK, interval: float = 15.0) -> Fleet:
    fleet = Fleet(rules=Rules(soak=soak, interval=interval, stores=("consul",)))
    names = tuple(range(1, size + 1))
    fleet.processes = [Process(n, sees=names) for n in names]
    fleet.beat()
    return fleet


def _cycle(fleet: Fleet, seconds: float, length: float = 0.5, ticked: float | None = None) -> Snapshot:
    """One cycle with a length and a monotonic clock of its own."""
    fleet.now += seconds
    fleet.beat()
    fleet.number += 1
    seen = fleet.cycle()
    cycle = replace(seen, started=fleet.now - length, ticked=fleet.now if ticked is None else ticked)
    snapshot, fleet.history = conclude(cycle, fleet.history, fleet.rules, worded)
    return snapshot


Pause = Callable[[Fleet], Snapshot]
PAUSES: list[tuple[str, Pause, bool]] = [
    ("an ordinary cycle", lambda f: _cycle(f, 15.0), True),
    ("a slow cycle", lambda f: _cycle(f, 30.0, length=30.0), True),
    ("a long cycle: frozen in it", lambda f: _cycle(f, 400.0, length=399.0), False),
    ("a pause between cycles", lambda f: _cycle(f, 400.0), False),
    ("asleep in a cycle: no monotonic time passed", lambda f: _cycle(f, 40.0, 39.0, f.now + 5.0), False),
    ("a clock set forward in a cycle", lambda f: _cycle(f, 45.0, 30.0, f.now + 15.0), False),
    ("a clock set back", lambda f: _cycle(f, -30.0, ticked=f.now + 15.0), False),
]


@pytest.mark.parametrize(("pause", "counts"), [row[1:] for row in PAUSES], ids=[row[0] for row in PAUSES])
def test_only_time_that_was_watched_counts(pause: Pause, counts: bool) -> None:
    fleet = _fleet(soak=300.0)
    before = [_cycle(fleet, 15.0) for _ in range(3)][-1]
    assert step_of(before, STEP).soaked_for == 30.0
    step = step_of(pause(fleet), STEP)
    assert (step.soaked_for >= 30.0) is counts
    assert (not step.broken) is counts
    assert ("The soak was broken 0 s ago: " in step.headline) is not counts


def test_a_cycle_that_failed_breaks_the_soak() -> None:
    fleet = _fleet()
    assert step_of([fleet.look(beat=True) for _ in range(6)][-1], STEP).open
    fleet.number += 1
    step = step_of(fleet.look(beat=True), STEP)
    assert not step.open
    assert step.broken == Finding(FindingKind.CYCLES_FAILED, count=1)


def test_a_soak_is_so_many_looks_as_well_as_so_much_time() -> None:
    fleet = _fleet(soak=300.0, interval=600.0)
    opened = [step_of(fleet.look(600.0, beat=True), STEP).open for _ in range(5)]
    assert opened == [False, False, False, True, True]


def test_a_process_that_comes_or_goes_in_good_order_every_two_minutes_keeps_nothing_shut() -> None:
    fleet = _fleet(4, soak=300.0)
    opened = 0
    for turn in range(240):
        if turn % 8 == 0 and turn:
            _come_or_go(fleet, turn % 16 == 0)
        opened += step_of(fleet.look(beat=True), STEP).open
    assert opened > 0.6 * 240, "not while the new one is recently started"


def _come_or_go(fleet: Fleet, comes: bool) -> None:
    """The fifth process, a querier: it is in no ring."""
    everybody = (1, 2, 3, 4, 5) if comes else (1, 2, 3, 4)
    for process in fleet.processes:
        process.sees = everybody
    if comes:
        copies = fleet.processes[0].copies
        new = Process(5, clients=(), sees=everybody, started=fleet.now, beats=False, copies=copies)
        fleet.processes.append(new)
    else:
        del fleet.processes[4:]


def test_a_process_that_left_the_list_and_is_still_a_member_breaks_the_soak_by_name() -> None:
    fleet = _fleet(4)
    assert step_of([fleet.look(beat=True) for _ in range(6)][-1], STEP).open
    del fleet.processes[3]
    step = step_of(fleet.look(), STEP)
    assert not step.open
    assert step.broken == Finding(FindingKind.LEFT_THE_LIST, names=("10.0.0.4:80",))


def _lose(fleet: Fleet, number: int | None) -> None:
    for process in fleet.processes:
        process.lost = frozenset({"metrics"}) if process.number == number else frozenset()


def test_a_single_read_that_fails_pauses_a_small_fleet_for_a_cycle_and_breaks_nothing() -> None:
    fleet = _fleet()
    assert step_of([fleet.look(beat=True) for _ in range(6)][-1], STEP).open
    _lose(fleet, 2)
    assert not step_of(fleet.look(beat=True), STEP).open
    _lose(fleet, None)
    assert step_of(fleet.look(beat=True), STEP).open


@pytest.mark.parametrize("others", [None, 1])
def test_two_reads_that_fail_in_a_row_pause_a_small_fleet_and_break_nothing(others: int | None) -> None:
    fleet = _fleet()
    for _ in range(6):
        fleet.look(beat=True)
    for number in (2, 2, others):
        _lose(fleet, number)
        step = step_of(fleet.look(beat=True), STEP)
        assert step.open is (number is None)
    _lose(fleet, None)
    assert step_of(fleet.look(beat=True), STEP).open


def test_three_reads_that_fail_in_a_row_break_the_soak_by_name() -> None:
    fleet = _fleet()
    for _ in range(6):
        fleet.look(beat=True)
    _lose(fleet, 2)
    for _ in range(3):
        fleet.look(beat=True)
    _lose(fleet, None)
    step = step_of(fleet.look(beat=True), STEP)
    assert not step.open
    assert "10.0.0.2:80" in step.headline
    assert "The soak was broken 15 s ago" in step.headline


@pytest.mark.parametrize(("size", "stands"), [(10, True), (9, False)])
def test_one_lost_read_among_many_is_stood_in_for_twice(size: int, stands: bool) -> None:
    fleet = _fleet(size)
    for _ in range(6):
        fleet.look(beat=True)
    _lose(fleet, 2)
    opened = [step_of(fleet.look(beat=True), STEP).open for _ in range(3)]
    assert opened == [stands, stands, False], "its evidence is good for two cycles"


@pytest.mark.parametrize(
    ("reason", "interval", "opened"),
    [
        (Reason.TIMEOUT, 15.0, [True, True, False]),
        (Reason.TIMEOUT, 50.0, [True, True, False]),
        (Reason.TIMEOUT, 70.0, [True, False, False]),  # after two cycles it is older than two minutes
        (Reason.TIMEOUT, 600.0, [False, False, False]),
        (Reason.REFUSED, 15.0, [True, False, False]),  # twice in a row: it is down
        (Reason.REFUSED, 600.0, [False, False, False]),
    ],
)
def test_what_was_read_is_good_for_two_cycles_and_two_minutes_and_of_no_process_that_is_down(
    reason: Reason, interval: float, opened: list[bool]
) -> None:
    fleet = _fleet(10, interval=interval)
    for _ in range(6):
        fleet.look(interval, beat=True)
    for process in fleet.processes[1:2]:
        process.up, process.reason = False, reason
    assert [step_of(fleet.look(interval, beat=True), STEP).open for _ in opened] == opened


@pytest.mark.parametrize(("reason", "kept_on"), [(Reason.TIMEOUT, True), (Reason.REFUSED, False)])
def test_a_process_that_was_down_for_two_cycles_breaks_the_soak(reason: Reason, kept_on: bool) -> None:
    fleet = _fleet(10)
    for _ in range(6):
        fleet.look(beat=True)
    one = fleet.processes[1]
    one.up, one.reason = False, reason
    for _ in range(2):
        fleet.look(beat=True)
    one.up = True
    assert step_of(fleet.look(beat=True), STEP).open is kept_on


def test_a_process_that_was_never_read_is_not_stood_in_for() -> None:
    fleet = _fleet(40)
    _lose(fleet, 2)
    assert not any(step_of(fleet.look(beat=True), STEP).open for _ in range(8))


def test_a_fleet_in_which_one_read_in_a_hundred_fails_every_cycle_opens_and_stays_open() -> None:
    fleet, chance = _fleet(100, soak=150.0), random.Random(7)
    opened = 0
    for _ in range(36):
        _lose(fleet, chance.randint(1, 100))
        opened += step_of(fleet.look(beat=True), STEP).open
    assert opened >= 0.9 * (36 - 11)


def test_what_a_source_fails_to_tell_pauses_once_in_a_soak_and_breaks_it_when_it_comes_back() -> None:
    fleet = _fleet()
    for _ in range(6):
        fleet.look(beat=True)
    opened = []
    for turn in range(8):
        fleet.unsure = ("targets[0]: refused",) if turn % 2 == 0 else ()
        opened.append(step_of(fleet.look(beat=True), STEP).open)
    assert opened == [False, True, *[False] * 6]


def test_a_process_that_is_missed_hides_no_source_that_fails_at_the_same_time() -> None:
    fleet = Fleet(rules=Rules(soak=45.0, stores=("consul",)))
    fleet.processes = [Process(n, sees=tuple(range(1, 13))) for n in range(1, 13)]
    fleet.beat()
    assert [step_of(fleet.look(beat=True), "switch-primary").open for _ in range(6)][-1]
    fleet.processes[0].up = False
    assert step_of(fleet.look(beat=True), "switch-primary").open, "one missed read is stood in for"
    fleet.unsure = ("targets[0]: refused",)
    assert not step_of(fleet.look(beat=True), "switch-primary").open


def test_a_process_that_should_run_and_does_not_breaks_the_soak_at_once() -> None:
    fleet = _fleet()
    for _ in range(6):
        fleet.look(beat=True)
    fleet.not_running = ("ingester-2 is Pending",)
    fleet.look(beat=True)
    fleet.not_running = ()
    step = step_of(fleet.look(beat=True), STEP)
    assert not step.open
    assert step.broken is not None
    assert "ingester-2 is Pending" in text(step.broken)


def test_the_members_of_a_process_that_was_missed_are_no_ghosts_for_two_cycles() -> None:
    fleet = _fleet()
    for process in fleet.processes:
        process.memberlist = False
    for _ in range(2):
        fleet.look(beat=True)
    fleet.processes[1].up = False
    ghosts = [[bool(key.orphaned) for key in fleet.look(beat=True).keys] for _ in range(3)]
    assert [any(found) for found in ghosts] == [False, False, True]
