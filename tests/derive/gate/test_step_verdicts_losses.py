"""Losses and hidden pages that once left the gate open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from exporter.derive.judging_rules import Rules
from exporter.derive.previous_cycle import History
from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import Member, Partition, PartitionState, Replica, State
from exporter.model.pages import Outcome, PartitionRing, Product, Value
from tests.derive.build import (
    CLIENTS,
    COMPACTOR,
    INGESTER,
    NOW,
    Fleet,
    check_of,
    client,
    member,
    ring,
    step_of,
    tokens,
    verdicts,
)

RULER = "rulers/ring"
Break = Callable[[Fleet], None]


def _wiped(fleet: Fleet) -> None:
    """Consul restarted empty: the store has nothing, the processes remember."""
    fleet.store.clear()


def _emptied_everywhere(fleet: Fleet) -> None:
    fleet.store[COMPACTOR] = ring([], fleet.now)
    for process in fleet.processes:
        process.pages[COMPACTOR] = process.copies[COMPACTOR] = ring([], fleet.now)


def _hidden(fleet: Fleet) -> None:
    """A proxy answers 404 for one process's /memberlist."""
    fleet.processes[1].memberlist = False


def _lonely(fleet: Fleet) -> None:
    """The others still see it, and it has lost all of them."""
    fleet.processes[1].sees = (2,)


def _nowhere(fleet: Fleet) -> None:
    """A ring that is written and that nobody shows: wiped long ago, or kept under another key."""
    del fleet.store[COMPACTOR]
    for process in fleet.processes:
        process.pages[COMPACTOR] = process.copies[COMPACTOR] = None
    fleet.history = History()


def _shown(fleet: Fleet, key: str, *members: Member) -> None:
    """Every process's page shows these members; the store and the gossip have everybody."""
    for process in fleet.processes:
        process.pages[key] = ring(members, fleet.now)


def _sourceless(fleet: Fleet) -> None:
    fleet.unsure = ("targets[1] (file): no file matches /etc/targets/*.yml",)


def _everywhere(fleet: Fleet, key: str, *members: Member) -> None:
    _shown(fleet, key, *members)
    fleet.store[key] = ring(members, fleet.now)
    for process in fleet.processes:
        process.copies[key] = fleet.store[key]


def _three(fleet: Fleet, **of_the_others: object) -> list[Member]:
    """p-1 as it is, p-2 and p-3 changed."""
    fresh = [member(p.name, fleet.now) for p in fleet.processes]
    return [fresh[0], *(replace(one, **of_the_others) for one in fresh[1:])]  # type: ignore[arg-type] # its fields


def _unreadable(fleet: Fleet) -> None:
    """The store has rubbish, the pages what they remember."""
    del fleet.store[INGESTER]
    fleet.broken[INGESTER] = "no ring"


def _clients(**told: object) -> Break:
    def apply(fleet: Fleet) -> None:
        fleet.processes[1].clients = tuple(client(name, **told) for name in CLIENTS)

    return apply


def _half(fleet: Fleet) -> None:
    """Each page lacks p-3, which the store has had for an hour."""
    _shown(fleet, COMPACTOR, member("p-1", fleet.now), member("p-2", fleet.now))


def _called_ill(*, pages: int, age: float) -> Break:
    """So many pages call p-3 unhealthy; its heartbeat has this age on every page. The timeout is 60 s."""

    def apply(fleet: Fleet) -> None:
        others = [member("p-1", fleet.now), member("p-2", fleet.now)]
        for number, process in enumerate(fleet.processes):
            state = State.UNHEALTHY if number < pages else State.ACTIVE
            told = [*others, member("p-3", fleet.now - age, state)]
            process.pages[COMPACTOR] = ring(told, fleet.now)

    return apply


def _ghost(fleet: Fleet) -> None:
    """Healthy, in no list of targets and in nobody's gossip."""
    _everywhere(fleet, COMPACTOR, *_three(fleet), member("p-9", fleet.now))


def _rulers(fleet: Fleet) -> None:
    """They are in no list of targets, and write their ring every 15 s."""
    fleet.store[RULER] = ring([member("p-1", fleet.now)], fleet.now)
    fleet.modified[RULER] = fleet.number


def _neighbours(fleet: Fleet) -> None:
    """Another installation in the same store."""
    for key in ("other/ring", "other/compactor", "collectors/somebody-elses"):
        fleet.store[key] = ring([member("p-1", fleet.now)], fleet.now)
        fleet.modified[key] = fleet.number


def _leaving(fleet: Fleet) -> None:
    _everywhere(fleet, INGESTER, *_three(fleet, state=State.LEAVING))


def _tokenless(fleet: Fleet) -> None:
    _everywhere(fleet, INGESTER, *_three(fleet, tokens=tokens()))


@pytest.mark.parametrize(
    ("broken", "check", "verdict"),
    [
        (_wiped, "members-healthy", "fails"),
        (_emptied_everywhere, "members-healthy", "fails"),
        (_hidden, "gossip-complete", "unknown"),
        (_lonely, "gossip-complete", "fails"),
        (_nowhere, "members-healthy", "unknown"),
        (_sourceless, "targets-answer", "unknown"),
        (_unreadable, "keys-copied", "unknown"),
        (_unreadable, "members-healthy", "unknown"),
        (_clients(mirror_writes=0.0), "mirror-writes", "unknown"),
        (_clients(mirror_writes=2.0, mirror_errors=2.0), "mirror-errors", "unknown"),  # of a start, or of all
        (_clients(mirror_writes=3.0, mirror_errors=3.0), "mirror-errors", "fails"),
        (partial(_shown, key=COMPACTOR), "views-agree", "fails"),
        (_half, "views-agree", "fails"),
        (_called_ill(pages=3, age=58), "members-healthy", "fails"),
        (_called_ill(pages=2, age=58), "members-healthy", "fails"),
        (_ghost, "no-ghosts", "fails"),
        (_leaving, "quorum-kept", "fails"),
        (_tokenless, "quorum-kept", "fails"),
    ],
)
def test_the_gate_stays_closed(broken: Break, check: str, verdict: str) -> None:
    fleet = Fleet()
    fleet.look(beat=True)
    broken(fleet)
    assert verdicts(fleet.look(), "switch-primary").get(check) == verdict


@pytest.mark.parametrize(
    "harmless",
    [
        _clients(mirror_writes=50.0, mirror_errors=2.0),
        _clients(mirror_writes=1.0, mirror_errors=1.0),  # the first beat after a start
        _clients(mirror_writes=0.0, requests={}),  # it has written nothing at all, and has a writer's name
        _called_ill(pages=1, age=58),  # it crosses the limit a moment before the others
        _called_ill(pages=3, age=7),  # a release that takes the period for the timeout
    ],
)
def test_the_gate_stays_open(harmless: Break) -> None:
    fleet = Fleet()
    fleet.look(beat=True)
    harmless(fleet)
    assert verdicts(fleet.look(), "switch-primary") == {}


@pytest.mark.parametrize(("ratio", "verdict"), [(0.0, "fails"), (0.05, None)])
def test_of_a_ratio_of_nothing_no_error_is_benign(ratio: float, verdict: str | None) -> None:
    fleet = Fleet(rules=Rules(soak=0.0, stores=("consul",), benign_mirror_error_ratio=ratio))
    _clients(mirror_writes=50.0, mirror_errors=1.0)(fleet)
    assert verdicts(fleet.look(), "switch-primary").get("mirror-errors") == verdict


def test_another_installation_in_the_store_is_not_ours_to_judge() -> None:
    fleet = Fleet()
    for _ in range(4):
        _neighbours(fleet)
        assert verdicts(fleet.look(beat=True), "switch-primary") == {}


def test_a_ring_that_somebody_unknown_writes_to_the_store_is_named() -> None:
    fleet, found = Fleet(), []
    for number in range(9):
        if number < 4:
            _rulers(fleet)
        found.append(verdicts(fleet.look(beat=True), "switch-primary").get("no-ghosts"))
    assert found == ["unknown"] * 7 + [None] * 2, "until its last heartbeat is older than the timeout"
    fleet.stored = False
    for process in fleet.processes:
        process.clients = tuple(client(name, primary="memberlist") for name in CLIENTS)
    _rulers(fleet)
    check = next(c for c in step_of(fleet.look(), "disable-mirroring").checks if c.id == "no-ghosts")
    assert check.culprits == (Culprit(Kind.KEY_UNATTENDED, key=RULER, what="consul"),)


PARTITIONS, HA = "collectors/ingester-partitions", "ha-tracker/user/cluster"


def _partitions(*numbers: int, state: PartitionState = PartitionState.ACTIVE, owned: bool = True) -> Value:
    return PartitionRing(
        {n: Partition(n, state, NOW - 900, owners=(f"p-{n}",) if owned else ()) for n in numbers}, NOW
    )


def _with(key: str, stored: Value, copied: Value | None) -> Break:
    def apply(fleet: Fleet) -> None:
        fleet.store[key], fleet.modified[key] = stored, 1
        for process in fleet.processes:
            process.copies[key] = copied

    return apply


ALL = _partitions(1, 2, 3)
ENTRY = Replica("a", NOW)
IN_ANY_STEP = [
    ("no partition", _partitions(), "unknown"),
    ("none is active", _partitions(1, 2, state=PartitionState.INACTIVE), "fails"),
    ("none is owned", _partitions(1, 2, owned=False), "fails"),
    ("all is well", ALL, None),
]
SWITCHED = [
    ("partitions were lost", _with(PARTITIONS, ALL, _partitions(1)), "fails"),
    ("all of them", _with(PARTITIONS, ALL, None), "fails"),
    ("none was", _with(PARTITIONS, ALL, ALL), None),
    ("every HA cluster was lost", _with(HA, ENTRY, None), "fails"),
    ("none of them was", _with(HA, ENTRY, ENTRY), None),
    ("the gossip was not read", lambda fleet: _lose(fleet, "gossip"), "unknown"),
    ("there is more in the gossip", _with(PARTITIONS, _partitions(1), ALL), None),
]
NAMES = (*CLIENTS, "ingester-partition-ring-lifecycler", "distributor-hatracker")


def _lose(fleet: Fleet, what: str) -> None:
    for process in fleet.processes:
        process.lost = frozenset({what})


def _fleet_with(*names: str, **told: object) -> Fleet:
    fleet = Fleet()
    for process in fleet.processes:
        process.product = Product.MIMIR
        process.clients = tuple(client(name, **told) for name in names)
    return fleet


@pytest.mark.parametrize(("ring", "verdict"), [r[1:] for r in IN_ANY_STEP], ids=[r[0] for r in IN_ANY_STEP])
def test_a_partition_ring_that_is_out_of_use_is_not_well(ring: Value, verdict: str | None) -> None:
    fleet = _fleet_with(*NAMES[:3])
    _with(PARTITIONS, ring, ring)(fleet)
    assert verdicts(fleet.look(), "switch-primary").get("members-healthy") == verdict


AFTERWARDS = [
    ("half of the active ones are gone", (1, 2), _partitions(1), "fails"),
    ("all but the inactive one", (1, 2), _partitions(3, state=PartitionState.INACTIVE), "fails"),
    ("one of many", (1, 2, 3), _partitions(1, 2), None),
    ("all are there", (1, 2), _partitions(1, 2), None),
]


@pytest.mark.parametrize(
    ("before", "ring", "verdict"), [r[1:] for r in AFTERWARDS], ids=[r[0] for r in AFTERWARDS]
)
def test_partitions_that_vanish_everywhere_at_once_are_missed(
    before: tuple[int, ...], ring: Value, verdict: str | None
) -> None:
    fleet = _fleet_with(*NAMES[:3])
    whole = _partitions(*before)
    _with(PARTITIONS, whole, whole)(fleet)
    assert verdicts(fleet.look(beat=True), "switch-primary") == {}
    _with(PARTITIONS, ring, ring)(fleet)
    assert verdicts(fleet.look(beat=True), "switch-primary").get("members-healthy") == verdict
    _with(PARTITIONS, whole, whole)(fleet)
    assert "members-healthy" not in verdicts(fleet.look(beat=True), "switch-primary")


@pytest.mark.parametrize("step", ["disable-mirroring", "remove-multi"])
@pytest.mark.parametrize(("change", "verdict"), [r[1:] for r in SWITCHED], ids=[r[0] for r in SWITCHED])
def test_what_only_the_old_store_has_after_the_switch_was_lost(
    step: str, change: Break, verdict: str | None
) -> None:
    fleet = _fleet_with(*NAMES, primary="memberlist", mirror=step == "disable-mirroring")
    change(fleet)
    seen = fleet.look()
    told = {verdicts(seen, step, one).get("nothing-lost") for one in ("rings", "ha-tracker")}
    assert told - {None} == {verdict} - {None}


RENEWED = [
    ("renewed all the time", 0.0, "fails"),
    ("renewed a little while ago", -40.0, "fails"),
    ("stood still since", -90.0, None),
    ("deleted", None, None),
]


@pytest.mark.parametrize("step", ["disable-mirroring", "remove-multi"])
@pytest.mark.parametrize(("age", "verdict"), [r[1:] for r in RENEWED], ids=[r[0] for r in RENEWED])
def test_an_ha_entry_that_the_store_alone_has_counts_while_some_tracker_renews_it(
    step: str, age: float | None, verdict: str | None
) -> None:
    """A tracker takes the first replica where an entry is older than its failover timeout: one that stands
    still is no loss. One that is renewed has a tracker that elects against the others.
    """
    fleet = _fleet_with(*NAMES, primary="memberlist", mirror=step == "disable-mirroring")
    _with(HA, ENTRY, ENTRY)(fleet)
    told = []
    for _ in range(3):
        entry = Replica("r-1", fleet.now + 15.0 + (age or 0.0), None if age is not None else fleet.now)
        fleet.store["ha-tracker/team-z/prod"] = entry
        told.append(verdicts(fleet.look(beat=True), step, "ha-tracker").get("nothing-lost"))
    assert told == [None, verdict, verdict], (
        "a new entry may be in the store a moment before gossip spreads it"
    )


@pytest.mark.parametrize(("step", "verdict"), [("disable-mirroring", "unknown"), ("remove-multi", None)])
def test_a_store_that_cannot_be_read_is_in_the_way_only_while_somebody_mirrors(
    step: str, verdict: str | None
) -> None:
    fleet = _fleet_with(*NAMES, primary="memberlist", mirror=step == "disable-mirroring")
    fleet.store_outcome = Outcome.FAILED
    assert verdicts(fleet.look(), step).get("nothing-lost") == verdict


def test_what_has_not_moved_yet_may_be_in_the_store_alone() -> None:
    fleet = _fleet_with(*CLIENTS, primary="memberlist")
    for process in fleet.processes:
        process.clients = (*process.clients, client("distributor-hatracker", mirror=False))
    _with(HA, ENTRY, None)(fleet)
    assert "nothing-lost" not in verdicts(fleet.look(), "disable-mirroring")


def test_a_process_that_leaves_the_list_breaks_the_soak() -> None:
    fleet = Fleet(rules=Rules(soak=20.0, stores=("consul",)))
    opened = [step_of(fleet.look(beat=True), "switch-primary").open for _ in range(4)]
    assert opened[-1]
    fleet.processes = fleet.processes[:2]
    assert not step_of(fleet.look(beat=True), "switch-primary").open


def test_a_key_whose_client_has_not_moved_may_be_in_the_store_alone() -> None:
    fleet = _fleet_with(*CLIENTS, primary="memberlist")
    moved = fleet.processes[0].clients[0]
    for process in fleet.processes:
        process.clients = (moved, client("compactor-lifecycler"))
    _with(COMPACTOR, ring([member("p-1")], fleet.now), None)(fleet)
    assert check_of(fleet.look(), "disable-mirroring", "nothing-lost").culprits == ()
