"""What most views show is what counts: one page among many decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from exporter.derive.comparison.key_input import KeyInput, View, view
from exporter.derive.comparison.primary_content import find_primary, fresh, most, unhealthy_by_pages
from exporter.derive.ring.health import Limit
from exporter.model.entry import Member, Partition, PartitionState, Replica, State
from exporter.model.pages import PartitionRing, Ring
from tests.derive.build import INGESTER, NOW, member, ring, tokens

NAMES = ("m-1", "m-2", "m-3", "m-4")


def page(number: int, members: Iterable[Member]) -> View:
    return view(f"p-{number}", ring(members, NOW), clock=NOW, read_at=NOW)


def honest(count: int = 3, dead: str = "") -> list[View]:
    """Pages that agree; the member that is `dead` beat last two minutes ago, and each page says so."""
    return [
        page(n, [member(m, NOW - 120, State.UNHEALTHY) if m == dead else member(m, NOW - 5) for m in NAMES])
        for n in range(count)
    ]


def lying(**changes: Member | None) -> View:
    """A page of fresh members with some changed, invented or left out."""
    told = {name: member(name, NOW - 5) for name in NAMES}
    told |= {name.replace("_", "-"): m for name, m in changes.items() if m is not None}
    left_out = {name.replace("_", "-") for name, m in changes.items() if m is None}
    return page(9, [m for name, m in told.items() if name not in left_out])


def members(views: list[View]) -> dict[str, Member]:
    value = most(views)
    assert isinstance(value, Ring)
    return dict(value.members)


LIES = [
    ("leaves a member out", lying(m_4=None)),
    ("invents nine members", lying(**{f"x_{n}": member(f"x-{n}") for n in range(9)})),
    ("shows a heartbeat 6 s newer", lying(m_1=member("m-1", NOW + 1))),
    ("shows a heartbeat from the future", lying(m_1=member("m-1", NOW + 9999))),
    ("shows another state", lying(m_1=member("m-1", NOW, State.LEAVING))),
    ("shows other tokens", lying(m_1=member("m-1", NOW, tokens=tokens(7)))),
    ("shows another address", lying(m_1=member("m-1", NOW, address="10.9.9.9:1"))),
    ("is empty", page(9, [])),
    ("is a day ahead", page(9, [member(name, NOW + 86400) for name in NAMES])),
]


@pytest.mark.parametrize("lie", [c[1] for c in LIES], ids=[c[0] for c in LIES])
@pytest.mark.parametrize("count", [2, 9])
def test_one_page_among_three_or_ten_changes_nothing(lie: View, count: int) -> None:
    told = find_primary(KeyInput(INGESTER, pages=(*honest(count), lie)))
    assert isinstance(told.value, Ring)
    said = {m.id: (m.state, m.tokens.count, m.address) for m in told.value.members.values()}
    assert said == {m.id: (m.state, m.tokens.count, m.address) for m in members(honest()).values()}
    assert {m.time for m in told.value.members.values()} == {NOW - 5}


def test_of_two_pages_that_differ_every_member_is_there_to_be_judged() -> None:
    assert members([*honest(1), lying(m_4=None)]).keys() == set(NAMES)


def test_a_member_that_most_pages_have_lost_is_gone() -> None:
    assert members([*honest(1), lying(m_4=None), lying(m_4=None)]).keys() == set(NAMES) - {"m-4"}


def test_a_page_that_calls_a_member_unhealthy_hides_its_state_and_no_more() -> None:
    leaving = [lying(m_1=member("m-1", NOW - 5, State.LEAVING))]
    hidden = [lying(m_1=member("m-1", NOW - 5, State.UNHEALTHY))] * 2
    assert members(leaving + hidden)["m-1"].state is State.LEAVING


def test_an_isolated_process_and_one_whose_watch_stands_still_have_no_say() -> None:
    isolated = page(9, [member("m-1", NOW), *(member(name, NOW - 300) for name in NAMES[1:])])
    assert fresh([*honest(2), isolated], 15.0) == honest(2)
    assert fresh([*honest(1), isolated], 15.0) == honest(1)
    one_behind = page(9, [member(name, NOW - 20) for name in NAMES])
    assert len(fresh([*honest(2), one_behind], 15.0)) == 3


ILL = [
    ("all of them", 3, 0, {"m-4"}),
    ("most of them", 2, 1, {"m-4"}),
    ("half of them", 2, 2, {"m-4"}),
    ("one of three", 1, 2, set()),
    ("none", 0, 3, set()),
]


@pytest.mark.parametrize(("ill", "well", "names"), [c[1:] for c in ILL], ids=[c[0] for c in ILL])
def test_a_member_is_unhealthy_by_most_pages(ill: int, well: int, names: set[str]) -> None:
    pages = (*honest(ill, dead="m-4"), *honest(well))
    assert unhealthy_by_pages(KeyInput(INGESTER, pages=pages), Limit(60.0, known=True)) == names


def test_a_page_that_refreshes_a_dead_member_makes_nobody_healthy() -> None:
    pages = (*honest(2, dead="m-4"), lying())
    value = find_primary(KeyInput(INGESTER, pages=pages)).value
    assert isinstance(value, Ring)
    assert value.members["m-4"].time == NOW - 120
    assert unhealthy_by_pages(KeyInput(INGESTER, pages=pages), Limit(60.0, known=True)) == {"m-4"}


def test_partitions_and_elections_are_what_most_show() -> None:
    active = PartitionRing({0: Partition(0, PartitionState.ACTIVE, NOW - 900, owners=("i-0",))}, NOW)
    gone = PartitionRing({0: replace(active.partitions[0], state=PartitionState.INACTIVE, time=NOW)}, NOW)
    views = [view(f"p-{n}", value, clock=NOW) for n, value in enumerate((active, gone, active))]
    assert most(views) == PartitionRing(active.partitions)
    told = [{"u/c": Replica(name, NOW)} for name in ("r-0", "r-1", "r-0")]
    assert most([view(f"p-{n}", each, clock=NOW) for n, each in enumerate(told)]) == told[0]
