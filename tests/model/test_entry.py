"""What each thing in a ring or under a key answers to those who compare it, whatever it is."""

from __future__ import annotations

import pytest

from exporter.model.entry import (
    Entry,
    Member,
    Partition,
    PartitionState,
    Renewal,
    Replica,
    State,
    Tokens,
    ip_address,
    owns,
)

OF_A_MEMBER = ["state", "tokens", "address", "zone"]
BUSY = PartitionState.ACTIVE
LIVING = [
    (
        Member("m", "10.0.0.1:1", time=9.0, registered=5.0),
        Renewal.HEARTBEAT, 9.0, 5.0, OF_A_MEMBER, State.ACTIVE,
    ),
    (Member("m", read_only=True), Renewal.HEARTBEAT, None, None, OF_A_MEMBER, State.READ_ONLY),
    (Partition(3, BUSY, 9.0), Renewal.NONE, 9.0, 9.0, OF_A_MEMBER[:2], BUSY),
    (owns(3), Renewal.NONE, None, None, ["address"], 3),
    (Replica("r", 9.0, elected_at=5.0), Renewal.SAMPLES, 9.0, None, ["replica"], "r"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "renewal", "time", "born", "fields", "essence"), LIVING)
def test_what_lives_tells_its_time_and_what_is_compared_of_it(
    entry: Entry, renewal: Renewal, time: float, born: float, fields: list[str], essence: object
) -> None:
    assert (entry.renewal, entry.time, entry.registered, entry.essence) == (renewal, time, born, essence)
    assert [name for name, _ in entry.fields] == fields
    assert not entry.is_tombstone


@pytest.mark.parametrize(
    "entry",
    [Member("m", state=State.LEFT), Partition(3, PartitionState.DELETED), Replica("r", 9.0, deleted_at=9.0)],
)
def test_a_tombstone_is_one_whatever_it_was(entry: Entry) -> None:
    assert entry.is_tombstone


@pytest.mark.parametrize(
    ("entry", "other", "same"),
    [
        (Member("m", time=9.0, registered=5.0), Member("m", time=1.0, registered=2.0), True),
        (Member("m", zone="a"), Member("m", zone="b"), False),
        (Member("m", tokens=Tokens(1, b"a")), Member("m", tokens=Tokens(1, b"b")), False),
        (Member("3"), Partition(3), False),
        (owns(3), owns(3), True),
        (owns(3), owns(4), False),
    ],
)
def test_two_are_the_same_where_nothing_but_the_time_can_differ(
    entry: Entry, other: Entry, same: bool
) -> None:
    assert entry.same(other) is same


def test_another_heartbeat_makes_another_member_and_leaves_what_has_none_as_it_is() -> None:
    assert Member("m", zone="a", time=9.0).renewed(1.0) == Member("m", zone="a", time=1.0)
    partition = Partition(3, PartitionState.ACTIVE, 9.0)
    assert partition.renewed(1.0) is partition


@pytest.mark.parametrize(
    ("later", "neighbours"),
    [
        (Replica("b", 100.0), True),
        (Replica("b", 100.0, elected_at=95.0), True),
        (Replica("b", 100.0, elected_at=20.0), False),
        (Replica("b", 120.0), False),
        (Replica("b", 90.0), False),
        (Replica("b"), False),
    ],
    ids=["does not say", "elected since", "elected long before", "long after", "at the same time", "no time"],
)
def test_an_entry_is_a_renewal_later_unless_it_was_so_before_the_other(
    later: Replica, neighbours: bool
) -> None:
    first = Replica("a", 90.0, elected_at=10.0)
    assert first.is_neighbour(later, 15.0) is later.is_neighbour(first, 15.0) is neighbours


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("::ffff:127.0.0.1", ""),
        ("127.0.0.1", ""),
        ("::", ""),
        ("gossip-ring", ""),
    ],
)
def test_an_ip_address_has_one_form_and_a_name_or_the_own_machine_has_none(host: str, address: str) -> None:
    assert ip_address(host) == address
