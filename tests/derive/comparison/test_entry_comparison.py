"""The primary against one view of the secondary."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.derive.comparison.entry_comparison import MAX_DIFFERENCES, Moment, compare, delivered
from exporter.derive.comparison.key_input import Content, content_of
from exporter.model.entry import Member, Partition, PartitionState, Replica, State, Tokens
from exporter.model.pages import PartitionRing
from tests.derive.build import NOW, member, ring, tokens

AT = Moment(NOW, 15.0)
names = st.integers(1, 60).map("m-{}".format)
heartbeats = st.integers(0, 300).map(lambda ago: NOW - ago)
states = st.sampled_from([s for s in State if s not in (State.LEFT, State.UNKNOWN)])
rings = st.dictionaries(names, st.tuples(heartbeats, states), max_size=20).map(
    lambda found: {name: member(name, beat, state) for name, (beat, state) in found.items()}
)


def content(*members: Member) -> Content:
    return content_of(ring(members))


@given(rings)
def test_a_ring_against_itself_shows_nothing(members: dict[str, Member]) -> None:
    found = compare(members, dict(members), "v", AT)
    assert not (found.missing or found.extra or found.mismatched or found.settled or found.differences)
    assert found.lag == (0.0 if members else None)
    assert not found.missing_key


@given(rings, st.data())
def test_taking_members_away_leaves_exactly_those_missing(
    members: dict[str, Member], data: st.DataObject
) -> None:
    gone = set(data.draw(st.lists(st.sampled_from(sorted(members)), unique=True))) if members else set()
    view = {name: m for name, m in members.items() if name not in gone}
    found = compare(members, view, "v", AT)
    assert set(found.missing) == gone
    assert not found.extra
    back = compare(view, members, "v", AT)
    assert set(back.extra) == gone
    assert not back.missing
    assert not back.settled, "deletes are never mirrored: more in the secondary closes nothing"


@given(rings, st.lists(st.integers(0, 100), min_size=20, max_size=20))
def test_lag_is_the_greatest_difference_and_never_negative(
    members: dict[str, Member], behind: list[int]
) -> None:
    view = {
        name: replace(m, time=(m.time or 0) - late)
        for (name, m), late in zip(members.items(), behind, strict=False)
    }
    assert compare(members, view, "v", AT).lag == max(behind[: len(members)], default=None)
    assert compare(view, members, "v", AT).lag == (0.0 if members else None)


M = member("m-1", NOW - 60)
FIELD_CASES = [
    ("state", replace(M, state=State.LEAVING), {"state"}),
    ("read-only flag", replace(M, read_only=True), {"state"}),
    ("tokens", replace(M, tokens=tokens(7, 8)), {"tokens"}),
    ("as many other tokens, known by count alone", replace(M, tokens=Tokens(2)), set()),
    ("fewer tokens, known by count alone", replace(M, tokens=Tokens(1)), {"tokens"}),
    ("address", replace(M, address="10.9.9.9:1"), {"address"}),
    ("zone", replace(M, zone="b"), {"zone"}),
    ("registered", replace(M, registered=1.0), set()),
    ("unhealthy on one side hides the state", replace(M, state=State.UNHEALTHY), set()),
]


@pytest.mark.parametrize(("theirs", "fields"), [c[1:] for c in FIELD_CASES], ids=[c[0] for c in FIELD_CASES])
def test_each_field_is_compared_alone(theirs: Member, fields: set[str]) -> None:
    found = compare({"m-1": M}, {"m-1": theirs}, "v", AT)
    assert set(found.mismatched) == fields
    assert found.settled == (frozenset({"m-1"}) if fields else frozenset())


def test_cortex_state_and_dskit_flag_are_the_same_read_only() -> None:
    flag, state = replace(M, read_only=True), replace(M, state=State.READ_ONLY)
    assert not compare({"m-1": flag}, {"m-1": state}, "v", AT).mismatched


def test_tombstones_and_deleted_entries_are_no_members_and_no_keys() -> None:
    assert content(member("m-1"), member("m-2", state=State.LEFT)).keys() == {"m-1"}
    assert content_of(Replica("a", NOW, deleted_at=NOW)) == {}
    assert content_of({"u/c": Replica("a", NOW), "u/d": Replica("a", NOW, deleted_at=NOW)}).keys() == {"u/c"}
    dead = PartitionRing({1: Partition(1, PartitionState.DELETED, owners=("o",))})
    assert content_of(dead) == {}


def test_a_missing_key_is_not_an_empty_one() -> None:
    assert compare({"m-1": M}, None, "v", AT).missing_key
    assert not compare({"m-1": M}, {}, "v", AT).missing_key
    assert not compare({}, None, "v", AT).missing_key, "a key with nothing alive in it is no key"


@pytest.mark.parametrize(
    ("ahead", "settled"), [(0, True), (1, False), (15, False), (-15, False), (16, True), (-16, True)]
)
def test_neighbours_in_time_are_doubtful_and_others_settled(ahead: float, settled: bool) -> None:
    theirs = replace(M, time=NOW - 60 - ahead, state=State.LEAVING)
    found = compare({"m-1": M}, {"m-1": theirs}, "v", AT)
    assert ("m-1" in found.settled) is settled
    assert [d.what for d in found.doubtful] == ([] if settled else ["state"])
    assert found.mismatched == {"state": ("m-1",)}, "gauges report what was read"


@pytest.mark.parametrize(
    ("registered", "settled"),
    [(NOW - 3600, True), (NOW - 10, False), (NOW + 10, False), (None, True), (NOW + 600, True)],
    ids=["long ago", "just now", "a clock a little ahead", "not said", "a clock far ahead"],
)
def test_a_member_that_just_came_may_be_missing(registered: float | None, settled: bool) -> None:
    found = compare({"m-1": replace(M, registered=registered)}, {}, "v", AT)
    assert found.missing == ("m-1",)
    assert ("m-1" in found.settled) is settled


def test_nothing_just_came_where_no_clock_is_known() -> None:
    found = compare({"m-1": replace(M, registered=NOW)}, {}, "v", Moment(None, 15.0))
    assert found.settled == {"m-1"}


def test_partitions_and_owners_are_compared_as_members() -> None:
    mine = PartitionRing(
        {
            1: Partition(1, PartitionState.ACTIVE, NOW - 600, owners=("a", "b"), tokens=tokens(1)),
            2: Partition(2, PartitionState.PENDING, NOW - 5, owners=("c",)),
        }
    )
    theirs = PartitionRing(
        {1: Partition(1, PartitionState.INACTIVE, NOW - 900, owners=("a",), tokens=tokens(2))}
    )
    found = compare(content_of(mine), content_of(theirs), "v", AT)
    assert found.missing == ("owner b", "owner c", "partition 2")
    assert found.mismatched == {"state": ("partition 1",), "tokens": ("partition 1",)}
    assert "partition 2" not in found.settled, "it came less than a period ago"
    assert found.settled == {"owner b", "owner c", "partition 1"}
    assert found.lag is None, "partition rings have no heartbeats"


def test_an_owner_that_moved_is_a_mismatch() -> None:
    def owned(number: int) -> Content:
        return content_of(
            PartitionRing(
                {n: Partition(n, PartitionState.ACTIVE, owners=("o",) * (n == number)) for n in (1, 2)}
            )
        )

    assert compare(owned(1), owned(2), "v", AT).mismatched == {"address": ("owner o",)}


def test_elections_are_compared_by_replica_and_received_time() -> None:
    mine = {"u/a": Replica("r1", NOW), "u/b": Replica("r1", NOW), "u/c": Replica("r1", NOW)}
    theirs = {"u/a": Replica("r1", NOW - 15), "u/b": Replica("r2", NOW - 60)}
    found = compare(mine, theirs, "v", AT)
    assert (found.lag, found.missing, found.mismatched) == (60.0, ("u/c",), {"replica": ("u/b",)})


def test_lag_counts_what_had_been_delivered_within_one_period() -> None:
    mine, theirs = {"m-1": replace(M, time=NOW)}, {"m-1": replace(M, time=NOW - 15)}
    told = delivered([{"m-1": replace(M, time=NOW - 15)}, {"m-1": replace(M, time=NOW - 30)}])
    assert compare(mine, theirs, "v", AT).lag == 15.0
    assert compare(mine, theirs, "v", Moment(NOW, 15.0, told)).lag == 0.0
    late = {"m-1": NOW - 100}
    assert compare(mine, theirs, "v", Moment(NOW, 15.0, late)).lag == 15.0, "a stuck watch excuses nothing"


def test_members_without_heartbeats_have_no_lag() -> None:
    assert compare({"m-1": replace(M, time=None)}, {"m-1": M}, "v", AT).lag is None


def test_what_is_merely_late_does_not_crowd_out_what_is_missing() -> None:
    late = {f"m-{n}": member(f"m-{n}", NOW) for n in range(1000)}
    view = {name: replace(m, time=NOW - 5) for name, m in late.items()}
    found = compare(late | {"x-1": member("x-1")}, view | {"y-1": member("y-1")}, "v", AT)
    assert len(found.differences) == MAX_DIFFERENCES
    assert [d.what for d in found.differences[:3]] == ["missing", "extra", "lag"]
