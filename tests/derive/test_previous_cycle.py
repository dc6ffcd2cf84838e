"""What one cycle leaves to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.conclude import conclude
from exporter.derive.previous_cycle import (
    FORGET_LOST,
    FORGET_VANISHED,
    MAX_VANISHED,
    RingHistory,
    Watched,
    advance,
)
from exporter.model.entry import State
from exporter.model.facts import MemberFacts
from exporter.model.pages import GossipView, Observation, Outcome, Page, Reason
from tests.derive import build
from tests.derive.build import NOW, PAGES, Fleet, Process

ALL = frozenset(f"p-{n}" for n in range(20))


def facts(number: int, heartbeat: float | None = NOW, **more: Any) -> MemberFacts:
    told: dict[str, Any] = {"state": State.ACTIVE, "target": f"p-{number}"} | more
    return MemberFacts(f"m-{number}", "", "", heartbeat=heartbeat, age=0.0, tokens=1, **told)


def after(*cycles: tuple[float, list[MemberFacts]], answering: frozenset[str] = ALL) -> RingHistory:
    past = RingHistory()
    for at, members in cycles:
        past = advance(past, tuple(members), at, Watched(answering))
    return past


def ring(*numbers: int, at: float = NOW) -> list[MemberFacts]:
    return [facts(n, at) for n in numbers]


def test_a_member_that_restarts_has_not_come_back_from_the_dead() -> None:
    past = after((NOW, ring(1, 2)), (NOW + 15, ring(1, at=NOW + 15)), (NOW + 30, ring(1, 2, at=NOW + 29)))
    assert past.returned == 0


def test_a_member_that_is_back_with_its_old_heartbeat_is_counted_once() -> None:
    old = facts(2, NOW - 120)
    cycles = [(NOW, [facts(1), old]), (NOW + 15, ring(1)), (NOW + 3600, [facts(1), old])]
    assert after(*cycles).returned == 1
    assert after(*cycles, (NOW + 3615, [facts(1), old])).returned == 1


@pytest.mark.parametrize("skew", [-600.0, 600.0])
def test_a_member_is_held_to_its_own_clock(skew: float) -> None:
    cycles = [(NOW, [facts(1), facts(2, NOW + skew)]), (NOW + 15, ring(1))]
    alive = (NOW + 30, [facts(1), facts(2, NOW + skew + 29)])
    assert after(*cycles, alive).returned == 0
    assert after(*cycles, (NOW + 30, [facts(1), facts(2, NOW + skew)])).returned == 1


def test_who_went_a_day_ago_is_forgotten_and_memory_is_bounded() -> None:
    late = NOW + FORGET_VANISHED + 60
    past = after((NOW, ring(1, 2)), (NOW + 15, ring(1)), (late, ring(1)))
    assert not past.vanished
    many = after((NOW, ring(*range(MAX_VANISHED + 50))), (NOW + 15, []))
    assert len(many.vanished) == MAX_VANISHED


def test_half_a_ring_gone_at_once_while_its_processes_answer_is_a_loss() -> None:
    past = after((NOW, ring(1, 2, 3, 4)), (NOW + 15, ring(1, 2)))
    assert past.lost.keys() == {"m-3", "m-4"}
    back = advance(past, tuple(ring(1, 2, 3)), NOW + 30, Watched(ALL))
    assert back.lost.keys() == {"m-4"}
    assert not advance(back, tuple(ring(1, 2, 3)), NOW + 16 + FORGET_LOST, Watched(ALL)).lost


def test_a_loss_stands_while_who_was_lost_writes_the_ring_and_is_nobody_in_it() -> None:
    past = after((NOW, ring(1, 2, 3, 4)), (NOW + 15, ring(1, 2)))
    later = NOW + 16 + FORGET_LOST
    writing = Watched(ALL, writing=frozenset({"p-3"}))
    assert advance(past, tuple(ring(1, 2)), later, writing).lost.keys() == {"m-3"}
    renamed = [*ring(1, 2), replace(facts(3), id="m-new")]
    assert not advance(past, tuple(renamed), later, writing).lost


NO_LOSS = [
    ("one of many on its way out", ring(1, 2, 3, 4), ring(1, 2, 3), ALL),
    ("scaled down", ring(1, 2, 3, 4), ring(1, 2), frozenset({"p-1", "p-2"})),
    ("rolled: the restarted are young", ring(1, 2), ring(1), frozenset({"p-1"})),
    ("had been leaving", [facts(1), facts(2, state=State.LEAVING)], ring(1), ALL),
    ("had been ill", [facts(1), facts(2, state=State.UNHEALTHY)], ring(1), ALL),
    ("of nobody we know", [facts(1), facts(2, target="")], ring(1), ALL),
    ("containers with new host names", ring(1, 2), [facts(3, target="p-1"), facts(4, target="p-2")], ALL),
]


@pytest.mark.parametrize(
    ("before", "then", "answering"), [c[1:] for c in NO_LOSS], ids=[c[0] for c in NO_LOSS]
)
def test_what_is_ordinary_is_no_loss(
    before: list[MemberFacts], then: list[MemberFacts], answering: frozenset[str]
) -> None:
    assert not after((NOW, before), (NOW + 15, then), answering=answering).lost


def test_a_loss_ends_in_time_after_our_clock_was_set_back() -> None:
    past = after((NOW, ring(1, 2, 3, 4)), (NOW + 15, ring(1, 2)), (NOW - 3600, ring(1, 2)))
    assert past.lost.keys() == {"m-3", "m-4"}
    assert not advance(past, tuple(ring(1, 2)), NOW - 3599 + FORGET_LOST, Watched(ALL)).lost


def test_members_of_an_old_backup_are_no_new_names_of_their_processes() -> None:
    """A store that is restored has the processes' former members, which no process renews."""
    former = [facts(n, state=State.UNHEALTHY, target=f"p-{n - 2}") for n in (3, 4)]
    assert after((NOW, ring(1, 2)), (NOW + 15, former)).lost.keys() == {"m-1", "m-2"}


def test_a_ring_that_is_empty_all_at_once_is_a_loss_whosever_the_members_were() -> None:
    unknown = [replace(m, target="") for m in ring(1, 2)]
    assert after((NOW, unknown), (NOW + 15, [])).lost.keys() == {"m-1", "m-2"}


def test_a_state_is_as_old_as_its_first_sight_and_begins_anew_after_another() -> None:
    leaving = [facts(1, state=State.LEAVING)]
    past = after((NOW, ring(1)), (NOW + 15, leaving), (NOW + 30, leaving))
    assert past.since == {("m-1", State.LEAVING): NOW + 15}
    again = advance(past, tuple(ring(1)), NOW + 45, Watched(ALL))
    assert again.since == {("m-1", State.ACTIVE): NOW + 45}


def one_by_one(lost: int, *, of: int = 10, every: float = 60.0) -> list[tuple[float, list[MemberFacts]]]:
    """A ring that loses one member after the other, and a cycle in which nothing more happens."""
    cycles = [(NOW + every * n, ring(*range(of - n), at=NOW + every * n)) for n in range(lost + 1)]
    return [*cycles, (cycles[-1][0] + 15, cycles[-1][1])]


def test_a_fifth_of_a_ring_lost_by_and_by_is_a_loss_once_a_second_cycle_lacks_it() -> None:
    cycles = one_by_one(2)
    assert not after(*cycles[:-1]).parted
    assert after(*cycles).parted == {"m-8", "m-9"}
    back = (cycles[-1][0] + 15, ring(*range(9)))
    assert not after(*cycles, back).parted


def parted(cycles: list[tuple[float, list[MemberFacts]]], watched: Watched) -> frozenset[str]:
    past = RingHistory()
    for at, members in cycles:
        past = advance(past, tuple(members), at, watched)
    return past.parted


LEAVING = [
    (t, [replace(m, state=State.LEAVING) if m.id in ("m-8", "m-9") else m for m in ms])
    for t, ms in one_by_one(0)
]
NO_PART = [
    ("one of three on its way out", one_by_one(1, of=3), Watched(ALL)),
    ("less than a fifth", one_by_one(2, of=12), Watched(ALL)),
    ("by and by in more than ten minutes", one_by_one(2, every=601.0), Watched(ALL)),
    ("a rollout: two processes restart", one_by_one(2), Watched(ALL, unsettled=2)),
    ("scaled down by a third: the processes go with their members", one_by_one(3),
     Watched(ALL - {"p-7", "p-8", "p-9"})),
    ("they leave in order", [*LEAVING, *one_by_one(2)[-1:]], Watched(ALL)),
    ("rescheduled under a new address, which has a member again",
     [*one_by_one(2)[:-1], (NOW + 200, [*ring(*range(8)), facts(10, target="p-8"), facts(11, target="p-9")])],
     Watched(ALL)),
]  # fmt: skip


@pytest.mark.parametrize(("cycles", "watched"), [c[1:] for c in NO_PART], ids=[c[0] for c in NO_PART])
def test_members_that_leave_are_no_part_lost_by_and_by(
    cycles: list[tuple[float, list[MemberFacts]]], watched: Watched
) -> None:
    assert not parted(cycles, watched)


def _answering_503(seen: Observation) -> Observation:
    """An ingress answers for the process: each page failed, and has a correct Date."""

    def failed(page: Page[Any]) -> Page[Any]:
        return replace(page, outcome=Outcome.FAILED, value=None, reason=Reason.STATUS)

    gossip = GossipView(failed(seen.gossip.page))
    metrics, config = failed(seen.metrics), failed(seen.config)
    return replace(seen, metrics=metrics, config=config, gossip=gossip, rings={}, partitions={}, others={})


@pytest.mark.parametrize("ahead", [0.0, 600.0])
def test_a_loss_is_found_after_a_cycle_in_which_no_process_answered(ahead: float) -> None:
    """Without the time of any process, the store's clock would make each member unhealthy for that cycle."""
    fleet = Fleet(processes=[Process(n, sees=(1, 2, 3, 4)) for n in (1, 2, 3, 4)], clock=ahead)
    for _ in range(3):
        fleet.look(15, beat=True)
    fleet.now, fleet.number = fleet.now + 15, fleet.number + 1
    fleet.beat()
    cycle = fleet.cycle()
    silent = replace(cycle, observed=tuple(map(_answering_503, cycle.observed)))
    now, fleet.history = conclude(silent, fleet.history, fleet.rules)
    assert {member.state for key in now.keys for member in key.members} == {State.ACTIVE}
    fleet.now, fleet.number = fleet.now + 15, fleet.number + 1
    for key in PAGES:
        fleet.store[key] = build.ring([build.member("p-1", fleet.now)], fleet.now)
        for process in fleet.processes:
            process.pages[key] = fleet.store[key]
    now, _ = conclude(fleet.cycle(), fleet.history, fleet.rules)
    assert {key.lost for key in now.keys if key.kind == "ring"} == {3}
