"""The way back: safe only while the store is known to be whole and fresh."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.model import Outcome
from tests.derive.build import CLIENTS, INGESTER, Fleet, client, member, ring

Change = Callable[[Fleet], None]


def _all(**fields: object) -> Change:
    def apply(fleet: Fleet) -> None:
        for process in fleet.processes:
            process.clients = tuple(client(name, **fields) for name in CLIENTS)

    return apply


def _alone(fleet: Fleet) -> None:
    told = {"primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 9.0}}
    _all(**told)(fleet)


def _one_switched(fleet: Fleet) -> None:
    fleet.processes[0].clients = tuple(client(name, primary="memberlist") for name in CLIENTS)


def _switched(spoil: Change = lambda _: None) -> Change:
    def apply(fleet: Fleet) -> None:
        _all(primary="memberlist")(fleet)
        spoil(fleet)

    return apply


def _stale(fleet: Fleet) -> None:
    fleet.store[INGESTER] = ring(member(p.name, fleet.now - 120) for p in fleet.processes)


def _shrunk(fleet: Fleet) -> None:
    fleet.store[INGESTER] = ring([member("p-1", fleet.now)])


def _gone(fleet: Fleet) -> None:
    del fleet.store[INGESTER]


def _silent(fleet: Fleet) -> None:
    fleet.store_outcome = Outcome.FAILED


def _one_down(fleet: Fleet) -> None:
    fleet.processes[2].up = False


WAYS: list[tuple[str, Change, bool | None]] = [
    ("multi", _all(mirror=False), True),
    ("mirroring", _all(), True),
    ("switched", _switched(), True),
    ("the store is stale", _switched(_stale), False),
    ("the store lacks members", _switched(_shrunk), False),
    ("the store lacks the key", _switched(_gone), False),
    ("the store does not answer", _switched(_silent), None),
    ("a process does not answer", _switched(_one_down), None),
    ("primaries are mixed", _one_switched, False),
    ("detached", _all(primary="memberlist", mirror=False), False),
    ("memberlist", _alone, False),
    ("a client does not say", _all(mirror=None), None),
]


@pytest.mark.parametrize(("change", "safe"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
def test_the_way_back_is_safe_only_where_the_store_is_known_to_be_fresh(
    change: Change, safe: bool | None
) -> None:
    fleet = Fleet()
    change(fleet)
    for _ in range(3):
        found = fleet.look().fleet.rollback
    assert found.safe is safe
    assert found.text
