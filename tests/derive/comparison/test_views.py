"""Views of one kind against one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.derive.comparison.key_input import view
from exporter.derive.comparison.views import distinct, fingerprint, judge_views
from exporter.model.entry import Member, Partition, PartitionState, Replica, State, Tokens
from exporter.model.pages import PartitionRing, Ring
from exporter.model.views import ViewFacts
from tests.derive.build import NOW, member, ring, tokens


def judged(*views: Any, timeout: float = 60.0) -> dict[str, ViewFacts]:
    return {v.target: v for v in judge_views("gossip", views, timeout, {})}


def page(target: str, *members: Member, now: float = NOW, **more: Any) -> Any:
    return view(target, ring(members, now), clock=now, read_at=now, **more)


def three(heartbeat: float = NOW) -> Iterable[Member]:
    return (member(f"m-{n}", heartbeat) for n in (1, 2, 3))


def test_views_that_differ_in_heartbeats_alone_are_one_content() -> None:
    seen = judged(page("a", *three()), page("b", *three(NOW - 20)))
    assert distinct(seen.values()) == 1
    assert (seen["a"].staleness, seen["b"].staleness) == (0.0, 20.0)
    assert not seen["b"].missing


DIFFERENT = [
    ("a member less", [member("m-1"), member("m-2")]),
    ("a state", [member("m-1"), member("m-2"), member("m-3", state=State.LEAVING)]),
    ("tokens", [member("m-1"), member("m-2"), member("m-3", tokens=tokens(9))]),
    ("a member more", [*three(), member("m-4")]),
    ("nothing at all", []),
]


@pytest.mark.parametrize("members", [c[1] for c in DIFFERENT], ids=[c[0] for c in DIFFERENT])
def test_what_makes_two_contents(members: list[Member]) -> None:
    assert distinct(judged(page("a", *three()), page("b", *members)).values()) == 2


def test_tombstones_make_no_second_content_and_nobody_is_missed_for_them() -> None:
    left = replace(member("m-4", NOW - 5), state=State.LEFT, tokens=Tokens(0))
    seen = judged(page("a", *three(), left), page("b", *three()))
    assert distinct(seen.values()) == 1
    assert not seen["b"].missing


def test_a_member_that_the_freshest_view_buried_is_extra_elsewhere() -> None:
    left = replace(member("m-3", NOW), state=State.LEFT)
    seen = judged(page("a", member("m-1"), member("m-2"), left), page("b", *three()))
    assert seen["b"].extra == ("m-3",)
    assert not seen["a"].missing, "at the same heartbeat the tombstone wins"


def test_an_unhealthy_member_that_everybody_has_is_neither_missing_nor_extra() -> None:
    old = member("m-9", NOW - 600)
    seen = judged(page("a", *three(), old), page("b", *three(), old), page("c", *three()))
    assert [v.extra for v in seen.values()] == [(), (), ()]
    assert not seen["c"].missing, "who is long dead need not be in every view"


def test_a_state_that_one_page_hides_makes_no_second_content() -> None:
    ill = replace(member("m-3", NOW - 61), state=State.UNHEALTHY)
    seen = judged(page("a", member("m-1"), member("m-2"), ill), page("b", *three()))
    assert distinct(seen.values()) == 1


@pytest.mark.parametrize(
    ("shown", "contents"),
    [(Tokens(2), 1), (Tokens(-1), 1), (Tokens(3), 2)],
    ids=["HTML counts them", "HTML has no such column", "another count"],
)
def test_tokens_that_one_page_does_not_list_make_no_second_content(shown: Tokens, contents: int) -> None:
    listed = tuple(three())
    in_html = (replace(listed[0], tokens=shown), *listed[1:])
    found = judged(page("a", *listed), page("b", *listed), page("c", *in_html))
    assert distinct(found.values()) == contents
    assert found["c"].diverged is (contents > 1)


def test_a_page_that_was_not_read_counts_for_nothing() -> None:
    seen = judged(page("a", *three()), view("b", None, known=False))
    assert distinct(seen.values()) == 1
    assert not seen["b"].known


def test_a_process_without_the_key_lacks_everybody() -> None:
    seen = judged(page("a", *three()), view("b", None, clock=NOW))
    assert seen["b"].missing == ("m-1", "m-2", "m-3")
    assert not seen["b"].present
    assert distinct(seen.values()) == 2


def test_the_young_are_not_judged_unless_all_are() -> None:
    seen = judged(page("a", *three()), page("b", recently_started=True))
    assert (seen["a"].judged, seen["b"].judged) == (True, False)
    alone = judged(page("a", *three(), recently_started=True), page("b", recently_started=True))
    assert [v.judged for v in alone.values()] == [True, True]


def test_an_isolated_process_is_not_stale_but_lacks_the_others() -> None:
    seen = judged(page("a", *three()), page("b", *three()), page("c", member("m-3")))
    assert seen["c"].staleness == 0.0
    assert seen["c"].missing == ("m-1", "m-2")


@pytest.mark.parametrize(
    ("timeout", "clock", "missing"),
    [(60.0, NOW, ()), (0.0, NOW, ("m-4",)), (60.0, None, ("m-4",))],
    ids=["too old to be missed", "the check is off", "no clock to be old by"],
)
def test_whom_every_view_should_have(timeout: float, clock: float | None, missing: tuple[str, ...]) -> None:
    old = member("m-4", NOW - 100)
    with_old = view("a", Ring({m.id: m for m in (*three(), old)}), clock=clock)
    without = view("b", Ring({m.id: m for m in three()}), clock=clock)
    assert judged(with_old, without, timeout=timeout)["b"].missing == missing


def test_a_view_that_lacks_partitions_or_owners_is_told() -> None:
    whole = {n: Partition(n, PartitionState.ACTIVE, NOW - 900, owners=(f"o-{n}",)) for n in (1, 2)}
    seen = judged(view("a", PartitionRing(whole, NOW)), view("b", PartitionRing({1: whole[1]}, NOW)))
    assert seen["b"].missing == ("owner o-2", "partition 2")
    assert distinct(seen.values()) == 2


def test_a_deleted_partition_is_missed_by_nobody() -> None:
    alive = Partition(1, PartitionState.INACTIVE, NOW - 900, owners=())
    dead = Partition(1, PartitionState.DELETED, NOW - 5)
    seen = judged(view("a", PartitionRing({1: dead}, NOW)), view("b", PartitionRing({1: alive}, NOW)))
    assert not seen["a"].missing
    assert seen["b"].extra == ("partition 1",)


def test_a_tracker_without_entries_lacks_those_that_are_renewed() -> None:
    entries = {"u/a": Replica("r", NOW - 10), "u/old": Replica("r", NOW - 900)}
    seen = judged(view("a", entries, clock=NOW), view("b", {}, clock=NOW))
    assert seen["b"].missing == ("u/a",)


def test_entries_that_were_not_read_everywhere_make_no_second_content() -> None:
    a = view("a", {"u/a": Replica("r", NOW)}, clock=NOW, unread=frozenset({"u/b"}))
    b = view("b", {"u/a": Replica("r", NOW), "u/b": Replica("r", NOW)}, clock=NOW)
    seen = judged(a, b)
    assert distinct(seen.values()) == 1
    assert not seen["a"].missing, "it is listed there"
    changed = view("b", {"u/a": Replica("other", NOW), "u/b": Replica("r", NOW)}, clock=NOW)
    assert distinct(judged(a, changed).values()) == 2


rings = st.lists(
    st.dictionaries(
        st.integers(1, 6).map("m-{}".format),
        st.tuples(st.integers(0, 120), st.sampled_from([State.ACTIVE, State.LEAVING, State.LEFT])),
        max_size=6,
    ),
    min_size=1,
    max_size=5,
)


@given(rings, st.randoms())
def test_the_order_of_processes_and_of_members_changes_nothing(
    found: list[dict[str, Any]], chance: Any
) -> None:
    def build(shuffle: bool) -> dict[str, ViewFacts]:
        views = []
        for number, members in enumerate(found):
            items = [member(name, NOW - ago, state) for name, (ago, state) in members.items()]
            if shuffle:
                chance.shuffle(items)
            views.append(page(f"t-{number}", *items))
        if shuffle:
            chance.shuffle(views)
        return judged(*views)

    assert build(shuffle=False) == build(shuffle=True)


@given(rings)
def test_as_many_contents_as_a_naive_count_finds(found: list[dict[str, Any]]) -> None:
    views = [
        page(f"t-{n}", *(member(name, NOW - ago, state) for name, (ago, state) in members.items()))
        for n, members in enumerate(found)
    ]
    naive = {
        frozenset((name, state) for name, (_, state) in members.items() if state is not State.LEFT)
        for members in found
    }
    assert distinct(judged(*views).values()) == len(naive)


def test_names_cannot_be_arranged_to_look_alike() -> None:
    one = {"a', ('active'": member("m-1")}
    assert fingerprint(one) != fingerprint({"a": member("m-1")})
    assert fingerprint({}) != fingerprint({"": member("m-1")})
