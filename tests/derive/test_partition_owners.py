"""The owners of partitions, held against the ring of their instances and against processes."""

from __future__ import annotations

import pytest

from exporter.derive.identity.member_processes import Identity
from exporter.derive.ring.partitions import with_owners
from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import Partition, PartitionState, State
from exporter.model.facts import KeyFacts, MemberFacts, Snapshot, TargetFacts
from exporter.model.gate import Check
from exporter.model.pages import PartitionRing, Phase, Product
from exporter.model.rings import PartitionFacts
from exporter.model.views import NOT_READ
from tests.derive.build import CLIENTS, NOW, Fleet, client, member, ring, step_of

KEY = "collectors/ingester-partitions"
STEPS = (
    "preflight", "enable-mirroring", "switch-primary", "disable-mirroring", "remove-multi",
    "decommission-store",
)  # fmt: skip
ACTIVE, INACTIVE, PENDING = PartitionState.ACTIVE, PartitionState.INACTIVE, PartitionState.PENDING


def fleet_with(*partitions: Partition) -> Fleet:
    fleet = Fleet()
    value = PartitionRing({partition.id: partition for partition in partitions}, NOW)
    fleet.store[KEY] = value
    for process in fleet.processes:
        process.product = Product.MIMIR
        process.clients = tuple(client(name) for name in (*CLIENTS, "ingester-partitions-lifecycler"))
        process.copies[KEY] = value
    return fleet


def owned(number: int, *owners: str, state: PartitionState = ACTIVE) -> Partition:
    return Partition(number, state, NOW - 900, owners=owners)


def checked(seen: Snapshot, step: str = "switch-primary") -> Check:
    return next(check for check in step_of(seen, step).checks if check.id == "partitions-owned")


def blamed(kind: Kind, state: str, *owners: str) -> Culprit:
    return Culprit(kind, key=KEY, what=state, value=2, of=len(owners), names=owners)


WRONG: list[tuple[str, Partition, Culprit]] = [
    (
        "active, and its owners are gone",
        owned(2, "q-7", "q-8"),
        blamed(Kind.PARTITION_OWNERS_VANISHED, "ACTIVE", "q-7", "q-8"),
    ),
    ("active without owners", owned(2), blamed(Kind.PARTITION_WITHOUT_OWNER, "ACTIVE")),
    (
        "active, and its owners are unhealthy",
        owned(2, "old-8"),
        blamed(Kind.PARTITION_OWNERS_UNHEALTHY, "ACTIVE", "old-8"),
    ),
    (
        "inactive, and its owners are unhealthy or gone",
        owned(2, "old-8", "q-7", state=INACTIVE),
        blamed(Kind.PARTITION_OWNERS_UNHEALTHY, "INACTIVE", "old-8", "q-7"),
    ),
    (
        "one owner of two is gone",
        owned(2, "p-1", "q-7"),
        Culprit(Kind.PARTITION_OWNERS_SOME_VANISHED, key=KEY, value=2, of=2, limit=1, names=("q-7",)),
    ),
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("name", "partition", "culprit"), WRONG, ids=[row[0] for row in WRONG])
def test_a_partition_that_nobody_consumes_fails_each_step_that_touches_rings(
    name: str, partition: Partition, culprit: Culprit, step: str
) -> None:
    fleet = fleet_with(owned(1, "p-1", "p-2"), partition)
    value = ring([*(member(p.name) for p in fleet.processes), member("old-8", NOW - 400)])
    fleet.store["collectors/ring"] = value
    check = checked(fleet.look(), step)
    assert (check.verdict.value, check.culprits) == ("fails", (culprit,)), name


RIGHT: list[tuple[str, Partition]] = [
    ("living owners", owned(2, "p-2", "p-3")),
    ("owners of several partitions", owned(2, "p-2/2", "p-3/2")),
    ("inactive with a living owner", owned(2, "p-2", state=INACTIVE)),
    ("inactive without owners: it waits to be deleted", owned(2, state=INACTIVE)),
    ("pending without owners", owned(2, state=PENDING)),
    ("deleted", owned(2, "q-7", state=PartitionState.DELETED)),
]


@pytest.mark.parametrize(("name", "partition"), RIGHT, ids=[row[0] for row in RIGHT])
def test_a_partition_that_is_served_or_on_its_way_out_is_fine(name: str, partition: Partition) -> None:
    seen = fleet_with(owned(1, "p-1"), partition).look()
    assert checked(seen).verdict.value == "holds", name
    assert not [text for text in seen.fleet.warnings if "artition" in text]


def test_the_headline_names_the_partition() -> None:
    seen = fleet_with(owned(2, "q-7")).look()
    assert seen.fleet.headline.startswith(f"Partition 2 of {KEY} is ACTIVE and none of its 1 owner is")


def test_without_a_partition_ring_there_is_nothing_to_ask() -> None:
    assert checked(Fleet().look()).verdict.value == "holds"


def key(name: str, ring_name: str, *members: str, source: str = "store", **more: object) -> KeyFacts:
    listed = tuple(
        MemberFacts(m, "10.0.0.1:9095", "", State.ACTIVE, heartbeat=NOW, age=1.0, tokens=1) for m in members
    )
    kind = "partition" if more else "ring"
    return KeyFacts(
        name, ring_name, kind, Phase.MULTI, True, "consul", source, members=listed, **more  # type: ignore[arg-type] # one field
    )  # fmt: skip


PAIRS = [
    ("c/ingester-partitions", "ingester-partitions", "c/ring", "ingester"),
    ("c/ingester-partitions-key", "ingester-partitions", "c/ring", "ingester"),
    ("c/usage-tracker-partitions", "usage-tracker-partitions", "c/usage-tracker-instances", "usage-tracker"),
    ("c/livestore-partitions", "livestore-partitions", "c/live-store", "live-store"),
    (
        "c/dataobj-consumer-partitions-key",
        "dataobj-consumer-partitions",
        "x/dataobj-consumer",
        "dataobj-consumer",
    ),
    ("c/new-partitions", "new-partitions", "c/new", "new"),
]


@pytest.mark.parametrize(("partitions", "called", "instances", "of"), PAIRS, ids=[row[0] for row in PAIRS])
def test_owners_are_looked_for_in_the_ring_of_their_component(
    partitions: str, called: str, instances: str, of: str
) -> None:
    there = PartitionFacts(1, ACTIVE, ("a-1",))
    keys = (key(partitions, called, owned=(there,)), key(instances, of, "a-1"))
    assert with_owners(keys, (), ())[0].owned[0].alive == ("a-1",)


@pytest.mark.parametrize(
    ("ring_", "alive"),
    [
        (key("c/compactor", "compactor", "a-1"), None),
        (key("c/store-gateway", "store-gateway", "a-1"), None),
        (key("c/ring", "ingester", "a-1", source=NOT_READ), None),
    ],
    ids=["another ring", "yet another ring", "not read"],
)
def test_owners_whose_ring_was_not_read_are_not_known(ring_: KeyFacts, alive: None) -> None:
    there = PartitionFacts(1, ACTIVE, ("a-1",))
    found = with_owners((key("c/ingester-partitions", "ingester-partitions", owned=(there,)), ring_), (), ())
    assert found[0].owned[0].alive is alive
    assert not found[0].owned[0].is_ownerless


OWNERS_WITHOUT_A_MEMBER = [
    ("its process has just started", "p-1", True, ("i-1",), ()),
    ("its process runs, and has for long", "p-1", False, (), ()),
    ("no process has this name", "p-2", True, (), ("i-1",)),
]


@pytest.mark.parametrize(
    ("process", "young", "alive", "gone"),
    [row[1:] for row in OWNERS_WITHOUT_A_MEMBER],
    ids=[row[0] for row in OWNERS_WITHOUT_A_MEMBER],
)
def test_an_owner_that_is_no_member_is_alive_while_its_process_starts_and_gone_where_it_has_none(
    process: str, young: bool, alive: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    there = PartitionFacts(1, ACTIVE, ("i-1",))
    keys = (key("c/ingester-partitions", "ingester-partitions", owned=(there,)), key("c/ring", "ingester"))
    known = Identity(process, "10.0.0.1", None, frozenset({process, process.replace("p", "i")}))
    targets = (TargetFacts(process, f"http://{process}", "ingester", up=True, recently_started=young),)
    found = with_owners(keys, targets, (known,))[0].owned[0]
    assert (found.alive, found.vanished) == (alive, gone)
