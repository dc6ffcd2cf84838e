"""Before anything is touched, and after everything is done: nothing holds for want of a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exporter.derive.judging_rules import Rules
from exporter.model.culprits import Kind, Looked, LookedKind
from exporter.model.gate import Check
from exporter.model.pages import Outcome, RingConfig
from tests.derive.build import (
    CLIENTS,
    COMPACTOR,
    NOW,
    PAGES,
    Fleet,
    Process,
    client,
    key_of,
    member,
    ring,
    step_of,
)

Change = Callable[[Fleet], None]


def _lost(*what: str) -> Change:
    def apply(fleet: Fleet) -> None:
        for process in fleet.processes:
            process.lost = frozenset(what)

    return apply


def _config(**told: Any) -> Change:
    def apply(fleet: Fleet) -> None:
        fleet.processes[0].config = told

    return apply


def _label(label: str) -> Change:
    def apply(fleet: Fleet) -> None:
        for process in fleet.processes:
            process.label = label

    return apply


def _no_factor(fleet: Fleet) -> None:
    for process in fleet.processes:
        process.config = {"rings": {key: RingConfig("multi", "", 60.0, 15.0, None) for key in PAGES}}


def _no_memberlist(fleet: Fleet) -> None:
    alone = {"primary": "", "stores": (), "mirror": None, "requests": {("consul", "CAS"): 9.0}}
    for process in fleet.processes:
        process.memberlist = False
        process.clients = tuple(client(name, **alone) for name in CLIENTS)


def _store_fails(fleet: Fleet) -> None:
    fleet.store_outcome = Outcome.FAILED


def _store_of_others(fleet: Fleet) -> None:
    fleet.stored = False
    fleet.store = {"other/ring": fleet.store[COMPACTOR]}


def _store_is_empty(fleet: Fleet) -> None:
    fleet.stored = False
    fleet.store.clear()


def _no_store(fleet: Fleet) -> None:
    fleet.rules = Rules(soak=0.0)


CASES: list[tuple[str, Change, str, str]] = [
    ("a configured store is read", _lost(), "stores-readable", "holds"),
    ("a configured store is not read", _store_fails, "stores-readable", "fails"),
    ("a configured store without a key", _store_is_empty, "stores-readable", "unknown"),
    ("a configured store without the rings of the pages", _store_of_others, "stores-readable", "unknown"),
    ("no store is configured", _no_store, "stores-readable", "holds"),
    ("no member list is read", _lost("gossip"), "gossip-port-reachable", "unknown"),
    ("no member list is read", _lost("gossip"), "gossip-port-quiet", "unknown"),
    ("nobody runs memberlist yet", _no_memberlist, "gossip-port-reachable", "holds"),
    ("nobody runs memberlist yet", _no_memberlist, "gossip-port-quiet", "holds"),
    ("the release has no such counter", _lost(), "gossip-port-quiet", "holds"),
    ("no configuration is read", _lost("config"), "join-members", "unknown"),
    ("no configuration is read", _lost("config"), "rejoin-interval", "unknown"),
    ("no configuration is read", _lost("config"), "label-set", "unknown"),
    ("no configuration is read", _lost("config"), "quorum-margin", "unknown"),
    ("no replication factor is told", _no_factor, "quorum-margin", "unknown"),
    ("no seeds", _config(join_members=()), "join-members", "fails"),
    ("only itself", _config(join_members=("10.0.0.1:7946",)), "join-members", "fails"),
    (
        "a seed that was not looked up",
        _config(join_members=("other:7946",)),
        "join-members-resolve",
        "unknown",
    ),
    ("no rejoining", _config(rejoin_interval=0.0), "rejoin-interval", "fails"),
    ("an empty label", _label(""), "label-set", "fails"),
    ("a chart's label", _label("mimir"), "label-set", "fails"),
    ("a label of its own", _label("prod-eu.mimir"), "label-set", "holds"),
]


@pytest.mark.parametrize(
    ("change", "check", "verdict"), [r[1:] for r in CASES], ids=[f"{r[0]} {r[2]}" for r in CASES]
)
def test_preflight_knows_what_it_says(change: Change, check: str, verdict: str) -> None:
    fleet = Fleet()
    change(fleet)
    assert _check(fleet, "preflight", check).verdict.value == verdict


def _check(fleet: Fleet, step: str, check: str) -> Check:
    checks = (c for one in fleet.look().steps if one.name == step for c in one.checks)
    return [c for c in checks if c.id == check][-1]  # of the HA tracker where it has the step


def test_a_client_that_asked_the_store_is_not_known_after_one_look() -> None:
    """Its count stands still for good, or will grow in a second: only the next look tells."""
    fleet = Fleet(rules=Rules(soak=0.0, stores=("consul",)))
    counted = {("memberlist", "CAS"): 9.0, ("consul", "CAS"): 40.0}
    last = client("ingester-lifecycler", primary="", stores=(), mirror=None, requests=counted)
    for process in fleet.processes:
        process.clients = (last,)
    assert _check(fleet, "decommission-store", "store-has-no-clients").verdict.value == "unknown"
    assert _check(fleet, "decommission-store", "store-has-no-clients").verdict.value == "holds"
    fleet.processes[0].clients = (
        client(
            "ingester-lifecycler",
            primary="",
            stores=(),
            mirror=None,
            requests={**counted, ("consul", "CAS"): 41.0},
        ),
    )
    found = _check(fleet, "decommission-store", "store-has-no-clients")
    assert found.verdict.value == "fails"
    (one,) = found.culprits
    assert (one.kind, one.member, one.target) == (Kind.STORE_REQUESTED, "ingester-lifecycler", "10.0.0.1:80")
    assert (one.what, one.value) == ("consul", pytest.approx(1 / 15))


def _frontend_at(number: int) -> Process:
    """A process without rings, which started two hours ago."""
    config = {"instance_id": "frontend-0", "node_name": "frontend-0", "rings": {}}
    return Process(number, clients=(), memberlist=False, started=NOW - 7200, config=config)


@pytest.mark.parametrize("in_gossip", [False, True])
@pytest.mark.parametrize(
    ("heartbeat", "ghosts"), [(NOW - 86400, ("old-9",)), (NOW, ())], ids=["a day old", "fresh"]
)
def test_a_ghost_does_not_hide_behind_who_inherited_its_address(
    heartbeat: float, ghosts: tuple[str, ...], in_gossip: bool
) -> None:
    fleet = Fleet()
    frontend = _frontend_at(9)
    frontend.memberlist = in_gossip
    for process in fleet.processes:
        process.memberlist = in_gossip
        process.copies = {}
        process.sees = (1, 2, 3, 9) if in_gossip else ()
        value = ring([*(member(p.name) for p in fleet.processes), member("old-9", heartbeat)])
        process.pages = dict.fromkeys(PAGES, value)
    fleet.store = dict.fromkeys(PAGES, value)
    frontend.sees = (1, 2, 3, 9)
    fleet.processes.append(frontend)
    seen = fleet.look()
    assert key_of(seen, COMPACTOR).orphaned == ghosts
    check = next(c for c in step_of(seen, "preflight").checks if c.id == "no-ghosts")
    assert check.verdict.value == ("fails" if ghosts else "holds")


TRACKER = client("distributor-hatracker", primary="", stores=(), mirror=None, requests={("consul", "CAS"): 1})
IN_MULTI = client("distributor-hatracker", mirror=False)
SHARED = {"ha_tracker": True, "target": "ingester"}  # one configuration for all, an HA tracker for none


def _told(number: int, **told: Any) -> Change:
    def apply(fleet: Fleet) -> None:
        for name, value in told.items():
            setattr(fleet.processes[number], name, value)

    return apply


def _tracker(*clients: Any, version: str = "1.21.0", **told: Any) -> Change:
    def apply(fleet: Fleet) -> None:
        for process in fleet.processes:
            process.version = version
        _told(0, clients=(*fleet.processes[0].clients, *clients), **told)(fleet)

    return apply


TRACKERS: list[tuple[str, Change, str, str]] = [
    ("elected nothing yet", _tracker(TRACKER), "ha-baseline", "holds"),
    ("elected four times", _tracker(TRACKER, elections={("u", "c"): 4.0}), "ha-baseline", "holds"),
    ("a release that can", _tracker(TRACKER), "version-supports", "holds"),
    ("a release that cannot", _tracker(TRACKER, version="1.13.0"), "version-supports", "fails"),
    ("a build without a version", _tracker(TRACKER, version="main-abc"), "version-supports", "unknown"),
    ("one with a tracker in multi", _tracker(IN_MULTI, version="main-abc"), "version-supports", "holds"),
    ("one without a tracker", _tracker(version="main-abc"), "version-supports", "holds"),
    ("configured for all", _tracker(version="1.13.0", config=SHARED), "version-supports", "holds"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "check", "verdict"), [r[1:] for r in TRACKERS], ids=[f"{r[0]} {r[2]}" for r in TRACKERS]
)
def test_an_ha_tracker_is_asked_where_it_runs(change: Change, check: str, verdict: str) -> None:
    fleet = Fleet()
    change(fleet)
    assert _check(fleet, "preflight", check).verdict.value == verdict


@pytest.mark.parametrize("version", ["1.13.0", "main-abc"])
def test_rings_are_not_held_up_by_a_release_whose_tracker_cannot_move(version: str) -> None:
    fleet = Fleet()
    _tracker(TRACKER, version=version)(fleet)
    asked = step_of(fleet.look(), "preflight").checks
    assert next(c for c in asked if c.id == "version-supports").verdict.value == "holds"
    assert "ha-baseline" not in {c.id for c in asked}


def test_a_tracker_that_elected_nothing_yet_is_a_baseline_of_0() -> None:
    fleet = Fleet()
    _tracker(TRACKER)(fleet)
    found = _check(fleet, "preflight", "ha-baseline")
    assert found.evidence == (Looked(LookedKind.ELECTIONS, 0.0),)
