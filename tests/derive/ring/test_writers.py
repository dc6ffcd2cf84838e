"""The processes that write a ring, held against its members."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import Member, State
from exporter.model.facts import KeyFacts, Snapshot
from exporter.model.gate import Check
from exporter.model.pages import Product, RingConfig
from exporter.model.rings import WriterFacts
from tests.derive.build import COMPACTOR, INGESTER, NOW, Fleet, Process, client, key_of, member, ring, step_of

STEPS = (
    "preflight",
    "enable-mirroring",
    "switch-primary",
    "disable-mirroring",
    "remove-multi",
    "decommission-store",
)
Change = Callable[[Fleet], None]


def shows(fleet: Fleet, members: Iterable[Member], key: str = INGESTER) -> None:
    """All sides of a ring show these members."""
    value = ring(members, fleet.now)
    fleet.store[key] = value
    for process in fleet.processes:
        process.pages[key], process.copies[key] = value, value


def checked(seen: Snapshot, check: str, step: str = "switch-primary") -> Check:
    return next(found for found in step_of(seen, step).checks if found.id == check)


def facts(seen: Snapshot, key: str = INGESTER) -> WriterFacts:
    found: KeyFacts = key_of(seen, key)
    assert found.writers is not None
    return found.writers


def named(process: Process, name: str, key: str = INGESTER) -> None:
    """The configuration of a process has this instance id for one ring."""
    settings = RingConfig("multi", "", 60.0, 15.0, 3, zone_awareness=False)
    process.config = {"instance_id": name, "rings": {key: replace(settings, instance_id=name)}}


@pytest.mark.parametrize("step", STEPS)
def test_a_writer_without_a_member_fails_each_step_that_touches_rings(step: str) -> None:
    fleet = Fleet()
    shows(fleet, [member("p-1"), member("p-2")])
    seen = fleet.look()
    check = checked(seen, "writers-are-members", step)
    lacks = Culprit(Kind.WRITERS_MISSING, key=INGESTER, value=1, of=3, names=("p-3 (10.0.0.3:80)",))
    assert (check.verdict.value, check.culprits) == ("fails", (lacks,))
    assert facts(seen).missing == ("p-3 (10.0.0.3:80)",)
    said = "1 of 3 writers of collectors/ring have no member in it: p-3 (10.0.0.3:80)."
    assert said in seen.fleet.warnings


def alone(fleet: Fleet) -> None:
    shows(fleet, [member("p-1"), member("p-2")])


def recently_started(fleet: Fleet) -> None:
    alone(fleet)
    fleet.processes[2].started = fleet.now + 5


def reads_only(fleet: Fleet) -> None:
    """It forgot a member on its ring page once: that is written through the reader's client."""
    alone(fleet)
    once = client("ingester-ring", mirror_writes=1.0, requests={("consul", "CAS"): 1.0})
    fleet.processes[2].clients = (once, client("compactor-lifecycler"))


def never_wrote(fleet: Fleet) -> None:
    alone(fleet)
    quiet = client("ingester-lifecycler", mirror_writes=0.0, requests={("consul", "GET"): 9.0})
    fleet.processes[2].clients = (quiet, client("compactor-lifecycler"))


def behind_nat(fleet: Fleet) -> None:
    shows(fleet, [replace(member(f"p-{n}"), address=f"198.51.100.{n}:9095") for n in (1, 2, 3)])


def other_port(fleet: Fleet) -> None:
    """Three processes on one host, told apart by their ports."""
    shows(fleet, [replace(member(f"x-{n}"), address=f"10.0.0.{n}:9095") for n in (1, 2, 3)])


def ipv6(fleet: Fleet) -> None:
    shows(fleet, [replace(member(f"p-{n}"), address=f"[fd00::{n}]:9095") for n in (1, 2, 3)])


def leaving(fleet: Fleet) -> None:
    shows(fleet, [member("p-1"), member("p-2"), member("p-3", state=State.LEAVING)])


def autoscaled(fleet: Fleet) -> None:
    """One process more than we are told of has a member."""
    shows(fleet, [*(member(f"p-{n}") for n in (1, 2, 3)), member("p-9")])


def id_not_told(fleet: Fleet) -> None:
    """Whose the third member is cannot be told, and it may well be that of the third process."""
    fleet.processes[2].lost = frozenset({"config"})
    shows(fleet, [member("p-1"), member("p-2"), replace(member("host-3"), address="198.51.100.3:9095")])


@pytest.mark.parametrize(
    "change",
    [
        recently_started, reads_only, never_wrote, behind_nat, other_port, ipv6, leaving, autoscaled,
        id_not_told,
    ],
)  # fmt: skip
def test_no_writer_is_missing_where_a_healthy_cluster_looks_so(change: Change) -> None:
    fleet = Fleet()
    change(fleet)
    found = facts(fleet.look())
    assert (found.missing, found.untold) == ((), ())


def test_a_writer_is_missing_for_certain_where_its_configured_id_is_in_no_ring() -> None:
    fleet = Fleet()
    named(fleet.processes[2], "p-3")
    shows(fleet, [member("p-1"), member("p-2"), replace(member("other-7"), address="198.51.100.3:9095")])
    assert facts(fleet.look()).missing == ("p-3 (10.0.0.3:80)",)


def test_more_writers_than_members_are_left_over_for_are_not_known_by_name() -> None:
    fleet = Fleet()
    for process in fleet.processes[1:]:
        process.lost = frozenset({"config", "gossip"})
    shows(fleet, [member("p-1"), replace(member("host-3"), address="198.51.100.3:9095")])
    seen = fleet.look()
    silent = ("10.0.0.2:80", "10.0.0.3:80")
    assert facts(seen).untold == silent
    check = checked(seen, "writers-are-members")
    assert check.verdict.value == "unknown"
    assert Culprit(Kind.WRITERS_UNTOLD, key=INGESTER, names=silent) in check.culprits


def test_a_process_whose_member_left_in_order_is_not_missing_until_it_starts_anew() -> None:
    fleet = Fleet()
    leaving(fleet)
    fleet.look()
    alone(fleet)
    assert [facts(fleet.look()).missing for _ in range(3)] == [(), (), ()]
    shows(fleet, [member(f"p-{n}") for n in (1, 2, 3)])
    fleet.look()
    alone(fleet)
    assert facts(fleet.look()).missing == ("p-3 (10.0.0.3:80)",), "this time it did not leave"


def test_a_ring_that_is_written_and_empty_leaves_it_open_who_is_missing() -> None:
    fleet = Fleet()
    shows(fleet, [])
    check = checked(fleet.look(), "writers-are-members")
    assert check.verdict.value == "unknown"


def test_a_member_whose_process_writes_other_rings_alone_is_named() -> None:
    """As the rulers of Loki 2.4 among its ingesters."""
    fleet = Fleet()
    fleet.processes[2].clients = (client("compactor-lifecycler"),)
    fleet.processes[2].config = {"target": "compactor"}
    check = checked(fleet.look(), "writers-are-members")
    assert check.culprits == (
        Culprit(Kind.MEMBERS_MISPLACED, key=INGESTER, value=1, of=3, names=("p-3 (compactor)",)),
    )


@pytest.mark.parametrize(
    "config", [{"grpc_port": 9096}, {"instance_id": "q-3"}, {"grpc_port": None}], ids=["port", "id", "untold"]
)
def test_a_member_is_misplaced_only_where_its_process_is_certain(config: dict[str, Any]) -> None:
    fleet = Fleet()
    fleet.processes[2].clients = (client("compactor-lifecycler"),)
    fleet.processes[2].config = config
    assert facts(fleet.look()).misplaced == ()


@pytest.mark.parametrize(
    ("clients", "named"),
    [
        (("ruler",), ("p-3 (ruler)",)),
        (("ingester-lifecycler", "ruler"), ("p-3 (ruler)",)),
        (("ingester-lifecycler",), ()),
    ],
)
def test_a_member_that_writes_another_ring_under_the_same_key_is_named(
    clients: tuple[str, ...], named: tuple[str, ...]
) -> None:
    """As the rulers of a Mimir with one prefix for all rings: their key ends as that of the ingesters."""
    fleet, key = Fleet(), "mimir/ring"
    told = RingConfig("multi", "mimir/", 60.0, 15.0, 3, zone_awareness=False, default_key=INGESTER)
    rings = {key: replace(told, also=("rulers/ring",))}
    for process in fleet.processes:
        process.product, process.clients = Product.MIMIR, (client("ingester-lifecycler"),)
        process.config = {"target": "ingester", "rings": rings}
        process.pages, process.copies = {}, {key: ring(member(f"p-{n}") for n in (1, 2, 3))}
    last = fleet.processes[2]
    last.clients, last.config = tuple(map(client, clients)), {"target": "ruler", "rings": rings}
    fleet.store = dict(last.copies)
    assert facts(fleet.look(), key).misplaced == named


def test_a_client_whose_ring_is_not_known_may_write_any() -> None:
    fleet = Fleet()
    fleet.processes[2].clients = (client("something-new"), client("compactor-lifecycler"))
    assert facts(fleet.look()).misplaced == ()


def at(address: str, *names: str, state: State = State.ACTIVE, age: float = 0.0) -> list[Member]:
    return [replace(member(name, NOW - age, state), address=address) for name in names]


def shared(address: str, *names: str) -> tuple[Culprit, ...]:
    return (Culprit(Kind.ADDRESS_SHARED, key=INGESTER, what=address, value=len(names), names=names),)


def unreachable(address: str, *names: str) -> tuple[Culprit, ...]:
    return (Culprit(Kind.ADDRESS_UNREACHABLE, key=INGESTER, what=address, names=names),)


SHARED: list[tuple[str, list[Member], tuple[Culprit, ...]]] = [
    (
        "all at the shipped loopback address",
        at("127.0.0.1:9095", "p-1", "p-2", "p-3"),
        shared("127.0.0.1:9095", "p-1", "p-2", "p-3"),
    ),
    (
        "two at one real address",
        [*at("10.0.0.1:9095", "p-1", "p-2"), member("p-3")],
        shared("10.0.0.1:9095", "p-1", "p-2"),
    ),
    (
        "an address that no other host reaches",
        [*at("[::1]:9095", "p-1"), member("p-2"), member("p-3")],
        unreachable("[::1]:9095", "p-1"),
    ),
    (
        "an unspecified address",
        [*at("0.0.0.0:9095", "p-1"), member("p-2"), member("p-3")],
        unreachable("0.0.0.0:9095", "p-1"),
    ),
    (
        "one host, several ports",
        [*at("10.0.0.1:9095", "p-1"), *at("10.0.0.1:9096", "p-2"), member("p-3")],
        (),
    ),
    (
        "a dead member's address was given to the next",
        [
            *at("10.0.0.1:9095", "p-1"),
            *at("10.0.0.1:9095", "p-9", state=State.UNHEALTHY, age=120),
            member("p-2"),
        ],
        (),
    ),
    (
        "a member that leaves, and the next at its address",
        [*at("10.0.0.1:9095", "p-1"), *at("10.0.0.1:9095", "p-9", state=State.LEAVING), member("p-2")],
        (),
    ),
]


@pytest.mark.parametrize(("name", "members", "culprits"), SHARED, ids=[row[0] for row in SHARED])
def test_members_that_share_an_address_or_have_one_that_is_reached_by_none(
    name: str, members: list[Member], culprits: tuple[Culprit, ...]
) -> None:
    fleet = Fleet()
    shows(fleet, members)
    check = checked(fleet.look(), "members-distinct")
    assert check.culprits == culprits, name
    assert check.verdict.value == ("fails" if culprits else "holds")


def test_loopback_addresses_of_a_single_machine_are_fine() -> None:
    fleet = Fleet()
    shows(fleet, [replace(member(f"p-{n}"), address=f"127.0.0.1:909{n}") for n in (1, 2, 3)])
    for process in fleet.processes:
        process.url = f"http://127.0.0.1:808{process.number}"
    assert facts(fleet.look()).unreachable == {}


def test_two_processes_with_one_instance_id_are_named() -> None:
    fleet = Fleet()
    for process in fleet.processes[:2]:
        named(process, "p-1")
    named(fleet.processes[2], "p-3")
    shows(fleet, [member("p-1"), member("p-3")])
    seen = fleet.look()
    assert facts(seen).missing == (), "both are the member p-1"
    assert checked(seen, "members-distinct").culprits == (
        Culprit(Kind.ID_SHARED, key=INGESTER, member="p-1", value=2, names=("10.0.0.1:80", "10.0.0.2:80")),
    )


def test_a_ring_that_was_not_read_is_not_known_by_name() -> None:
    fleet = Fleet()
    fleet.rules = replace(fleet.rules, stores=())
    for process in fleet.processes:
        process.pages.pop(COMPACTOR)
        process.copies.pop(COMPACTOR)
    seen = fleet.look()
    for check in ("writers-are-members", "members-distinct"):
        assert Culprit(Kind.KEY_UNREAD, key=COMPACTOR) in checked(seen, check).culprits
