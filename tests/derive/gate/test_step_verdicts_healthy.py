"""On which healthy cluster can a check never pass? Each answer was a fault; each stands here as a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exporter.derive.judging_rules import Rules
from exporter.model.pages import RingConfig
from tests.derive.build import CLIENTS, PAGES, Fleet, Process, client, verdicts

Change = Callable[[Fleet], None]
LABEL = "prod-eu.mimir"
PHASES: dict[str, dict[str, Any]] = {
    "preflight": {"primary": "", "stores": (), "mirror": None, "requests": {("consul", "CAS"): 9.0}},
    "enable-mirroring": {"mirror": False, "mirror_writes": 0.0},
    "switch-primary": {},
    "disable-mirroring": {"primary": "memberlist"},
    "remove-multi": {"primary": "memberlist", "mirror": False},
    "decommission-store": {
        "primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 9.0}
    },
}  # fmt: skip


def _as_it_is(fleet: Fleet) -> None:
    """Three processes, a store that is read, one configuration for all."""


def _no_store_read(fleet: Fleet) -> None:
    fleet.rules = Rules(soak=0.0)


def _one_process(fleet: Fleet) -> None:
    fleet.processes = fleet.processes[:1]
    fleet.processes[0].sees = (1,)
    rings = {key: RingConfig("multi", "", 60.0, 15.0, 1, zone_awareness=False) for key in PAGES}
    fleet.processes[0].config = {"rings": rings}
    fleet.beat()


def _old_release(fleet: Fleet) -> None:
    for process in fleet.processes:
        process.config = {
            "label": None, "label_verification_disabled": None, "labels_supported": False, "gossip_tls": None,
        }  # fmt: skip


def _frontend(fleet: Fleet) -> None:
    bare = {"rings": {}, "join_members": (), "rejoin_interval": 0.0}
    fleet.processes.append(Process(9, clients=(), beats=False, memberlist=False, label="", config=bare))


def _frontend_without_config(fleet: Fleet) -> None:
    fleet.processes.append(Process(9, clients=(), beats=False, memberlist=False, lost=frozenset({"config"})))


def _own_working_copy(fleet: Fleet) -> None:
    for process in fleet.processes:
        process.version = ""


def _names_of_another_network(fleet: Fleet) -> None:
    fleet.resolved = {"gossip-ring:7946": "no such name"}


def _addresses_of_their_own(fleet: Fleet) -> None:
    for process in fleet.processes:
        process.url = f"http://10.8.0.{process.number}:80"
        process.config = {"advertise_address": f"10.0.0.{process.number}", "advertise_port": 7946}


def _tracker_for_all_in_one_configuration(fleet: Fleet) -> None:
    for process in fleet.processes:
        process.config = {"ha_tracker": True, "target": "ingester"}


CLUSTERS: list[tuple[str, Change, frozenset[str]]] = [
    ("as it is", _as_it_is, frozenset()),
    # The last step cannot be told without the store; every other one can.
    ("no store is read", _no_store_read, frozenset({"decommission-store"})),
    ("one process, one replica", _one_process, frozenset()),
    ("a release without labels", _old_release, frozenset()),
    ("a query frontend beside it", _frontend, frozenset()),
    ("one without a configuration page", _frontend_without_config, frozenset()),
    ("a build without a version", _own_working_copy, frozenset()),
    # Before anything has joined, only names that resolve say that it will.
    ("seeds that resolve elsewhere", _names_of_another_network, frozenset({"preflight"})),
    ("processes behind other addresses", _addresses_of_their_own, frozenset()),
    ("one configuration, no distributor", _tracker_for_all_in_one_configuration, frozenset()),
]


@pytest.mark.parametrize("step", PHASES)
@pytest.mark.parametrize(("change", "but"), [row[1:] for row in CLUSTERS], ids=[row[0] for row in CLUSTERS])
def test_every_check_can_pass_on_a_healthy_cluster(change: Change, but: frozenset[str], step: str) -> None:
    fleet = Fleet()
    change(fleet)
    for process in fleet.processes:
        process.label = LABEL if process.clients else process.label
        process.memberlist = process.memberlist and step != "preflight"
        process.clients = tuple(client(name, **PHASES[step]) for name in CLIENTS) if process.clients else ()
    fleet.stored = step != "decommission-store"
    for _ in range(4):
        seen = fleet.look(beat=True)
    assert (verdicts(seen, step) == {}) is (step not in but), verdicts(seen, step)
