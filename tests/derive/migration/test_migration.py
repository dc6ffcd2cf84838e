"""The first thing an operator reads: danger in the order of its harm, in sentences that mean something."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.gate.causes import ordered
from exporter.derive.gate.step_verdicts import nothing_read
from exporter.derive.migration import findings
from exporter.expose.wording.findings import text
from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import State
from exporter.model.facts import KeyFacts, MemberFacts
from exporter.model.pages import KVClient, Phase, Reason
from tests.derive.build import CLIENTS, Fleet, client, migration_of, step_of, verdicts


def lost(ring: str, now: int, gone: int) -> KeyFacts:
    """A ring of so many members that lost some at once."""
    members = tuple(MemberFacts(f"m-{n}", "", "", State.ACTIVE, 1.0, 1.0, 1) for n in range(now))
    key = f"collectors/{ring}"
    return KeyFacts(key, ring, "ring", Phase.MIRRORING, True, "consul", "store", members, lost=gone)


def test_rings_that_lost_members_are_named_by_the_harm_it_does() -> None:
    """The ingesters' first, though it lost the smallest share; then by the share."""
    keys = (lost("compactor", 2, 2), lost("distributor", 1, 9), lost("ingester", 5, 5), lost("ruler", 9, 0))
    told = ordered(findings.of_all(replace(nothing_read().now, keys=keys)))
    assert tuple(text(finding) for finding in told) == (
        "Ring ingester lost members at once: 10 before, 5 now.",
        "Ring distributor lost members at once: 10 before, 1 now.",
        "Ring compactor lost members at once: 4 before, 2 now.",
    )


def test_a_process_that_does_not_answer_is_named_with_the_reason() -> None:
    fleet = Fleet()
    fleet.processes[2].up = False
    seen = fleet.look()
    assert "1 of 3 processes do not answer: 10.0.0.3:80 (timeout)." in seen.fleet.warnings
    found = next(c for c in step_of(seen, "switch-primary").checks if c.id == "targets-answer")
    assert found.culprits == (Culprit(Kind.PROCESS_NOT_RESPONDING, "10.0.0.3:80", what=Reason.TIMEOUT.value),)


def test_a_phase_that_is_not_known_is_said_once() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = (client("ingester-lifecycler", mirror=None),)
    assert fleet.look().fleet.headline == "The phase is unknown."


def _at(**more: Any) -> tuple[KVClient, ...]:
    return tuple(client(name, **more) for name in CLIENTS)


SWITCHED: dict[str, Any] = {"primary": "memberlist"}
OFF: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("the switch of mirroring did not reach it", {}, {"mirror": False}, True),
    ("mirroring is being switched off", SWITCHED, {**SWITCHED, "mirror": False}, False),
    ("mirroring is on everywhere", SWITCHED, SWITCHED, False),
]


@pytest.mark.parametrize(("_", "most", "one", "is_told"), OFF, ids=[case[0] for case in OFF])
def test_mirroring_that_is_being_switched_off_is_no_fault(
    _: str, most: dict[str, Any], one: dict[str, Any], *, is_told: bool
) -> None:
    fleet = Fleet()
    for process, told in zip(fleet.processes, (one, most, most), strict=True):
        process.clients = _at(**told)
    causes = fleet.look().fleet.causes
    assert "mirroring-partial" not in causes, "a rolling restart may be under way"
    for _ in range(4):
        causes = fleet.look(300.0).fleet.causes
    assert ({"mirroring-partial", "rollout-stalled"} <= set(causes)) is is_told


def test_a_multi_of_two_external_stores_is_no_migration_of_ours() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = _at(stores=("consul", "etcd"))
    seen = fleet.look()
    assert (seen.fleet.phase.label, seen.fleet.next_step) == ("external", "preflight")
    assert seen.fleet.warnings[0] == (
        "compactor-lifecycler, ingester-lifecycler: multi of consul and etcd, which is no migration to "
        "memberlist. Finish or undo it first."
    )
    assert "between-stores" not in Fleet().look().fleet.causes


GONE: dict[str, Any] = {"primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 9.0}}
LEFT: dict[str, Any] = {**GONE, "requests": {("consul", "GET"): 9.0}, "mirror_writes": 0.0}
FOLLOWED: dict[str, Any] = {**LEFT, "requests": {("memberlist", "GET"): 9.0}}


@pytest.mark.parametrize(("reader", "is_told"), [(LEFT, True), (FOLLOWED, False)])
def test_readers_left_on_a_store_that_nobody_writes_are_named(
    reader: dict[str, Any], *, is_told: bool
) -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = (
            client("ingester-lifecycler"),
            client("compactor-lifecycler", **GONE),
            client("compactor-ring", **reader),
        )
    seen = fleet.look()
    assert migration_of(seen, "rings").arrived == ("collectors/compactor",)
    said = (
        "Compactor-ring on 3 processes (10.0.0.1:80, 10.0.0.2:80, 10.0.0.3:80) reads collectors/compactor "
        "only from the external store, and no "
    )
    assert any(text.startswith(said) for text in seen.fleet.warnings) is is_told
    assert (verdicts(seen, "switch-primary").get("clients-mirroring") == "fails") is is_told
