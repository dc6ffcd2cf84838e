"""A ring that was on memberlist before the last step of the others is no part of that step's rollout."""

from __future__ import annotations

from typing import Any

from exporter.model.facts import Snapshot
from exporter.model.pages import KVClient
from tests.derive.build import Fleet, client, migration_of

INGESTERS, COMPACTORS = "ingester-lifecycler", "compactor-lifecycler"
MIRRORING: dict[str, Any] = {}
DETACHED: dict[str, Any] = {"primary": "memberlist", "mirror": False}


def _there(name: str) -> KVClient:
    alone = {"primary": "", "stores": (), "mirror": None, "mirror_writes": None, "mirror_errors": None}
    return client(name, requests={("memberlist", "CAS"): 9.0}, **alone)


def _look(made: Fleet, *clients: KVClient) -> Snapshot:
    """Two ingesters with these clients, and one compactor that has only memberlist."""
    for process, own in zip(made.processes, (*clients, _there(COMPACTORS)), strict=True):
        process.clients = (own,)
    return made.look(600.0, beat=True)


def test_a_ring_that_began_on_memberlist_makes_no_rollout_of_the_others_last_step() -> None:
    made = Fleet()
    for told in (MIRRORING, DETACHED, DETACHED, DETACHED):
        seen = _look(made, client(INGESTERS, **told), client(INGESTERS, **told))
        assert migration_of(seen, "rings").rollout is None
    assert "rollout-stalled" not in seen.fleet.causes
    seen = _look(made, _there(INGESTERS), client(INGESTERS, **DETACHED))
    rollout = migration_of(seen, "rings").rollout
    assert rollout is not None and (rollout.done, rollout.processes) == (1, 2)


def test_the_first_look_at_a_ring_on_memberlist_is_no_rollout_that_stands_still() -> None:
    made = Fleet()
    for _ in range(3):
        seen = _look(made, client(INGESTERS, **DETACHED), client(INGESTERS, **DETACHED))
        assert migration_of(seen, "rings").rollout is None
    assert "rollout-stalled" not in seen.fleet.causes


def test_a_ring_that_gets_there_in_the_last_step_counts_in_its_rollout() -> None:
    made = Fleet()
    made.processes[2].clients = (client(COMPACTORS, **DETACHED),)
    for process in made.processes[:2]:
        process.clients = (client(INGESTERS, **DETACHED),)
    made.look(600.0, beat=True)
    for _ in range(3):
        seen = _look(made, client(INGESTERS, **DETACHED), client(INGESTERS, **DETACHED))
    rollout = migration_of(seen, "rings").rollout
    assert rollout is not None and (rollout.done, rollout.processes) == (1, 3)
    assert "rollout-stalled" in seen.fleet.causes
