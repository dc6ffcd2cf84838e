"""Losses and hidden pages that once left the gate open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.derive.history import History
from exporter.derive.rules import Rules
from tests.derive.build import COMPACTOR, Fleet, ring, step_of, verdicts

Break = Callable[[Fleet], None]


def _wiped(fleet: Fleet) -> None:
    """Consul restarted empty: the store has nothing, the processes remember."""
    fleet.store.clear()


def _emptied_everywhere(fleet: Fleet) -> None:
    fleet.store[COMPACTOR] = ring([], fleet.now)
    for process in fleet.processes:
        process.pages[COMPACTOR] = process.copies[COMPACTOR] = ring([], fleet.now)


def _hidden(fleet: Fleet) -> None:
    """A proxy answers 404 for one process's /memberlist."""
    fleet.processes[1].memberlist = False


def _lonely(fleet: Fleet) -> None:
    """The others still see it, and it has lost all of them."""
    fleet.processes[1].sees = (2,)


def _nowhere(fleet: Fleet) -> None:
    """A ring that is written and that nobody shows: wiped long ago, or kept under another key."""
    del fleet.store[COMPACTOR]
    for process in fleet.processes:
        process.pages[COMPACTOR] = process.copies[COMPACTOR] = None
    fleet.history = History()


@pytest.mark.parametrize(
    ("broken", "check", "verdict"),
    [
        (_wiped, "members-healthy", "fails"),
        (_emptied_everywhere, "members-healthy", "fails"),
        (_hidden, "gossip-complete", "unknown"),
        (_lonely, "gossip-complete", "fails"),
        (_nowhere, "members-healthy", "unknown"),
    ],
)
def test_the_gate_stays_closed(broken: Break, check: str, verdict: str) -> None:
    fleet = Fleet()
    fleet.look(beat=True)
    broken(fleet)
    assert verdicts(fleet.look(), "switch-primary").get(check) == verdict


def test_a_process_that_leaves_the_list_breaks_the_soak() -> None:
    fleet = Fleet(rules=Rules(soak=20.0, store_configured=True))
    opened = [step_of(fleet.look(beat=True), "switch-primary").open for _ in range(4)]
    assert opened[-1]
    fleet.processes = fleet.processes[:2]
    assert not step_of(fleet.look(beat=True), "switch-primary").open
