"""The way back: safe only while the store is known to be whole and fresh."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.derive.judging_rules import Rules
from exporter.model.pages import Outcome
from tests.derive.build import CLIENTS, COMPACTOR, INGESTER, Fleet, client, member, migration_of, ring

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


def _one_arrived(fleet: Fleet) -> None:
    _all(primary="memberlist")(fleet)
    fleet.processes[0].clients = tuple(client(name, **ALONE) for name in CLIENTS)


ALONE = {"primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 9.0}}


def _ingesters_arrived(*readers: str) -> Change:
    """The ingester ring is only on memberlist, the compactor ring is switched; so are these readers."""

    def apply(fleet: Fleet) -> None:
        reads = {("memberlist", "GET"): 9.0}
        watching = [client(name, primary="memberlist", requests=reads) for name in readers]
        for process in fleet.processes:
            moving = client("compactor-lifecycler", primary="memberlist")
            process.clients = (client("ingester-lifecycler", **ALONE), moving, *watching)

    return apply


WAYS: list[tuple[str, Change, bool | None, str]] = [
    ("multi", _all(mirror=False), True, "no client reads memberlist yet"),
    ("mirroring", _all(), True, "the external store is the primary"),
    ("switched", _switched(), True, "as good as its last comparison."),
    ("the store is stale", _switched(_stale), False, f"reasons: the store is 120 s behind in {INGESTER}."),
    ("the store lacks members", _switched(_shrunk), False, f"lacks 2 of 3 members of {INGESTER}."),
    ("the store lacks the key", _switched(_gone), False, f"reasons: the store lacks {INGESTER}."),
    ("the store does not answer", _switched(_silent), None, f"the store's {INGESTER} was not compared"),
    ("no reader of a ring that only memberlist has", _ingesters_arrived(), True, "as good as its last"),
    (
        "a reader of a ring that only memberlist has",
        _ingesters_arrived("ingester-ring"),
        False,
        f"reasons: the store no longer gets every write of {INGESTER}.",
    ),
    (
        "a writer that is only on memberlist already",
        _one_arrived,
        False,
        f"reasons: the store no longer gets every write of {COMPACTOR}; ",
    ),
    ("a process does not answer", _switched(_one_down), None, "10.0.0.3:80 does not answer"),
    ("primaries are mixed", _one_switched, False, "Find the store with the complete rings"),
    ("detached", _all(primary="memberlist", mirror=False), False, "the store is stale"),
    ("memberlist", _alone, False, "present content is stale"),
    ("a client does not say", _all(mirror=None), None, "the phase is unknown"),
]


@pytest.mark.parametrize(("change", "safe", "said"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
def test_the_way_back_is_safe_only_where_the_store_is_known_to_be_fresh_and_says_why_it_is_not(
    change: Change, safe: bool | None, said: str
) -> None:
    fleet = Fleet()
    change(fleet)
    for _ in range(3):
        found = fleet.look().fleet.rollback
    assert found.safe is safe
    assert said in found.text


@pytest.mark.parametrize(("reader", "safe"), [("ingester-ring", False), ("compactor-ring", True)])
def test_the_way_back_of_one_migration_is_not_safe_for_readers_of_another_that_has_ended(
    reader: str, safe: bool
) -> None:
    rules = Rules(soak=0.0, stores=("consul",), migrations=(("first", (INGESTER,)),))
    fleet = Fleet(rules=rules)
    _ingesters_arrived(reader)(fleet)
    for _ in range(3):
        snapshot = fleet.look()
    assert migration_of(snapshot, "rings").rollback.safe is safe


def test_the_way_back_of_the_ha_tracker_leaves_rings_on_memberlist_as_they_are() -> None:
    fleet = Fleet()
    _alone(fleet)
    fleet.processes[0].clients += (client("distributor-hatracker", mirror=False),)
    for _ in range(3):
        seen = fleet.look()
    (tracker,) = (one for one in seen.migrations if one.name == "ha-tracker")
    assert "none of these clients reads memberlist yet" in tracker.rollback.text
    assert "roll the processes" not in tracker.rollback.text
