"""Members with the names of ours: the pods of a twin installation, or what a restart leaves behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.gossip.unknown_members import STAYS
from exporter.model.facts import GossipFacts, Snapshot
from exporter.model.gate import Verdict
from exporter.model.pages import GossipMember, GossipState
from exporter.model.shard import Share
from tests.derive.build import CLIENTS, Fleet, Process, client, step_of

STEPS: dict[str, dict[str, Any]] = {
    "enable-mirroring": {"mirror": False, "mirror_writes": 0.0},
    "switch-primary": {},
    "disable-mirroring": {"primary": "memberlist"},
    "remove-multi": {"primary": "memberlist", "mirror": False},
}
TWINS = tuple(GossipMember(f"p-{n}-deadbee{n}", f"10.9.9.{n}", 7946) for n in (1, 2, 3))
HERE, ELSEWHERE = "10.0.0.1", "10.9.9.1"


def fleet_at(step: str = "switch-primary") -> Fleet:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = tuple(client(name, **STEPS[step]) for name in CLIENTS)
    return fleet


def join(fleet: Fleet, *members: GossipMember) -> None:
    for process in fleet.processes:
        process.strangers = members


def restarted(fleet: Fleet) -> None:
    """All processes have started just now: who has their names elsewhere may be their former selves."""
    for process in fleet.processes:
        process.started = fleet.now


def facts(seen: Snapshot) -> GossipFacts:
    assert seen.gossip is not None
    return seen.gossip


def held(seen: Snapshot, step: str = "switch-primary") -> tuple[bool, Verdict]:
    """Whether the step is open, and what the check says."""
    found = step_of(seen, step)
    return found.open, next(c.verdict for c in found.checks if c.id == "gossip-no-strangers")


def pass_by(fleet: Fleet, seconds: float) -> Snapshot:
    for _ in range(int(seconds // 15)):
        seen = fleet.look(beat=True)
    return seen


@pytest.mark.parametrize("step", STEPS)
def test_a_twin_installation_of_processes_that_run_for_long_is_foreign_at_once(step: str) -> None:
    fleet = fleet_at(step)
    assert held(pass_by(fleet, 60), step) == (True, Verdict.PASSED)
    join(fleet, *TWINS)
    first = fleet.look(beat=True)
    assert held(first, step) == (False, Verdict.FAILED)
    assert [one.name for one in facts(first).foreign] == [twin.name for twin in TWINS]
    assert first.fleet.headline.startswith("3 foreign members in the gossip")


@pytest.mark.parametrize("step", STEPS)
def test_a_twin_installation_closes_the_gate_at_once_and_is_foreign_once_it_stays(step: str) -> None:
    fleet = fleet_at(step)
    assert held(pass_by(fleet, 60), step) == (True, Verdict.PASSED)
    restarted(fleet)
    join(fleet, *TWINS)
    first = fleet.look(beat=True)
    assert held(first, step) == (False, Verdict.UNKNOWN)
    assert "10.9.9.1:7946" in str(step_of(first, step))
    before = pass_by(fleet, STAYS - 15)
    assert held(before, step) == (False, Verdict.UNKNOWN)
    assert (facts(before).unknown, before.fleet.warnings) == ((), ())
    for _ in range(3):
        after = fleet.look(beat=True)
        assert held(after, step) == (False, Verdict.FAILED)
        assert [one.name for one in facts(after).unknown] == [twin.name for twin in TWINS]
        assert facts(after).foreign == facts(after).unknown
        assert "3 foreign members" in after.fleet.headline


MEMBERS: dict[str, tuple[GossipMember, Verdict]] = {
    "a restart in place leaves its former self at its address": (
        GossipMember("p-1-deadbee1", HERE, 7946),
        Verdict.PASSED,
    ),
    "a suspected one there as well": (
        GossipMember("p-1-deadbee1", HERE, 7946, GossipState.SUSPECT),
        Verdict.PASSED,
    ),
    "a dead one elsewhere is nobody": (
        GossipMember("p-1-deadbee1", ELSEWHERE, 7946, GossipState.DEAD),
        Verdict.PASSED,
    ),
    "another process on the same machine has another port": (
        GossipMember("p-1-deadbee1", HERE, 7947),
        Verdict.FAILED,
    ),
    "the very same name elsewhere": (GossipMember("p-1-00000001", ELSEWHERE, 7946), Verdict.FAILED),
    "the bare name elsewhere": (GossipMember("p-1", ELSEWHERE, 7946), Verdict.FAILED),
    "a suspected one elsewhere": (
        GossipMember("p-1-deadbee1", ELSEWHERE, 7946, GossipState.SUSPECT),
        Verdict.FAILED,
    ),
    "the name of one process at the address of another": (
        GossipMember("p-1-deadbee1", "10.0.0.2", 7946),
        Verdict.FAILED,
    ),
}


@pytest.mark.parametrize("case", MEMBERS)
def test_a_name_vouches_only_where_its_process_stands(case: str) -> None:
    member, expected = MEMBERS[case]
    fleet = fleet_at()
    join(fleet, member)
    seen = pass_by(fleet, STAYS + 60)
    assert held(seen)[1] is expected
    assert bool(facts(seen).unknown) is (expected is Verdict.FAILED)


def hidden(fleet: Fleet) -> None:
    fleet.processes[0].lost = frozenset({"gossip"})


def down(fleet: Fleet) -> None:
    fleet.processes[0].up = False


@pytest.mark.parametrize("change", [hidden, down])
def test_nobody_is_called_a_stranger_while_the_process_of_that_name_cannot_be_told(
    change: Callable[[Fleet], None],
) -> None:
    fleet = fleet_at()
    fleet.look()
    change(fleet)
    join(fleet, GossipMember("p-1-deadbee1", ELSEWHERE, 7946))
    seen = pass_by(fleet, STAYS + 60)
    assert facts(seen).unknown == ()
    assert not step_of(seen, "switch-primary").open


def test_an_expected_namesake_is_none() -> None:
    fleet = fleet_at()
    fleet.rules = replace(fleet.rules, expected_members=(re.compile("^p-1-dead"),))
    join(fleet, TWINS[0])
    assert held(pass_by(fleet, STAYS + 60)) == (True, Verdict.PASSED)


def test_the_former_self_of_a_pod_with_a_new_address_is_never_a_stranger() -> None:
    fleet = fleet_at()
    pass_by(fleet, 60)
    restarted(fleet)
    join(fleet, GossipMember("p-1-deadbee1", ELSEWHERE, 7946))
    while_listed = [pass_by(fleet, 15) for _ in range(5)]
    assert {held(seen)[1] for seen in while_listed} == {Verdict.UNKNOWN}
    join(fleet)
    gone = fleet.look(beat=True)
    assert held(gone)[1] is Verdict.PASSED
    assert not any(facts(seen).unknown or seen.fleet.warnings for seen in (*while_listed, gone))
    restarted(fleet)
    join(fleet, GossipMember("p-1-deadbee1", ELSEWHERE, 7946))
    assert facts(pass_by(fleet, 60)).unknown == (), "it is counted anew"


def test_a_rollout_that_leaves_one_former_self_after_the_other_names_no_stranger() -> None:
    fleet = fleet_at()
    pass_by(fleet, 60)
    for round_of_one in range(6):
        fleet.processes[round_of_one % 3].started = fleet.now
        join(fleet, GossipMember(f"p-{round_of_one % 3 + 1}-deadbe{round_of_one:02}", ELSEWHERE, 7946))
        assert facts(pass_by(fleet, 60)).unknown == ()


def test_a_twin_does_not_hide_a_process_that_nobody_sees() -> None:
    fleet = fleet_at()
    for process in fleet.processes[1:]:
        process.sees = (2, 3)
        process.strangers = (TWINS[0],)
    assert facts(pass_by(fleet, 60)).absent == ("10.0.0.1:80",)
    for process in fleet.processes[1:]:
        process.strangers = (replace(TWINS[0], address=HERE),)
    assert facts(fleet.look(beat=True)).absent == (), "its former self, in its place"


def test_a_part_excuses_a_namesake_first_and_names_it_once_it_stays() -> None:
    """Its own verdict stays unknown all the while: what is strange shows only where all are known."""
    common = frozenset({"10.0.0.1:80"})
    processes = [Process(number, sees=(1, 2, 3, 4)) for number in (1, 2, 3, 4)]
    share = Share(shard=0, shards=2, digest=7, common=common)
    fleet = Fleet(processes=processes, share=share, others=frozenset({3, 4}))
    assert held(pass_by(fleet, 60))[1] is Verdict.PASSED
    restarted(fleet)
    join(fleet, TWINS[0])
    for strange in (False, True):
        seen = pass_by(fleet, STAYS)
        assert seen.part is not None
        assert seen.part.strange.get(TWINS[0].name) is (False if strange else None), "nobody expects it"
        assert (TWINS[0].name in seen.part.own) is not strange
        assert held(seen) == (False, Verdict.UNKNOWN)
