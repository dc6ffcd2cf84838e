"""Members of another product, cluster or release, and those that are only unknown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.derive.gossip.unknown_members import STAYS
from exporter.model.entry import Member
from exporter.model.facts import GossipFacts, Snapshot
from exporter.model.pages import GossipMember, Product
from tests.derive.build import COMPACTOR, INGESTER, PAGES, Fleet, key_of, member, ring, step_of

STEPS = (
    "preflight", "enable-mirroring", "switch-primary", "disable-mirroring", "remove-multi",
    "decommission-store",
)  # fmt: skip


def merged(fleet: Fleet, *members: Member) -> None:
    """Both rings of ours have these members beside our own, on all sides."""
    value = ring([*(member(p.name, fleet.now) for p in fleet.processes), *members], fleet.now)
    for key in PAGES:
        fleet.store[key] = value
        for process in fleet.processes:
            process.pages[key], process.copies[key] = value, value


def other(name: str, host: str = "10.9.9.7") -> Member:
    return replace(member("x-7"), id=name, address=f"{host}:9095")


def join(fleet: Fleet, *members: GossipMember) -> None:
    for process in fleet.processes:
        process.strangers = members


def gossip(seen: Snapshot) -> GossipFacts:
    assert seen.gossip is not None
    return seen.gossip


def failing(seen: Snapshot, step: str = "switch-primary") -> dict[str, tuple[str, ...]]:
    """The foreign members by the keys that are blamed for them."""
    found = next(check for check in step_of(seen, step).checks if check.id == "no-foreign-members")
    return {one.key: one.names for one in found.culprits} if found.verdict.value == "fails" else {}


@pytest.mark.parametrize("step", STEPS)
def test_a_member_that_is_called_after_another_product_is_foreign_in_the_first_cycle(step: str) -> None:
    fleet = Fleet()
    merged(fleet, other("loki-write-0"))
    seen = fleet.look()
    assert failing(seen, step) == {COMPACTOR: ("loki-write-0",), INGESTER: ("loki-write-0",)}
    assert seen.fleet.headline == (
        "2 rings have foreign members: collectors/ring 1 (loki-write-0); collectors/compactor 1 "
        "(loki-write-0). Halt all rollouts."
    )
    assert [event.text for event in seen.events[1:]] == [
        "1 foreign member in ring compactor: loki-write-0.",
        "1 foreign member in ring ingester: loki-write-0.",
    ]
    facts = key_of(seen, INGESTER)
    assert (facts.foreign, facts.orphaned) == (("loki-write-0",), ()), "it is foreign, and not left over"


@pytest.mark.parametrize(("name", "foreign"), [("loki-write-0", ("loki-write-0",)), ("p-3", ()), ("x-9", ())])
def test_a_foreign_member_that_gossip_alone_brought_is_named_before_the_switch(
    name: str, foreign: tuple[str, ...]
) -> None:
    fleet = Fleet()
    for process in fleet.processes:
        here = ring([*(member(p.name) for p in fleet.processes), other(name)])
        process.copies[INGESTER] = here
    facts = key_of(fleet.look(), INGESTER)
    assert facts.foreign == foreign
    assert name == "p-3" or name not in {one.id for one in facts.members}


def test_a_member_of_a_ring_that_only_another_product_has_is_foreign_whatever_its_name() -> None:
    fleet = Fleet()
    merged(fleet, other("node-7"))
    for process in fleet.processes:
        process.copies["collectors/index-gateway"] = ring([other("node-7")])
    join(fleet, GossipMember("node-7-0000000a", "10.9.9.7", 7946))
    seen = fleet.look()
    assert key_of(seen, INGESTER).foreign == ("node-7",)
    assert [stranger.name for stranger in gossip(seen).foreign] == ["node-7-0000000a"]


def test_who_is_at_the_address_of_a_foreign_gossip_member_is_foreign_too() -> None:
    fleet = Fleet()
    merged(fleet, other("node-7"))
    join(fleet, GossipMember("tempo-live-store-0-0000000a", "10.9.9.7", 7946))
    assert key_of(fleet.look(), INGESTER).foreign == ("node-7",)


def test_an_entry_of_ours_at_the_address_of_another_release_is_foreign() -> None:
    """Two releases have the same names; an address was used again, and the last writer is in the ring."""
    fleet = Fleet()
    join(fleet, GossipMember("p-2-deadbee2", "10.9.9.7", 7946))
    value = ring([member("p-1"), other("p-2"), member("p-3")])
    for key in PAGES:
        fleet.store[key] = value
    seen = fleet.look()
    assert key_of(seen, INGESTER).foreign == ("p-2",)
    assert [stranger.name for stranger in gossip(seen).foreign] == ["p-2-deadbee2"]


def test_a_process_of_another_product_among_the_targets_is_foreign_in_our_rings() -> None:
    fleet = Fleet()
    fleet.processes[2].product = Product.LOKI
    assert key_of(fleet.look(), INGESTER).foreign == ("p-3",)


def plain(fleet: Fleet) -> None:
    """A process that discovery does not know, in the rings and in the gossip."""
    merged(fleet, other("ingester-7"))
    join(fleet, GossipMember("ingester-7-0000000a", "10.9.9.7", 7946))


def ours_too(fleet: Fleet) -> None:
    """The release is called so, and two of our own processes are as well."""
    for process in fleet.processes:
        process.config = {"instance_id": f"loki-meta-ingester-{process.number}"}
    merged(fleet, other("loki-meta-ingester-7"))


def after_cortex(fleet: Fleet) -> None:
    """A Mimir that was a Cortex: its stateful sets kept their names."""
    for process in fleet.processes:
        process.product = Product.MIMIR
    merged(fleet, other("cortex-ingester-7"))


def expected(fleet: Fleet) -> None:
    fleet.rules = replace(fleet.rules, expected_members=(re.compile("^loki-"),))
    merged(fleet, other("loki-write-0"))


def apart(fleet: Fleet) -> None:
    """Another product has its own rings in the same store, with a member of the same id elsewhere."""
    merged(fleet, other("backend-0"))
    fleet.store["loki/index-gateway"] = ring([other("backend-0", "10.8.8.8")])


def unknown_product(fleet: Fleet) -> None:
    for process in fleet.processes:
        process.product = Product.UNKNOWN
    merged(fleet, other("loki-write-0"))


def rescheduled(fleet: Fleet) -> None:
    """A pod of ours has just started at a new address; its former self is still listed, and in the ring."""
    fleet.processes[1].started = fleet.now + 14
    join(fleet, GossipMember("p-2-deadbee2", "10.9.9.7", 7946))
    value = ring([member("p-1"), other("p-2"), member("p-3")])
    for key in PAGES:
        fleet.store[key] = value


@pytest.mark.parametrize(
    "change", [plain, ours_too, after_cortex, expected, apart, unknown_product, rescheduled]
)
def test_a_member_is_not_foreign_where_a_cluster_of_our_own_may_look_so(
    change: Callable[[Fleet], None],
) -> None:
    fleet = Fleet()
    change(fleet)
    seen = fleet.look()
    assert [key.foreign for key in seen.keys if key.key in PAGES] == [(), ()]
    assert gossip(seen).foreign == ()
    assert failing(seen) == {}


def test_one_process_that_goes_by_another_products_name_vouches_for_no_member() -> None:
    fleet = Fleet()
    fleet.processes[0].config = {"instance_id": "loki-0"}
    merged(fleet, other("loki-write-0"))
    assert key_of(fleet.look(), INGESTER).foreign == ("loki-write-0",)


def test_a_namesake_is_foreign_once_its_process_has_run_for_longer_than_a_former_self_is_listed() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.started = fleet.now
    join(fleet, GossipMember("p-2-deadbee2", "10.9.9.7", 7946))
    found = [bool(gossip(fleet.look(beat=True)).foreign) for _ in range(int(STAYS // 15) + 1)]
    assert found == [False] * int(STAYS // 15) + [True]


def test_rings_that_none_of_ours_uses_are_not_looked_at() -> None:
    fleet = Fleet()
    fleet.store["collectors/index-gateway"] = ring([other("loki-7")])
    assert key_of(fleet.look(), "collectors/index-gateway").foreign is None
    assert key_of(fleet.look(), COMPACTOR).foreign == ()
