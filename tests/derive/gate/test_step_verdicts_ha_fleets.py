"""HA trackers as large fleets have them: thousands of entries, and on half of the distributors only."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from exporter.model.entry import Replica
from tests.derive.build import CLIENTS, Fleet, Process, client, verdicts

STEPS = {"switch-primary": "consul", "disable-mirroring": "memberlist"}


def _renewed(fleet: Fleet, count: int, lost: Iterable[str]) -> None:
    """Every entry renewed in the primary and copied, but for those that some copy has not got."""
    lost = set(lost)
    entries = {f"ha-tracker/team-{n}/prod": Replica("r-1", fleet.now, None) for n in range(count)}
    fleet.store |= entries
    copied = {key: entry for key, entry in entries.items() if key not in lost}
    for process in fleet.processes:
        process.copies |= copied
        for key in lost:
            process.copies.pop(key, None)


def _trackers(step: str, trackers: int) -> Fleet:
    """Four distributors before a step, so many of them with a tracker."""
    fleet = Fleet()
    fleet.processes = [Process(n, sees=(1, 2, 3, 4)) for n in (1, 2, 3, 4)]
    for process in fleet.processes:
        names = [client(name, primary=STEPS[step]) for name in CLIENTS]
        tracker = [client("distributor-hatracker", primary=STEPS[step])]
        process.clients = (*names, *(tracker if process.number <= trackers else []))
    return fleet


def _judged(step: str, trackers: int, count: int, lost: Iterable[str] = ()) -> dict[str, str]:
    fleet = _trackers(step, trackers)
    for _ in range(3):
        fleet.now += 15.0
        fleet.beat()
        _renewed(fleet, count, lost)
        snapshot = fleet.look(1.0)
    assert verdicts(snapshot, step, "rings") == {}, "the tracker holds up no ring"
    return verdicts(snapshot, step, "ha-tracker")


def _storm(fleet: Fleet, count: int, number: int, *, spread: int) -> None:
    """Every entry renewed, and a hundred others elected anew in each look: half of the distributors know it
    already. What was elected `spread` looks before is known to all.
    """
    _renewed(fleet, count, ())
    turns = {f"ha-tracker/team-{n % count}/prod": n // 100 for n in range(100 * (number + 1))}
    for key, turn in turns.items():
        late = number - turn < spread
        fleet.store[key] = Replica("r-2", fleet.now, None)
        for process in fleet.processes:
            knows = process.number % 2 or not late
            process.copies[key] = fleet.store[key] if knows else Replica("r-1", fleet.now - 15, None)


@pytest.mark.parametrize(
    ("step", "count", "spread", "passes"),
    [
        ("switch-primary", 2_000, 1, True),
        ("switch-primary", 2_000, 9, False),
        ("disable-mirroring", 20_000, 1, True),
        ("disable-mirroring", 2_000, 9, False),
    ],
)
def test_elections_that_all_know_one_update_later_are_no_difference_and_others_are(
    step: str, count: int, spread: int, *, passes: bool
) -> None:
    fleet = _trackers(step, 2)
    for number in range(2 if passes else 4):
        fleet.now += 15.0
        fleet.beat()
        _storm(fleet, count, number, spread=spread)
        snapshot = fleet.look(1.0)
    assert verdicts(snapshot, step, "rings") == {}
    assert (verdicts(snapshot, step, "ha-tracker") == {}) is passes


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("trackers", "count"), [(4, 3), (2, 3), (2, 2_000)])
def test_a_tracker_on_some_distributors_holds_up_no_step_and_a_lost_entry_does(
    step: str, trackers: int, count: int
) -> None:
    assert _judged(step, trackers, count) == {}
    assert _judged(step, trackers, count, ["ha-tracker/team-1/prod"]) != {}
