"""Time stamps from the future: memberlist keeps the newest, so they are told before they are copied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.comparison.future_timestamps import ahead
from exporter.derive.comparison.key_input import KeyInput, View, view
from exporter.model.culprits import Kind
from exporter.model.entry import Member, Partition, PartitionState, Replica, State
from exporter.model.pages import PartitionRing
from exporter.products.ring_pages import HA_KEY
from tests.derive.build import INGESTER, NOW, Fleet, key_of, member, ring, step_of, verdicts


def seen(name: str, by: float, **more: float) -> View:
    told = {"clock": NOW, "read_at": NOW} | more
    return view(name, ring([member("m-1", NOW + by), member("m-2", NOW - 3)]), **told)


CASES = [
    ("all is well", KeyInput(INGESTER, pages=(seen("a", 0),), skew=0.0), {}),
    ("clocks differ by seconds", KeyInput(INGESTER, pages=(seen("a", 15),), skew=0.0), {}),
    ("on a ring page", KeyInput(INGESTER, pages=(seen("a", 16),), skew=0.0), {"m-1": 16}),
    ("in one copy", KeyInput(INGESTER, copies=(seen("a", 0), seen("b", 3600)), skew=0.0), {"m-1": 3600}),
    ("the worst view counts", KeyInput("k", copies=(seen("a", 99), seen("b", 60)), skew=0.0), {"m-1": 99}),
    ("all clocks are ahead of ours", KeyInput(INGESTER, pages=(seen("a", 600),), skew=600.0), {}),
    ("its own clock is behind", KeyInput(INGESTER, pages=(seen("a", 0, clock=NOW - 99),), skew=0.0), {}),
    ("its own is ahead", KeyInput("k", pages=(seen("a", 99, clock=NOW + 99),), skew=0.0), {"m-1": 99}),
    ("nobody else has a clock", KeyInput(INGESTER, pages=(seen("a", 99),)), {"m-1": 99}),
]  # fmt: skip


@pytest.mark.parametrize(("_", "read", "found"), CASES, ids=[case[0] for case in CASES])
def test_entries_further_ahead_than_clocks_explain(_: str, read: KeyInput, found: dict[str, float]) -> None:
    assert ahead(read, 5.0) == found


def test_a_longer_heartbeat_period_explains_more() -> None:
    assert ahead(KeyInput(INGESTER, pages=(seen("a", 40),), skew=0.0), 45.0) == {}


def test_the_store_an_election_and_a_partition_count_as_well() -> None:
    stored = KeyInput(INGESTER, store=ring([member("m-1", NOW + 60)]), store_known=True, store_clock=NOW)
    assert ahead(stored, 15.0) == {"m-1": 60}
    elected = view("a", {"u/c": Replica("r", NOW + 90), "u/d": Replica("r", NOW)}, clock=NOW, read_at=NOW)
    assert ahead(KeyInput(HA_KEY, copies=(elected,), skew=0.0), 15.0) == {"u/c": 90}
    parts = PartitionRing({1: Partition(1, PartitionState.ACTIVE, NOW + 30, owners=("i-1",))})
    read = KeyInput("p", copies=(view("a", parts, clock=NOW, read_at=NOW),), skew=0.0)
    assert ahead(read, 15.0) == {"partition 1": 30}


def test_a_tombstone_from_the_future_keeps_its_member_out() -> None:
    gone = ring([member("m-1", NOW + 600, State.LEFT), member("m-2", NOW - 60, State.LEFT)])
    copies = (view("a", gone, clock=NOW, read_at=NOW),)
    assert ahead(KeyInput(INGESTER, copies=copies, skew=0.0), 15.0) == {"the tombstone of m-1": 600}
    deleted = PartitionRing({1: Partition(1, PartitionState.DELETED, NOW + 30)})
    read = KeyInput("p", copies=(view("a", deleted, clock=NOW, read_at=NOW),), skew=0.0)
    assert ahead(read, 15.0) == {"the tombstone of partition 1": 30}


def _forgotten(fleet: Fleet, by: float) -> None:
    """A host whose clock was ahead forgot p-1: the process goes on beating, and no copy takes it in."""
    fleet.beat()
    here = [m for m in _members(fleet) if m.id != "p-1"]
    for process in fleet.processes:
        process.copies[INGESTER] = ring([*here, member("p-1", fleet.now + by, State.LEFT)], fleet.now)


@pytest.mark.parametrize("step", ["disable-mirroring", "remove-multi"])
@pytest.mark.parametrize(("by", "wrong"), [(3600, True), (40, True), (-2, False)])
def test_a_tombstone_from_the_future_keeps_each_gate_closed(step: str, by: float, wrong: bool) -> None:
    fleet = Fleet()
    fleet.look(beat=True)
    _forgotten(fleet, by)
    check = next(c for c in step_of(fleet.look(0.0), step).checks if c.id == "members-healthy")
    ahead_of_us = {one.member: round(one.value or 0) for one in check.culprits}
    assert (ahead_of_us.get("the tombstone of p-1") == by) is wrong


def _gossiped(fleet: Fleet, by: float) -> None:
    """A clock was ahead for a while: Consul has the right time again, gossip keeps the newest."""
    fleet.beat()
    late = [replace(m, time=fleet.now + by) if m.id == "p-1" else m for m in _members(fleet)]
    for process in fleet.processes:
        process.copies[INGESTER] = ring(late, fleet.now)


def _members(fleet: Fleet) -> list[Member]:
    return [member(p.name, fleet.now) for p in fleet.processes]


def test_a_copy_from_the_future_keeps_the_gate_closed() -> None:
    fleet = Fleet()
    fleet.look(beat=True)
    _gossiped(fleet, 3600)
    found = fleet.look(0.0)
    assert verdicts(found, "switch-primary") == {"members-healthy": "fails"}
    check = next(c for c in step_of(found, "switch-primary").checks if c.id == "members-healthy")
    (one,) = check.culprits
    assert (one.kind, one.key, one.member, round(one.value or 0)) == (
        Kind.MEMBER_IN_FUTURE, INGESTER, "p-1", 3600,
    )  # fmt: skip
    assert found.fleet.risks == (
        "The time stamp of p-1 in collectors/ring is 3600 s in the future: memberlist keeps the newest, "
        "so nothing can update it or call it unhealthy until then.",
    )
    assert found.fleet.risks[0] in step_of(found, "switch-primary").headline


def test_some_seconds_of_skew_close_nothing() -> None:
    fleet = Fleet()
    fleet.look(beat=True)
    _gossiped(fleet, 9)
    found = fleet.look(0.0)
    assert verdicts(found, "switch-primary") == {}
    assert (found.fleet.risks, key_of(found, INGESTER).ahead) == ((), {})


def test_the_age_of_a_member_from_the_future_is_not_none() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.pages[INGESTER] = ring([member("p-1", NOW + 600), member("p-2", NOW + 5)], NOW)
    fleet.rules = replace(fleet.rules, stores=())
    ages = {m.id: m.age for m in key_of(fleet.look(0.0), INGESTER).members}
    assert ages == {"p-1": -600.0, "p-2": 0.0}
