"""Primary and secondary change places between two cycles: no sample in between is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.model.entry import State
from exporter.model.facts import KeyFacts, Snapshot
from exporter.model.pages import Outcome
from exporter.model.views import Place
from tests.derive.build import COMPACTOR, INGESTER, PAGES, Fleet, client, key_of, member, ring, step_of

CLIENTS = ("ingester-lifecycler", "compactor-lifecycler")


def switch(fleet: Fleet, primary: str, processes: int = 3) -> None:
    """What the runtime configuration does: every client of these processes changes its primary."""
    for process in fleet.processes[:processes]:
        process.clients = tuple(client(name, primary=primary) for name in CLIENTS)


def spoil_store(fleet: Fleet) -> None:
    """The store as it is behind memberlist: an hour old, and without p-3."""
    for key in PAGES:
        members = (member(p.name, fleet.now - 40) for p in fleet.processes[:2])
        fleet.store[key] = ring(members, fleet.now)


def spoil_gossip(fleet: Fleet) -> None:
    """The gossip as it is behind the store: 40 s late, and without p-3."""
    for process in fleet.processes:
        for key in PAGES:
            process.copies[key] = ring(
                (member(p.name, fleet.now - 40) for p in fleet.processes[:2]), fleet.now
            )


def sides(key: KeyFacts) -> tuple[str, str, float | None, tuple[str, ...]]:
    assert key.secondary is not None
    return key.primary, key.secondary.store, key.secondary.lag, key.secondary.missing_members


def look(fleet: Fleet, spoil: str) -> Snapshot:
    fleet.now += 14.0
    fleet.beat()
    spoil_store(fleet) if spoil == "store" else spoil_gossip(fleet)
    return fleet.look(1.0)


@pytest.mark.parametrize("key", PAGES)
def test_each_cycle_compares_in_the_direction_that_its_clients_name(key: str) -> None:
    fleet = Fleet()
    assert sides(key_of(look(fleet, "gossip"), key)) == ("consul", "memberlist", 40.0, ("p-3",))
    switch(fleet, "memberlist")
    assert sides(key_of(look(fleet, "store"), key)) == ("memberlist", "consul", 40.0, ("p-3",))
    switch(fleet, "consul")
    assert sides(key_of(look(fleet, "gossip"), key)) == ("consul", "memberlist", 40.0, ("p-3",))


@pytest.mark.parametrize("key", PAGES)
def test_what_is_behind_is_never_taken_for_the_primary(key: str) -> None:
    """Right after the swap the new secondary is late and short; members come from the new primary."""
    fleet = Fleet()
    fleet.look(beat=True)
    switch(fleet, "memberlist")
    after = key_of(look(fleet, "store"), key)
    assert [m.id for m in after.members] == ["p-1", "p-2", "p-3"]
    assert {m.state for m in after.members} == {State.ACTIVE}
    assert (after.source.place, after.lost, after.returned_total) == (Place.RING_PAGE, 0, 0)


def test_half_way_the_store_counts_until_the_last_client_has_left_it() -> None:
    fleet = Fleet()
    fleet.look(beat=True)
    switch(fleet, "memberlist", processes=2)
    seen = fleet.look(beat=True)
    assert {k.primary for k in seen.keys} == {"consul"}
    assert {k.phase_uniform for k in seen.keys} == {False}
    assert seen.fleet.headline.startswith("Primaries are mixed")
    assert not step_of(seen, "switch-primary").open
    switch(fleet, "memberlist")
    assert {k.primary for k in fleet.look(beat=True).keys} == {"memberlist"}


def test_each_key_has_its_own_direction() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = (
            client("ingester-lifecycler", primary="memberlist"),
            client("compactor-lifecycler"),
        )
    seen = fleet.look(beat=True)
    assert sides(key_of(seen, INGESTER))[:2] == ("memberlist", "consul")
    assert sides(key_of(seen, COMPACTOR))[:2] == ("consul", "memberlist")


def test_without_the_store_nothing_is_said_of_it_as_a_secondary() -> None:
    fleet = Fleet()
    fleet.rules = replace(fleet.rules, stores=())
    switch(fleet, "memberlist")
    seen = fleet.look(beat=True)
    assert {k.secondary for k in seen.keys} == {None}
    assert all(k.members for k in seen.keys)


def test_a_store_that_fails_as_the_secondary_is_neither_equal_nor_missing() -> None:
    fleet = Fleet()
    switch(fleet, "memberlist")
    fleet.look(beat=True)
    fleet.store_outcome = Outcome.FAILED
    seen = fleet.look(beat=True)
    assert {k.secondary for k in seen.keys} == {None}
    assert [store.keys for store in seen.stores] == [None]


def test_ring_pages_say_the_same_as_the_store_wherever_they_can_know() -> None:
    with_store, without = Fleet(), Fleet()
    without.rules = replace(without.rules, stores=())
    for fleet in (with_store, without):
        for process in fleet.processes:
            process.copies[COMPACTOR] = None
            process.copies[INGESTER] = ring([member("p-1", fleet.now - 5)], fleet.now)
    for key in PAGES:
        mine, theirs = key_of(with_store.look(1.0), key), key_of(without.look(1.0), key)
        assert (mine.source.place, theirs.source.place) == (Place.STORE, Place.RING_PAGE)
        assert mine.secondary == theirs.secondary
        assert [m.id for m in mine.members] == [m.id for m in theirs.members]
