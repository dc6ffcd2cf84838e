"""Losses and hidden pages that once left the gate open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.derive.build import COMPACTOR, Fleet, ring, verdicts

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


@pytest.mark.parametrize(
    ("broken", "check", "verdict"),
    [
        (_wiped, "members-healthy", "fails"),
        (_emptied_everywhere, "members-healthy", "fails"),
        (_hidden, "gossip-complete", "unknown"),
    ],
)
def test_the_gate_stays_closed(broken: Break, check: str, verdict: str) -> None:
    fleet = Fleet()
    fleet.look(beat=True)
    broken(fleet)
    assert verdicts(fleet.look(), "switch-primary").get(check) == verdict
