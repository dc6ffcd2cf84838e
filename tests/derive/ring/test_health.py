"""One ring in its primary view."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.identity.member_processes import Gossipers, Owners
from exporter.derive.judging_rules import Rules
from exporter.derive.ring import health
from exporter.derive.ring.health import Limit
from exporter.model.entry import Member, State
from exporter.model.facts import MemberFacts
from exporter.model.pages import Ring
from tests.derive.build import NOW, member, ring

NOBODY = Owners({}, {}, sure=True)


def around(**more: Any) -> health.Surroundings:
    told: dict[str, Any] = {
        "owners": NOBODY,
        "gossip": None,
        "rules": Rules(),
        "clock": NOW,
        "limit": Limit(60.0),
        "since": {},
        "now": NOW,
    }
    return health.Surroundings(**(told | more))


def judged(*members: Member, **more: Any) -> dict[str, MemberFacts]:
    return {m.id: m for m in health.judge_members(ring(members), around(**more))}


KNOWN_LIMIT = {"limit": Limit(60.0, known=True)}
OFF = {"limit": Limit(0.0, known=True)}
STATES = [
    ("fresh", member("m-1", NOW - 60), {}, State.ACTIVE),
    ("a second too old", member("m-1", NOW - 61), {}, State.UNHEALTHY),
    ("no heartbeat ever", replace(member("m-1"), time=None), {}, State.UNHEALTHY),
    ("no heartbeat ever, the check off", replace(member("m-1"), time=None), OFF, State.ACTIVE),
    ("no clock to judge by", replace(member("m-1"), time=None), {"clock": None}, State.ACTIVE),
    ("the page says so, no timeout is told", member("m-1", NOW, State.UNHEALTHY), {}, State.UNHEALTHY),
    ("the page takes the period", member("m-1", NOW - 7, State.UNHEALTHY), KNOWN_LIMIT, State.ACTIVE),
    (
        "the page takes the period of a read-only one",
        member("m-1", NOW - 7, State.UNHEALTHY, read_only=True),
        KNOWN_LIMIT,
        State.READ_ONLY,
    ),
    ("the page says so near it", member("m-1", NOW - 57, State.UNHEALTHY), KNOWN_LIMIT, State.UNHEALTHY),
    ("the page says so beyond", member("m-1", NOW - 61, State.UNHEALTHY), KNOWN_LIMIT, State.UNHEALTHY),
    (
        "the page says so, without a clock",
        member("m-1", NOW - 7, State.UNHEALTHY),
        KNOWN_LIMIT | {"clock": None},
        State.UNHEALTHY,
    ),
    ("the check is switched off", member("m-1", NOW - 9999), OFF, State.ACTIVE),
    ("off, and the page is wrong", member("m-1", NOW - 7, State.UNHEALTHY), OFF, State.ACTIVE),
    ("off, but the page is right", member("m-1", NOW - 99, State.UNHEALTHY), OFF, State.UNHEALTHY),
    ("leaving and dead", member("m-1", NOW - 61, State.LEAVING), {}, State.UNHEALTHY),
    ("leaving", member("m-1", NOW, State.LEAVING), {}, State.LEAVING),
    ("read-only by flag", member("m-1", NOW, read_only=True), {}, State.READ_ONLY),
    ("read-only by state", member("m-1", NOW, State.READ_ONLY), {}, State.READ_ONLY),
    ("leaving and read-only", member("m-1", NOW, State.LEAVING, read_only=True), {}, State.LEAVING),
    ("a state that is new to us", member("m-1", NOW - 7, State.UNKNOWN), KNOWN_LIMIT, State.UNKNOWN),
    ("its clock is ahead", member("m-1", NOW + 500), {}, State.ACTIVE),
]


@pytest.mark.parametrize(("one", "more", "state"), [c[1:] for c in STATES], ids=[c[0] for c in STATES])
def test_a_member_is_in_exactly_one_state(one: Member, more: dict[str, Any], state: State) -> None:
    assert judged(one, **more)["m-1"].state is state


def test_a_tombstone_is_no_member() -> None:
    assert judged(member("m-1"), member("m-2", state=State.LEFT)).keys() == {"m-1"}


READ_ONLY = [
    ("by flag", member("m-1", read_only=True), True),
    ("by flag, and dead", member("m-1", NOW - 99, read_only=True), True),
    ("by state", member("m-1", state=State.READ_ONLY), True),
    ("by state, and dead", member("m-1", NOW - 99, State.READ_ONLY), True),
    ("dead", member("m-1", NOW - 99), False),
    ("called unhealthy", member("m-1", state=State.UNHEALTHY), False),
    ("active", member("m-1"), False),
]


@pytest.mark.parametrize(("one", "read_only"), [c[1:] for c in READ_ONLY], ids=[c[0] for c in READ_ONLY])
def test_a_member_is_read_only_where_it_says_so_itself(one: Member, read_only: bool) -> None:
    assert judged(one)["m-1"].read_only is read_only


def test_an_age_needs_a_heartbeat_and_a_clock() -> None:
    assert judged(replace(member("m-1"), time=None))["m-1"].age is None
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
    assert judged(member(name), owners=KNOWN, gossip=GOSSIP)[name].orphaned is ghost


def test_a_member_at_an_inherited_address_is_a_ghost() -> None:
    """Pods reuse addresses: the address of a member whose name is known proves nothing for another."""
    old = replace(member("m-7", NOW - 600), address="10.0.0.1:9095")
    found = judged(member("m-1"), old, owners=KNOWN, gossip=Gossipers(frozenset(), frozenset({"10.0.0.1"})))
    assert (found["m-1"].orphaned, found["m-7"].orphaned) == (False, True)


def test_a_process_has_one_member_and_not_its_unlisted_neighbours_too() -> None:
    """Three processes of one machine are in the ring, and one of them is in the list of targets."""
    here = [replace(member(f"m-{n}"), address=f"10.0.0.1:909{n}") for n in (1, 2, 3)]
    alone = Owners({"m-1": "p-1"}, {("10.0.0.1", None): "p-1"}, sure=True)
    found = judged(*here, owners=alone)
    assert {name: one.target for name, one in found.items()} == {"m-1": "p-1", "m-2": "", "m-3": ""}
    assert health.orphaned_members(found.values()) == ("m-2", "m-3")
    nameless = judged(here[0], owners=Owners({}, alone.by_address, sure=True))
    assert (nameless["m-1"].target, nameless["m-1"].orphaned) == ("p-1", False)


def test_nobody_is_called_a_ghost_where_processes_cannot_be_told_apart() -> None:
    found = judged(member("m-1"), owners=Owners({}, {}, sure=False))
    assert found["m-1"].orphaned is None
    assert health.orphaned_members(found.values()) is None
    assert health.orphaned_members([]) == ()


def bare(name: str, state: State = State.ACTIVE) -> Member:
    return replace(member(name, state=state), tokens=replace(member(name).tokens, count=0))


def test_active_members_without_tokens() -> None:
    found = judged(member("m-1"), bare("m-2"), bare("m-3", State.PENDING))
    assert health.without_tokens(found.values()) == ("m-2",)
    nobody = judged(bare("m-2"), bare("m-3")).values()
    assert health.without_tokens(nobody) == (), "a ring without tokens at all has none"
    assert health.without_tokens(nobody, always=True) == ("m-2", "m-3")


def test_an_empty_ring_has_no_members() -> None:
    assert health.judge_members(Ring({}), around()) == ()
