"""What a check advises: nothing that would make an accident worse, and what makes the unknown known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.derive.gate.cause_advice import ADVICE
from exporter.derive.gate.step_table import NAMES
from exporter.model.facts import Snapshot
from exporter.model.gate import Check, Verdict
from exporter.model.pages import Outcome
from tests.derive.build import CLIENTS, COMPACTOR, INGESTER, NOW, Fleet, client, member, ring, step_of

Change = Callable[[Fleet], None]


def _found(seen: Snapshot, name: str) -> Check:
    steps = (step_of(seen, step) for step in NAMES)
    return next(check for step in steps for check in step.checks if check.id == name)


def _one_switched(fleet: Fleet) -> None:
    fleet.processes[0].clients = tuple(client(name, primary="memberlist") for name in CLIENTS)


def _switched_by_key(fleet: Fleet) -> None:
    for process in fleet.processes:
        process.clients = (client(CLIENTS[0], primary="memberlist"), client(CLIENTS[1]))


def _split(fleet: Fleet) -> None:
    fleet.processes[0].sees, fleet.processes[1].sees, fleet.processes[2].sees = (1,), (2, 3), (2, 3)


def _unread(fleet: Fleet) -> None:
    fleet.store_outcome = Outcome.FAILED


def _nothing(_: Fleet) -> None:
    return


@pytest.mark.parametrize("change", [_one_switched, _switched_by_key], ids=["one process", "by key"])
@pytest.mark.parametrize(
    "name", ["clients-multi", "clients-mirroring", "clients-switched", "clients-detached"]
)
def test_who_has_mixed_primaries_is_told_to_stop_and_never_to_follow(change: Change, name: str) -> None:
    fleet = Fleet()
    change(fleet)
    found = _found(fleet.look(), name)
    assert found.verdict is Verdict.FAILED
    assert found.remedy == ADVICE["primaries-mixed"].text
    assert "store with the complete rings" in found.remedy
    assert "follow." not in found.remedy
    assert found.doc == "docs/ring.md#when-primaries-are-mixed"


def test_a_next_phase_is_entered_once_the_gate_before_it_says_so() -> None:
    """The check of a step that lies ahead is no advice to skip the ones before it."""
    seen = Fleet().look()
    assert "Once kvmigration check switch-primary is open" in _found(seen, "clients-switched").remedy
    assert "Once kvmigration check switch-primary is open" in _found(seen, "clients-memberlist").remedy


FURTHER: list[tuple[str, bool, str]] = [
    ("one of two clients", False, "let the other clients follow"),
    ("all", True, "needs nothing more"),
]


@pytest.mark.parametrize(("everybody", "said"), [row[1:] for row in FURTHER], ids=[row[0] for row in FURTHER])
def test_who_is_further_on_the_same_side_may_be_followed(everybody: bool, said: str) -> None:
    fleet = Fleet()
    off = client(CLIENTS[0], mirror=False, mirror_writes=0.0)
    for process in fleet.processes:
        process.clients = (client(CLIENTS[0]) if everybody else off, client(CLIENTS[1]))
    assert said in _found(fleet.look(), "clients-multi").remedy


TURMOIL: list[tuple[str, Change, str]] = [
    ("primaries are mixed", _one_switched, "primaries-mixed"),
    ("the gossip is split", _split, "gossip-split"),
    ("the store is not read", _unread, "store-unread"),
    ("nothing else is wrong", _nothing, ""),
]


@pytest.mark.parametrize(("change", "cause"), [row[1:] for row in TURMOIL], ids=[row[0] for row in TURMOIL])
def test_no_member_is_forgotten_while_it_may_be_complete_elsewhere(change: Change, cause: str) -> None:
    fleet = Fleet()
    change(fleet)
    ill = ring([*(member(p.name) for p in fleet.processes), member("ghost-9", NOW - 900)])
    fleet.store[INGESTER] = ill
    for process in fleet.processes:
        process.pages[INGESTER] = process.copies[INGESTER] = ill
    seen = fleet.look()
    for name in ("members-healthy", "no-ghosts"):
        found = _found(seen, name)
        assert found.verdict is Verdict.FAILED
        assert found.cause == cause
        assert ("forget no member" in found.remedy.lower()) is bool(cause)
        assert ("on the ring page" in found.remedy) is not bool(cause)


def test_no_member_is_forgotten_where_a_ring_lost_members_at_once() -> None:
    fleet = Fleet()
    fleet.look()
    fleet.store[INGESTER] = ring([member("p-1", fleet.now)])
    for process in fleet.processes:
        process.pages[INGESTER] = fleet.store[INGESTER]
    found = _found(fleet.look(), "members-healthy")
    assert (found.cause, found.remedy) == ("ring-shrunk", ADVICE["ring-shrunk"].text)


def test_a_store_that_was_not_read_is_to_be_made_readable() -> None:
    fleet = Fleet()
    _unread(fleet)
    fleet.processes[0].lost = frozenset({COMPACTOR})
    seen = fleet.look()
    for name in ("keys-copied", "members-copied", "contents-equal", "lag", "store-idle"):
        found = _found(seen, name)
        assert found.verdict is Verdict.UNKNOWN
        assert "stores in the configuration" in found.remedy
        assert "backfill" not in found.remedy


def test_where_nobody_answers_no_check_prints_the_cure_of_a_failure() -> None:
    """`cure` is what to do where it fails; an unknown one says what makes it known."""
    fleet = Fleet()
    for process in fleet.processes:
        process.up = False
    found = _found(fleet.look(), "version-supports")
    assert found.verdict is Verdict.UNKNOWN
    assert found.cure.startswith("Upgrade first")
    assert "readable" in found.remedy or "Let the exporter read" in found.remedy
