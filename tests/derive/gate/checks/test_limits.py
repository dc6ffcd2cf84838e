"""Where a check begins to blame: exactly at its limit it does not, and beyond it does."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from exporter.derive.gate.check_registration import Evidence
from exporter.derive.gate.checks.clients import TWO_CLOCKS, clocks_agree
from exporter.derive.gate.checks.elections import ha_elections_equal
from exporter.derive.gate.checks.external_store import EMPTIED, store_read, stores_readable
from exporter.derive.gate.checks.preflight import UNKNOWN_CONNECTIONS, gossip_port_quiet
from exporter.derive.gate.checks.ring_members import writers_are_members
from exporter.derive.gate.checks.rings import views_agree
from exporter.derive.judging_rules import Rules
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import KeyFacts, SecondaryFacts, Snapshot
from exporter.model.gate import Check, Verdict
from exporter.model.pages import Outcome, Phase, RingConfig
from tests.derive.build import INGESTER, NOW, Fleet, client

RULES = Rules(stores=("consul",))


def seen(snapshot: Snapshot) -> Evidence:
    return Evidence(snapshot, RULES)


def of_kind(check: Check, kind: Kind) -> list[Culprit]:
    return [culprit for culprit in check.culprits if culprit.kind is kind]


@pytest.mark.parametrize(("beyond", "late"), [(-1.0, False), (0.0, False), (1.0, True)])
def test_a_view_is_stale_beyond_a_heartbeat_and_the_greatest_lag(beyond: float, late: bool) -> None:
    now = Fleet(rules=RULES).look()
    key = now.keys[0]
    limit = seen(now).late(key)
    view = replace(next(v for v in key.views if v.kind == "ring"), staleness=limit + beyond)
    check = views_agree(seen(replace(now, keys=(replace(key, views=(view,)),))))
    blamed = Culprit(Kind.VIEW_STALE, view.target, key.key, what="ring", value=limit + beyond, limit=limit)
    assert of_kind(check, Kind.VIEW_STALE) == ([blamed] if late else [])


@pytest.mark.parametrize(("rate", "blamed"), [(0.0, []), (0.5, [30.0])])
def test_a_gossip_port_is_scraped_where_the_count_moves(rate: float, blamed: list[float]) -> None:
    now = Fleet(rules=RULES).look()
    target = replace(now.targets[0], counter_rates={f"memberlist_{UNKNOWN_CONNECTIONS}": rate})
    check = gossip_port_quiet(seen(replace(now, targets=(target,))))
    assert [culprit.value for culprit in of_kind(check, Kind.GOSSIP_PORT_SCRAPED)] == blamed


@pytest.mark.parametrize(("settled", "blamed"), [((), []), (("u/c",), ["u/c"])])
def test_an_election_differs_once_no_heartbeat_explains_it(
    settled: tuple[str, ...], blamed: list[str]
) -> None:
    differing = {"replica": ("u/c", "u/d")}
    second = SecondaryFacts("memberlist", False, (), 0.0, (), (), differing, settled)
    key = KeyFacts("ha-tracker/", "ha-tracker", "ha", Phase.MIRRORING, True, "consul", "store", entries=2)
    fleet = Fleet(rules=RULES)
    for process in fleet.processes:
        process.clients = (*process.clients, client("distributor-hatracker"))
    now = replace(fleet.look(), keys=(replace(key, secondary=second),))
    check = ha_elections_equal(seen(now))
    assert [culprit.member for culprit in of_kind(check, Kind.ELECTION_DIFFERS)] == blamed
    assert (check.verdict is Verdict.FAILED) is bool(blamed)


@pytest.mark.parametrize(("kind", "blamed"), [("ring", True), ("partition", False), ("ha", False)])
def test_a_ring_whose_writers_were_not_read_is_not_known_and_what_has_none_is_no_gap(
    kind: str, blamed: bool
) -> None:
    now = Fleet(rules=RULES).look()
    first, *others = now.keys
    check = writers_are_members(seen(replace(now, keys=(replace(first, kind=kind, writers=None), *others))))
    assert [culprit.key for culprit in of_kind(check, Kind.KEY_UNREAD)] == [first.key] * blamed
    assert check.verdict is (Verdict.UNKNOWN if blamed else Verdict.PASSED)


@pytest.mark.parametrize(("beyond", "blamed"), [(0.0, False), (0.1, True)])
def test_pages_of_one_process_may_tell_times_two_periods_apart(beyond: float, blamed: bool) -> None:
    now = Fleet(rules=RULES).look()
    target = replace(now.targets[0], clocks_apart=TWO_CLOCKS + beyond)
    check = clocks_agree(seen(replace(now, targets=(target, *now.targets[1:]))))
    named = [culprit.target for culprit in of_kind(check, Kind.CLOCKS_OF_ONE_APART)]
    assert named == ([target.name] if blamed else [])


@pytest.mark.parametrize(("prefixes", "named"), [((), ("/",)), (("collectors/",), ("collectors/",))])
def test_an_empty_store_is_named_with_what_was_looked_at(
    prefixes: tuple[str, ...], named: tuple[str, ...]
) -> None:
    now = Fleet(rules=RULES).look()
    store = replace(now.stores[0], keys=0, prefixes=prefixes)
    check = stores_readable(seen(replace(now, stores=(store,))))
    assert [culprit.names for culprit in of_kind(check, Kind.STORE_EMPTY)] == [named]
    full = stores_readable(seen(replace(now, stores=(replace(store, keys=3),))))
    assert of_kind(full, Kind.STORE_EMPTY) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, True),
        ({"moved_at": MappingProxyType({})}, False),  # never read with a key: perhaps another store
        ({"uncovered": ("collectors/ring",)}, False),  # the prefixes are wrong
        ({"outcome": Outcome.FAILED}, False),
    ],
)
def test_a_store_whose_keys_were_deleted_says_so_and_another_empty_one_does_not(
    change: dict[str, Any], told: bool
) -> None:
    now = Fleet(rules=RULES).look()
    emptied = replace(now.stores[0], keys=0, moved_at=MappingProxyType({INGESTER: NOW}))
    check = store_read(seen(replace(now, stores=(replace(emptied, **change),))))
    assert (check.verdict, check.remedy == EMPTIED) == (Verdict.UNKNOWN, told)


TRACKING = ["distributor-hatracker"]


@pytest.mark.parametrize(
    ("prefixes", "clients", "told"),
    [
        (("ha-a/", "ha-b/"), TRACKING, ["ha-a/", "ha-b/"]),
        (("ha-a/", "ha-a/"), TRACKING, []),
        (("ha-a/", "ha-b/"), [], []),
    ],
    ids=["apart", "together", "no tracker runs"],
)
def test_trackers_with_prefixes_of_their_own_are_named(
    prefixes: tuple[str, ...], clients: list[str], told: list[str]
) -> None:
    fleet = Fleet(rules=RULES)
    for process, prefix in zip(fleet.processes, prefixes, strict=False):
        process.clients = (*process.clients, *map(client, clients))
        ring = RingConfig("consul", prefix, 60.0, 15.0, None, default_key="ha-tracker/")
        target = "distributor" if clients else "ingester"  # which has the file, and runs no tracker
        process.config = {"ha_tracker": True, "target": target, "rings": {prefix: ring}}
    check = ha_elections_equal(seen(fleet.look()))
    assert [culprit.what for culprit in of_kind(check, Kind.TRACKER_PREFIX)] == told
