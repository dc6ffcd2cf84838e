"""The gate opens on evidence alone, after the soak, and closes at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.derive.gate.step_table import NAMES, STEPS
from exporter.derive.judging_rules import Rules
from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import Replica, State
from exporter.model.gate import Verdict
from exporter.model.pages import GossipMember, Outcome, Ring, RingConfig
from tests.derive.build import (
    CLIENTS,
    COMPACTOR,
    INGESTER,
    NOW,
    PAGES,
    Fleet,
    client,
    member,
    ring,
    step_of,
    tokens,
    verdicts,
)

Break = Callable[[Fleet], None]


def _set(**fields: object) -> Break:
    """Change the second process."""

    def apply(fleet: Fleet) -> None:
        for name, value in fields.items():
            setattr(fleet.processes[1], name, value)

    return apply


def _copy(key: str, value: object) -> Break:
    def apply(fleet: Fleet) -> None:
        fleet.processes[1].copies[key] = value  # type: ignore[assignment] # any content will do

    return apply


def _differs(**changes: object) -> Break:
    """The second process's copy has the same heartbeats as the store, and one member that differs."""

    def apply(fleet: Fleet) -> None:
        stored = fleet.store[INGESTER]
        assert isinstance(stored, Ring)
        copy = dict(stored.members)
        copy["p-3"] = replace(copy["p-3"], **changes)  # type: ignore[arg-type] # fields of a member
        fleet.processes[1].copies[INGESTER] = Ring(copy, stored.now)

    return apply


def _clients(**fields: object) -> Break:
    return _set(clients=tuple(client(name, **fields) for name in CLIENTS))


def _stale(fleet: Fleet) -> None:
    old = ring(member(p.name, NOW - 60) for p in fleet.processes)
    fleet.processes[1].copies[INGESTER] = old


def _conflict(fleet: Fleet) -> None:
    everybody = [member("p-1"), member("p-2", tokens=tokens(1, 102)), member("p-3")]
    fleet.store[INGESTER] = ring(everybody)
    for process in fleet.processes:
        process.pages[INGESTER] = process.copies[INGESTER] = ring(everybody)


def _unhealthy(fleet: Fleet) -> None:
    everybody = [member("p-1"), member("p-2", fleet.now - 120), member("p-3")]
    fleet.store[INGESTER] = ring(everybody)
    for process in fleet.processes:
        process.pages[INGESTER] = process.copies[INGESTER] = ring(everybody)


def _stranger(fleet: Fleet) -> None:
    fleet.processes[0].strangers = (GossipMember("tempo-ingester-0-0a0b0c0d", "10.9.9.9", 7946),)


def _split(fleet: Fleet) -> None:
    fleet.processes[0].sees = (1,)
    fleet.processes[1].sees = fleet.processes[2].sees = (2, 3)


CLOSING: list[tuple[str, Break, str, str]] = [
    ("a process is down", _set(up=False), "targets-answer", "fails"),
    ("metrics are not read", _set(lost=frozenset({"metrics"})), "targets-answer", "fails"),
    ("a client mirrors no more", _clients(mirror=False), "clients-mirroring", "fails"),
    ("a client has switched", _clients(primary="memberlist"), "clients-mirroring", "fails"),
    ("a client does not say", _clients(mirror=None), "clients-mirroring", "unknown"),
    ("a key is missing", _copy(COMPACTOR, None), "keys-copied", "fails"),
    ("a key cannot be read", _set(lost=frozenset({COMPACTOR})), "keys-copied", "unknown"),
    ("the member list cannot be read", _set(lost=frozenset({"gossip"})), "gossip-one-cluster", "unknown"),
    ("a member is missing", _copy(INGESTER, ring([member("p-1"), member("p-2")])), "members-copied", "fails"),
    (
        "tokens differ",
        _differs(tokens=tokens(7)),
        "contents-equal",
        "fails",
    ),
    (
        "an address differs",
        _differs(address="10.0.0.9:9095"),
        "contents-equal",
        "fails",
    ),
    ("a view lags", _stale, "lag", "fails"),
    ("mirror writes fail", _clients(mirror_errors=20.0), "mirror-errors", "fails"),
    ("tokens are claimed twice", _conflict, "no-token-conflicts", "fails"),
    ("a member is unhealthy", _unhealthy, "members-healthy", "fails"),
    ("somebody strange is in the gossip", _stranger, "gossip-no-strangers", "fails"),
    ("the gossip is split", _split, "gossip-one-cluster", "fails"),
    ("a process is seen by nobody", _split, "gossip-complete", "fails"),
    ("a client serves nobody knows what", _set(clients=(client("mystery"),)), "client-keys", "unknown"),
]


def test_the_gate_opens_when_everything_holds() -> None:
    assert verdicts(Fleet().look(), "switch-primary") == {}
    assert step_of(Fleet().look(), "switch-primary").open


@pytest.mark.parametrize(("spoil", "check", "verdict"), [r[1:] for r in CLOSING], ids=[r[0] for r in CLOSING])
def test_each_thing_that_is_wrong_closes_the_gate_and_is_named(
    spoil: Break, check: str, verdict: str
) -> None:
    fleet = Fleet()
    fleet.look()
    spoil(fleet)
    seen = fleet.look()
    step = step_of(seen, "switch-primary")
    found = next(c for c in step.checks if c.id == check)
    assert not step.open
    assert found.verdict.value == verdict
    assert found.culprits


@pytest.mark.parametrize("row", CLOSING, ids=[r[0] for r in CLOSING])
def test_the_gate_opens_again_after_the_soak(row: tuple[str, Break, str, str]) -> None:
    fleet = Fleet(rules=Rules(soak=40.0, stores=("consul",)))
    row[1](fleet)
    fleet.look()
    fleet.processes = Fleet(now=fleet.now).processes
    opened = [step_of(fleet.look(beat=True), "switch-primary").open for _ in range(5)]
    assert opened == [False, False, False, True, True], "40 s are over with the fourth look"


SILENT: list[tuple[str, Break]] = [
    (
        "one heartbeat behind",
        lambda f: f.processes[1].copies.update(
            {INGESTER: ring(member(p.name, f.now - 10) for p in f.processes)}
        ),
    ),
    (
        "a state that changed with the last heartbeat",
        lambda f: f.processes[1].copies.update(
            {INGESTER: ring([member("p-1"), member("p-2"), member("p-3", f.now - 5, State.ACTIVE)])}
        ),
    ),
    ("two benign mirror errors", _clients(mirror_errors=2.0)),
    (
        "a read-only client that never wrote",
        _set(
            clients=(
                *(client(n) for n in CLIENTS),
                client("ingester-ring", mirror=False, mirror_writes=0.0, requests={("consul", "GET"): 1.0}),
            )
        ),
    ),
    (
        "a tombstone beside the members",
        lambda f: f.processes[1].copies.update(
            {INGESTER: ring([*(member(p.name) for p in f.processes), member("p-9", state=State.LEFT)])}
        ),
    ),
]


@pytest.mark.parametrize("spoil", [r[1] for r in SILENT], ids=[r[0] for r in SILENT])
def test_what_is_ordinary_closes_nothing(spoil: Break) -> None:
    fleet = Fleet()
    spoil(fleet)
    assert verdicts(fleet.look(5.0), "switch-primary") == {}


def test_a_young_process_is_not_judged_by_its_views() -> None:
    fleet = Fleet()
    fleet.processes[2].started = NOW + 1
    fleet.processes[2].copies = {INGESTER: None, COMPACTOR: None}
    found = verdicts(fleet.look(10.0), "switch-primary")
    assert "views-agree" not in found
    assert "keys-copied" not in found


def test_a_break_in_looking_breaks_the_soak() -> None:
    fleet = Fleet(rules=Rules(soak=40.0, stores=("consul",)))
    opened = [step_of(fleet.look(beat=True), "switch-primary").open for _ in range(4)]
    assert opened[-1]
    assert not step_of(fleet.look(600.0, beat=True), "switch-primary").open


def test_nothing_is_open_when_nobody_answers() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.up = False
    seen = fleet.look()
    assert not [step.name for step in seen.steps if step.open]
    assert {c.verdict for step in seen.steps for c in step.checks} <= {Verdict.FAILED, Verdict.UNKNOWN}


def test_every_step_of_the_design_is_there_once() -> None:
    assert list(NAMES) == list(dict.fromkeys(rule.name for rule in STEPS))
    assert len(NAMES) == 12
    ids = [c.id for c in step_of(Fleet().look(), "switch-primary").checks]
    assert len(ids) == len(set(ids))


def test_the_store_is_not_called_idle_before_it_was_watched_for_two_periods() -> None:
    fleet = _at_the_end(Rules(soak=60.0, stores=("consul",)))
    looks = [fleet.look(20.0, beat=True) for _ in range(6)]
    found = [verdicts(look, "decommission-store").get("store-idle") for look in looks]
    assert found == ["unknown", "unknown", None, None, None, None]
    opened = [step_of(look, "decommission-store").open for look in looks]
    assert opened == [False, False, False, False, False, True], "the soak comes on top"
    fleet.modified[INGESTER] += 1
    assert verdicts(fleet.look(20.0, beat=True), "decommission-store") == {"store-idle": "fails"}


def test_the_store_is_watched_for_two_of_the_longest_period_that_a_process_writes_by() -> None:
    fleet = _at_the_end(Rules(soak=0.0, stores=("consul",)))
    slow = RingConfig("memberlist", "", 600.0, 120.0, 3, zone_awareness=False)
    fleet.processes[0].config = {"rings": dict.fromkeys(PAGES, slow)}
    looks = [fleet.look(20.0, beat=True) for _ in range(14)]
    found = [verdicts(look, "decommission-store").get("store-idle") for look in looks]
    assert found == ["unknown"] * 12 + [None] * 2
    fleet.modified[INGESTER] += 1
    assert verdicts(fleet.look(20.0, beat=True), "decommission-store")["store-idle"] == "fails"
    assert verdicts(fleet.look(200.0, beat=True), "decommission-store")["store-idle"] == "fails"
    assert "store-idle" not in verdicts(fleet.look(41.0, beat=True), "decommission-store")


def _at_the_end(rules: Rules) -> Fleet:
    fleet = Fleet(rules=rules)
    last = client(
        "ingester-lifecycler",
        primary="",
        stores=(),
        mirror=None,
        mirror_writes=None,
        mirror_errors=None,
        requests={("memberlist", "CAS"): 9.0},
    )
    for process in fleet.processes:
        process.clients = (last,)
    fleet.stored = False
    return fleet


def test_a_key_that_only_the_store_has_keeps_it() -> None:
    fleet = _at_the_end(Rules(soak=0.0, stores=("consul",)))
    assert [step_of(fleet.look(), "decommission-store").open for _ in range(3)] == [False, False, True]
    fleet.store["ha-tracker/user/cluster"] = Replica("a", NOW)
    fleet.modified["ha-tracker/user/cluster"] = 1
    checks = step_of(fleet.look(), "decommission-store").checks
    found = next(c for c in checks if c.id == "store-has-nothing-of-its-own")
    assert found.culprits == (Culprit(Kind.STORE_ONLY, key="ha-tracker/user/cluster"),)
    assert found.remedy.startswith("Keep the store while an HA tracker writes these keys")


def test_a_store_that_does_not_answer_cannot_be_decommissioned() -> None:
    fleet = _at_the_end(Rules(soak=0.0, stores=("consul",)))
    fleet.store_outcome = Outcome.FAILED
    assert step_of(fleet.look(), "decommission-store").verdict is Verdict.UNKNOWN


MISHAPS: tuple[Break, ...] = tuple(row[1] for row in CLOSING)


@settings(max_examples=60, deadline=None)
@example([0, 10], 1, 0.0)
@given(
    st.lists(st.integers(0, len(MISHAPS)), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1),
    st.floats(0, 90),
)
def test_no_history_opens_a_gate_whose_evidence_is_missing(events: list[int], seed: int, soak: float) -> None:
    """Whatever happened before, an open switch-primary means: now, and all through the soak, every
    process answered with everything, and every copy had what the store had. Two cycles in which something was
    not read break nothing that the third one confirms.
    """
    fleet = Fleet(rules=Rules(soak=soak, stores=("consul",)))
    chance = random.Random(seed)
    well_since: float | None = None
    missed = 0
    for event in events:
        fleet.processes = Fleet(now=fleet.now).processes
        fleet.beat()
        broken = event < len(MISHAPS)
        if broken:
            MISHAPS[event](fleet)
        for _ in range(chance.randint(1, 3)):
            gap = chance.choice((5.0, 15.0, 15.0, 200.0))
            seen = fleet.look(gap, beat=not broken)
            missed = missed + 1 if any(p.lost or not p.up for p in fleet.processes) else 0
            if (broken and not missed) or missed > 2 or not (missed or _is_whole(fleet)) or gap > 60:
                well_since = None
            if not broken and well_since is None:
                well_since = fleet.now
            if step_of(seen, "switch-primary").open:
                assert not broken
                assert well_since is not None
                assert fleet.now - well_since >= soak


def _is_whole(fleet: Fleet) -> bool:
    """Look at the input itself, not at anything derived from it."""
    for process in fleet.processes:
        if not process.up or process.lost or not all(c.mirror for c in process.clients):
            return False
        for key in PAGES:
            copy, stored = process.copies[key], fleet.store[key]
            if copy is None or set(copy.members) != set(stored.members):  # type: ignore[union-attr] # rings
                return False
    return True


def test_a_step_says_where_it_stands() -> None:
    seen = Fleet().look()
    places = {step.name: step.place for step in seen.steps}
    assert places["enable-mirroring"] == "behind"
    assert places["switch-primary"] == "next"
    assert places["disable-mirroring"] == "ahead"
    assert places["set-label"] == "any"
    assert step_of(seen, "enable-mirroring").headline == "This step is behind."


def test_mixed_primaries_are_the_first_line_of_every_closed_step() -> None:
    fleet = Fleet()
    fleet.processes[0].clients = tuple(replace(c, primary="memberlist") for c in fleet.processes[0].clients)
    seen = fleet.look()
    assert seen.fleet.headline.startswith("Primaries are mixed: memberlist on 10.0.0.1:80")
    assert all(step.headline == seen.fleet.headline for step in seen.steps if not step.open)


def test_writes_that_are_not_mirrored_close_the_gate() -> None:
    fleet = Fleet()
    fleet.look()
    requests = {("consul", "CAS"): 103.0}
    fleet.processes[1].clients = tuple(client(name, requests=requests) for name in CLIENTS)
    found = verdicts(fleet.look(), "switch-primary")
    assert found == {"mirror-writes": "fails"}


def test_a_tracker_that_finds_nothing_to_change_has_nothing_to_mirror() -> None:
    fleet = Fleet()
    fleet.processes[1].clients += (client("distributor-hatracker"),)
    fleet.look()
    requests = {("consul", "CAS"): 112.0}
    fleet.processes[1].clients = (
        *fleet.processes[1].clients[:2],
        client("distributor-hatracker", requests=requests),
    )
    assert "mirror-writes" not in verdicts(fleet.look(), "switch-primary")
