"""Whose pages are read in a cycle, and what stands in for those that were not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from exporter.derive.comparison.collect import Cycle
from exporter.derive.conclude import conclude
from exporter.model.entry import State
from exporter.model.facts import Snapshot
from exporter.model.pages import Observation
from exporter.model.views import ViewFacts
from exporter.polling.view_turns import (
    BUDGET,
    FIRST_TIME,
    HA_AGAIN,
    OF_EACH_KIND,
    WITHIN,
    Entries,
    Last,
    Pace,
    Turn,
    is_due,
    is_first,
    listed_by_several,
    slow_copies,
    suspects,
    turn_of,
    with_each_kind,
)
from tests.derive.build import COMPACTOR, INGESTER, PAGES, Fleet, Process, key_of, member, ring, verdicts

MB = 1024 * 1024


def fleet_of(count: int, size: int = MB) -> dict[str, Last]:
    return {f"p-{n:03}": Last(float(n), size) for n in range(count)}


def test_everybody_is_read_while_it_is_cheap() -> None:
    turn = turn_of(fleet_of(6), Pace(None, 15.0), frozenset())
    assert len(turn.targets) == 6
    assert turn.sweep_seconds == 15.0


@pytest.mark.parametrize(
    ("fleet", "places", "of_rest"),
    [
        (fleet_of(16, 1), 16, 16),
        (fleet_of(30, 1), 30, 16),
        (fleet_of(300, 1), 75, 75),
        (fleet_of(30, 3 * MB), 4, 3),
    ],
    ids=["few", "small", "many", "large views"],
)
def test_fewer_views_of_a_small_fleet_are_read_at_rest_and_everybody_in_a_sweep(
    fleet: dict[str, Last], places: int, of_rest: int
) -> None:
    """Every process's metrics are read in each cycle and say who deviates. A step asks for the views."""
    for at_rest, wanted in ((False, places), (True, of_rest)):
        last, read, at = dict(fleet), set[str](), 1000.0
        turn = turn_of(last, Pace(None, 15.0, at_rest=at_rest), frozenset())
        assert len(turn.targets) == wanted
        for _ in range(int(turn.sweep_seconds / 15.0)):
            chosen = turn_of(last, Pace(None, 15.0, at_rest=at_rest), frozenset()).targets
            read |= chosen
            at += 15.0
            last |= {name: Last(at, fleet[name].size) for name in chosen}
        assert read == set(last)


def test_a_large_fleet_is_read_in_turns_within_the_budget_and_everybody_in_a_sweep() -> None:
    last, read, at = fleet_of(300), set[str](), 1000.0
    turn = turn_of(last, Pace(None, 15.0), frozenset())
    assert len(turn.targets) == BUDGET // MB
    for _ in range(int(turn.sweep_seconds / 15.0)):
        turn = turn_of(last, Pace(None, 15.0), frozenset())
        read |= turn.targets
        at += 15.0
        last |= {name: Last(at, MB) for name in turn.targets}
    assert read == set(last)


@pytest.mark.parametrize(("late", "prompt"), [(0, 24), (100, 16), (150, 12), (290, 2)])
def test_the_processes_that_are_late_have_their_part_of_the_places(late: int, prompt: int) -> None:
    everybody = list(fleet_of(300).items())
    turn = turn_of(
        dict(everybody[late:]), Pace(None, 15.0), frozenset(), [last for _, last in everybody[:late]]
    )
    assert len(turn.targets) == prompt
    sweep = turn.sweep_seconds
    due = sum(is_due(n * sweep / late, sweep, sweep, 15.0) for n in range(late))
    assert len(turn.targets) + due <= BUDGET // MB + 2, "no more is read than where nobody is late"
    assert sweep >= 300 / (BUDGET // MB) * 15.0


def test_where_all_fit_into_a_cycle_those_that_are_late_take_nobodys_place() -> None:
    turn = turn_of(fleet_of(4), Pace(None, 15.0), frozenset(), [Last(1.0, MB)] * 2)
    assert (len(turn.targets), turn.sweep_seconds) == (4, 15.0)


@pytest.mark.parametrize("everybody", [1, 32])
def test_in_a_small_fleet_all_late_processes_are_read_from_the_first_cycle_on(everybody: int) -> None:
    assert all(is_first(f"p-{n}", 1, everybody) for n in range(everybody))


@pytest.mark.parametrize("everybody", [33, 300, 1000])
def test_of_a_large_fleet_a_few_late_processes_are_read_in_each_cycle_and_each_in_its_turn(
    everybody: int,
) -> None:
    names, cycles = [f"10.0.0.{n}:8080" for n in range(everybody)], math.ceil(everybody / FIRST_TIME)
    turns = [{name for name in names if is_first(name, cycle, everybody)} for cycle in range(cycles)]
    assert set().union(*turns) == set(names)
    assert sum(map(len, turns)) == everybody
    assert max(map(len, turns)) < 2 * FIRST_TIME


@pytest.mark.parametrize(("beside", "places"), [(15.0, 16), (75.0, 16), (300.0, 11), (1500.0, 4)])
def test_copies_are_read_no_faster_than_ring_pages_need(beside: float, places: int) -> None:
    """A sweep is both; where all ring pages are read in each cycle, the budget alone counts."""
    turn = turn_of(fleet_of(200), Pace(None, 15.0, beside=beside), frozenset())
    assert len(turn.targets) == places
    assert turn.sweep_seconds <= max(beside, 15.0 * 15)


@pytest.mark.parametrize("interval", [5.0, 15.0, 60.0])
@pytest.mark.parametrize("suspects", [0, 7, 600], ids=lambda n: f"{n} suspects")
def test_everybody_is_read_in_time_while_a_step_asks_for_it_and_not_otherwise(
    interval: float, suspects: int
) -> None:
    """Views of 5.5 MB, as of a thousand members: by the budget alone four in a cycle."""
    first, bad = fleet_of(1000, 11 * MB // 2), frozenset(f"p-{n:03}" for n in range(suspects))
    for within, in_time in ((WITHIN, True), (None, False)):
        last, read, at = dict(first), set[str](), 1000.0
        while at + interval <= 1000.0 + WITHIN:
            turn = turn_of(last, Pace(None, interval, within), bad)
            at += interval
            read |= turn.targets
            last |= {name: Last(at, 11 * MB // 2) for name in turn.targets}
        assert (read == set(last)) == in_time
        assert (turn.sweep_seconds <= WITHIN) == in_time


def test_who_wants_fewer_views_gets_them_whatever_is_next() -> None:
    assert len(turn_of(fleet_of(1000), Pace(3, 15.0, WITHIN), frozenset()).targets) == 3


@pytest.mark.parametrize("views", [1, 2, 3, 5])
@pytest.mark.parametrize("bad", [frozenset[str](), frozenset({"p-000", "p-001", "p-002"})])
def test_each_turn_has_one_of_the_turn_before_and_everybody_has_one(views: int, bad: frozenset[str]) -> None:
    """Else two halves of a cluster could each agree with themselves for ever."""
    last, read, before = fleet_of(12), set[str](), frozenset[str]()
    sweep = turn_of(last, Pace(views, 15.0), bad).sweep_seconds
    for number in range(int(sweep / 15.0)):
        turn = turn_of(last, Pace(views, 15.0), bad).targets
        assert len(turn) == max(views, 2)
        assert not before or turn & before
        read, before = read | turn, turn
        last |= {name: Last(1000.0 + number, MB) for name in turn}
    assert read == set(last)


@pytest.mark.parametrize(
    ("processes", "size", "places"),
    [
        (30, 1_000, 30),
        (32, 1_000, 32),
        (100, 1_000, 32),
        (300, 1_000, 75),  # one in four
        (30, MB, 6),
        (200, MB, 16),
        (1000, MB, 24),
        (30, 100 * MB, 4),
    ],
)
def test_a_cycle_reads_as_much_as_the_fleet_is_large(processes: int, size: int, places: int) -> None:
    assert len(turn_of(fleet_of(processes, size), Pace(None, 15.0), frozenset()).targets) == places


def test_every_kind_of_process_has_a_few_in_every_turn() -> None:
    last = fleet_of(50)
    kinds = {name: "alone" if name == "p-049" else "usual" for name in last}
    turn = with_each_kind(Turn(frozenset(), 0.0), last, kinds)
    assert turn.targets == {"p-049", *(f"p-{n:03}" for n in range(OF_EACH_KIND))}


@pytest.mark.parametrize(
    "view",
    [
        ViewFacts("ring", "p-1", known=True, missing=("m",)),
        ViewFacts("ring", "p-1", known=True, diverged=True),
        ViewFacts("ring", "p-1", known=True, staleness=60.0),
        ViewFacts("metrics", "p-1", known=True, diverged=True, judged=False),
        ViewFacts("metrics", "p-1", known=True, unnamed=1),
    ],
)
def test_who_looked_wrong_is_read_again_soon(view: ViewFacts) -> None:
    fleet = Fleet()
    snapshot = fleet.look()
    key = replace(key_of(snapshot, INGESTER), views=(view,))
    assert suspects(replace(snapshot, keys=(key,)), "ring") == {"p-1"}
    both = {"p-1"} if view.kind == "metrics" else set()
    assert suspects(replace(snapshot, keys=(key,)), "gossip") == both, (
        "metrics say that it is wrong, not where"
    )


def look(fleet: Fleet, asked: set[int], keep: float = 300.0) -> Snapshot:
    """A cycle in which it is only these processes' turn to show their ring pages."""
    fleet.now += 15
    fleet.beat()
    fleet.number += 1
    observed = tuple(_read(process, fleet.now - 0.2, process.number in asked) for process in fleet.processes)
    cycle = Cycle(fleet.now, fleet.now - 0.5, fleet.number, observed, keep_views_since=fleet.now - keep)
    snapshot, fleet.history = conclude(cycle, fleet.history, fleet.rules)
    return snapshot


def _read(process: Process, at: float, asked: bool) -> Observation:
    seen = process.read(at)
    return seen if asked else replace(seen, rings={}, waiting=frozenset(PAGES.values()))


def views(snapshot: Snapshot) -> dict[str, ViewFacts]:
    return {v.target: v for v in key_of(snapshot, INGESTER).views if v.kind == "ring"}


def test_an_earlier_reading_stands_in_for_a_page_whose_turn_it_is_not() -> None:
    fleet = Fleet()
    look(fleet, {1, 2, 3})
    seen = views(look(fleet, {1}))
    assert [view.known for view in seen.values()] == [True] * 3
    assert seen["10.0.0.2:80"].read_at == fleet.now - 15 - 0.2


def test_a_page_that_was_never_read_is_not_known_and_nothing_is_called_equal() -> None:
    snapshot = look(Fleet(), {1})
    assert not views(snapshot)["10.0.0.2:80"].known
    assert verdicts(snapshot, "switch-primary")["views-agree"] == "unknown"


def test_an_earlier_reading_counts_for_two_sweeps_and_no_longer() -> None:
    fleet = Fleet()
    look(fleet, {1, 2, 3}, keep=20.0)
    assert views(look(fleet, {1}, keep=20.0))["10.0.0.2:80"].known
    assert not views(look(fleet, {1}, keep=20.0))["10.0.0.2:80"].known


def test_what_a_process_showed_before_its_restart_does_not_stand_in() -> None:
    fleet = Fleet()
    look(fleet, {1, 2, 3})
    fleet.processes[1].started = fleet.now + 5
    assert not views(look(fleet, {1}))["10.0.0.2:80"].known


def test_a_view_that_differed_counts_until_it_is_read_again() -> None:
    fleet = Fleet()
    look(fleet, {1, 2, 3})
    fleet.now += 15
    fleet.beat()
    wrong = [
        member(p.name, fleet.now, State.LEAVING if p.number == 3 else State.ACTIVE) for p in fleet.processes
    ]
    fleet.processes[1].pages[INGESTER] = ring(wrong, fleet.now)
    fleet.number += 1
    observed = tuple(process.read(fleet.now - 0.2) for process in fleet.processes)
    cycle = Cycle(fleet.now, fleet.now - 0.5, fleet.number, observed, keep_views_since=fleet.now - 300)
    snapshot, fleet.history = conclude(cycle, fleet.history, fleet.rules)
    assert views(snapshot)["10.0.0.2:80"].diverged
    later = look(fleet, {1})
    assert verdicts(later, "switch-primary")["views-agree"] == "fails"
    assert suspects(later, "ring") == {"10.0.0.2:80"}
    assert verdicts(look(fleet, {1, 2, 3}), "switch-primary").get("views-agree") != "fails"


def test_a_ring_is_there_although_its_only_page_waits() -> None:
    assert COMPACTOR in {key.key for key in look(Fleet(), set()).keys}


def test_an_earlier_reading_from_the_future_does_not_stand_in() -> None:
    """The exporter's clock was set back: such a view would count, and count as fresh, for an hour."""
    fleet = Fleet()
    look(fleet, {1, 2, 3})
    fleet.now -= 3600
    assert not views(look(fleet, {1}))["10.0.0.2:80"].known


def test_a_few_entries_that_left_a_doubt_are_read_beside_those_whose_turn_it_is() -> None:
    names, entries = [f"u/{n:03}" for n in range(300)], Entries()
    first = entries.take(names, 1)
    assert first == set(names[:100])
    again = frozenset({names[0], names[150], "gone"})
    assert entries.take(names, 1, again) == {*names[100:200], names[0]}
    assert len(entries.take(names, 1, frozenset(names[:100]))) == 100 + HA_AGAIN
    assert entries.take(names, 1) == set(names[:100])


def test_one_process_that_lists_a_flood_of_tracker_keys_does_not_make_the_others_wait() -> None:
    honest = frozenset(f"ha-tracker/user/cluster-{n:03}" for n in range(30))
    flood = frozenset(f"ha-tracker/aaa/{n:05}" for n in range(5000))
    listed = listed_by_several([honest, honest | flood, honest])
    assert honest <= listed
    assert len(listed) == len(honest) + HA_AGAIN
    assert listed_by_several([honest, flood]) == honest | flood, "of two nobody can say which is right"


MOVED = {"p-1": {"ring": 130}, "p-2": {"ring": 131}, "p-3": {"ring": 129}, "p-4": {"ring": 131}}
START = {name: {"ring": 100} for name in MOVED}


@pytest.mark.parametrize(
    ("now", "slow"),
    [
        (MOVED, set()),
        ({**MOVED, "p-4": {"ring": 100}}, {"p-4"}),  # frozen
        ({**MOVED, "p-4": {"ring": 101}}, {"p-4"}),  # cut off, and counting its own heartbeat
        ({**MOVED, "p-4": {"ring": 5}}, set()),  # started anew
        ({**MOVED, "p-4": {}}, set()),
        ({**MOVED, "p-5": {"ring": 3}}, set()),  # unknown before
        ({**MOVED, "p-4": {"ring": -1}}, set()),  # a page that tells no version
        (START, set()),  # nobody beats
        ({"p-1": {"ring": 130}}, set()),
    ],
)
def test_a_copy_that_takes_up_much_less_than_most_is_looked_at(
    now: dict[str, dict[str, int]], slow: set[str]
) -> None:
    assert slow_copies(now, START) == slow
