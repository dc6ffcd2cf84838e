"""Ordinary rolling restarts, process by process: no danger, no STOP, and the number done is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from exporter.derive.judging_rules import Rules
from exporter.expose.web import go_no_go
from exporter.model.facts import Snapshot
from exporter.model.pages import KVClient, Phase, Reason
from tests.derive.build import CLIENTS, Fleet, Process, client, migration_of

EVERY, GAP, AWAY = 5.0, 20.0, 12.0  # seconds from cycle to cycle, restart to restart, and of one downtime
Clients = tuple[KVClient, ...]
GOSSIP: Mapping[str, Any] = {"primary": "memberlist", "stores": ("memberlist", "consul")}


def clients(store: str = "", **more: Any) -> Clients:
    """Those of one process; with `store` they have it alone, without multi."""
    alone = {"primary": "", "stores": (), "mirror": None, "mirror_writes": None, "mirror_errors": None}
    told = alone | {"requests": {(store, "CAS"): 9.0}} if store else more
    return tuple(client(name, **told) for name in CLIENTS)


EXTERNAL, OFF, MIRRORING = clients("consul"), clients(mirror=False), clients()
DETACHED, MEMBERLIST = clients(**GOSSIP, mirror=False), clients("memberlist")
UNLABELLED, OPEN, LABELLED, ENFORCED = (
    {"label": label, "label_verification_disabled": off}
    for label, off in (("", False), ("", True), ("lab", True), ("lab", False))
)


class Rolling:
    """A fleet whose processes restart one after another, each with other clients or another label."""

    def __init__(
        self, size: int, before: Clients, after: Clients, labels: tuple[Any, Any] = ({}, {})
    ) -> None:
        processes = [Process(n + 1, before, sees=()) for n in range(size)]
        self.fleet = Fleet(
            rules=Rules(soak=0.0, stores=("consul",)),
            processes=processes,
            stored=before not in (DETACHED, MEMBERLIST),
        )
        self.after, self.labels = after, labels
        for process in self.fleet.processes:
            process.memberlist = before is not EXTERNAL
            process.config = labels[0]
        self._see()

    def before(self) -> Snapshot:
        """The last of some cycles before the first restart."""
        return [self._look() for _ in range(3)][-1]

    def walk(self) -> Iterator[tuple[int, Snapshot]]:
        """Each cycle of the rollout, with the number of processes that have restarted in it."""
        begin = self.fleet.now
        for number, process in enumerate(self.fleet.processes):
            process.up = process.beats = False
            while self.fleet.now < begin + (number + 1) * GAP:
                if not process.up and self.fleet.now >= begin + number * GAP + AWAY:
                    self._return(process)
                yield number + process.up, self._look()
        for _ in range(12):
            yield len(self.fleet.processes), self._look()

    def _return(self, process: Process) -> None:
        process.up = process.beats = process.memberlist = True
        process.clients, process.config, process.started = self.after, self.labels[1], self.fleet.now

    def _see(self) -> None:
        alive = tuple(p.number for p in self.fleet.processes if p.up and p.memberlist)
        for process in self.fleet.processes:
            process.sees = alive

    def _look(self) -> Snapshot:
        self._see()
        return self.fleet.look(EVERY, beat=True)


WALKS = {
    "into multi": (EXTERNAL, OFF, Phase.MULTI),
    "into mirroring": (OFF, MIRRORING, Phase.MIRRORING),
    "into multi with mirroring": (EXTERNAL, MIRRORING, Phase.MIRRORING),
    "out of multi": (DETACHED, MEMBERLIST, Phase.MEMBERLIST),
}


@pytest.mark.parametrize("size", [6, 18])
@pytest.mark.parametrize(("before", "after", "into"), WALKS.values(), ids=WALKS)
def test_a_rolling_restart_is_no_danger_at_any_moment_and_its_number_is_right(
    before: Clients, after: Clients, into: Phase, size: int
) -> None:
    made = Rolling(size, before, after)
    assert go_no_go.answer_of(made.before()).word in ("GO ON", "OPEN, BUT")
    for done, seen in made.walk():
        assert (seen.fleet.warnings, go_no_go.answer_of(seen).word != "STOP") == ((), True), done
        assert "failed" not in go_no_go.answer_of(seen).tone
        if 0 < done < size:
            found = migration_of(seen, "rings").rollout
            assert found is not None
            assert (found.into, found.done, found.processes) == (into, done, size)
            assert f"{done} of {size} processes" in go_no_go.answer_of(seen).sentence
    assert (seen.fleet.phase, seen.fleet.uniform, seen.fleet.passing) == (into, True, ())


LABELS = {"open": (UNLABELLED, OPEN), "labelled": (OPEN, LABELLED), "enforced": (LABELLED, ENFORCED)}


@pytest.mark.parametrize(
    ("size", "clients"), [(6, MIRRORING), (18, MEMBERLIST)], ids=["mirroring", "memberlist"]
)
@pytest.mark.parametrize("into", LABELS)
def test_a_rolling_restart_of_labels_is_no_danger_at_any_moment_and_its_number_is_right(
    into: str, clients: Clients, size: int
) -> None:
    made = Rolling(size, clients, clients, LABELS[into])
    made.before()
    for done, seen in made.walk():
        assert (seen.fleet.warnings, go_no_go.answer_of(seen).word != "STOP") == ((), True), done
        assert "failed" not in go_no_go.answer_of(seen).tone
        if 0 < done < size:
            found = migration_of(seen, "labels").rollout
            assert found is not None
            assert (found.stage, found.done, found.processes) == (into, done, size)
    assert migration_of(seen, "labels").rollout is None


def test_the_label_straight_from_none_to_verified_is_no_rollout() -> None:
    made = Rolling(6, MEMBERLIST, MEMBERLIST, (UNLABELLED, ENFORCED))
    made.before()
    mixed = [seen for done, seen in made.walk() if 0 < done < 6]
    assert all(migration_of(seen, "labels").rollout is None for seen in mixed)
    assert not any(step.open for step in migration_of(mixed[-1], "labels").steps)


@pytest.mark.parametrize("size", [6, 18])
def test_the_short_cut_from_mirroring_to_memberlist_is_a_fault_at_once_by_name_with_what_it_costs(
    size: int,
) -> None:
    made = Rolling(size, MIRRORING, MEMBERLIST)
    made.before()
    for done, seen in made.walk():
        if 0 < done < size and all(target.up for target in seen.targets):
            assert migration_of(seen, "rings").rollout is None
            assert seen.fleet.causes[0] == "primaries-mixed"
            assert f"from mirroring straight to memberlist, {done} of {size} processes" in seen.fleet.headline
            assert "Their members vanish from the external store" in seen.fleet.headline
            assert go_no_go.answer_of(seen).word == "STOP"
    assert "primaries-mixed" not in seen.fleet.causes


def test_a_process_that_is_away_is_told_as_a_note_and_one_that_stays_away_as_a_danger() -> None:
    made = Rolling(6, MIRRORING, MIRRORING)
    made.before()
    made.fleet.processes[1].up = made.fleet.processes[1].beats = False
    seen = made.fleet.look(EVERY, beat=True)
    said = "1 of 6 processes do not answer, as in a restart: 10.0.0.2:80 (timeout)."
    assert (seen.fleet.notes, seen.fleet.warnings) == ((said,), ())
    assert (go_no_go.answer_of(seen).word, go_no_go.answer_of(seen).why) == ("WAIT", said)
    assert not any(step.open for step in seen.steps if step.name == "switch-primary")
    seen = made.fleet.look(200.0, beat=True)
    assert (seen.fleet.notes, seen.fleet.causes) == ((), ("process-down",))
    assert go_no_go.answer_of(seen).word == "STOP"


@pytest.mark.parametrize(("down", "note"), [(1, True), (2, False)])
def test_several_at_once_are_no_rolling_restart(down: int, note: bool) -> None:
    made = Rolling(6, MIRRORING, MIRRORING)
    made.before()
    for process in made.fleet.processes[:down]:
        process.up = process.beats = False
    seen = made.fleet.look(EVERY, beat=True)
    assert (bool(seen.fleet.notes), "process-down" in seen.fleet.causes) == (note, not note)


def test_a_process_that_answers_rubbish_is_no_rolling_restart() -> None:
    made = Rolling(6, MIRRORING, MIRRORING)
    made.before()
    made.fleet.processes[0].up, made.fleet.processes[0].reason = False, Reason.DECODE
    assert "process-down" in made.fleet.look(EVERY, beat=True).fleet.causes


def test_a_process_that_never_answered_is_no_rolling_restart() -> None:
    made = Rolling(6, MIRRORING, MIRRORING)
    made.fleet.processes[0].up = made.fleet.processes[0].beats = False
    assert "process-down" in made.before().fleet.causes
