"""Processes and their clients: who does not speak is not taken for well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.gate.checks.clients import RELOADED
from exporter.derive.judging_rules import Rules
from exporter.model.culprits import Culprit, Kind
from exporter.model.pages import KVClient, Phase
from tests.derive.build import (
    CLIENTS,
    COMPACTOR,
    INGESTER,
    NOW,
    Fleet,
    Process,
    client,
    member,
    ring,
    step_of,
    verdicts,
)

STEP = "switch-primary"


def test_a_ring_page_without_a_kv_client_is_not_known() -> None:
    fleet = Fleet()
    fleet.processes[1].clients = ()
    seen = fleet.look()
    found = next(c for c in step_of(seen, STEP).checks if c.id == "clients-mirroring")
    assert found.verdict.value == "unknown"
    assert found.culprits == (Culprit(Kind.PROCESS_WITHOUT_CLIENTS, "10.0.0.2:80"),)


def test_a_process_that_has_just_started_keeps_the_gate_closed_and_is_not_judged() -> None:
    fleet = Fleet()
    fleet.processes[2].started = NOW + 1
    seen = fleet.look(10.0)
    assert verdicts(seen, STEP) == {"processes-settled": "unknown"}
    assert not step_of(seen, STEP).open
    assert step_of(fleet.look(40.0, beat=True), STEP).open


RELOADS = [({}, {}), ({RELOADED: 1.0}, {}), ({RELOADED: 0.0}, {"runtime-config-loaded": "fails"})]


@pytest.mark.parametrize(("counters", "closed"), RELOADS, ids=["no such file", "loaded", "not loaded"])
def test_a_process_that_keeps_its_former_runtime_configuration_closes_the_switch(
    counters: dict[str, float], closed: dict[str, str]
) -> None:
    fleet = Fleet()
    fleet.processes[1].counters = counters
    seen = fleet.look()
    assert verdicts(seen, STEP) == closed
    found = next(c for c in step_of(seen, STEP).checks if c.id == "runtime-config-loaded")
    assert [culprit.target for culprit in found.culprits] == ["10.0.0.2:80"] * len(closed)


def test_a_process_without_kv_clients_may_keep_its_former_runtime_configuration() -> None:
    fleet = Fleet()
    frontend = Process(4, clients=(), sees=(), memberlist=False, counters={RELOADED: 0.0})
    fleet.processes.append(frontend)
    assert "runtime-config-loaded" not in verdicts(fleet.look(), STEP)


def test_a_process_that_nobody_watched_before_breaks_the_soak() -> None:
    fleet = Fleet(rules=Rules(soak=40.0, stores=("consul",)))
    assert [step_of(fleet.look(beat=True), STEP).open for _ in range(4)][-1]
    fleet.processes.append(Process(4, sees=(1, 2, 3, 4)))
    for process in fleet.processes[:3]:
        process.sees = (1, 2, 3, 4)
    seen = fleet.look(beat=True)
    assert verdicts(seen, STEP) == {}
    assert not step_of(seen, STEP).open
    assert [step_of(fleet.look(beat=True), STEP).open for _ in range(3)][-1]


UNNAMED = "brand-new-lifecycler"
ON_MEMBERLIST = client(
    UNNAMED, primary="", stores=(), mirror=None, mirror_writes=None, requests={("memberlist", "CAS"): 9.0}
)
IN_MEMORY = replace(ON_MEMBERLIST, requests={("inmemory", "CAS"): 9.0})


@pytest.mark.parametrize(
    ("more", "verdicts_of_all", "phases"),
    [
        (client(UNNAMED), {"client-keys": "unknown"}, {(UNNAMED, "", Phase.MIRRORING)}),
        (ON_MEMBERLIST, {}, {(UNNAMED, "", Phase.MEMBERLIST)}),
        (IN_MEMORY, {}, set()),
    ],
    ids=["mirroring", "on memberlist", "in memory"],
)
def test_a_client_that_no_table_names_keeps_its_phase_and_holds_back_only_what_it_moves(
    more: KVClient, verdicts_of_all: dict[str, str], phases: set[tuple[str, str, Phase]]
) -> None:
    fleet = Fleet()
    fleet.processes[0].clients = (*fleet.processes[0].clients, more)
    seen = fleet.look()
    assert verdicts(seen, STEP) == verdicts_of_all
    clients = [one for target in seen.targets for one in target.clients if one.name == UNNAMED]
    assert {(one.name, one.key, one.phase) for one in clients} == phases
    assert seen.gossip is not None
    assert not seen.gossip.unknown_keys


def test_a_ring_that_a_process_keeps_in_memory_takes_no_part() -> None:
    fleet = Fleet()
    fleet.store.pop(COMPACTOR)
    for process in fleet.processes:
        process.copies.pop(COMPACTOR)
        process.pages.pop(COMPACTOR)
    alone = fleet.processes[0]
    alone.clients = (client(CLIENTS[0]), replace(IN_MEMORY, name=CLIENTS[1]))
    alone.pages[COMPACTOR] = ring([member("c-1")])
    for process in fleet.processes[1:]:
        process.clients = (client(CLIENTS[0]),)
    seen = fleet.look()
    assert {key.key for key in seen.keys} == {INGESTER}
    assert verdicts(seen, STEP) == {}
    alone.clients = (replace(IN_MEMORY, name=CLIENTS[1]),)
    alone.pages.pop(INGESTER)
    assert "clients-mirroring" not in verdicts(fleet.look(), STEP)


def test_no_process_at_all_is_not_known() -> None:
    fleet = Fleet()
    fleet.processes = []
    assert step_of(fleet.look(), STEP).verdict.value == "unknown"


QUIET = {"mirror": False, "mirror_writes": 0.0}
ALONE = {"primary": "", "stores": (), "mirror": None, "mirror_writes": None, "mirror_errors": None}
MEMBERLIST = client(CLIENTS[1], requests={("memberlist", "CAS"): 9.0}, **ALONE)
WRITERS: list[tuple[str, KVClient, str]] = [
    ("is still multi", client(CLIENTS[1], **QUIET), "fails"),
    ("is on the store alone", client(CLIENTS[1], requests={("consul", "CAS"): 9.0}, **ALONE), "fails"),
    ("is detached", client(CLIENTS[1], primary="memberlist", **QUIET), "fails"),
    ("does not say", client(CLIENTS[1], requests={}, **ALONE), "unknown"),
    ("is finished with its whole key", MEMBERLIST, "holds"),
    ("only reads", client("ingester-ring", requests={("consul", "GET"): 1.0}, **QUIET), "holds"),
    ("mirrors", client(CLIENTS[1]), "holds"),
]


@pytest.mark.parametrize(("other", "verdict"), [row[1:] for row in WRITERS], ids=[row[0] for row in WRITERS])
def test_every_writer_mirrors_only_where_none_of_them_does_not(other: KVClient, verdict: str) -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = (client(CLIENTS[0]), other)
    found = next(c for c in step_of(fleet.look(), STEP).checks if c.id == "mirror-writes")
    assert found.verdict.value == verdict
    if verdict == "fails":
        everywhere = Culprit(Kind.CLIENT_NOT_MIRRORING, member=CLIENTS[1], value=3, of=3)
        assert found.culprits == (everywhere,)


@pytest.mark.parametrize(("off", "named"), [((2,), ("10.0.0.2:80",)), ((1, 2, 3), ())])
def test_a_client_that_lags_behind_on_some_processes_names_them(
    off: tuple[int, ...], named: tuple[str, ...]
) -> None:
    fleet = Fleet()
    for process in fleet.processes:
        last = client(CLIENTS[1], **QUIET) if process.number in off else client(CLIENTS[1])
        process.clients = (client(CLIENTS[0]), last)
    seen = fleet.look()
    checks = {check.id: check for check in step_of(seen, STEP).checks}
    for name in ("clients-mirroring", "mirror-writes"):
        assert [culprit.names for culprit in checks[name].culprits] == [named]
    assert any(f"({', '.join(named)})" in text for text in seen.fleet.warnings) is bool(named)


def test_while_nobody_mirrors_it_is_not_known_who_will() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = tuple(client(name, **QUIET) for name in CLIENTS)
    assert verdicts(fleet.look(), STEP)["mirror-writes"] == "unknown"


ERRORS = [(2.0, None), (5.0, None), (6.0, "fails"), (100.0, "fails")]


@pytest.mark.parametrize(("errors", "verdict"), ERRORS)
def test_mirror_errors_up_to_the_limit_are_benign(errors: float, verdict: str | None) -> None:
    """100 writes, of which 5 in a hundred may fail."""
    fleet = Fleet()
    fleet.processes[0].clients = tuple(client(name, mirror_errors=errors) for name in CLIENTS)
    assert verdicts(fleet.look(), STEP).get("mirror-errors") == verdict
