"""What a shard takes out of its own judgement, and what it names for others to judge."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter.derive.gate.step_table import NAMES
from exporter.derive.judging_rules import Rules
from exporter.derive.shard import MAX_DIGESTS
from exporter.model.facts import Snapshot
from exporter.model.pages import Phase
from exporter.model.shard import ClientKind, Part, Share
from tests.derive.build import COMPACTOR, INGESTER, Fleet, Process, client, member, ring, step_of

ROOT = Path(__file__).parents[2]
Change = Callable[[Fleet], object]
ONE, TWO, THREE, FOUR = (f"p-{n}-0000000{n}" for n in (1, 2, 3, 4))
BOTH_KEYS = (INGESTER, COMPACTOR)


def name(number: int) -> str:
    return f"10.0.0.{number}:80"


def share_of(common: int = 1, borrowed: bool = False, **more: Any) -> Share:
    """Shard 0 of two watches 1 and 2 of four, of which all watch `common`."""
    names = frozenset({name(common)})
    told: dict[str, Any] = {"shard": 0, "shards": 2, "digest": 7, "common": names}
    return Share(**(told | {"borrowed": names if borrowed else frozenset[str]()} | more))


def fleet(*, shard: bool = True) -> Fleet:
    """Four processes that see one another, of which a shard watches two."""
    processes = [Process(number, sees=(1, 2, 3, 4)) for number in (1, 2, 3, 4)]
    if not shard:
        return Fleet(processes=processes)
    return Fleet(processes=processes, share=share_of(), others=frozenset({3, 4}))


def part_of(snapshot: Snapshot) -> Part:
    assert snapshot.part is not None
    return snapshot.part


def expecting(found: Fleet) -> None:
    found.rules = replace(found.rules, expected_members=(re.compile("^p-3-"),))


def without_gossip(found: Fleet) -> None:
    for process in found.processes:
        process.memberlist = False


def set_of(number: int, **fields: Any) -> Change:
    """Change one process."""

    def change(found: Fleet) -> None:
        for field, value in fields.items():
            setattr(found.processes[number - 1], field, value)

    return change


def seen_by_nobody_here(found: Fleet) -> None:
    found.processes[0].sees = (1, 3, 4)


def two_contents(found: Fleet) -> None:
    found.processes[1].pages[INGESTER] = ring((member(f"p-{n}", found.now) for n in (1, 2, 3)), found.now)


def split(found: Fleet) -> None:
    found.rules = replace(found.rules, migrations=(("compactors", (COMPACTOR,)),))


def unshown(found: Fleet) -> None:
    """A key of somebody else in a shared store."""
    found.store["rulers/ring"] = ring([member("p-9", found.now)], found.now)


def kinds(count: int, split: str = "rings") -> dict[ClientKind, int]:
    return {
        ClientKind(key, Phase.MIRRORING, writes=True, migration=split if key == COMPACTOR else "rings"): count
        for key in BOTH_KEYS
    }


CASES: dict[str, tuple[Change, dict[str, object]]] = {
    "members of others are strange, those of ours are own and known by label": (
        lambda _: None,
        {"strange": {THREE: False, FOUR: False}, "own": {ONE: True, TWO: True}, "unseen": frozenset()},
    ),
    "each of our members is seen by the other": (lambda _: None, {"seen": {ONE, TWO, THREE, FOUR}}),
    "a member that expected_members names is strange and expected": (
        expecting,
        {"strange": {THREE: True, FOUR: False}},
    ),
    "a process of ours that does not answer is excused, and its label is unknown": (
        lambda found: (found.look(), set_of(2, up=False)(found)),
        {"strange": {THREE: False, FOUR: False}, "own": {ONE: True, TWO: False}},
    ),
    "without its configuration a process's label is unknown": (
        lambda found: (found.look(), set_of(2, lost=frozenset({"config"}))(found)),
        {"own": {ONE: True, TWO: False}},
    ),
    "whom no other process here sees is unseen": (
        seen_by_nobody_here,
        {"unseen": {TWO}, "seen": {ONE, THREE, FOUR}},
    ),
    "whoever is alone here is unseen, for nobody is here to see it": (
        set_of(2, memberlist=False),
        {"unseen": {ONE}, "seen": {TWO, THREE, FOUR}},
    ),
    "who is alone here and too young to be judged is not": (
        lambda found: (set_of(2, memberlist=False)(found), set_of(1, started=found.now)(found)),
        {"unseen": frozenset()},
    ),
    "ring members whose gossip members everybody sees are nobody's ghosts and need no claim": (
        lambda _: None,
        {"orphaned": {}, "claims": {}},
    ),
    "without gossip the members of others are ghosts for now, and ours are claimed": (
        without_gossip,
        {
            "orphaned": dict.fromkeys(BOTH_KEYS, ("p-3", "p-4")),
            "claims": dict.fromkeys(BOTH_KEYS, ("p-1", "p-2")),
            "strange": {},
            "own": {},
        },
    ),
    "ours are claimed where no common process sees them": (
        lambda found: setattr(found.processes[0], "sees", (1,)),
        {"claims": dict.fromkeys(BOTH_KEYS, ("p-2",))},
    ),
    "keys that our processes show are used": (lambda _: None, {"used": set(BOTH_KEYS)}),
    "a key that none of them has is not ours to judge": (unshown, {"used": set(BOTH_KEYS)}),
    "clients count alike by key and phase": (lambda _: None, {"clients": kinds(2)}),
    "a client of a key that moves by itself says so": (split, {"clients": kinds(2, split="compactors")}),
    "those of a borrowed process are its owner's to count": (
        lambda found: setattr(found, "share", share_of(borrowed=True)),
        {"clients": kinds(1)},
    ),
    "those of a silent process are unknown": (set_of(2, up=False), {"clients": kinds(1)}),
    "a client without a key serves what it is called": (
        set_of(2, clients=(client("mystery"),)),
        {"clients": kinds(1) | {ClientKind("mystery", Phase.MIRRORING, writes=True, migration="rings"): 1}},
    ),
    "a common process in the gossip links us to everybody": (lambda _: None, {"linked": True}),
    "without one our cluster may be another than that of others": (
        lambda found: setattr(found, "share", share_of(common=3)),
        {"linked": False},
    ),
    "where nobody has memberlist there is nothing to link": (without_gossip, {"linked": True}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_shard_names(case: str) -> None:
    change, expected = CASES[case]
    found = fleet()
    change(found)
    part = part_of(found.look())
    assert {field: getattr(part, field) for field in expected} == expected


def test_contents_of_views_are_told_by_digests() -> None:
    found = fleet()
    same = part_of(found.look()).views
    assert same.keys() == {
        (key, view, what)
        for key in BOTH_KEYS
        for view in ("ring", "gossip")
        for what in ("members", "states")
    }
    assert all(len(digests) == 1 for digests in same.values())
    assert same[INGESTER, "ring", "members"] == same[INGESTER, "gossip", "members"]
    two_contents(found)
    other = part_of(found.look()).views
    assert len(other[INGESTER, "ring", "members"]) == 2
    assert set(same[INGESTER, "ring", "members"]) < set(other[INGESTER, "ring", "members"])
    assert all(0 <= digest < 2**48 for digests in other.values() for digest in digests)


def test_views_that_were_not_read_in_this_cycle_have_no_digest() -> None:
    found = fleet()
    found.look()
    for process in found.processes:
        process.lost = frozenset({"/ingester/ring"})
    assert (INGESTER, "ring", "members") not in part_of(found.look()).views


def test_a_hostile_number_of_contents_is_cut() -> None:
    found = Fleet(processes=[Process(n) for n in range(1, 2 * MAX_DIGESTS)], share=share_of())
    for process in found.processes:
        process.pages[INGESTER] = ring([member(f"p-{process.number}", found.now)], found.now)
    assert len(part_of(found.look()).views[INGESTER, "ring", "members"]) == MAX_DIGESTS


@pytest.mark.parametrize(
    ("change", "kept_on"),
    [
        (lambda _: None, True),
        (lambda found: setattr(found, "share", share_of(digest=8)), True),  # others' come and go: they say so
        (lambda found: setattr(found, "share", share_of(shards=3)), False),
        (lambda found: setattr(found, "now", found.now + found.rules.longest_gap), False),
        (lambda found: setattr(found, "now", found.now - 40.0), False),
        (lambda found: setattr(found, "number", found.number + 1), False),
        (lambda found: setattr(found, "ticks", found.ticks - 10.0), False),
    ],
    ids=[
        "as before",
        "others watch other processes",
        "another number of shards",
        "a gap",
        "a clock set back",
        "a cycle that failed",
        "a clock set forward, or a sleep",
    ],
)
def test_its_soak_breaks_with_whatever_breaks_that_of_the_whole(change: Change, kept_on: bool) -> None:
    found = fleet()
    before = found.look(beat=True)
    change(found)
    later = found.look(beat=True)
    since = {check.since for check in step_of(later, "switch-primary").checks if check.since is not None}
    assert since == {before.at if kept_on else later.at}


@pytest.mark.parametrize(
    ("borrowed", "started", "kept_on"),
    [
        (True, -3600.0, True),  # another one is common now: its owner has watched it
        (False, -3600.0, False),  # it ran already, and no shard watched it
        (False, 0.0, True),  # it has just started
    ],
)
def test_a_process_that_another_shard_watches_breaks_no_soak_where_it_is_chosen_to_be_common(
    borrowed: bool, started: float, kept_on: bool
) -> None:
    found = fleet()
    before = found.look(beat=True)
    found.others = frozenset({4})
    found.processes[2].started = found.now + started
    if borrowed:
        found.share = replace(share_of(), borrowed=frozenset({name(3)}), common=frozenset({name(1), name(3)}))
    later = found.look(beat=True)
    answer = next(check for check in step_of(later, "switch-primary").checks if check.id == "targets-answer")
    assert answer.since == (before.at if kept_on else later.at)


@pytest.mark.parametrize(
    ("soak", "interval", "told"), [(300.0, 15.0, 300.0), (300.0, 600.0, 1800.0), (0.0, 600.0, 0.0)]
)
def test_its_soak_takes_as_many_looks_as_that_of_the_whole(soak: float, interval: float, told: float) -> None:
    found = fleet()
    found.rules = replace(found.rules, soak=soak, interval=interval)
    assert part_of(found.look()).soak == told


def test_limits_have_one_digest_and_other_limits_another() -> None:
    one, same, other = fleet(), fleet(), fleet()
    other.rules = Rules(soak=1.0, stores=("consul",))
    digests = [part_of(found.look()).rules_digest for found in (one, same, other)]
    assert digests[0] == digests[1] != digests[2]
    assert all(digest < 2**48 for digest in digests)


def test_the_gate_of_a_part_is_never_open_and_says_so() -> None:
    """In a fleet in which a step is open to whoever sees all of it."""
    whole, part = fleet(shard=False), fleet()
    for _ in range(3):
        seen, partly = whole.look(beat=True), part.look(beat=True)
    assert step_of(seen, "switch-primary").open
    held = [check.verdict for check in step_of(partly, "switch-primary").checks]
    assert {verdict.value for verdict in held} == {"holds"}, "nothing speaks against it"
    assert {step.name for step in partly.steps} == set(NAMES)
    for step in partly.steps:
        assert not step.open
        assert step.verdict.value != "holds"
        assert step.headline.startswith(("Unknown: ", "Closed: "))
        assert "shard 0 of 2 (from 0)" in step.headline
        assert f"kvmigration check {step.migration}/{step.name} --prometheus URL" in step.headline
    assert partly.fleet.headline.startswith("Shard 0 of 2 (from 0), its part only.")


def test_what_does_not_hold_in_a_part_does_not_hold() -> None:
    found = fleet()
    found.processes[1].copies[COMPACTOR] = None
    found.look()
    assert step_of(found.look(), "switch-primary").verdict.value == "fails"


@pytest.mark.parametrize("change", [lambda _: None, seen_by_nobody_here, without_gossip])
def test_strangers_absent_members_and_ghosts_are_in_no_warning_of_a_part(change: Change) -> None:
    """One exporter that watched these two alone would report the others' members."""
    alone, part = fleet(), fleet()
    alone.share = None
    for found in (alone, part):
        change(found)
        found.look()
    seen, partly = alone.look(), part.look()
    blamed = (seen.gossip and (seen.gossip.unknown or seen.gossip.absent)) or [k.orphaned for k in seen.keys]
    assert any(blamed), "nothing to leave out"
    assert partly.fleet.warnings == ()
    assert all(not key.orphaned and not any(m.orphaned for m in key.members) for key in partly.keys)
    if partly.gossip is not None:
        told = partly.gossip
        assert (told.unknown, told.absent, told.orphaned) == ((), (), ())


def test_without_shards_there_is_no_part() -> None:
    assert fleet(shard=False).look().part is None


SEED = """
import re, sys
from exporter.config import load_text
from exporter.derive.shard import _digest
from exporter.derive.judging_rules import written
from exporter.wiring import rules_of
rings = "rings: [{path: /ring, key: collectors/ring, ring: ingester}, {path: /ruler/ring, key: rulers/ring}]"
gossip = f"gossip: {{expected_members: ['{sys.argv[1]}']}}"
text = f"targets: [{{static: {{urls: [http://a]}}}}]\\n{rings}\\n{gossip}"
print(_digest(written(rules_of(load_text(text)))))
"""


def test_the_digest_of_the_rules_is_the_same_in_every_process_and_for_no_other_rules() -> None:
    """`repr` cuts long patterns, and orders sets by the hash seed of the process."""
    long = "^" + "a" * 300
    told = []
    for seed, pattern in (("1", long), ("2", long), ("3", long + "b"), ("4", "x")):
        run = [sys.executable, "-c", SEED, pattern]
        environment = {"PYTHONHASHSEED": seed, "PATH": "/usr/bin"}
        done = subprocess.run(run, capture_output=True, text=True, check=True, env=environment, cwd=ROOT)
        told.append(done.stdout)
    assert told[0] == told[1]
    assert len(set(told)) == 3
