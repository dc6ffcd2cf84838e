"""One cycle's pages sorted by key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.comparison.collect import MAX_KEYS, Cycle, read_keys
from exporter.derive.comparison.key_input import KeyInput
from exporter.derive.process_judgement import fleet_skew
from exporter.model.entry import Replica
from exporter.model.facts import ClientFacts, TargetFacts
from exporter.model.pages import (
    GossipKey,
    GossipView,
    Observation,
    Outcome,
    Page,
    Phase,
    Product,
    Reason,
    Ring,
    TrackerEntry,
    TrackerPage,
    Value,
)
from exporter.model.stores import StoreContent
from exporter.model.views import ViewFacts
from exporter.products.ring_pages import HA_KEY, RingPage
from tests.derive.build import INGESTER, NOW, Process, member, ring

RING = ring([member("m-1")])
BOTH = ("consul", "memberlist")


def facts(seen: Observation, primary: str = "consul", key: str = INGESTER, **more: Any) -> TargetFacts:
    where = Phase.SWITCHED if primary == "memberlist" else Phase.MIRRORING
    client = ClientFacts("t", "c", key, where, writes=True, primary=primary, stores=BOTH)
    told: dict[str, Any] = {"up": True, "product": Product.CORTEX, "clients": (client,)} | more
    return TargetFacts(seen.target.name, seen.target.url, "all", **told)


def read(
    *processes: Process | Observation, before: Any = None, pages: Any = None, judged: Any = None, **more: Any
) -> dict[str, KeyInput]:
    seen = tuple(p.read(NOW) if isinstance(p, Process) else p for p in processes)
    cycle = Cycle(NOW, NOW - 1, 1, seen, **more)
    judged = judged or tuple(facts(each) for each in seen)
    return {found.key: found for found in read_keys(cycle, judged, before or {}, pages)}


def consul(values: dict[str, Value], **more: Any) -> StoreContent:
    told: dict[str, Any] = {"outcome": Outcome.OK, "values": values, "asked_at": NOW, "clock": NOW}
    return StoreContent("consul", **(told | more))


def test_a_page_is_read_failed_or_not_there() -> None:
    found = read(
        Process(1, pages={INGESTER: RING}),
        Process(2, pages={INGESTER: RING}, lost=frozenset({"/ingester/ring"})),
        Process(3, pages={INGESTER: None}),
        Process(4),
    )[INGESTER]
    assert [(v.target, v.known, v.content is not None) for v in found.pages] == [
        ("10.0.0.1:80", True, True),
        ("10.0.0.2:80", False, False),
    ]


def test_pages_that_fail_on_half_of_the_processes_leave_half_of_the_views_unknown() -> None:
    lost = frozenset({"/ingester/ring"})
    processes = [Process(n, pages={INGESTER: RING}, lost=lost if n % 2 else frozenset()) for n in range(1, 7)]
    found = read(*processes)[INGESTER]
    assert sum(v.known for v in found.pages) == 3


COPIES: list[tuple[str, Process, tuple[bool, bool, bool]]] = [
    ("read", Process(1, copies={INGESTER: RING}), (True, True, True)),
    ("the key is not listed", Process(1), (True, False, True)),
    (
        "the value failed",
        Process(1, copies={INGESTER: RING}, lost=frozenset({INGESTER})),
        (False, False, True),
    ),
    (
        "the list failed",
        Process(1, copies={INGESTER: RING}, lost=frozenset({"gossip"})),
        (False, False, True),
    ),
]


@pytest.mark.parametrize(("process", "expected"), [c[1:] for c in COPIES], ids=[c[0] for c in COPIES])
def test_a_copy_is_read_absent_or_not_known(process: Process, expected: tuple[bool, bool, bool]) -> None:
    (copy,) = read(process)[INGESTER].copies
    assert (copy.known, copy.content is not None, copy.had_turn) == expected


def test_a_process_without_memberlist_has_no_copy() -> None:
    assert read(Process(1, memberlist=False, pages={INGESTER: RING}))[INGESTER].copies == ()


def test_a_copy_whose_turn_it_was_not_is_known_as_such() -> None:
    seen = Process(1, copies={INGESTER: RING}).read(NOW)
    (copy,) = read(replace(seen, gossip=GossipView(seen.gossip.page)))[INGESTER].copies
    assert (copy.known, copy.had_turn) == (False, False)


def test_a_deleted_key_is_not_a_key() -> None:
    seen = Process(1, copies={INGESTER: RING}).read(NOW)
    assert seen.gossip.page.value is not None
    page = replace(seen.gossip.page.value, keys={INGESTER: GossipKey(INGESTER, "ringDesc", deleted=True)})
    gossip = GossipView(replace(seen.gossip.page, value=page))
    (copy,) = read(replace(seen, gossip=gossip))[INGESTER].copies
    assert (copy.known, copy.content, copy.had_turn) == (True, None, True)


def elections(seen: Observation, listed: int, asked: dict[str, Any]) -> Observation:
    keys = {f"ha-tracker/u/{n}": GossipKey(f"ha-tracker/u/{n}", "replicaDesc") for n in range(listed)}
    assert seen.gossip.page.value is not None
    page = replace(seen.gossip.page, value=replace(seen.gossip.page.value, keys=keys))
    values = {name: Page("/memberlist?downloadKey", Outcome.OK, value) for name, value in asked.items()}
    return replace(seen, gossip=GossipView(page, values))


def test_elections_beyond_those_read_are_known_to_be_there() -> None:
    asked = {f"ha-tracker/u/{n}": Replica("r", NOW) for n in range(100)}
    (copy,) = read(elections(Process(1).read(NOW), 250, asked))[HA_KEY].copies
    assert copy.known
    assert len(copy.content or ()) == 100
    assert copy.unread == {f"u/{n}" for n in range(100, 250)}


def test_an_election_that_was_deleted_is_not_there() -> None:
    asked = {"ha-tracker/u/0": Replica("r", NOW, deleted_at=NOW)}
    (copy,) = read(elections(Process(1).read(NOW), 1, asked))[HA_KEY].copies
    assert (copy.known, copy.content, copy.unread) == (True, None, frozenset())


def test_a_tracker_page_is_a_view_of_the_elections() -> None:
    told = TrackerPage((TrackerEntry("u", "c", "r", NOW),), NOW)
    page = Page("/distributor/ha_tracker", Outcome.OK, told)
    seen = replace(Process(1).read(NOW), others={"tracker": page})
    failed = replace(
        Process(2).read(NOW),
        others={"tracker": Page("/distributor/ha_tracker", outcome=Outcome.FAILED, reason=Reason.TIMEOUT)},
    )
    found = read(seen, failed)[HA_KEY]
    assert [(v.known, v.content) for v in found.pages] == [(True, {"u/c": Replica("r", NOW)}), (False, None)]


STORES = [
    ("has the key", consul({INGESTER: RING}), True, True),
    ("has not got it", consul({}), True, False),
    ("was asked for other prefixes", consul({}, prefixes=("rulers/",)), False, False),
    ("was asked for its prefix", consul({}, prefixes=("collectors/",)), True, False),
    ("has something that is no ring", consul({}, broken={INGESTER: "no ring"}), False, False),
    ("failed", consul({}, outcome=Outcome.FAILED), False, False),
    ("is another than the key's", StoreContent("etcd", Outcome.OK, values={INGESTER: RING}), False, False),
]


@pytest.mark.parametrize(("store", "known", "there"), [c[1:] for c in STORES], ids=[c[0] for c in STORES])
def test_what_the_store_says_of_a_key(store: StoreContent, known: bool, there: bool) -> None:
    found = read(Process(1, pages={INGESTER: RING}), stores=(store,))[INGESTER]
    assert (found.store_known, found.store is not None) == (known, there)


def test_of_two_stores_each_key_has_its_own() -> None:
    etcd = StoreContent("etcd", Outcome.OK, values={INGESTER: ring([])}, asked_at=NOW)
    found = read(Process(1, pages={INGESTER: RING}), stores=(etcd, consul({INGESTER: RING})))[INGESTER]
    assert (found.store_kind, found.store) == ("consul", RING)


HA_PREFIXES = [((), True), (("ha-tracker/",), True), (("prod/ha-tracker/",), True), (("collectors/",), False)]


@pytest.mark.parametrize(("prefixes", "known"), HA_PREFIXES)
def test_elections_are_missing_only_where_they_were_looked_for(
    prefixes: tuple[str, ...], known: bool
) -> None:
    tracked = replace(
        Process(1).read(NOW),
        others={"tracker": Page("t", Outcome.OK, TrackerPage((TrackerEntry("u", "c", "r", NOW),), NOW))},
    )
    found = read(
        tracked, stores=(consul({INGESTER: RING}, prefixes=prefixes),), judged=(facts(tracked, key=HA_KEY),)
    )
    assert found[HA_KEY].store_known is known


def test_the_stores_heartbeats_are_aged_by_the_processes_clocks() -> None:
    """Consul's own clock may be minutes away; it neither makes nor hides an unhealthy member."""
    store = consul({INGESTER: RING}, clock=NOW + 600)
    assert read(Process(1, pages={INGESTER: RING}), stores=(store,))[INGESTER].store_clock == NOW
    nobody = read(Process(1, up=False), stores=(store,), judged=(facts(Process(1).read(NOW), up=False),))
    assert nobody[INGESTER].store_clock == NOW + 600


def clocks(*ahead: float) -> list[Observation]:
    seen = [Process(n + 1, pages={INGESTER: RING}).read(NOW) for n in range(len(ahead))]
    return [
        replace(
            o,
            rings={},
            metrics=replace(o.metrics, clock=NOW + late),
            gossip=GossipView(Page("m", Outcome.ABSENT)),
            config=replace(o.config, clock=None),
        )
        for o, late in zip(seen, ahead, strict=True)
    ]


@pytest.mark.parametrize(
    ("ahead", "skew"), [((0, 0, 600), 0), ((-600, 0, 0), 0), ((0, 300), 300), ((), None)]
)
def test_most_processes_say_what_time_it_is(ahead: tuple[float, ...], skew: float | None) -> None:
    assert fleet_skew(clocks(*ahead)) == skew


def test_a_configured_ring_page_counts_under_its_configured_key() -> None:
    seen = Process(1).read(NOW)
    seen = replace(seen, rings={"/my/ring": Page("/my/ring", Outcome.OK, RING, asked_at=NOW, clock=NOW)})
    pages = (RingPage("/my/ring", "prod/my-ring", "mine", frozenset(Product)),)
    assert read(seen, pages=pages)["prod/my-ring"].pages[0].value == RING
    assert "prod/my-ring" not in read(seen)


def test_our_keys_come_before_a_flood_of_others() -> None:
    flood: dict[str, Value] = {f"a/{n:04}": Ring({}) for n in range(2 * MAX_KEYS)}
    found = read(Process(1, pages={INGESTER: RING}), stores=(consul(flood),))
    assert INGESTER in found
    assert len(found) == MAX_KEYS


def test_a_view_read_long_ago_no_longer_counts() -> None:
    kept = [ViewFacts("gossip", f"t-{at:g}", known=True, read_at=at) for at in (NOW - 100, NOW - 10)]
    found = read(
        Process(1, copies={INGESTER: RING}), before={INGESTER: tuple(kept)}, keep_views_since=NOW - 50
    )
    assert list(found[INGESTER].earlier) == [("gossip", f"t-{NOW - 10:g}")]


def test_a_process_that_does_not_answer_has_no_views() -> None:
    up, down = (
        Process(1, pages={INGESTER: RING}).read(NOW),
        Process(2, pages={INGESTER: RING}, up=False).read(NOW),
    )
    found = read(up, down, judged=(facts(up), facts(down, up=False)))
    assert [v.target for v in found[INGESTER].pages] == ["10.0.0.1:80"]
