"""What lets a process into the gossip when it starts is asked before each restart, and of those who join."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.gate.step_table import STEPS
from exporter.derive.judging_rules import Rules
from exporter.model.culprits import Culprit, Kind
from exporter.model.pages import GossipMember, GossipState
from tests.derive.build import CLIENTS, Fleet, Process, check_of, client, step_of

Change = Callable[[Fleet], None]
LATE: dict[str, Any] = {"primary": "memberlist", "mirror": False}
ALONE: dict[str, Any] = {"primary": "", "stores": (), "mirror": None, "requests": {("consul", "CAS"): 9.0}}


def _fleet(**told: Any) -> Fleet:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = tuple(client(name, **told) for name in CLIENTS)
    return fleet


def _set(number: int, **told: Any) -> Change:
    def apply(fleet: Fleet) -> None:
        fleet.processes[number - 1].config = told

    return apply


def _all(**told: Any) -> Change:
    def apply(fleet: Fleet) -> None:
        for process in fleet.processes:
            process.config = told

    return apply


def _on_one_host(fleet: Fleet) -> None:
    """Ports must differ, and the one seed of all is named by its own."""
    for process in fleet.processes:
        port = 7946 + process.number
        process.config = {"bind_port": port, "join_members": ("127.0.0.1:7947",)}
        process.url = f"http://127.0.0.1:{9000 + process.number}"


def _ports_of_their_own(fleet: Fleet) -> None:
    _all(join_members=("a:7946", "b:7999"))(fleet)
    _set(3, bind_port=7999, join_members=("a:7946",))(fleet)


def _published(*viewers: int, state: GossipState = GossipState.ALIVE) -> Change:
    """All have one seed, at an address that no process has; these list a gossip member there."""

    def apply(fleet: Fleet) -> None:
        _all(join_members=("198.51.100.1:7946",))(fleet)
        for number in viewers:
            there = GossipMember("p-9-0123abcd", "198.51.100.1", 7946, state)
            fleet.processes[number - 1].strangers = (there,)

    return apply


def _config_lost(fleet: Fleet) -> None:
    fleet.processes[0].lost = frozenset({"config"})


CASES: list[tuple[str, Change, str, str, Kind | None, str]] = [
    ("all is well", _all(), "join-members", "holds", None, ""),
    ("all is well", _all(), "rejoin-interval", "holds", None, ""),
    ("all is well", _all(), "gossip-settings-agree", "holds", None, ""),
    ("no seed", _set(2, join_members=()), "join-members", "fails", Kind.SEEDS_NONE, "10.0.0.2:80"),
    ("only itself", _set(2, join_members=("10.0.0.2:7946",)), "join-members", "fails", Kind.SEEDS_ITSELF,
     "10.0.0.2:80"),
    ("addresses of removed hosts", _set(2, join_members=("10.0.9.9:7946", "dns+10.0.9.8:7946")),
     "join-members", "fails", Kind.SEEDS_OF_NO_PROCESS, "10.0.0.2:80"),
    ("itself and a removed host", _set(2, join_members=("10.0.9.9:7946", "10.0.0.2:7946")), "join-members",
     "fails", Kind.SEEDS_OF_NO_PROCESS, "10.0.0.2:80"),
    ("a removed host and another process", _set(2, join_members=("10.0.9.9:7946", "10.0.0.1:7946")),
     "join-members", "holds", None, ""),
    ("a removed host and a name", _set(2, join_members=("10.0.9.9:7946", "gossip-ring:7946")),
     "join-members", "holds", None, ""),
    ("the address of a gossip member", _published(1, 2, 3), "join-members", "holds", None, ""),
    ("the address of a gossip member that left", _published(1, 2, 3, state=GossipState.LEFT), "join-members",
     "fails", Kind.SEEDS_OF_NO_PROCESS, "10.0.0.1:80"),
    ("an IPv4 address as one of IPv6", _set(2, join_members=("[::ffff:10.0.0.1]:7946",)), "join-members",
     "holds", None, ""),
    ("an address that one process alone lists", _published(1), "join-members", "fails",
     Kind.SEEDS_OF_NO_PROCESS, "10.0.0.1:80"),
    ("no rejoining", _set(2, rejoin_interval=0.0), "rejoin-interval", "fails", Kind.REJOIN_NEVER,
     "10.0.0.2:80"),
    ("not read", _config_lost, "join-members", "unknown", Kind.PROCESS_NOT_RESPONDING, "10.0.0.1:80"),
    ("not read", _config_lost, "gossip-settings-agree", "unknown", Kind.UNREAD, "10.0.0.1:80"),
    ("TLS on one", _set(3, gossip_tls=True), "gossip-settings-agree", "fails", Kind.SETTING_DIFFERS,
     "tls_enabled true"),
    ("TLS on all", _all(gossip_tls=True), "gossip-settings-agree", "holds", None, ""),
    ("TLS told by some", _set(3, gossip_tls=False), "gossip-settings-agree", "holds", None, ""),
    ("a port no seed names", _set(3, bind_port=7999), "gossip-settings-agree", "fails", Kind.SETTING_DIFFERS,
     "port 7999"),
    (
        "a port of its own that seeds name",
        _ports_of_their_own,
        "gossip-settings-agree", "holds", None, "",
    ),
    ("a seed's port where none listens", _all(join_members=("gossip-ring:7947",)), "gossip-settings-agree",
     "fails", Kind.PORT_UNUSED, "7947"),
    ("a seed of a process that is yet to come", _all(join_members=("gossip-ring:7946", "later:7999")),
     "gossip-settings-agree", "holds", None, ""),
    ("a seed without a port", _all(join_members=("gossip-ring",)), "gossip-settings-agree", "holds", None,
     ""),
    ("a seed with an SRV record", _all(join_members=("dnssrv+_gossip._tcp.ring:1",)), "gossip-settings-agree",
     "holds", None, ""),
    (
        "published behind an address of its own",
        _all(advertise_address="198.51.100.1", advertise_port=7947, join_members=("a:7947",)),
        "gossip-settings-agree", "holds", None, "",
    ),
    ("one host", _on_one_host, "gossip-settings-agree", "holds", None, ""),
]  # fmt: skip


@pytest.mark.parametrize("step", ["preflight", "remove-multi"])
@pytest.mark.parametrize(
    ("change", "check", "verdict", "kind", "named"),
    [r[1:] for r in CASES],
    ids=[f"{r[0]} {r[2]}" for r in CASES],
)
def test_what_a_start_needs_is_asked_first_and_last(
    change: Change, check: str, verdict: str, kind: Kind | None, named: str, step: str
) -> None:
    fleet = _fleet(**(ALONE if step == "preflight" else LATE))
    change(fleet)
    found = check_of(fleet.look(), step, check)
    assert found.verdict.value == verdict
    assert not kind or (kind, named) in {(one.kind, one.target or one.what) for one in found.culprits}


def test_values_are_named_with_their_processes_the_most_frequent_first() -> None:
    fleet = _fleet(**LATE)
    _set(2, gossip_tls=True)(fleet)
    found = check_of(fleet.look(), "remove-multi", "gossip-settings-agree")
    assert found.culprits == (
        Culprit(
            Kind.SETTING_DIFFERS, what="tls_enabled false", value=2, names=("10.0.0.1:80", "10.0.0.3:80")
        ),
        Culprit(Kind.SETTING_DIFFERS, what="tls_enabled true", value=1, names=("10.0.0.2:80",)),
    )


GROUPS = (("read-write", re.compile(".*")),)
ROLLING = ("remove-multi", "set-label", "enforce-label", "retire-microservices")


@pytest.mark.parametrize("step", ["preflight", *ROLLING])
def test_every_step_that_is_a_rolling_restart_asks_what_a_start_needs(step: str) -> None:
    rule = next(rule for rule in STEPS if rule.name == step)
    fleet = Fleet(rules=Rules(soak=0.0, groups=GROUPS))
    asked = {check.id for check in step_of(fleet.look(), rule.name).checks}
    assert asked >= {"join-members", "join-members-resolve", "rejoin-interval", "gossip-settings-agree"}


def test_while_the_store_is_the_primary_the_seed_of_the_others_may_name_only_itself() -> None:
    """Alone for a moment it overwrites nothing, and the others find it again; a seed of none is not found."""
    fleet = _fleet(mirror=False, mirror_writes=0.0)
    for process in fleet.processes:
        process.config = {"join_members": ("10.0.0.1:7946",), "rejoin_interval": 0.0}
    assert check_of(fleet.look(), "enable-mirroring", "join-members").verdict.value == "holds"
    for process in fleet.processes:
        process.config = {"join_members": ("10.0.0.1:7946", "10.0.9.9:7946"), "rejoin_interval": 0.0}
    assert check_of(fleet.look(), "enable-mirroring", "join-members").verdict.value == "holds"
    _set(2, join_members=("10.0.0.2:7946",))(fleet)
    found = check_of(fleet.look(), "enable-mirroring", "join-members")
    assert found.culprits == (Culprit(Kind.SEEDS_ITSELF, "10.0.0.2:80"),)


def _frontend() -> Process:
    return Process(9, clients=(), memberlist=False, config={"join_members": (), "rejoin_interval": 0.0})


def _in_memory() -> Process:
    kept = replace(
        client(CLIENTS[0]), primary="", stores=(), mirror=None, requests={("inmemory", "CAS"): 4.0}
    )
    return replace(_frontend(), clients=(kept,))


@pytest.mark.parametrize("other", [_frontend(), _in_memory()], ids=["frontend", "ring in memory"])
@pytest.mark.parametrize("step", ["preflight", "remove-multi"])
@pytest.mark.parametrize("check", ["join-members", "rejoin-interval"])
def test_a_process_that_keeps_and_watches_no_ring_is_not_asked_for_seeds(
    other: Process, step: str, check: str
) -> None:
    fleet = _fleet(**(ALONE if step == "preflight" else LATE))
    fleet.processes.append(other)
    assert check_of(fleet.look(), step, check).verdict.value == "holds"


def test_a_step_of_read_write_mode_on_the_store_alone_asks_for_no_seeds() -> None:
    fleet = _fleet(**ALONE)
    fleet.rules = replace(fleet.rules, groups=GROUPS)
    for process in fleet.processes:
        process.memberlist, process.config = False, {"join_members": ()}
    seen = fleet.look()
    assert check_of(seen, "retire-microservices", "join-members").verdict.value == "holds"
    assert check_of(seen, "preflight", "join-members").verdict.value == "fails"


@pytest.mark.parametrize(
    ("resolved", "verdict"),
    [
        ({"a:1": "", "b:1": ""}, "holds"),
        ({"a:1": "no such name", "b:1": "no such name"}, "holds"),  # another network: they joined
        ({"a:1": "", "b:1": "no such name"}, "fails"),
        ({"a:1": ""}, "unknown"),
    ],
    ids=["all", "none", "one", "not looked up"],
)
def test_names_that_only_resolve_elsewhere_keep_no_restart_back(
    resolved: dict[str, str], verdict: str
) -> None:
    fleet = _fleet(**LATE)
    fleet.resolved = resolved
    _all(join_members=("a:1", "b:1"))(fleet)
    assert check_of(fleet.look(), "remove-multi", "join-members-resolve").verdict.value == verdict


def test_a_process_that_did_not_join_makes_names_that_do_not_resolve_a_fault() -> None:
    fleet = _fleet(**LATE)
    fleet.resolved = {"gossip-ring:7946": "no such name"}
    fleet.processes[0].sees = (1,)
    assert check_of(fleet.look(), "remove-multi", "join-members-resolve").verdict.value == "fails"
    assert check_of(fleet.look(), "preflight", "join-members-resolve").verdict.value == "fails"
