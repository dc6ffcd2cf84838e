"""One ring in its primary view."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive import health
from exporter.derive.match import Gossipers, Owners
from exporter.derive.rules import Rules
from exporter.facts import MemberFacts
from exporter.model import Member, Ring, RingConfig, State
from tests.derive.build import NOW, member, ring

NOBODY = Owners({}, {}, sure=True)


def around(**more: Any) -> health.Surroundings:
    told: dict[str, Any] = {
        "owners": NOBODY,
        "gossip": None,
        "rules": Rules(),
        "clock": NOW,
        "timeout": 60.0,
        "since": {},
        "now": NOW,
    }
    return health.Surroundings(**(told | more))


def judged(*members: Member, **more: Any) -> dict[str, MemberFacts]:
    return {m.id: m for m in health.judge_members(ring(members), around(**more))}


STATES = [
    ("fresh", member("m-1", NOW - 60), {}, State.ACTIVE),
    ("a second too old", member("m-1", NOW - 61), {}, State.UNHEALTHY),
    ("the page says so", member("m-1", NOW, State.UNHEALTHY), {}, State.UNHEALTHY),
    ("the check is switched off", member("m-1", NOW - 9999), {"timeout": 0.0}, State.ACTIVE),
    ("off, but the page says so", member("m-1", NOW, State.UNHEALTHY), {"timeout": 0.0}, State.UNHEALTHY),
    ("leaving and dead", member("m-1", NOW - 61, State.LEAVING), {}, State.UNHEALTHY),
    ("leaving", member("m-1", NOW, State.LEAVING), {}, State.LEAVING),
    ("read-only by flag", member("m-1", NOW, read_only=True), {}, State.READ_ONLY),
    ("read-only by state", member("m-1", NOW, State.READ_ONLY), {}, State.READ_ONLY),
    ("leaving and read-only", member("m-1", NOW, State.LEAVING, read_only=True), {}, State.LEAVING),
    ("its clock is ahead", member("m-1", NOW + 500), {}, State.ACTIVE),
]


@pytest.mark.parametrize(("one", "more", "state"), [c[1:] for c in STATES], ids=[c[0] for c in STATES])
def test_a_member_is_in_exactly_one_state(one: Member, more: dict[str, Any], state: State) -> None:
    assert judged(one, **more)["m-1"].state is state


def test_a_tombstone_is_no_member() -> None:
    assert judged(member("m-1"), member("m-2", state=State.LEFT)).keys() == {"m-1"}


def test_an_age_needs_a_heartbeat_and_a_clock() -> None:
    assert judged(replace(member("m-1"), heartbeat=None))["m-1"].age is None
    assert judged(member("m-1"), clock=None)["m-1"].age is None
    assert health.oldest_age(judged(member("m-1", NOW - 7), member("m-2", NOW - 9)).values()) == 9
    assert health.oldest_age([]) is None


def test_time_in_a_state_begins_when_it_is_first_seen() -> None:
    since = {("m-1", State.LEAVING): NOW - 900}
    found = judged(member("m-1", state=State.LEAVING), member("m-2"), since=since)
    assert (found["m-1"].since, found["m-2"].since) == (NOW - 900, NOW)


KNOWN = Owners({"m-1": "p-1"}, {("10.0.0.2", None): "p-2", ("10.0.0.3", 9095): "p-3"}, sure=True)
GOSSIP = Gossipers(frozenset({"m-4"}), frozenset({"10.0.0.5"}))
GHOSTS = [
    ("known by its name", "m-1", False),
    ("known by its address", "m-2", False),
    ("known by its address and port", "m-3", False),
    ("in the gossip by name", "m-4", False),
    ("in the gossip by address", "m-5", False),
    ("nobody's", "m-6", True),
]


@pytest.mark.parametrize(("name", "ghost"), [c[1:] for c in GHOSTS], ids=[c[0] for c in GHOSTS])
def test_a_ghost_belongs_to_nobody(name: str, ghost: bool) -> None:
    assert judged(member(name), owners=KNOWN, gossip=GOSSIP)[name].ghost is ghost


def test_a_member_at_an_inherited_address_is_a_ghost() -> None:
    """Pods reuse addresses: the address of a member whose name is known proves nothing for another."""
    old = replace(member("m-7", NOW - 600), address="10.0.0.1:9095")
    found = judged(member("m-1"), old, owners=KNOWN, gossip=Gossipers(frozenset(), frozenset({"10.0.0.1"})))
    assert (found["m-1"].ghost, found["m-7"].ghost) == (False, True)


def test_nobody_is_called_a_ghost_where_processes_cannot_be_told_apart() -> None:
    found = judged(member("m-1"), owners=Owners({}, {}, sure=False))
    assert found["m-1"].ghost is None
    assert health.ghosts(found.values()) is None
    assert health.ghosts([]) == ()


def bare(name: str, state: State = State.ACTIVE) -> Member:
    return replace(member(name, state=state), tokens=replace(member(name).tokens, count=0))


def test_active_members_without_tokens() -> None:
    found = judged(member("m-1"), bare("m-2"), bare("m-3", State.PENDING))
    assert health.without_tokens(found.values()) == ("m-2",)
    nobody = judged(bare("m-2"), bare("m-3")).values()
    assert health.without_tokens(nobody) == (), "a ring without tokens at all has none"
    assert health.without_tokens(nobody, always=True) == ("m-2", "m-3")


def fleet(active: int, ill: int = 0, zones: int = 0, **others: State) -> list[MemberFacts]:
    """Members by state; zones are given out in turn."""
    states = [State.ACTIVE] * active + [State.UNHEALTHY] * ill + list(others.values())
    return [
        MemberFacts(f"m-{n}", "", f"z-{n % zones}" if zones else "", state, NOW, 0.0, tokens=4)
        for n, state in enumerate(states)
    ]


MARGINS = [
    ("three of three", fleet(3), False, 1),
    ("three of a hundred ill", fleet(97, 3), False, -2),
    ("one ill", fleet(9, 1), False, 0),
    ("two ill may own one token", fleet(8, 2), False, -1),
    ("two members", fleet(2), False, 0),
    ("one member", fleet(1), False, -1),
    ("nobody", [], False, -2),
    ("one leaves: it takes no writes", fleet(3, a=State.LEAVING), False, 0),
    ("one joins with tokens", fleet(3, a=State.JOINING), False, 0),
    ("read-only members stand in nobody's way", fleet(3, a=State.READ_ONLY, b=State.READ_ONLY), False, 1),
    ("three zones", fleet(9, zones=3), True, 1),
    ("two ill in one zone", [*fleet(9, zones=3)[:-1], *fleet(0, 1, zones=3)], True, 0),
    ("ill in two zones", fleet(7, 2, zones=3), True, -1),
    ("two zones", fleet(8, zones=2), True, 0),
]


@pytest.mark.parametrize(
    ("members", "zones", "margin"), [c[1:] for c in MARGINS], ids=[c[0] for c in MARGINS]
)
def test_how_many_may_be_lost_before_writes_fail(
    members: list[MemberFacts], zones: bool, margin: int
) -> None:
    assert health.quorum_margin(members, RingConfig(replication_factor=3, zone_awareness=zones)) == margin


def test_a_pending_member_without_tokens_owns_nothing() -> None:
    pending = replace(fleet(0, a=State.PENDING)[0], tokens=0)
    assert health.quorum_margin([*fleet(3), pending], RingConfig(replication_factor=3)) == 1


def test_one_healthy_owner_is_enough_for_rings_that_ignore_the_ill() -> None:
    config = RingConfig(replication_factor=3)
    assert health.quorum_margin(fleet(1, 2), config, by_quorum=False) == 0
    assert health.quorum_margin(fleet(3, a=State.LEAVING), config, by_quorum=False) == 2


def test_no_margin_is_known_without_a_replication_factor() -> None:
    assert health.quorum_margin(fleet(3), None) is None
    assert health.quorum_margin(fleet(3), RingConfig()) is None


def test_settings_of_a_ring_are_those_of_its_strictest_process() -> None:
    merged = health.merge_configs(
        [
            RingConfig(heartbeat_timeout=60.0, replication_factor=2),
            RingConfig(replication_factor=3, zone_awareness=True),
        ]
    )
    assert merged is not None
    assert (merged.heartbeat_timeout, merged.replication_factor, merged.zone_awareness) == (60.0, 3, True)
    assert health.merge_configs([]) is None


def test_an_empty_ring_has_no_members() -> None:
    assert health.judge_members(Ring({}), around()) == ()
