"""Who is who among processes, gossip members and ring members."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.identity.member_processes import gossipers, identities, own_member, owners
from exporter.model.entry import State, bare, host_of, port_of
from exporter.model.pages import GossipMember, GossipState, ProcessConfig
from tests.derive.build import NOW, Process, member

ADDRESSES = [
    ("10.0.0.1:80", "10.0.0.1", 80),
    ("[fd00::1]:7946", "fd00::1", 7946),
    ("fd00::1", "fd00::1", None),
    ("host", "host", None),
    ("host:http", "host:http", None),
    ("host:99999999", "host", None),
    ("", "", None),
]


@pytest.mark.parametrize(("address", "host", "port"), ADDRESSES)
def test_hosts_and_ports(address: str, host: str, port: int | None) -> None:
    if address == "fd00::1":
        assert host_of(f"[{address}]") == host
        return
    assert (host_of(address), port_of(address)) == (host, port)


def test_only_the_random_suffix_is_taken_off() -> None:
    assert bare("ingester-0-1a2b3c4d") == "ingester-0"
    assert bare("ingester-0") == "ingester-0"
    assert bare("ingester-0-1a2b3c4") == "ingester-0-1a2b3c4"


def gossip(
    name: str, address: str = "10.0.0.1", port: int = 7946, state: GossipState = GossipState.ALIVE
) -> GossipMember:
    return GossipMember(name, address, port, state)


CONFIG = ProcessConfig(bind_port=7946)
OWN = [
    ("by address and port", [gossip("x-00000001"), gossip("y-00000002", port=7947)], CONFIG, "x-00000001"),
    (
        "by advertised address",
        [gossip("x-00000001", "172.16.0.9", 17946)],
        ProcessConfig(bind_port=7946, advertise_address="172.16.0.9", advertise_port=17946),
        "x-00000001",
    ),
    (
        "an advertised port alone means nothing",
        [gossip("x-00000001")],
        ProcessConfig(bind_port=7946, advertise_port=9),
        "x-00000001",
    ),
    ("by name where the address is another", [gossip("p-1-00000001", "172.16.0.9")], CONFIG, "p-1-00000001"),
    ("by address alone", [gossip("x-00000001")], None, "x-00000001"),
    (
        "not its former self",
        [gossip("p-1-00000001", state=GossipState.DEAD), gossip("p-1-00000002")],
        CONFIG,
        "p-1-00000002",
    ),
    (
        "its former self where nobody lives",
        [gossip("p-1-00000001", state=GossipState.LEFT)],
        CONFIG,
        "p-1-00000001",
    ),
    ("nobody", [gossip("x-00000001", "10.0.0.2")], CONFIG, None),
    ("two that could be it", [gossip("x-00000001"), gossip("y-00000002")], CONFIG, None),
]


@pytest.mark.parametrize(("members", "config", "name"), [c[1:] for c in OWN], ids=[c[0] for c in OWN])
def test_a_process_finds_itself_in_its_list(
    members: list[GossipMember], config: ProcessConfig | None, name: str | None
) -> None:
    found = own_member(members, "10.0.0.1", config, frozenset({"p-1"}))
    assert (found.name if found else None) == name


def known(*processes: Process) -> Any:
    return identities([process.read(NOW) for process in processes])


def test_a_process_that_answers_nothing_has_no_identity() -> None:
    assert [i.target for i in known(Process(1), Process(2, up=False))] == ["10.0.0.1:80"]


def test_ring_members_belong_to_processes_by_name_then_by_address() -> None:
    found = owners(known(Process(1), Process(2)))
    assert found.of(member("p-1")) == "10.0.0.1:80"
    assert found.of(member("other-2")) == ""
    assert found.at(member("other-2")) == "10.0.0.2:80"
    assert found.at(replace(member("other-2"), address="10.0.0.2:1")) == "10.0.0.2:80"
    assert found.sure


def test_an_id_that_moved_to_another_address_still_belongs_to_its_process() -> None:
    """Pods come back with their name and another address; the old address may be somebody else's."""
    found = owners(known(Process(1), Process(2)))
    moved = replace(member("p-1", state=State.ACTIVE), address="10.0.0.2:9095")
    assert found.of(moved) == "10.0.0.1:80"


def test_processes_on_one_host_are_told_apart_by_port_only() -> None:
    both = [replace(i, host="127.0.0.1") for i in known(Process(1), Process(2))]
    by_port = [replace(i, config=ProcessConfig(grpc_port=9000 + n)) for n, i in enumerate(both)]
    found = owners(by_port)
    assert found.at(replace(member("x-9"), address="127.0.0.1:9001")) == "10.0.0.2:80"
    assert found.at(replace(member("x-9"), address="127.0.0.1:1")) == ""
    blind = [replace(i, config=None, member="") for i in both]
    assert not owners(blind).sure


def test_a_ring_member_is_in_the_gossip_by_name_or_by_an_address_nobody_shares() -> None:
    listed = (gossip("a-00000001"), gossip("b-00000002", "10.0.0.2"), gossip("c-00000003", "10.0.0.2", 7947))
    seen = gossipers([listed])
    assert seen is not None
    assert seen.has(replace(member("x-9"), address="10.0.0.1:9095"))
    assert not seen.has(replace(member("x-9"), address="10.0.0.2:9095"))
    assert seen.has(replace(member("x-9"), id="b", address=""))


@pytest.mark.parametrize("state", [GossipState.DEAD, GossipState.LEFT])
def test_the_dead_prove_nobodys_life(state: GossipState) -> None:
    seen = gossipers([(gossip("x-9-00000001", state=state),)])
    assert seen is not None and not seen.has(replace(member("x-9"), address="10.0.0.1:1"))
    assert gossipers([]) is None


INHERITED = [
    ("beaten since it started", {"started": NOW - 600}, NOW - 10, True, False),
    ("last beaten in the second of its start", {"started": NOW - 599.1}, NOW - 600, True, False),
    ("last beaten before its start", {"started": NOW - 598.9}, NOW - 600, True, True),
    ("before its start, and not ill: the check is off", {"started": NOW - 60}, NOW - 600, False, True),
    ("start unknown, ill, another name", {"lost": frozenset({"metrics"})}, NOW - 600, True, True),
    ("start unknown, another name, well", {"lost": frozenset({"metrics"})}, NOW - 10, False, False),
    (
        "start unknown, ill, the same name",
        {"lost": frozenset({"metrics"}), "config": {"instance_id": "old-9"}},
        NOW - 600,
        True,
        False,
    ),
    ("neither start nor name", {"lost": frozenset({"metrics", "config"})}, NOW - 600, True, False),
    ("no heartbeat told", {"started": NOW}, None, True, False),
]


@pytest.mark.parametrize(
    ("process", "heartbeat", "ill", "expected"), [c[1:] for c in INHERITED], ids=[c[0] for c in INHERITED]
)
def test_an_address_is_inherited_by_who_started_after_the_last_heartbeat(
    process: dict[str, Any], heartbeat: float | None, ill: bool, expected: bool
) -> None:
    known = owners(identities([Process(2, **process).read(NOW)]))
    old = replace(member("old-9"), address="10.0.0.2:9095", time=heartbeat)
    assert known.at(old) == "10.0.0.2:80"
    assert known.inherited(old, unhealthy=ill) is expected
    assert not known.inherited(replace(old, address="10.0.0.7:9095"), unhealthy=ill), "nobody is there"
