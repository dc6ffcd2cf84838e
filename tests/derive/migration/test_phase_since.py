"""A process is in the rings that have a member of its own, and in no others."""

from __future__ import annotations

from tests.derive.build import COMPACTOR, INGESTER, Fleet, member, ring


def test_each_process_is_in_the_rings_of_its_members() -> None:
    found = Fleet().look()
    assert {target.rings for target in found.targets} == {(COMPACTOR, INGESTER)}


def test_who_has_no_member_in_a_ring_is_not_in_it() -> None:
    fleet = Fleet()
    fleet.store[COMPACTOR] = ring([member("p-1", fleet.now)], fleet.now)
    rings = {target.name: target.rings for target in fleet.look().targets}
    assert rings["10.0.0.1:80"] == (COMPACTOR, INGESTER)
    assert rings["10.0.0.2:80"] == (INGESTER,)


def test_a_member_of_nobody_puts_nobody_in_a_ring() -> None:
    fleet = Fleet()
    fleet.store[COMPACTOR] = ring([member("stranger-9", fleet.now)], fleet.now)
    assert {target.rings for target in fleet.look().targets} == {(INGESTER,)}
