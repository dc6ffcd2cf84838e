"""One key: where its primary is read, and what follows from an odd one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.comparison.key_input import KeyInput, View, view
from exporter.derive.comparison.primary_content import find_primary
from exporter.derive.identity.member_processes import Owners
from exporter.derive.judging_rules import Rules
from exporter.derive.key_judgement import CycleContext, judge_key
from exporter.derive.previous_cycle import RingHistory, Watched
from exporter.derive.ring.agreed_settings import Claim
from exporter.model.entry import Member, Replica, State
from exporter.model.facts import ClientFacts, KeyFacts
from exporter.model.pages import Phase, Ring, RingConfig
from exporter.model.views import IN_STORE, NOT_READ, Origin, Place
from exporter.products.ring_pages import ANY, HA_KEY, RingPage
from tests.derive.build import INGESTER, NOW, member, ring, tokens

BOTH = ("consul", "memberlist")


def client(primary: str = "consul", *, writes: bool = True, **more: Any) -> ClientFacts:
    where = Phase.SWITCHED if primary == "memberlist" else Phase.MIRRORING
    return ClientFacts("p-1", "c", INGESTER, where, writes=writes, primary=primary, stores=BOTH, **more)


def page(target: str, *members: Member, skew: float = 0.0, **more: Any) -> View:
    return view(target, ring(members, NOW + skew), clock=NOW + skew, read_at=NOW, **more)


def three(heartbeat: float = NOW) -> list[Member]:
    return [member(f"m-{n}", heartbeat) for n in (1, 2, 3)]


def read(*pages: View, primary: str = "consul", **more: Any) -> KeyInput:
    return KeyInput(INGESTER, (client(primary),), pages=pages, store_kind="consul", **more)


def stored(*members: Member) -> dict[str, Any]:
    return {"store": Ring({m.id: m for m in members}), "store_known": True, "store_clock": NOW}


RING_PAGE_OF_A = Origin(Place.RING_PAGE, "a")
SOURCES = [
    ("the store speaks for itself", read(page("a", *three()), **stored(*three())), IN_STORE, "consul"),
    ("the store was not read", read(page("a", *three())), RING_PAGE_OF_A, "consul"),
    (
        "memberlist is the primary",
        read(page("a", *three()), primary="memberlist", **stored()),
        RING_PAGE_OF_A,
        "memberlist",
    ),
    (
        "another store was read",
        replace(read(page("a", *three()), **stored(*three())), store_kind="etcd"),
        RING_PAGE_OF_A,
        "consul",
    ),
    ("nobody's key, in the store alone", replace(read(**stored(*three())), clients=()), IN_STORE, "consul"),
    (
        "nobody's key, after the fleet has left the store",
        replace(read(page("a", *three()), **stored(*three())), clients=(), fleet="memberlist"),
        RING_PAGE_OF_A,
        "",
    ),
    ("nothing was read", read(), NOT_READ, "consul"),
    (
        "gossip alone",
        read(primary="memberlist", copies=(page("b", *three()),)),
        Origin(Place.GOSSIP, "b"),
        "memberlist",
    ),
    ("gossip is not the store", read(copies=(page("b", *three()),)), NOT_READ, "consul"),
    (
        "readers alone tell",
        replace(read(page("a", *three()), **stored()), clients=(client("memberlist", writes=False),)),
        RING_PAGE_OF_A,
        "memberlist",
    ),
]


@pytest.mark.parametrize(("given", "source", "store"), [c[1:] for c in SOURCES], ids=[c[0] for c in SOURCES])
def test_where_the_primary_is_read(given: KeyInput, source: Origin, store: str) -> None:
    found = find_primary(given)
    assert (found.source, found.store) == (source, store)


def test_a_key_that_the_store_lost_is_empty_whatever_processes_remember() -> None:
    found = find_primary(read(page("a", *three()), store=None, store_known=True, store_clock=NOW))
    assert found.source == IN_STORE
    assert found.value == Ring({})


BELIEVED = [
    ("the fresher", page("a", *three(NOW - 40)), page("b", *three(NOW - 5)), NOW - 5),
    ("the newer", page("a", *three(NOW - 15)), page("b", *three(NOW - 5)), NOW - 5),
    (
        "not the isolated, however fresh its own heartbeat",
        page("a", *three(NOW - 3)),
        page("b", member("m-3", NOW - 50), member("m-2", NOW - 50), member("m-1", NOW)),
        NOW - 3,
    ),
    ("not the young", page("a", *three(NOW - 20)), page("b", *three(), recently_started=True), NOW - 20),
    (
        "the young where nobody is older",
        page("a", recently_started=True), page("b", *three(), recently_started=True), NOW,
    ),
    ("not the failed", page("a", *three(NOW - 20)), replace(page("b", *three()), known=False), NOW - 20),
    ("not one with a wrong clock", page("a", *three(NOW - 9)), page("b", *three(), skew=-300.0), NOW - 9),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "time"), [c[1:] for c in BELIEVED], ids=[c[0] for c in BELIEVED])
def test_which_of_two_pages_is_believed(a: View, b: View, time: float) -> None:
    for pages in ((a, b), (b, a)):
        value = find_primary(read(*pages, skew=0.0)).value
        assert isinstance(value, Ring)
        assert {(m.id, m.time) for m in value.members.values()} == {
            (name, time) for name in ("m-1", "m-2", "m-3")
        }


@pytest.mark.parametrize("skew", [-300.0, 300.0])
def test_ages_are_right_although_the_only_page_has_a_wrong_clock(skew: float) -> None:
    found = find_primary(read(page("a", *three(), skew=skew), skew=0.0))
    assert found.clock == NOW


def judge(given: KeyInput, past: RingHistory | None = None, **world: Any) -> tuple[KeyFacts, RingHistory]:
    told: dict[str, Any] = {"owners": Owners({}, {}, sure=True), "gossip": None, "rules": Rules(), "now": NOW}
    return judge_key(given, past or RingHistory(), CycleContext(**(told | {"watched": Watched()} | world)))


def test_an_empty_ring_that_processes_read_has_lost_its_quorum() -> None:
    config = (Claim(RingConfig(replication_factor=3)),)
    shown, _ = judge(read(page("a"), configs=config))
    assert (shown.quorum_margin, shown.members) == (-2, ())
    leftover, _ = judge(replace(read(configs=config, **stored()), clients=()))
    assert leftover.quorum_margin is None, "nobody reads it: it is a leftover of the store"


def test_a_ring_that_could_not_be_read_keeps_its_past() -> None:
    _, past = judge(read(page("a", *three())))
    facts, then = judge(read(), past)
    assert (facts.source, facts.members, facts.quorum_margin, facts.token_conflicts) == (
        NOT_READ,
        (),
        None,
        None,
    )
    assert then.members == past.members


def test_nobody_is_gone_because_only_a_young_process_was_read() -> None:
    """In a busy roll its page, empty yet, may be the only one: all would be gone, and come back later."""
    _, past = judge(read(page("a", *three())))
    empty, then = judge(read(page("b", recently_started=True)), past)
    assert empty.members == ()
    assert (then.vanished, then.members) == ({}, past.members)
    again, _ = judge(read(page("a", *three())), then)
    assert again.returned_total == 0


def test_the_store_failing_between_two_cycles_changes_who_speaks_and_nothing_else() -> None:
    first, past = judge(read(page("a", *three()), **stored(*three())))
    second, _ = judge(read(page("a", *three())), past)
    assert (first.source, second.source) == (IN_STORE, RING_PAGE_OF_A)
    assert [m.id for m in first.members] == [m.id for m in second.members]
    assert second.lost == 0
    assert second.returned_total == 0


def test_the_timeout_is_the_configured_one_then_the_processes_own_then_the_default() -> None:
    configs = (Claim(RingConfig(heartbeat_timeout=600.0)),)
    assert judge(read(page("a"), configs=configs))[0].heartbeat_timeout == 600.0
    assert judge(read(page("a")))[0].heartbeat_timeout == 60.0
    rules = Rules(heartbeat_timeouts={INGESTER: 30.0})
    assert judge(read(page("a"), configs=configs), rules=rules)[0].heartbeat_timeout == 30.0


PREFIXED = Claim(RingConfig(default_key="collectors/own"))
NAMED: list[tuple[str, str, dict[str, Any], tuple[str, str, float]]] = [
    ("as the key has it", INGESTER, {}, ("ingester", "ingester", 60.0)),
    ("as configured", INGESTER, {"key": INGESTER}, ("ingester", "mine", 2.0)),
    ("another ring's page", "collectors/compactor", {"key": INGESTER}, ("compactor", "compactor", 60.0)),
    ("a key with a prefix", "my/own", {"key": "collectors/own"}, ("own", "mine", 2.0)),
    ("an unknown key", "my/own", {"key": "my/own", "ring": "ingester"}, ("ingester", "ingester", 2.0)),
]


@pytest.mark.parametrize(("key", "page", "told"), [c[1:] for c in NAMED], ids=[c[0] for c in NAMED])
def test_a_ring_is_shown_by_its_configured_name_and_judged_by_what_it_is(
    key: str, page: dict[str, str], told: tuple[str, str, float]
) -> None:
    pages = (RingPage("/ring", products=ANY, **({"ring": "mine"} | page)),) if page else None
    rules = Rules(pages=pages, heartbeat_timeouts={each.key: 2.0 for each in pages or ()})
    given = replace(read(configs=(PREFIXED,) if key.startswith("my/") else ()), key=key)
    facts, _ = judge(given, rules=rules)
    assert (facts.ring, facts.name, facts.heartbeat_timeout) == told


CONFLICTS = [
    ("none", [member("m-1"), member("m-2")], 0),
    ("two claim one", [member("m-1", tokens=tokens(5, 6)), member("m-2", tokens=tokens(6, 7))], 1),
    (
        "a tombstone claims nothing",
        [member("m-1"), member("m-2", state=State.LEFT, tokens=member("m-1").tokens)],
        0,
    ),
    (
        "a read-only member claims nothing",
        [member("m-1"), member("m-2", read_only=True, tokens=member("m-1").tokens)],
        0,
    ),
]


@pytest.mark.parametrize(("members", "count"), [c[1:] for c in CONFLICTS], ids=[c[0] for c in CONFLICTS])
def test_token_conflicts_of_a_ring(members: list[Member], count: int) -> None:
    assert judge(read(page("a", *members)))[0].token_conflicts == count


def test_conflicts_are_counted_in_another_view_where_the_primary_kept_no_lists() -> None:
    twice = [member("m-1", tokens=tokens(5)), member("m-2", tokens=tokens(5))]
    bare = [replace(m, tokens=replace(m.tokens, packed=None)) for m in twice]
    assert judge(read(page("a", *bare)))[0].token_conflicts is None
    assert judge(read(page("a", *bare), copies=(page("b", *twice),)))[0].token_conflicts == 1


def test_elections_are_counted_together() -> None:
    entries = {"u/a": Replica("r", NOW), "u/b": Replica("r", NOW)}
    given = KeyInput(
        HA_KEY,
        (replace(client(), key=HA_KEY),),
        pages=(view("p-1", entries, clock=NOW, read_at=NOW),),
        copies=(view("p-1", {"u/a": Replica("x", NOW - 60)}, clock=NOW, read_at=NOW),),
    )
    facts, _ = judge(given)
    assert (facts.kind, facts.entries, facts.source) == ("ha", 2, Origin(Place.TRACKER_PAGE, "p-1"))
    assert facts.secondary is not None
    assert facts.secondary.missing_key, "each entry is a key of its own in the store"
    assert facts.secondary.mismatched == {"replica": ("u/a",)}
    assert facts.secondary.lag == 60.0


def test_entries_never_read_leave_a_view_unread() -> None:
    entries = {"u/a": Replica("r", NOW), "u/b": Replica("r", NOW)}
    half = view("p-1", {"u/a": Replica("r", NOW)}, clock=NOW, read_at=NOW, unread=frozenset({"u/b"}))
    given = KeyInput(
        HA_KEY, (replace(client(), key=HA_KEY),), pages=(view("p-1", entries, clock=NOW),), copies=(half,)
    )
    facts, past = judge(given)
    assert facts.secondary is not None
    assert facts.secondary.unread == ("p-1",)
    assert not facts.secondary.missing_members
    other = view("p-1", {"u/b": Replica("r", NOW)}, clock=NOW, read_at=NOW, unread=frozenset({"u/a"}))
    again, _ = judge(replace(given, copies=(other,)), past)
    assert again.secondary is not None
    assert again.secondary.unread == ()


def test_every_view_that_differs_is_shown_beside_many_that_are_late() -> None:
    late = [member(f"m-{n}", NOW - 5) for n in range(900)]
    copies = tuple(page(f"p-{n}", *late) for n in range(30))
    lacking = page("p-30", *late[1:])
    fresh = [member(f"m-{n}", NOW) for n in range(900)]
    facts, _ = judge(read(**stored(*fresh), copies=(*copies, lacking)))
    assert facts.secondary is not None
    assert any(d.what == "missing" and d.view == "gossip of p-30" for d in facts.secondary.differences)
    assert {d.view for d in facts.secondary.differences} == {f"gossip of p-{n}" for n in range(31)}
