"""A gossip edge is mutual: one process that lists every other one joins nothing, and a join has time."""

from __future__ import annotations

import pytest

from exporter.derive.gossip.gossip_clusters import SPREADS, Components, Lists, components
from exporter.derive.gossip.unknown_members import STAYS
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import Snapshot
from exporter.model.gate import Check
from tests.derive.build import Fleet, Process, check_of

STEP = "switch-primary"


def fleet_of(*sees: tuple[int, ...]) -> Fleet:
    fleet = Fleet(processes=[Process(number) for number in range(1, len(sees) + 1)])
    for process, seen in zip(fleet.processes, sees, strict=True):
        process.sees = seen
    return fleet


def check(seen: Snapshot, name: str) -> Check:
    return check_of(seen, STEP, name)


def sizes(seen: Snapshot) -> list[int]:
    assert seen.gossip is not None
    return [len(cluster) for cluster in seen.gossip.clusters]


@pytest.mark.parametrize("bridges", [(), (4,), (4, 5)], ids=["none lies", "one lies", "two lie"])
def test_a_process_that_lists_every_other_one_joins_no_halves(bridges: tuple[int, ...]) -> None:
    halves = [(1, 2, 3)] * 3 + [(4, 5, 6)] * 3
    fleet = fleet_of(*[tuple(range(1, 7)) if n in bridges else seen for n, seen in enumerate(halves, 1)])
    seen = fleet.look()
    assert sizes(seen) == [3, 3]
    assert check(seen, "gossip-one-cluster").verdict.value == "fails"


def test_a_join_has_time_to_spread_and_then_is_a_split() -> None:
    """Every other process lists the fourth, and it lists none of them; it does not see only itself for the
    check alone: a fifth that nobody watches is in its list.
    """
    fleet = fleet_of(*[(1, 2, 3, 4)] * 3, (4, 9))
    seen = fleet.look()
    assert sizes(seen) == [4]
    assert check(seen, "gossip-one-cluster").verdict.value == "unknown"
    while fleet.now < seen.at + SPREADS:
        latest = fleet.look(beat=True)
    assert sizes(latest) == [3, 1]
    assert check(latest, "gossip-one-cluster").verdict.value == "fails"
    fleet.processes[3].sees = (1, 2, 3, 4)
    assert sizes(fleet.look(beat=True)) == [4]
    assert check(fleet.look(beat=True), "gossip-one-cluster").verdict.value == "holds"


@pytest.mark.parametrize("who", [1, 4], ids=["one process", "each in turn"])
def test_a_process_that_is_missing_in_some_lists_is_in_the_cluster_all_the_same(who: int) -> None:
    everybody = (1, 2, 3, 4)
    lists = [everybody] * 4
    lists[0] = tuple(n for n in everybody if n != who or n == 1)
    seen = fleet_of(*lists).look()
    assert sizes(seen) == [4]
    assert check(seen, "gossip-one-cluster").verdict.value == "holds"


def test_a_dead_member_that_is_still_listed_is_no_split() -> None:
    fleet = fleet_of(*[(1, 2, 3, 4)] * 4)
    fleet.look()
    fleet.processes[3].up = False
    assert sizes(fleet.look()) == [3]
    assert STAYS > SPREADS


def short(count: int, *lacks: int) -> Culprit:
    """The first process, which lists so many of six and lacks these."""
    names = tuple(f"10.0.0.{number}:80" for number in lacks)
    return Culprit(Kind.GOSSIP_PARTIAL, "10.0.0.1:80", value=count, of=6, names=names)


@pytest.mark.parametrize(
    ("sees", "culprits"),
    [
        ((1, 2, 3, 4, 5, 6), ()),
        ((1, 3, 4, 5), ()),
        ((1, 2, 3), (short(3, 4, 5, 6),)),
        (
            (1, 2),
            (short(2, 3, 4, 5, 6),),
        ),
        ((1,), (Culprit(Kind.GOSSIP_ISOLATED, "10.0.0.1:80"),)),
    ],
)
def test_a_process_that_sees_half_of_its_cluster_or_less_fails_the_check(
    sees: tuple[int, ...], culprits: tuple[Culprit, ...]
) -> None:
    found = check(fleet_of(sees, *[(1, 2, 3, 4, 5, 6)] * 5).look(), "gossip-complete")
    assert (found.verdict.value, found.culprits) == ("fails" if culprits else "holds", culprits)


EVERYBODY = (1, 2, 3, 4, 5, 6)
BUT_ONE = EVERYBODY[:-1]
LACKING = [
    ("one process all the time", [BUT_ONE] * 6, (short(5, 6),)),
    ("more and more", [BUT_ONE] * 3 + [(1, 2, 3, 4)] * 3,
     (short(4, 6),)),
    ("another one each time: a rolling restart", [BUT_ONE, (1, 2, 3, 4, 6)] * 3, ()),
    ("one for a moment", [BUT_ONE] * 2 + [EVERYBODY] * 2 + [BUT_ONE] * 2, ()),
    ("none", [EVERYBODY] * 6, ()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lists", "culprits"), [case[1:] for case in LACKING], ids=[case[0] for case in LACKING]
)
def test_a_list_that_lacks_the_same_process_longer_than_a_join_takes_fails_the_check(
    lists: list[tuple[int, ...]], culprits: tuple[Culprit, ...]
) -> None:
    fleet = fleet_of(*[EVERYBODY] * 6)
    seen = fleet.look(beat=True)
    for sees in lists:
        fleet.processes[0].sees = sees
        seen = fleet.look(beat=True)
    assert check(seen, "gossip-complete").culprits == culprits


def test_one_that_invents_members_makes_no_other_look_as_if_it_saw_few() -> None:
    fleet = fleet_of(tuple(range(1, 40)), *[(1, 2, 3)] * 2)
    assert check(fleet.look(), "gossip-complete").verdict.value == "holds"


def _found(sees: dict[str, str], steady: str) -> Components:
    lists = {name: frozenset(seen) for name, seen in sees.items()}
    return components(Lists(lists, lists, frozenset(steady)), set(steady))


LOOSE: list[tuple[str, dict[str, str], str, list[str]]] = [
    ("a young one follows those it lists", {"a": "ab", "b": "ab", "c": "abc"}, "ab", ["abc"]),
    ("a young one that lists none yet", {"a": "abc", "b": "abc", "c": "c"}, "ab", ["abc"]),
    ("a young one joins no halves", {"a": "ab", "b": "ab", "c": "cd", "d": "cd", "e": "abcde"}, "abcd",
     ["abe", "cd"]),
    ("one whose own member is unknown", {"a": "ab", "b": "ab", "c": "ab"}, "ab", ["abc"]),
    ("no own member is known", {"a": "xy", "b": "xy", "c": "z"}, "", ["ab"]),
    ("one alone", {"a": "a"}, "a", ["a"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sees", "steady", "clusters"), [row[1:] for row in LOOSE], ids=[row[0] for row in LOOSE]
)
def test_a_process_that_cannot_be_judged_connects_no_others(
    sees: dict[str, str], steady: str, clusters: list[str]
) -> None:
    assert ["".join(one) for one in _found(sees, steady).clusters] == clusters
