"""Migrations of their own: none holds another up, and the store goes when no client of any uses it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from exporter.derive.judging_rules import Rules
from exporter.expose.web import go_no_go
from exporter.expose.wording.migrations import line_of
from exporter.model.facts import Snapshot
from exporter.model.pages import KVClient, Outcome, Phase, RingConfig
from exporter.products.ring_pages import HA_KEY
from tests.derive.build import (
    CLIENTS,
    COMPACTOR,
    INGESTER,
    Fleet,
    client,
    member,
    migration_of,
    ring,
    step_of,
    verdicts,
)

ALONE = {"primary": "", "stores": (), "mirror": None, "mirror_writes": None, "mirror_errors": None}
TRACKER = "distributor-hatracker"
OFF: dict[str, Any] = {"mirror": False, "mirror_writes": 0.0}
SWITCHED: dict[str, Any] = {"primary": "memberlist"}


def on(store: str, name: str = TRACKER) -> KVClient:
    return client(name, requests={(store, "CAS"): 9.0}, **ALONE)


def fleet(tracker: KVClient, *rings: KVClient) -> Fleet:
    made = Fleet()
    for process in made.processes:
        process.clients = (*(rings or [client(name) for name in CLIENTS]), tracker)
    made.look(beat=True)
    return made


@pytest.mark.parametrize(
    ("keys", "key", "migration"),
    [
        (("collectors/ring",), "collectors/ring", "one"),
        (("collectors/ring",), "collectors/ring-2", "rings"),
        (("rulers/",), "rulers/ring", "one"),
        (("rulers",), "rulers/ring", "rings"),
        ((), "collectors/ring", "rings"),
        (("collectors/",), HA_KEY, "ha-tracker"),
    ],
)
def test_a_key_is_part_of_one_migration(keys: tuple[str, ...], key: str, migration: str) -> None:
    assert Rules(migrations=(("one", keys),)).migration_of(key) == migration


def test_a_tracker_that_stays_is_a_migration_that_has_not_begun_and_holds_up_no_ring() -> None:
    seen = fleet(on("consul")).look(beat=True)
    rings, tracker = migration_of(seen, "rings"), migration_of(seen, "ha-tracker")
    assert (seen.fleet.phase, seen.fleet.uniform, seen.fleet.warnings) == (Phase.MIRRORING, True, ())
    assert (rings.next_step, rings.begun) == ("switch-primary", True)
    assert step_of(seen, "switch-primary").open
    assert (tracker.phase, tracker.begun, tracker.next_step) == (Phase.EXTERNAL, False, "preflight")
    assert [step.name for step in tracker.steps if step.checks] == ["preflight"]
    assert not any(step.open for step in tracker.steps if not step.checks)
    assert verdicts(seen, "switch-primary") == {}


BESIDE = [
    ("in multi", client(TRACKER, **OFF), "multi", "enable-mirroring"),
    ("mirroring", client(TRACKER), "mirroring", "switch-primary"),
    ("switched", client(TRACKER, **SWITCHED), "switched", "disable-mirroring"),
    ("unknown", client(TRACKER, requests={}, **ALONE), "unknown", ""),
    ("done", on("memberlist"), "memberlist", ""),
]


@pytest.mark.parametrize(("tracker", "phase", "step"), [r[1:] for r in BESIDE], ids=[r[0] for r in BESIDE])
def test_a_tracker_has_a_phase_and_a_next_step_of_its_own(tracker: KVClient, phase: str, step: str) -> None:
    seen = fleet(tracker).look(beat=True)
    found = migration_of(seen, "ha-tracker")
    assert found.phase is not None
    assert (found.phase.label, found.next_step) == (phase, step)
    assert (seen.fleet.phase.label, seen.fleet.next_step) == ("mirroring", "switch-primary")
    assert "primaries-mixed" not in seen.fleet.causes
    assert verdicts(seen, "switch-primary") == {}


def test_the_tracker_on_its_way_leads_once_the_rings_have_ended() -> None:
    rings = [on("memberlist", name) for name in CLIENTS]
    seen = fleet(client(TRACKER), *rings).look(beat=True)
    assert (seen.fleet.phase.label, seen.fleet.next_step) == ("mirroring", "switch-primary")
    assert seen.fleet.warnings == ()


def test_the_store_is_not_free_to_go_while_a_client_of_any_migration_uses_it() -> None:
    rings = [on("memberlist", name) for name in CLIENTS]
    seen = fleet(on("consul"), *rings).look(beat=True)
    assert (seen.fleet.phase.label, seen.fleet.next_step) == ("memberlist", "")
    assert migration_of(seen, "store").next_step == ""
    step = step_of(seen, "decommission-store")
    check = next(c for c in step.checks if c.id == "clients-memberlist")
    assert (step.open, step.place) == (False, "ahead")
    assert [(one.member, one.what, one.value) for one in check.culprits] == [(TRACKER, "external", 3)]
    assert "ha-tracker has not begun" in check.remedy


def test_the_end_of_the_store_is_next_once_all_have_ended() -> None:
    seen = fleet(on("memberlist"), *[on("memberlist", name) for name in CLIENTS]).look(beat=True)
    assert (seen.fleet.next_step, step_of(seen, "decommission-store").place) == ("decommission-store", "next")


def _shown(seen: Snapshot) -> list[str]:
    return [one.name for one in seen.migrations]


def test_which_migrations_there_are_follows_from_what_the_cluster_shows() -> None:
    assert _shown(Fleet().look()) == ["rings", "labels", "store"]
    assert _shown(fleet(on("consul")).look()) == ["rings", "ha-tracker", "labels", "store"]
    bare = Fleet(rules=Rules(migrations=(("compactors", (COMPACTOR,)), ("none", ("nothing/ring",)))))
    for process in bare.processes:
        process.memberlist, process.copies = False, {}
        process.clients = tuple(on("consul", name) for name in CLIENTS)
    assert _shown(bare.look()) == ["rings", "compactors", "store"]


def test_rings_that_are_split_off_have_their_own_phase_and_are_not_mixed_with_the_others() -> None:
    made = fleet(on("consul"), client(CLIENTS[0]), client(CLIENTS[1], **SWITCHED))
    assert "primaries-mixed" in made.look(beat=True).fleet.causes
    made.rules = Rules(soak=0.0, stores=("consul",), migrations=(("compactors", (COMPACTOR,)),))
    seen = made.look(beat=True)
    assert "primaries-mixed" not in seen.fleet.causes
    assert migration_of(seen, "compactors").phase is Phase.SWITCHED
    assert verdicts(seen, "switch-primary", "rings") == {}
    assert "clients-switched" not in verdicts(seen, "disable-mirroring", "compactors")


def test_a_step_that_restarts_distributors_asks_for_the_health_of_their_rings() -> None:
    made = fleet(client(TRACKER, **OFF))
    told = [member("p-1", made.now), member("p-2", made.now), member("p-3", made.now - 900)]
    assert "members-healthy" not in verdicts(made.look(beat=True), "enable-mirroring", "ha-tracker")
    for process in made.processes:
        process.pages[INGESTER] = process.copies[INGESTER] = ring(told, made.now)
    made.store[INGESTER] = ring(told, made.now)
    assert verdicts(made.look(), "enable-mirroring", "ha-tracker")["members-healthy"] == "fails"


def test_mixed_primaries_of_one_migration_are_the_first_line_of_the_others() -> None:
    made = fleet(on("consul"))
    made.processes[0].clients = (*(client(name, **SWITCHED) for name in CLIENTS), on("consul"))
    seen = made.look(beat=True)
    assert verdicts(seen, "preflight", "ha-tracker")["primaries-agree"] == "fails"
    closed = [step for step in seen.steps if step.checks and not step.open]
    assert {step.headline.partition(":")[0] for step in closed} == {"Primaries are mixed"}


def rollout_of(before: dict[str, Any] | None, after: dict[str, Any] | None, *, done: int = 2) -> Snapshot:
    """Three processes of which some are in the next phase; `None` is the store alone."""
    made = Fleet()
    for process in made.processes:
        told = after if process.number <= done else before
        process.clients = tuple(
            on("consul", name) if told is None else client(name, **told) for name in CLIENTS
        )
    return made.look(beat=True)


ROLLOUTS = [
    ("into multi", None, OFF, Phase.MULTI),
    ("into multi with mirroring", None, {}, Phase.MIRRORING),
    ("into mirroring", OFF, {}, Phase.MIRRORING),
    ("out of mirroring", SWITCHED, {**SWITCHED, "mirror": False}, Phase.DETACHED),
    (
        "out of multi", {**SWITCHED, "mirror": False},
        {**ALONE, "requests": {("memberlist", "CAS"): 9.0}}, Phase.MEMBERLIST,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "into"), [r[1:] for r in ROLLOUTS], ids=[r[0] for r in ROLLOUTS])
def test_a_rollout_is_told_with_those_left_and_is_no_fault(
    before: dict[str, Any] | None, after: dict[str, Any], into: Phase
) -> None:
    seen = rollout_of(before, after)
    found = migration_of(seen, "rings").rollout
    assert found is not None
    assert (found.into, found.done, found.processes, found.left) == (into, 2, 3, ("10.0.0.3:80",))
    assert seen.fleet.warnings == ()
    answer = go_no_go.answer_of(seen)
    assert (answer.word, "2 of 3 processes" in answer.sentence) in {("WAIT", True), ("GO ON", False)}


GONE = {**ALONE, "requests": {("memberlist", "CAS"): 9.0}}
NONE: list[tuple[str, dict[str, Any] | None, dict[str, Any], str]] = [
    ("all are there", {}, {}, ""),
    ("the primary is switched on some", {}, SWITCHED, "primaries-mixed"),
    ("the short cut past the switch", {}, GONE, "primaries-mixed"),
    ("two phases that are no neighbours", SWITCHED, GONE, ""),
]


@pytest.mark.parametrize(("before", "after", "cause"), [r[1:] for r in NONE], ids=[r[0] for r in NONE])
def test_what_is_no_rollout_is_a_fault_at_once_where_it_is_one(
    before: dict[str, Any], after: dict[str, Any], cause: str
) -> None:
    seen = rollout_of(before, after)
    assert migration_of(seen, "rings").rollout is None
    assert (cause in seen.fleet.causes) is bool(cause)
    assert go_no_go.answer_of(seen).word != "WAIT" or not cause


def test_a_switch_that_reached_some_clients_of_each_process_is_no_rollout() -> None:
    made = Fleet()
    for process in made.processes:
        process.clients = (client(CLIENTS[0]), client(CLIENTS[1], **OFF))
    seen = made.look(beat=True)
    assert migration_of(seen, "rings").rollout is None
    assert "mirroring-partial" in seen.fleet.causes


def test_a_process_that_restarts_in_a_rollout_is_one_of_those_left() -> None:
    made = Fleet()
    made.processes[0].clients = tuple(client(name, **OFF) for name in CLIENTS)
    made.processes[1].up = False
    found = migration_of(made.look(beat=True), "rings").rollout
    assert found is not None
    assert (found.done, found.processes, found.left) == (1, 3, ("10.0.0.1:80", "10.0.0.2:80"))
    assert go_no_go.answer_of(made.look(beat=True)).word == "WAIT"


SWITCHES = [
    ("the runtime configuration switched one of three", OFF, {}, False, True),
    ("it switched two of three back", {}, OFF, False, True),
    ("one of three was restarted with mirroring", OFF, {}, True, False),
    ("two of three were restarted without it", {}, OFF, True, False),
]


@pytest.mark.parametrize(
    ("before", "after", "restarts", "is_told"), [r[1:] for r in SWITCHES], ids=[r[0] for r in SWITCHES]
)
def test_processes_that_a_runtime_switch_did_not_reach_are_told_in_minutes_and_a_restart_is_waited_for(
    before: dict[str, Any], after: dict[str, Any], *, restarts: bool, is_told: bool
) -> None:
    made = Fleet()
    for process in made.processes:
        process.clients = tuple(client(name, **before) for name in CLIENTS)
    made.look(15.0, beat=True)
    for process in made.processes[: 1 if after == {} else 2]:
        process.clients = tuple(client(name, **after) for name in CLIENTS)
        process.started = made.now if restarts else process.started
    causes = [made.look(15.0, beat=True).fleet.causes for _ in range(8)]
    told = ["mirroring-partial" in found for found in causes]
    assert told == ([False] * 6 + [True] * 2 if is_told else [False] * 8)


@pytest.mark.parametrize(("ago", "told_after"), [(3600.0, 90.0), (300.0, 600.0)])
def test_an_exporter_that_starts_amid_a_partial_mirroring_takes_the_last_start_for_the_last_move(
    ago: float, told_after: float
) -> None:
    """It remembers nothing, and a rollout may be in progress: then the last process started lately."""
    made = Fleet()
    for process in made.processes[1:]:
        process.clients = tuple(client(name, **OFF) for name in CLIENTS)
    made.processes[0].started = made.now + 2.0 - ago
    began, seen = made.now + 2.0, made.look(2.0, beat=True)
    while "mirroring-partial" not in seen.fleet.causes and made.now - began < 1000.0:
        seen = made.look(15.0, beat=True)
    assert told_after <= made.now - began <= told_after + 15.0


def test_a_runtime_switch_that_reaches_every_process_in_a_minute_is_no_fault() -> None:
    made = Fleet()
    for process in made.processes:
        process.clients = tuple(client(name, **OFF) for name in CLIENTS)
    made.look(15.0, beat=True)
    for process in made.processes:
        process.clients = tuple(client(name) for name in CLIENTS)
        for _ in range(4):
            assert made.look(15.0, beat=True).fleet.warnings == ()


def test_one_process_of_a_ring_without_multi_is_left_out_while_the_rest_of_it_mirrors() -> None:
    made = Fleet()
    made.processes[0].clients = (on("consul", CLIENTS[0]), client(CLIENTS[1]))
    (found,) = (f for f in made.look(beat=True).fleet.findings if f.id == "without-multi")
    assert (found.name, found.count, found.of) == (CLIENTS[0], 1, 3)


@pytest.mark.parametrize("skew", [0.0, 100.0, -100.0])
def test_a_rollout_that_an_exporter_meets_last_moved_at_the_last_start_by_our_clock(skew: float) -> None:
    made = Fleet()
    for process in made.processes[1:]:
        process.clients = tuple(client(name, **OFF) for name in CLIENTS)
    made.processes[0].started, made.processes[0].skew = made.now - 300.0 + skew, skew
    rollout = migration_of(made.look(beat=True), "rings").rollout
    assert rollout is not None and rollout.moved_at == made.processes[0].started - skew


def test_a_rollout_that_stands_still_is_a_warning_and_one_that_moves_is_none() -> None:
    made = Fleet()
    for process in made.processes[1:]:
        process.clients = tuple(client(name, **OFF) for name in CLIENTS)
    made.processes[0].started = made.now
    for _ in range(3):
        assert made.look(250.0, beat=True).fleet.warnings == ()
    made.processes[1].clients, made.processes[1].started = tuple(client(name) for name in CLIENTS), made.now
    for _ in range(4):
        assert made.look(250.0, beat=True).fleet.warnings == ()
    made.processes[0].up = False  # it crashes and gets there again: that is no progress
    made.look(2.0)
    made.processes[0].up = True
    seen = made.look(248.0, beat=True)
    assert "rollout-stalled" in seen.fleet.causes
    assert go_no_go.answer_of(seen).word == "STOP"
    assert any("2 of 3 processes; left: 10.0.0.3:80" in text for text in seen.fleet.warnings)


def _unread(made: Fleet) -> list[str]:
    made.store_outcome = Outcome.FAILED
    return [text for text in made.look(beat=True).fleet.warnings if "was not read" in text]


def test_a_store_that_does_not_answer_is_a_warning_after_the_dangers_of_the_gossip() -> None:
    made = Fleet()
    assert made.look(beat=True).fleet.warnings == ()
    assert _unread(made) == ["The external store consul was not read (refused)."]
    for process, sees in zip(made.processes, ((1,), (2, 3), (2, 3)), strict=True):
        process.sees = sees
    split, store, alone = made.look(beat=True).fleet.warnings
    assert split.startswith("Gossip is split")
    assert store.startswith("The external store")
    assert alone.endswith("lists no other gossip member.")


def test_a_store_that_no_client_needs_any_more_may_be_gone() -> None:
    rings = [on("memberlist", name) for name in CLIENTS]
    made = Fleet()
    for process in made.processes:
        process.clients = tuple(rings)
    assert _unread(made) == []
    assert _unread(fleet(on("consul"), *rings)) != []


WAYS = [("the store is read", ("consul",), True), ("no store is read", (), None)]


@pytest.mark.parametrize(("stores", "safe"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
def test_a_way_back_is_never_safe_where_the_store_is_not_read(
    stores: tuple[str, ...], safe: bool | None
) -> None:
    for told in (OFF, {}):
        made = Fleet(rules=Rules(soak=0.0, stores=stores))
        for process in made.processes:
            process.clients = tuple(client(name, **told) for name in CLIENTS)
        assert migration_of(made.look(beat=True), "rings").rollback.safe is safe


LEFT: list[tuple[str, RingConfig, tuple[str, ...]]] = [
    ("a store is named", RingConfig("memberlist", consul_host="consul.infra:8500"), ("10.0.0.1:80",)),
    ("etcd is named", RingConfig("memberlist", etcd_endpoints=("http://etcd-0:2379",)), ("10.0.0.1:80",)),
    ("the products' default", RingConfig("memberlist", consul_host="localhost:8500"), ()),
    ("none", RingConfig("memberlist"), ()),
    ("it is used", RingConfig("multi", consul_host="consul.infra:8500"), ()),
]


@pytest.mark.parametrize(("block", "names"), [row[1:] for row in LEFT], ids=[row[0] for row in LEFT])
def test_processes_that_still_name_a_store_are_named_once_no_client_uses_it(
    block: RingConfig, names: tuple[str, ...]
) -> None:
    made = Fleet()
    for process in made.processes:
        process.clients = tuple(
            client(name, requests={("memberlist", "CAS"): 9.0}, **ALONE) for name in CLIENTS
        )
        process.config = {"rings": {"collectors/ring": RingConfig("memberlist")}}
    made.processes[0].config = {"rings": {"collectors/ring": block}}
    found = migration_of(made.look(beat=True), "store")
    assert found.named_by == names
    assert ("/config still names one on 10.0.0.1:80" in line_of(found)) is bool(names)


@pytest.mark.parametrize("leaving", ["microservices", "read-write"])
def test_the_way_back_to_microservices_is_there_until_it_is_taken_out_of_the_configuration(
    leaving: str,
) -> None:
    """Nothing of the other mode is left then, and the last gate is asked for just now."""
    groups = (("microservices", re.compile(".*")),)
    seen = Fleet(rules=Rules(groups=groups, leaving=leaving)).look()
    assert ("read-write" in {one.name for one in seen.migrations}) is (leaving == "read-write")
