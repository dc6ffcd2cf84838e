"""Who vouches must be checkable: one process's word hides no foreign member, no dead one, and no key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.model.pages import GossipMember, Ring
from tests.derive.build import COMPACTOR, NOW, PAGES, Fleet, Process, key_of, member, ring, step_of, verdicts

STRANGER = GossipMember("tempo-ingester-0-99aa88bb", "10.0.9.9", 7946)
AS_STRANGER = {"advertise_address": "10.0.9.9", "advertise_port": 7946}
NAMED_AS_IT = {**AS_STRANGER, "node_name": "tempo-ingester-0", "instance_id": "tempo-ingester-0"}
GOSSIP = ("gossip-no-strangers", "gossip-complete")


def _closed(fleet: Fleet) -> set[str]:
    return {name for name in verdicts(fleet.look(), "switch-primary") if name in GOSSIP}


@pytest.mark.parametrize("has_left", [False, True], ids=["in the gossip itself", "not in the gossip"])
@pytest.mark.parametrize("claim", [{}, AS_STRANGER, NAMED_AS_IT], ids=["none", "address", "address and name"])
def test_a_process_that_claims_an_unknown_members_address_does_not_vouch_for_it(
    claim: dict[str, Any], has_left: bool
) -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.strangers = (STRANGER,)
        process.sees = (1, 2) if has_left else (1, 2, 3)
    fleet.processes[2].config = claim
    assert _closed(fleet)


LEFT = [
    ("another product's name: foreign, whoever claims it", "tempo-ingester-0-99aa88bb", True),
    ("a name that tells nothing: whose it is stays open", "pod-7-99aa88bb", False),
]


@pytest.mark.parametrize("case", LEFT, ids=[case[0] for case in LEFT])
def test_a_member_where_a_process_that_has_no_own_one_answers_is_named(case: tuple[str, str, bool]) -> None:
    _, name, foreign = case
    fleet = Fleet()
    for process in fleet.processes:
        process.strangers = (GossipMember(name, "10.0.0.3", 7999),)
        process.sees = (1, 2)
    fleet.processes[2].config = {"advertise_address": "10.0.0.3", "advertise_port": 7999}
    check = next(c for c in step_of(fleet.look(), "switch-primary").checks if c.id == "gossip-no-strangers")
    assert check.verdict.value == ("fails" if foreign else "unknown")
    assert [(one.member, one.what) for one in check.culprits] == [(name, "10.0.0.3:7999")]


def _behind_addresses_of_their_own(fleet: Fleet) -> None:
    """The exporter reaches them by other addresses than those they gossip and register with."""
    for process in fleet.processes:
        process.url = f"http://10.8.0.{process.number}:80"
        process.config = {"advertise_address": f"10.0.0.{process.number}", "advertise_port": 7946}


def _by_name(fleet: Fleet) -> None:
    for process in fleet.processes:
        process.url = f"http://p-{process.number}.mimir:80"


@pytest.mark.parametrize("change", [_behind_addresses_of_their_own, _by_name])
def test_processes_that_gossip_elsewhere_than_they_answer_are_known(change: Callable[[Fleet], None]) -> None:
    fleet = Fleet()
    change(fleet)
    seen = fleet.look()
    assert verdicts(seen, "switch-primary") == {}
    assert seen.gossip is not None
    assert (seen.gossip.unknown, seen.gossip.unidentified) == ((), ())
    assert key_of(seen, COMPACTOR).orphaned == ()


@pytest.mark.parametrize("copied", [True, False], ids=["others have it in the gossip", "none has it"])
def test_a_ring_in_another_process_s_gossip_copy_proves_a_name(copied: bool) -> None:
    """As of a single compactor: no other process has a page of its ring."""
    fleet = Fleet()
    _behind_addresses_of_their_own(fleet)
    for process in fleet.processes:
        process.pages = dict.fromkeys(PAGES)
        process.copies = process.copies if copied else {}
    seen = fleet.look()
    assert seen.gossip is not None
    assert seen.gossip.unidentified == (() if copied else tuple(f"10.0.0.{n}:80" for n in (1, 2, 3)))


@pytest.mark.parametrize(
    ("host", "unidentified"), [("127.0.0.1", 0), ("[::1]", 0), ("10.8.0.9", 3)], ids=["v4", "v6", "another"]
)
def test_a_process_in_no_ring_is_known_behind_a_tunnel_but_not_at_another_address(
    host: str, unidentified: int
) -> None:
    """A tunnel ends on the exporter's machine: its address says nothing of the process's own."""
    fleet = Fleet()
    for process in fleet.processes:
        process.url = f"http://{host}:{8080 + process.number}"
        process.config = {"instance_id": process.name}
        process.pages, process.copies = dict.fromkeys(PAGES), {}
    seen = fleet.look()
    assert seen.gossip is not None
    assert len(seen.gossip.unidentified) == unidentified


def _with_a_dead_one(fleet: Fleet) -> None:
    everybody = ring([*(member(p.name) for p in fleet.processes), member("old-9", NOW - 900)], NOW)
    for process in fleet.processes:
        process.pages = dict.fromkeys(PAGES, everybody)
        process.copies = dict.fromkeys(PAGES, everybody)
    fleet.store.update(dict.fromkeys(PAGES, everybody))


@pytest.mark.parametrize("port", [9095, 9999])
def test_a_process_that_claims_a_dead_members_id_does_not_hide_it(port: int) -> None:
    fleet = Fleet()
    _with_a_dead_one(fleet)
    fleet.processes[0].config = {"instance_id": "old-9", "grpc_port": port}
    seen = fleet.look(1.0)
    assert key_of(seen, COMPACTOR).orphaned == ("old-9",)
    assert verdicts(seen, "switch-primary")["no-ghosts"] == "fails"


def test_an_unhealthy_member_at_its_processs_own_address_is_no_ghost() -> None:
    fleet = Fleet()
    late = ring([member("p-1", NOW - 900), member("p-2"), member("p-3")], NOW)
    for process in fleet.processes:
        process.pages[COMPACTOR] = process.copies[COMPACTOR] = late
    fleet.store[COMPACTOR] = late
    assert key_of(fleet.look(1.0), COMPACTOR).orphaned == ()


FOREIGN = "collectors/metrics-generator"
EMPTY = Ring({}, NOW)
ALIVE = ring([member("tempo-7")], NOW)
DEAD = ring([member("tempo-7", NOW - 9_000)], NOW)


@pytest.mark.parametrize(
    ("copies", "verdict"),
    [
        ((DEAD, DEAD, DEAD), "holds"),
        ((EMPTY, EMPTY, EMPTY), "holds"),
        ((ALIVE, ALIVE, ALIVE), "fails"),
        ((EMPTY, ALIVE, ALIVE), "fails"),
        ((EMPTY, None, None), "fails"),
    ],
    ids=["dead", "empty", "alive", "one says empty", "one was read"],
)
def test_a_key_is_a_remainder_only_where_every_copy_agrees(
    copies: tuple[Ring | None, ...], verdict: str
) -> None:
    fleet = Fleet()
    for process, copy in zip(fleet.processes, copies, strict=True):
        process.copies[FOREIGN] = copy or DEAD
        process.lost = frozenset() if copy else frozenset({FOREIGN})
    check = next(
        c for c in step_of(fleet.look(1.0), "enable-mirroring").checks if c.id == "gossip-no-strangers"
    )
    assert (check.verdict.value == "holds") is (verdict == "holds")


def test_a_restarted_pod_with_another_address_owns_its_fresh_member() -> None:
    fleet = Fleet()
    moved = replace(member("p-1"), address="10.0.7.7:9095")
    told = ring([moved, member("p-2"), member("p-3")], NOW)
    for process in fleet.processes:
        process.pages[COMPACTOR] = process.copies[COMPACTOR] = told
    fleet.store[COMPACTOR] = told
    assert key_of(fleet.look(1.0), COMPACTOR).orphaned == ()


def test_one_process_alone_is_believed() -> None:
    fleet = Fleet(processes=[Process(1, sees=(1,))])
    _behind_addresses_of_their_own(fleet)
    seen = fleet.look()
    assert seen.gossip is not None and seen.gossip.unidentified == ()
