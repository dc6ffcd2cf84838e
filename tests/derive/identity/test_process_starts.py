"""Starts are starts_of: a process that restarts again and again is never old enough to be judged."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.derive.identity.process_starts import OFTEN, starts_of
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.pages import Start
from tests.derive.build import NOW, Fleet, Process, step_of, verdicts

LIVES: dict[str, tuple[Callable[[Process, float, int], None], int]] = {
    "it runs": (lambda _p, _now, _cycle: None, 0),
    "one rollout": (lambda p, now, cycle: _start(p, now, cycle == 20), 1),
    "a rollout, and its correction": (lambda p, now, cycle: _start(p, now, cycle in {20, 30}), 2),
    "it dies every 20 s": (lambda p, now, _: _start(p, now, True), 40),
    "it dies every 75 s": (lambda p, now, cycle: _start(p, now, cycle % 5 == 0), 8),
    "/proc tells the start in whole seconds": (lambda p, _now, cycle: _tell(p, NOW - 3600 + cycle % 2), 0),
}


def _start(process: Process, now: float, again: object) -> None:
    if again:
        process.started = now - 3.0


def _tell(process: Process, at: float) -> None:
    process.started = at


def _lived(life: Callable[[Process, float, int], None], cycles: int = 41) -> tuple[Fleet, Snapshot]:
    fleet = Fleet()
    snapshot = fleet.look(beat=True)
    for cycle in range(1, cycles):
        life(fleet.processes[1], fleet.now + 15.0, cycle)
        snapshot = fleet.look(beat=True)
    return fleet, snapshot


def _of(snapshot: Snapshot) -> TargetFacts:
    return snapshot.targets[1]


@pytest.mark.parametrize("name", LIVES)
def test_restarts_are_counted(name: str) -> None:
    life, restarts = LIVES[name]
    _, snapshot = _lived(life)
    assert _of(snapshot).restarts == restarts


@pytest.mark.parametrize(("name", "fails"), [
    ("it runs", False),
    ("one rollout", False),
    ("a rollout, and its correction", False),
    ("it dies every 20 s", True),
    ("it dies every 75 s", True),
])  # fmt: skip
def test_a_process_that_restarts_again_and_again_is_named(name: str, *, fails: bool) -> None:
    _, snapshot = _lived(LIVES[name][0])
    told = verdicts(snapshot, "switch-primary").get("processes-settled")
    assert told == ("fails" if fails else None)
    assert ("process-restarting" in snapshot.fleet.causes) is fails
    if fails:
        check = next(c for c in step_of(snapshot, "switch-primary").checks if c.id == "processes-settled")
        starts = len(_of(snapshot).starts)
        assert check.culprits == (Culprit(Kind.PROCESS_RESTARTING, "10.0.0.2:80", value=starts, of=5),)
        assert len(_of(snapshot).starts) >= OFTEN


def test_what_was_counted_is_forgotten_after_five_minutes_in_which_it_ran() -> None:
    fleet, _ = _lived(LIVES["it dies every 20 s"][0])
    for _ in range(21):
        snapshot = fleet.look(beat=True)
    assert verdicts(snapshot, "switch-primary") == {}
    assert _of(snapshot).restarts == LIVES["it dies every 20 s"][1]  # a counter keeps what it starts_of


def test_a_process_that_does_not_answer_keeps_its_count() -> None:
    fleet, _ = _lived(LIVES["it dies every 20 s"][0])
    fleet.processes[1].up = False
    assert _of(fleet.look(beat=True)).restarts == LIVES["it dies every 20 s"][1]


BEFORE = TargetFacts("a", "", "", up=True, starts=(Start(NOW, NOW),))
CLOCKS = {
    "its clock was set, and /proc tells its start anew": (NOW + 3600, NOW, 0),
    "its clock was set, and its start is what it was": (NOW, NOW - 3600, 0),
    "our clock was set": (NOW, NOW + 400, 0),
    "it restarted": (NOW + 60, NOW + 60, 1),
    "it restarted after its clock was set back": (NOW - 3500, NOW + 60, 1),
    "it does not say": (None, None, 0),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_clock_that_is_set_is_no_restart(name: str) -> None:
    told, at, restarts = CLOCKS[name]
    assert starts_of(told, at, BEFORE, NOW + 70)[1] == restarts


def test_a_start_in_the_future_is_judged() -> None:
    """Its clock was set back after it started (a hardware clock in local time): it is as old as any."""
    fleet = Fleet()
    fleet.processes[1].started = NOW + 3600
    assert not _of(fleet.look(beat=True)).recently_started
    fleet.processes[1].started = fleet.now + 0.5  # pages tell whole seconds
    assert _of(fleet.look(0.0)).recently_started
