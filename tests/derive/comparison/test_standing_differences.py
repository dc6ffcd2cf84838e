"""Differences over time: what one heartbeat may explain, and HA entries that are read in turns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.comparison import standing_differences
from exporter.derive.comparison.entry_comparison import Moment, compare
from exporter.derive.comparison.key_input import Content, View, content_of, view
from exporter.derive.comparison.standing_differences import Standing, carry, settle, view_name
from exporter.model.entry import Replica, State
from exporter.model.views import Comparison
from exporter.products.ring_pages import HA_KEY
from tests.derive.build import INGESTER, NOW, Fleet, key_of, member, ring, tokens, verdicts

PERIOD = 15.0


def found(primary: Content, copy: Content, now: float) -> dict[str, Comparison]:
    return {"p-1": compare(primary, copy, view_name("p-1"), Moment(now, PERIOD))}


def test_a_difference_that_stays_longer_than_a_period_settles() -> None:
    past = Standing()
    settled = []
    for step in range(3):
        now = NOW + 10 * step
        mine = {"m-1": member("m-1", now)}
        theirs = {"m-1": member("m-1", now - 5, tokens=tokens(7))}
        judged, doubts = settle(found(mine, theirs, now), past, now, PERIOD)
        past = replace(past, doubts=doubts)
        settled.append(bool(judged["p-1"].settled))
    assert settled == [False, False, True]


def test_a_difference_that_changes_begins_anew() -> None:
    past = Standing()
    for step, state in enumerate((State.JOINING, State.PENDING, State.LEAVING)):
        now = NOW + 20 * step
        mine, theirs = {"m-1": member("m-1", now)}, {"m-1": member("m-1", now - 5, state)}
        judged, doubts = settle(found(mine, theirs, now), past, now, PERIOD)
        past = replace(past, doubts=doubts)
        assert not judged["p-1"].settled


def test_a_view_that_is_read_in_turns_keeps_its_doubts() -> None:
    mine, theirs = {"m-1": member("m-1", NOW)}, {"m-1": member("m-1", NOW - 5, State.LEAVING)}
    _, doubts = settle(found(mine, theirs, NOW), Standing(), NOW, PERIOD)
    _, doubts = settle({}, Standing(doubts), NOW + 15, PERIOD)
    judged, _ = settle(found(mine, theirs, NOW), Standing(doubts), NOW + 30, PERIOD)
    assert judged["p-1"].settled == {"m-1"}
    _, gone = settle({}, Standing(doubts), NOW + 4000, PERIOD)
    assert not gone


def test_a_doubt_about_an_entry_waits_for_its_turn_whatever_else_is_read_of_its_view() -> None:
    def look(entry: str, at: float, past: Standing, theirs: str = "b") -> tuple[frozenset[str], Standing]:
        mine, other = {entry: Replica("a", at)}, {entry: Replica(theirs, at - 4)}
        unread = {view_name("p-1"): frozenset({"u/1", "u/2"} - {entry})}
        judged, doubts = settle(found(mine, other, at), past, at, PERIOD, unread)
        return judged["p-1"].settled, Standing(doubts)

    _, past = look("u/1", NOW, Standing())
    _, past = look("u/2", NOW + 15, past)
    assert past.again() == {"u/1", "u/2"}
    settled, past = look("u/1", NOW + 4000, past)
    assert settled == {"u/1"}
    _, past = look("u/2", NOW + 4015, past, theirs="a")
    assert past.again() == {"u/1"}


def test_a_doubt_from_before_the_clock_was_set_back_stands() -> None:
    mine, theirs = {"m-1": member("m-1", NOW)}, {"m-1": member("m-1", NOW - 5, State.LEAVING)}
    _, doubts = settle(found(mine, theirs, NOW), Standing(), NOW, PERIOD)
    judged, doubts = settle(found(mine, theirs, NOW), Standing(doubts), NOW - 3600, PERIOD)
    assert judged["p-1"].settled == {"m-1"}
    _, doubts = settle(found(mine, mine, NOW), Standing(doubts), NOW - 3585, PERIOD)
    assert not doubts


def test_of_too_many_doubts_the_oldest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_differences, "MAX_STANDING", 1)
    mine, theirs = {"m-1": member("m-1", NOW)}, {"m-1": member("m-1", NOW - 5, State.LEAVING)}
    _, doubts = settle(found(mine, theirs, NOW), Standing(), NOW, PERIOD)
    mine, theirs = {"m-2": member("m-2", NOW)}, {"m-2": member("m-2", NOW - 5, State.LEAVING)}
    other = {"p-2": compare(mine, theirs, view_name("p-2"), Moment(NOW, PERIOD))}
    _, doubts = settle(other, Standing(doubts), NOW + 5, PERIOD)
    assert [d.member for d in doubts] == ["m-1"]


def copy(*read: str, unread: tuple[str, ...] = (), wrong: str = "") -> View:
    values = {name: Replica("b" if name == wrong else "a", NOW) for name in read}
    return view("p-1", values, clock=NOW, unread=frozenset(unread))


ELECTED = content_of({name: Replica("a", NOW) for name in ("u/1", "u/2", "u/3")})


def carried(seen: View, past: Standing) -> tuple[Comparison, Standing]:
    primary = {name: thing for name, thing in ELECTED.items() if name not in seen.unread}
    comparison = compare(primary, seen.content, view_name("p-1"), Moment(NOW, PERIOD))
    settled = replace(comparison, settled=comparison.settled | {d.member for d in comparison.doubtful})
    joined, then = carry(HA_KEY, [seen], {"p-1": settled}, past)
    return joined["p-1"], then


def test_what_differed_in_an_entry_counts_until_it_is_read_again() -> None:
    first, past = carried(copy("u/1", unread=("u/2", "u/3"), wrong="u/1"), Standing())
    assert first.mismatched == {"replica": ("u/1",)}
    later, past = carried(copy("u/2", unread=("u/1", "u/3")), past)
    assert later.mismatched["replica"] == ("u/1",)
    assert "u/1" in later.settled
    again, past = carried(copy("u/1", unread=("u/2", "u/3")), past)
    assert not again.mismatched.get("replica")


def test_entries_that_were_never_read_are_known_as_such() -> None:
    _, past = carried(copy("u/1", unread=("u/2", "u/3")), Standing())
    assert past.uncovered == {"p-1": {"u/2", "u/3"}}
    _, past = carried(copy("u/2", unread=("u/1", "u/3")), past)
    _, past = carried(copy("u/3", unread=("u/1", "u/2")), past)
    assert past.uncovered == {"p-1": frozenset()}


def test_an_entry_that_left_a_doubt_is_not_known_until_it_is_read_again() -> None:
    _, past = carried(copy("u/1", "u/2", "u/3"), Standing())
    seen = copy("u/1", unread=("u/2", "u/3"))
    theirs = {**(seen.content or {}), "u/1": Replica("b", NOW - 4)}
    _, doubts = settle(found(ELECTED, theirs, NOW), past, NOW, PERIOD)
    _, past = carried(copy("u/2", unread=("u/1", "u/3")), replace(past, doubts=doubts))
    assert past.uncovered == {"p-1": {"u/1"}}
    _, past = carried(copy("u/1", unread=("u/2", "u/3")), replace(past, doubts={}))
    assert past.uncovered == {"p-1": frozenset()}


def test_a_process_that_is_gone_is_forgotten() -> None:
    _, past = carried(copy("u/1", unread=("u/2",), wrong="u/1"), Standing())
    _, past = carry(HA_KEY, [], {}, past)
    assert not past.replicas
    assert not past.uncovered


def test_tokens_that_always_differ_close_the_gate_although_heartbeats_are_close() -> None:
    """Each look alone could be one heartbeat's work; two looks a period apart are not."""
    fleet = Fleet()
    verdict = []
    for _ in range(3):
        fleet.now += 19.0
        fleet.beat()
        other = [member(p.name, fleet.now - 5, tokens=tokens(900 + p.number)) for p in fleet.processes]
        for process in fleet.processes:
            process.copies[INGESTER] = ring(other, fleet.now)
        verdict.append(verdicts(fleet.look(1.0), "switch-primary").get("contents-equal"))
    assert verdict == [None, "fails", "fails"]
    secondary = key_of(fleet.look(1.0), INGESTER).secondary
    assert secondary is not None
    assert len(secondary.mismatched["tokens"]) == 3
