"""A cluster that is one process needs none to join; one process of several does not look like that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exporter.model.findings import FindingKind
from exporter.model.pages import GossipMember, GossipState, Reason
from tests.derive.build import INGESTER, NOW, Fleet, Process, check_of, member, migration_of, ring, step_of

ITSELF: dict[str, Any] = {"join_members": ("10.0.0.1:7946", "mimir:7946"), "rejoin_interval": 0.0}
JOINING = ("join-members", "join-members-resolve", "rejoin-interval")
Change = Callable[[Fleet], None]


def _one(**config: Any) -> Fleet:
    fleet = Fleet(processes=[Process(1, sees=(1,))], resolved={"mimir:7946": "does not resolve"})
    fleet.processes[0].config = ITSELF | config
    return fleet


def _failed(fleet: Fleet) -> set[str]:
    step = step_of(fleet.look(), "preflight")
    return {check.id for check in step.checks if check.verdict.value == "fails" and check.id in JOINING}


@pytest.mark.parametrize("seeds", [ITSELF["join_members"], ("10.0.0.1:7946",), ()])
def test_a_process_that_is_its_cluster_needs_no_other_to_join(seeds: tuple[str, ...]) -> None:
    seen = _one(join_members=seeds).look()
    assert [check_of(seen, "remove-multi", name).verdict.value for name in JOINING] == ["holds"] * 3
    assert FindingKind.JOINS_ITSELF not in {risk.kind for risk in migration_of(seen, "rings").dangers}


def _another_member(fleet: Fleet) -> None:
    both = ring([member("p-1"), member("p-2")], NOW)
    fleet.store[INGESTER] = fleet.processes[0].pages[INGESTER] = both


def _another_in_the_gossip(state: GossipState) -> Change:
    def apply(fleet: Fleet) -> None:
        fleet.processes[0].strangers = (GossipMember("p-2-00000002", "10.0.0.2", 7946, state),)

    return apply


def _another_target(fleet: Fleet) -> None:
    fleet.processes.append(Process(2, up=False))


def _one_component(fleet: Fleet) -> None:
    fleet.processes[0].config = ITSELF | {"target": "ingester"}


def _another_ring_in_the_store(fleet: Fleet) -> None:
    fleet.store["collectors/store-gateway"] = ring([member("p-2")], NOW)


def _unread_member_list(fleet: Fleet) -> None:
    fleet.processes[0].lost, fleet.processes[0].reason = frozenset({"gossip"}), Reason.TIMEOUT


def _unsure_targets(fleet: Fleet) -> None:
    fleet.unsure = ("kubernetes",)


def _one_that_should_run(fleet: Fleet) -> None:
    fleet.not_running = ("mimir-1",)


@pytest.mark.parametrize(
    "change",
    [
        _another_member,
        _another_in_the_gossip(GossipState.ALIVE),
        _another_in_the_gossip(GossipState.DEAD),
        _another_target,
        _one_component,
        _another_ring_in_the_store,
        _unread_member_list,
        _unsure_targets,
        _one_that_should_run,
    ],
)
def test_one_process_of_several_needs_another_to_join(change: Change) -> None:
    fleet = _one()
    change(fleet)
    assert _failed(fleet) == {"join-members-resolve", "rejoin-interval"}
    fleet.processes[0].config = {**fleet.processes[0].config, "join_members": ()}
    assert "join-members" in _failed(fleet)
