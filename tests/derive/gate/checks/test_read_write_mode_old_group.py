"""The read-write guide's steps 5 and 7, in both directions: each check fails on its own mistake."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.judging_rules import Rules
from exporter.model.entry import State
from exporter.model.facts import Snapshot
from exporter.model.migration import MICROSERVICES, READ_WRITE
from exporter.model.pages import Product, Ring
from exporter.model.settings import RingConfig
from tests.derive.build import COMPACTOR, NOW, Fleet, Process, client, member, ring, step_of, verdicts

INGESTER, GATEWAY, RULER = "collectors/ring", "collectors/store-gateway", "rulers/ring"
KEYS = (INGESTER, GATEWAY, RULER)
CLIENTS = tuple(client(name) for name in ("ingester-lifecycler", "store-gateway", "ruler"))
READ, WRITE, FINISH = "retire-read-path", "retire-write-path", "finish-read-write"
BOTH = "retire-microservices"
NEW = re.compile("^mimir-(write|read|backend)-")
PRE = re.compile("^old-")
Change = Callable[["Moving"], None]


class Moving:
    """Six processes, three of each group; each has a member in every ring."""

    def __init__(self, *, back: bool = False) -> None:
        groups = ((READ_WRITE, PRE if back else NEW), (MICROSERVICES, NEW if back else PRE))
        rules = Rules(
            soak=0.0, stores=("consul",), groups=groups, leaving=READ_WRITE if back else MICROSERVICES
        )
        self.states: dict[tuple[str, str], State] = {}
        self.old, self.new = ("old-1", "old-2", "old-3"), ("mimir-read-4", "mimir-read-5", "mimir-read-6")
        self.gone: set[tuple[str, str]] = set()
        self.fleet = Fleet(rules=rules, processes=[self._process(n) for n in range(1, 7)])
        self.fleet.store.pop(COMPACTOR)
        for process in self.fleet.processes:
            del process.pages[COMPACTOR], process.copies[COMPACTOR]

    def _process(self, number: int) -> Process:
        name = (*self.old, *self.new)[number - 1]
        blocks = {
            key: RingConfig(
                "multi", "", 60.0, 15.0, 3, zone_awareness=True, unregister_on_shutdown=True, default_key=key
            )
            for key in KEYS
        }
        config: dict[str, Any] = {"instance_id": name, "node_name": name, "rings": blocks, "target": "all"}
        made = Process(number, CLIENTS, sees=(1, 2, 3, 4, 5, 6), product=Product.MIMIR, config=config)
        made.counters = {"ingester_oldest_unshipped_block_timestamp_seconds": 0.0}
        return made

    def configure(self, number: int, key: str, **more: Any) -> None:
        """Other settings of one process for one ring."""
        process = self.fleet.processes[number - 1]
        rings = dict(process.config["rings"])
        rings[key] = replace(rings[key], **more)
        process.config = {**process.config, "rings": rings}

    def ring(self, key: str) -> Ring:
        """The members of one ring as they are now; a zone for each number of a group."""
        names = [name for name in (*self.old, *self.new) if (key, name) not in self.gone]
        made = (
            member(
                name,
                self.fleet.now,
                self.states.get((key, name), State.ACTIVE),
                zone="abc"[(int(name[-1]) - 1) % 3],
            )
            for name in names
        )
        return ring(made, self.fleet.now)

    def look(self) -> Snapshot:
        """Two cycles: the first one knows no rates."""
        for _ in range(2):
            self.fleet.now += 15.0
            for key in KEYS:
                value = self.ring(key)
                self.fleet.store[key] = value
                self.fleet.modified[key] = self.fleet.modified.get(key, 0) + 1
                for process in self.fleet.processes:
                    process.pages[key] = process.copies[key] = value
            seen = self.fleet.look(0.0)
        return seen


@pytest.mark.parametrize("back", [False, True], ids=["to read-write", "back to microservices"])
@pytest.mark.parametrize("step", [READ, WRITE, BOTH])
def test_the_steps_open_where_both_groups_are_in_every_ring(step: str, back: bool) -> None:
    seen = Moving(back=back).look()
    assert (verdicts(seen, step), step_of(seen, step).open) == ({}, True)


def _unshipped(made: Moving) -> None:
    made.fleet.processes[1].counters = {
        "ingester_oldest_unshipped_block_timestamp_seconds": NOW - 600,
        "ingester_memory_series": 12.0,
    }


def _unshipped_new(made: Moving) -> None:
    made.fleet.processes[4].counters = {"ingester_oldest_unshipped_block_timestamp_seconds": NOW - 600}


def _untold(made: Moving) -> None:
    made.fleet.processes[1].counters = {}


def _states(key: str, *names: str, state: State = State.LEAVING) -> Change:
    return lambda made: made.states.update({(key, name): state for name in names})


def _configured(number: int, key: str, **more: Any) -> Change:
    return lambda made: made.configure(number, key, **more)


def _remote(number: int) -> Change:
    def change(made: Moving) -> None:
        process = made.fleet.processes[number - 1]
        process.config = {**process.config, "ruler_frontend": "dns:///ruler-query-frontend:9095"}

    return change


MISTAKES: list[tuple[str, Change, str, str, str | None]] = [
    ("an old ingester has an unshipped block", _unshipped, WRITE, "old-ingesters-shipped", "fails"),
    ("a new one has", _unshipped_new, WRITE, "old-ingesters-shipped", None),
    ("an old one does not say", _untold, WRITE, "old-ingesters-shipped", "unknown"),
    ("two zones leave", _states(INGESTER, "old-1", "old-2"), WRITE, "one-zone-at-a-time", "fails"),
    ("one zone leaves", _states(INGESTER, "old-1"), WRITE, "one-zone-at-a-time", None),
    ("no zones for ingesters", _configured(2, INGESTER, zone_awareness=False), WRITE, "ingesters-zone-aware",
     "fails"),
    ("unknown", _configured(2, INGESTER, zone_awareness=None), WRITE, "ingesters-zone-aware", "unknown"),
    ("no zones for store-gateways", _configured(2, GATEWAY, zone_awareness=False), READ,
     "store-gateways-zone-aware", "fails"),
    ("an old store-gateway stays", _configured(1, GATEWAY, unregister_on_shutdown=False), READ,
     "store-gateways-unregister", "fails"),
    ("a new store-gateway stays", _configured(4, GATEWAY, unregister_on_shutdown=False), READ,
     "store-gateways-unregister", None),
    ("the new group has another replication factor", _configured(4, INGESTER, replication_factor=2), READ,
     "settings-agree", "fails"),
    ("the new group has another timeout", _configured(4, GATEWAY, heartbeat_timeout=120.0), WRITE,
     "settings-agree", "fails"),
    ("a new ruler asks a frontend", _remote(4), FINISH, "remote-evaluation-off", "fails"),
    ("an old ruler does", _remote(1), FINISH, "remote-evaluation-off", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "step", "check", "verdict"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_each_check_fails_on_its_own_mistake(
    change: Change, step: str, check: str, verdict: str | None
) -> None:
    made = Moving()
    change(made)
    seen = made.look()
    for asked in (step,) if step == FINISH else (step, BOTH):
        assert verdicts(seen, asked).get(check) == verdict


def _gone(*names: str) -> Change:
    return lambda made: made.gone.update((key, name) for key in KEYS for name in names)


def _backend_gone(made: Moving) -> None:
    made.gone.update((key, name) for key in (GATEWAY, RULER) for name in made.old)


def _stopped(made: Moving) -> None:
    _gone(*made.old)(made)
    for process in made.fleet.processes[:3]:
        process.up = False


NEXT: list[tuple[str, Change, str]] = [
    ("both groups in every ring", lambda _: None, READ),
    ("the old backend has left", _backend_gone, WRITE),
    ("every old member has left, old processes run", _gone("old-1", "old-2", "old-3"), FINISH),
    ("and they are stopped", _stopped, ""),
]


@pytest.mark.parametrize(("change", "step"), [n[1:] for n in NEXT], ids=[n[0] for n in NEXT])
def test_the_next_step_is_what_stops_what_the_old_group_still_has(change: Change, step: str) -> None:
    made = Moving()
    change(made)
    (migration,) = (one for one in made.look().migrations if one.name == "read-write")
    assert migration.next_step == step


BACK: list[tuple[str, Change, str, str]] = [
    ("zones", _configured(2, INGESTER, zone_awareness=False), WRITE, "ingesters-zone-aware"),
    ("remote evaluation", _remote(4), FINISH, "remote-evaluation-off"),
]


@pytest.mark.parametrize(("change", "step", "check"), [b[1:] for b in BACK], ids=[b[0] for b in BACK])
def test_back_to_microservices_asks_for_none_of_them(change: Change, step: str, check: str) -> None:
    made = Moving(back=True)
    change(made)
    assert check not in verdicts(made.look(), step)


def test_the_read_path_may_go_while_pushes_still_go_to_the_old_distributors() -> None:
    made = Moving()
    process = made.fleet.processes[0]
    process.config = {**process.config, "target": "distributor"}
    process.traffic = {"api_v1_push": 0.0}
    made.look()
    process.traffic = {"api_v1_push": 900.0}
    seen = made.look()
    assert "old-read-path-idle" not in verdicts(seen, READ)


def test_a_path_that_has_gone_is_behind() -> None:
    made = Moving()
    made.gone = {(key, name) for key in (GATEWAY, RULER) for name in made.old}
    seen = made.look()
    assert verdicts(seen, READ)["old-read-path-present"] == "fails"
    assert "old-write-path-present" not in verdicts(seen, WRITE)
