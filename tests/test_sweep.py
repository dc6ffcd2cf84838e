"""Whose views are read in a cycle, and which HA entries."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import Comparison, ViewFacts
from exporter.sweep import (
    AT_LEAST,
    BUDGET,
    FIRST_TIME,
    OF_EACH_KIND,
    Entries,
    Last,
    Turn,
    suspects,
    whose_turn,
    with_each_kind,
)
from tests.derive.build import INGESTER, Fleet, member, ring

INTERVAL = 15.0


def processes(count: int, size: int = 1000) -> dict[str, Last]:
    return {f"p-{n:04}": Last(0.0, size) for n in range(count)}


def test_everybody_is_read_while_the_cluster_is_small() -> None:
    last = processes(50)
    turn = whose_turn(last, None, INTERVAL, frozenset())
    assert turn == Turn(frozenset(last), INTERVAL)
    assert whose_turn({}, None, INTERVAL, frozenset()) == Turn(frozenset(), 0.0)


SIZES = [
    ("nobody was read yet", 0, FIRST_TIME),
    ("small views", 1000, 500),
    ("a quarter of a megabyte each", BUDGET // 96, 96),
    ("one is the whole budget", BUDGET, AT_LEAST),
    ("one is more than the budget", 10 * BUDGET, AT_LEAST),
]


@pytest.mark.parametrize(("size", "views"), [c[1:] for c in SIZES], ids=[c[0] for c in SIZES])
def test_a_cycle_reads_what_fits_into_its_budget(size: int, views: int) -> None:
    assert len(whose_turn(processes(500, size), None, INTERVAL, frozenset()).targets) == views


def test_a_configured_number_counts_instead_of_the_budget() -> None:
    assert len(whose_turn(processes(500, BUDGET), 20, INTERVAL, frozenset()).targets) == 20
    assert len(whose_turn(processes(5), 20, INTERVAL, frozenset()).targets) == 5


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 120),
    views=st.integers(1, 40),
    bad=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_view_is_read_within_the_known_time_whoever_looks_bad(
    count: int, views: int, bad: float, seed: int
) -> None:
    chance = random.Random(seed)
    last, now = processes(count), 1000.0
    read_at = dict.fromkeys(last, now)
    for _ in range(4 * count // views + 8):
        now += INTERVAL
        wrong = frozenset(name for name in last if chance.random() < bad)
        turn = whose_turn(last, views, INTERVAL, wrong)
        assert len(turn.targets) == min(count, views)
        for name in turn.targets:
            last[name] = Last(now, 1000)
            read_at[name] = now
        # A sweep with as many suspects as can be is the longest one there can be.
        longest = whose_turn(last, views, INTERVAL, frozenset(last)).sweep_seconds
        assert turn.sweep_seconds <= longest
        assert now - min(read_at.values()) <= longest


def test_who_looked_bad_is_read_first_but_takes_no_more_than_half() -> None:
    last = {f"p-{n}": Last(float(n + 1), 1000) for n in range(100)}
    one = whose_turn(last, 10, INTERVAL, frozenset({"p-99"}))
    assert "p-99" in one.targets
    all_bad = frozenset(f"p-{n}" for n in range(50, 100))
    turn = whose_turn(last, 10, INTERVAL, all_bad)
    assert len(turn.targets & all_bad) == 5
    assert turn.targets - all_bad == {f"p-{n}" for n in range(5)}


def test_with_one_place_the_suspects_do_not_starve_the_others() -> None:
    last = processes(3)
    seen = set()
    for now in range(1, 4):
        (name,) = whose_turn(last, 1, INTERVAL, frozenset({"p-0000"})).targets
        last[name] = Last(float(now), 1)
        seen.add(name)
    assert seen == set(last)


def test_a_process_that_was_never_read_comes_next() -> None:
    last = {f"p-{n}": Last(100.0 + n, 1000) for n in range(50)} | {"new": Last()}
    assert "new" in whose_turn(last, 4, INTERVAL, frozenset()).targets


def test_every_kind_of_process_has_a_few_in_every_turn() -> None:
    last = {f"p-{n}": Last(float(n), 1000) for n in range(30)}
    kinds = {name: "compactor" if name in {"p-28", "p-29"} else "ingester" for name in last}
    turn = with_each_kind(whose_turn(last, 4, INTERVAL, frozenset()), last, kinds)
    assert {"p-28", "p-29"} <= turn.targets
    assert len(turn.targets) <= 4 + OF_EACH_KIND


def names(count: int) -> list[str]:
    return [f"ha-tracker/u/{n:05}" for n in range(count)]


def test_a_hundred_entries_are_all_read_in_every_cycle() -> None:
    entries = Entries()
    for _ in range(3):
        assert entries.take(names(100), 1) == set(names(100))


@settings(max_examples=50, deadline=None)
@given(count=st.integers(101, 2000), cycles=st.integers(1, 5))
def test_entries_beyond_a_hundred_are_read_in_turns(count: int, cycles: int) -> None:
    entries = Entries()
    seen: set[str] = set()
    for _ in range(cycles * -(-count // 100)):
        turn = entries.take(names(count), cycles)
        assert len(turn) == 100
        seen |= turn
    assert seen == set(names(count))


def test_a_turn_lasts_until_every_process_was_asked() -> None:
    entries = Entries()
    turns = [entries.take(names(300), 3) for _ in range(6)]
    assert turns[0] == turns[1] == turns[2] != turns[3] == turns[4]


def test_entries_that_come_and_go_change_no_turn_that_is_under_way() -> None:
    entries = Entries()
    first = entries.take(names(300), 2)
    assert entries.take([*names(300)[50:], "ha-tracker/z/1"], 2) >= first - set(names(50))
    assert entries.take([], 1) == frozenset()
    assert len(entries.take(names(300), 1)) == 100


def test_whose_view_looked_wrong_is_suspected() -> None:
    fleet = Fleet()
    assert suspects(fleet.look()) == frozenset()
    fleet.processes[1].copies[INGESTER] = ring([member("p-1")], fleet.now)
    assert suspects(fleet.look(1.0)) == {"10.0.0.2:80"}
    assert suspects(None) == frozenset()


SUSPECT = [
    ("equal", ViewFacts("gossip", "p", known=True), False),
    ("lacks a member", ViewFacts("gossip", "p", known=True, missing=("m",)), True),
    ("lacks the key", ViewFacts("gossip", "p", known=True, against=Comparison(missing_key=True)), True),
    ("late by a heartbeat", ViewFacts("gossip", "p", known=True, staleness=15.0), False),
    ("late by more", ViewFacts("gossip", "p", known=True, staleness=45.0), True),
    ("doubtful", ViewFacts("gossip", "p", known=True, against=Comparison(missing_key=False)), False),
    (
        "settled",
        ViewFacts("gossip", "p", known=True, against=Comparison(missing_key=False, settled=frozenset("m"))),
        True,
    ),
]


@pytest.mark.parametrize(("view", "suspect"), [c[1:] for c in SUSPECT], ids=[c[0] for c in SUSPECT])
def test_what_makes_a_suspect(view: ViewFacts, suspect: bool) -> None:
    seen = Fleet().look()
    key = replace(seen.keys[0], views=(view,))
    assert suspects(replace(seen, keys=(key,))) == (frozenset({"p"}) if suspect else frozenset())
