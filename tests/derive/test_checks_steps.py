"""What a step asks before a restart, and what the store must show before it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.judging_rules import Rules
from exporter.model.culprits import Looked, LookedKind
from exporter.model.entry import State
from exporter.model.facts import Snapshot
from exporter.model.gate import Check
from exporter.model.pages import RingConfig
from tests.derive.build import (
    CLIENTS,
    COMPACTOR,
    INGESTER,
    PAGES,
    Fleet,
    client,
    member,
    ring,
    step_of,
    verdicts,
)

Change = Callable[[Fleet], None]
STEPS: dict[str, dict[str, Any]] = {
    "enable-mirroring": {"mirror": False, "mirror_writes": 0.0},
    "remove-multi": {"primary": "memberlist", "mirror": False},
}
LAST: dict[str, Any] = {"primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 9.0}}


def fleet_with(**told: Any) -> Fleet:
    fleet = Fleet(rules=Rules(soak=0.0, stores=("consul",)))
    for process in fleet.processes:
        process.clients = tuple(client(name, **told) for name in CLIENTS)
    return fleet


def _everywhere(fleet: Fleet, *states: State, age: float = 0.0) -> None:
    told = [member(f"p-{n}", fleet.now - age * (n > 1), state) for n, state in enumerate(states, 1)]
    for process in fleet.processes:
        process.pages[INGESTER] = process.copies[INGESTER] = fleet.store[INGESTER] = ring(told, fleet.now)


def _sick(fleet: Fleet) -> None:
    _everywhere(fleet, *[State.ACTIVE] * 3, age=600.0)


def _leaving(fleet: Fleet) -> None:
    _everywhere(fleet, State.ACTIVE, State.ACTIVE, State.LEAVING)


def _no_factor(fleet: Fleet) -> None:
    for process in fleet.processes:
        process.config = {"rings": {key: RingConfig("multi", "", 60.0, 15.0, None) for key in PAGES}}


def _nothing(fleet: Fleet) -> None:
    """All is well."""


RESTARTS: list[tuple[str, Change, dict[str, str]]] = [
    ("all is well", _nothing, {}),
    ("two are unhealthy", _sick, {"members-healthy": "fails", "quorum-margin": "fails"}),
    ("one is leaving", _leaving, {"quorum-margin": "fails"}),
    ("nobody tells the replication factor", _no_factor, {}),
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("spoil", "wrong"), [r[1:] for r in RESTARTS], ids=[r[0] for r in RESTARTS])
def test_restarts_wait_for_the_ring_to_be_well(step: str, spoil: Change, wrong: dict[str, str]) -> None:
    fleet = fleet_with(**STEPS[step])
    spoil(fleet)
    assert verdicts(fleet.look(1.0), step) == wrong


def test_the_last_restart_waits_for_views_to_agree() -> None:
    fleet = fleet_with(**STEPS["remove-multi"])
    less = ring([member("p-1", fleet.now)], fleet.now)
    fleet.processes[0].pages[COMPACTOR] = fleet.processes[0].copies[COMPACTOR] = less
    assert verdicts(fleet.look(1.0), "remove-multi") == {"views-agree": "fails"}


def _differing(fleet: Fleet) -> None:
    less = ring([member("p-1", fleet.now)], fleet.now)
    fleet.processes[0].pages[COMPACTOR] = fleet.processes[0].copies[COMPACTOR] = less


def _split(fleet: Fleet) -> None:
    fleet.processes[0].sees = (1,)
    fleet.processes[1].sees = fleet.processes[2].sees = (2, 3)


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (_differing, "views-agree"),
        (_split, "gossip-one-cluster"),
        (_sick, "members-healthy"),
    ],
)
def test_the_store_is_not_given_up_while_memberlist_is_not_whole(spoil: Change, check: str) -> None:
    fleet = fleet_with(**LAST)
    fleet.stored = False
    assert step_of([fleet.look(beat=True) for _ in range(4)][-1], "decommission-store").open
    spoil(fleet)
    assert verdicts(fleet.look(1.0), "decommission-store").get(check) == "fails"


def _margin(seen: Snapshot, step: str) -> Check:
    return next(c for c in step_of(seen, step).checks if c.id == "quorum-margin")


@pytest.mark.parametrize("step", ["preflight", "remove-multi"])
def test_without_a_ring_written_by_quorum_the_margin_says_so(step: str) -> None:
    fleet = Fleet(rules=Rules(soak=0.0, stores=("consul",)))
    del fleet.store[INGESTER], fleet.modified[INGESTER]
    for process in fleet.processes:
        process.clients = (client(CLIENTS[1]),)
        del process.pages[INGESTER], process.copies[INGESTER]
    found = _margin(fleet.look(), step)
    assert found.verdict.value == "holds"
    assert found.evidence == (Looked(LookedKind.NO_QUORUM),)


def _store_of(prefixes: tuple[str, ...], *keys: str) -> Change:
    def apply(fleet: Fleet) -> None:
        fleet.prefixes = prefixes
        some = fleet.store[COMPACTOR]
        fleet.store, fleet.modified = dict.fromkeys(keys, some), dict.fromkeys(keys, 1)

    return apply


COVERED: list[tuple[str, Change, str | None]] = [
    ("our rings are there", _store_of(("collectors/",), *PAGES), None),
    ("one of them is", _store_of(("collectors/",), COMPACTOR), None),
    ("nothing is there, nor was", _store_of(("collectors/",)), "unknown"),
    ("another prefix, and nothing there", _store_of(("mimir-old/",)), "unknown"),
    ("only others' keys are there", _store_of(("other/",), "other/ring"), "unknown"),
]


@pytest.mark.parametrize(("change", "verdict"), [r[1:] for r in COVERED], ids=[r[0] for r in COVERED])
def test_a_store_in_which_nothing_of_ours_could_be_proves_nothing(
    change: Change, verdict: str | None
) -> None:
    fleet = fleet_with(**LAST)
    change(fleet)
    seen = [fleet.look() for _ in range(4)]
    found = verdicts(seen[-1], "decommission-store")
    assert found.get("store-read") == verdict
    assert step_of(seen[-1], "decommission-store").open is (verdict is None)


def test_a_store_that_is_emptied_proves_nothing_however_long_it_stands_still() -> None:
    fleet = fleet_with(**LAST)
    fleet.stored = False
    looks = (fleet.look(beat=True) for _ in range(6))
    assert [step_of(next(looks), "decommission-store").open for _ in range(3)] == [False, False, True]
    fleet.store.clear()
    fleet.modified.clear()
    lost = dict.fromkeys(("store-read", "store-idle", "store-has-nothing-of-its-own"), "unknown")
    assert verdicts(next(looks), "decommission-store") == lost, (
        "that it was emptied by hand is one of the causes"
    )
    assert [verdicts(look, "decommission-store") for look in looks][-1] == lost


def _dynamodb(step: str) -> Fleet:
    """A fleet before a step of a migration away from DynamoDB, which nobody reads."""
    told: dict[str, dict[str, Any]] = {
        "enable-mirroring": {"mirror": False, "mirror_writes": 0.0},
        "switch-primary": {},
        "disable-mirroring": {"primary": "memberlist"},
        "remove-multi": {"primary": "memberlist", "mirror": False},
    }
    stores = {"primary": "dynamodb", "stores": ("dynamodb", "memberlist")}
    fleet = fleet_with(**(LAST if step == "decommission-store" else stores | told[step]))
    fleet.rules = Rules(soak=0.0)
    kinds = {"primary": "dynamodb", "secondary": "memberlist"}
    rings = {key: RingConfig("multi", key, 60.0, 15.0, 3, zone_awareness=False, **kinds) for key in PAGES}
    for process in fleet.processes:
        process.config = {"rings": rings}
        count = {(kind, "CAS"): 100.0 for kind in ("dynamodb", "memberlist", "multi")}
        if step != "decommission-store":
            process.clients = tuple(replace(c, requests=count) for c in process.clients)
    return fleet


@pytest.mark.parametrize("step", ["enable-mirroring", "switch-primary", "disable-mirroring", "remove-multi"])
def test_without_reading_dynamodb_every_step_before_the_last_opens(step: str) -> None:
    fleet = _dynamodb(step)
    seen = [_moving(fleet) for _ in range(6)][-1]
    assert step_of(seen, step).open, verdicts(seen, step)


def _moving(fleet: Fleet) -> Snapshot:
    """A look after which every client has written as much again as it mirrors."""
    for process in fleet.processes:
        process.clients = tuple(
            replace(c, mirror_writes=(c.mirror_writes or 0.0) + 5.0 * bool(c.mirror)) for c in process.clients
        )
    return fleet.look(beat=True)


@pytest.mark.parametrize("consul", [False, True], ids=["no store", "a Consul beside it"])
def test_dynamodb_is_never_known_to_be_unused(consul: bool) -> None:
    fleet = _dynamodb("decommission-store")
    if consul:
        fleet.rules, fleet.stored = Rules(soak=0.0, stores=("consul",)), False
    seen = [fleet.look(beat=True) for _ in range(6)][-1]
    found = {check.id: check for check in step_of(seen, "decommission-store").checks}
    assert not step_of(seen, "decommission-store").open
    assert found["store-read"].verdict.value == "unknown"
    assert any("dynamodb" in one.key or one.what == "dynamodb" for one in found["store-read"].culprits)
    assert found["store-has-no-clients"].verdict.value == "holds"


@pytest.mark.parametrize("jump", [-3600.0, 0.0, 3600.0])
def test_a_jump_of_the_stores_clock_changes_nothing(jump: float) -> None:
    fleet = fleet_with(**LAST)
    fleet.stored = False
    looks = []
    for number in range(6):
        fleet.clock = jump if number > 2 else 0.0
        looks.append(verdicts(fleet.look(beat=True), "decommission-store"))
    assert looks[2:] == [{}] * 4
