"""Partition rings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.comparison.key_input import KeyInput, view
from exporter.derive.identity.member_processes import Owners
from exporter.derive.judging_rules import Rules
from exporter.derive.key_judgement import CycleContext, judge_key
from exporter.derive.previous_cycle import FORGET_LOST, RingHistory, Watched, advance_partitions
from exporter.derive.ring.partitions import by_state, corrupted
from exporter.model.entry import Partition, PartitionState
from exporter.model.facts import ClientFacts, KeyFacts
from exporter.model.pages import PartitionRing, Phase
from tests.derive.build import NOW, tokens

KEY = "collectors/ingester-partitions"
RING = PartitionRing(
    {
        n: Partition(n, PartitionState.ACTIVE, NOW - 900, owners=(f"ingester-{n}",), tokens=tokens(n))
        for n in (1, 2, 3)
    },
    NOW,
)
CLIENT = ClientFacts(
    "p-1",
    "ingester-partition-ring",
    KEY,
    Phase.MIRRORING,
    writes=True,
    primary="consul",
    stores=("consul", "memberlist"),
)


def judge(page: PartitionRing | None, copy: PartitionRing | None) -> KeyFacts:
    read = KeyInput(
        KEY,
        (CLIENT,),
        pages=(view("p-1", page, clock=NOW, read_at=NOW),),
        copies=(view("p-1", copy, clock=NOW, read_at=NOW),),
    )
    world = CycleContext(Owners({}, {}, sure=True), None, Rules(), NOW, Watched())
    return judge_key(read, RingHistory(), world)[0]


def test_every_state_of_a_living_partition_is_counted() -> None:
    assert by_state(RING) == {"unknown": 0, "pending": 0, "active": 3, "inactive": 0}
    deleted = PartitionRing({1: Partition(1, PartitionState.DELETED)})
    assert sum(by_state(deleted).values()) == 0


def test_the_corrupted_are_named_in_order() -> None:
    bad = PartitionRing({n: replace(RING.partitions[n], corrupted=n > 1) for n in (3, 2, 1)})
    assert corrupted(bad) == (2, 3)
    assert judge(bad, None).corrupted == (2, 3)


def test_partitions_that_hardly_ever_write_are_missing_in_the_secondary() -> None:
    found = judge(RING, None)
    assert (found.kind, found.partitions) == ("partition", 3)
    assert found.secondary is not None
    assert found.secondary.missing_key
    assert found.secondary.missing_members[:2] == ("owner ingester-1", "owner ingester-2")
    assert len(found.secondary.missing_members) == 6
    assert found.secondary.lag is None


def test_an_equal_copy_shows_nothing() -> None:
    found = judge(RING, RING).secondary
    assert found is not None
    assert not (found.missing_key or found.missing_members or found.extra_members or found.settled)


def test_a_partition_ring_has_no_ring_members_and_no_heartbeats() -> None:
    found = judge(RING, RING)
    assert found.members == ()
    assert found.oldest_age is None
    assert found.quorum_margin is None


def test_the_kind_is_known_by_the_key_where_nothing_was_read() -> None:
    assert judge(None, None).kind == "partition"


def changed(*gone: int, **states: PartitionState) -> PartitionRing:
    """The ring without some of its partitions, others in another state."""
    left = {n: replace(p, state=states.get(f"p{n}", p.state)) for n, p in RING.partitions.items()}
    return PartitionRing({n: p for n, p in left.items() if n not in gone}, NOW)


INACTIVE, DELETED = PartitionState.INACTIVE, PartitionState.DELETED
PASTS: list[tuple[str, list[tuple[float, PartitionRing]], set[str]]] = [
    ("two of three at once", [(15, changed(1, 2))], {"1", "2"}),
    ("one of three", [(15, changed(1))], set()),
    ("one after the other", [(15, changed(1)), (30, changed(1, 2))], {"2"}),
    ("inactive first", [(15, changed(p1=INACTIVE, p2=INACTIVE)), (30, changed(1, 2))], set()),
    ("deleted, which is said", [(15, changed(p1=DELETED, p2=DELETED))], set()),
    ("one is back", [(15, changed(1, 2)), (30, changed(1))], {"1"}),
    ("another one follows", [(15, changed(1, 2)), (30, changed(1, 2, 3))], {"1", "2", "3"}),
    ("one's owner writes", [(15, changed(1, 2)), (16 + FORGET_LOST, changed(1, 2))], {"1"}),
]  # fmt: skip


@pytest.mark.parametrize(("later", "lost"), [row[1:] for row in PASTS], ids=[row[0] for row in PASTS])
def test_active_partitions_that_vanish_at_once_are_lost(
    later: list[tuple[float, PartitionRing]], lost: set[str]
) -> None:
    past = RingHistory()
    for at, ring in [(0.0, RING), *later]:
        past = advance_partitions(
            past, ring, NOW + at, Watched(writing=frozenset({"p-1"})), {"ingester-1": "p-1"}
        )
    assert past.lost.keys() == lost
