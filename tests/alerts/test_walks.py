"""Healthy migrations from the first step to the last, several at once, with the real exporter, Prometheus and
Alertmanager: each gate opens in its turn, no phase goes backwards, and nothing is sent. The way back from
read-write mode, and its mistakes, are in tests/test_read_write.py.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exporter.model.pages import Phase
from tests import real_servers
from tests.alerts.live import SCALE, Fleet, fleet, watched

pytestmark = [pytest.mark.real, pytest.mark.slow]

STAY = 800 * SCALE
"""Seconds in each step at least: longer than the waits that are minutes in production."""
LONGEST = 240.0
PATIENT = {"interval": "2s", "http_client": {"timeout": "2s"}, "gate": {"soak": "4s"}}
OF_THE_STAGE = {"KVMigrationClockSkew", "KVMigrationExporterSlow"}
"""The clusters' clocks run ahead, and this machine may be busy."""
RINGS = (
    "rings/preflight", "rings/enable-mirroring", "rings/switch-primary", "rings/disable-mirroring",
    "rings/remove-multi",
)  # fmt: skip
TRACKER = tuple(step.replace("rings/", "ha-tracker/") for step in RINGS)
STORE = "store/decommission-store"
SET, ENFORCE = "labels/set-label", "labels/enforce-label"
PASSED = {SET, ENFORCE}  # what may be open before its turn: it is true already


@dataclass
class Walk:
    """A fleet's walk: the gates that are open in each of its steps, before the next one is taken."""

    job: str
    gates: tuple[tuple[str, ...], ...]
    flags: tuple[str, ...]
    moves: tuple[tuple[str, ...], ...] = ()  # what takes each next step; none is the demo's own walk
    size: int = 3
    stay: float = STAY
    at: int = 0
    since: float = 0.0
    fleet: Fleet | None = field(default=None, repr=False)

    @property
    def is_over(self) -> bool:
        return self.at == len(self.gates)

    def go_on(self, opened: set[str], now: float) -> None:
        """Take the next step, where this one has lasted and its gates are open."""
        assert not self._later() & opened, (self.job, self.at)
        if not self.is_over and now - self.since >= self.stay and {*self.gates[self.at]} - {""} <= opened:
            self.at, self.since = self.at + 1, now
            for name in self._next() if self.fleet is not None and not self.is_over else ():
                self.fleet.next_step(name)

    def _later(self) -> set[str]:
        """The gates whose turn has not come."""
        had = {gate for gates in self.gates[: self.at + 1] for gate in gates}
        return {gate for gates in self.gates[self.at :] for gate in gates} - had - PASSED

    def _next(self) -> tuple[str, ...]:
        return self.moves[self.at - 1] if self.moves else ("",)


def each(*steps: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The gates of each step, of migrations that move at once."""
    return tuple(zip(*steps, strict=True))


WALKS = (
    Walk("cortex", each((*RINGS, STORE), (*TRACKER, STORE)), ("--product", "cortex")),
    Walk("loki", each((*RINGS, STORE)), ("--product", "loki")),
    # Verification is off from the start: with another restart, each process would start again and again.
    Walk(
        "mimir-rings-and-labels",
        each((*RINGS[1:], ""), (SET, SET, ENFORCE, ENFORCE, ENFORCE)),
        ("--product", "mimir", "--migration", "rings-and-labels", "--fault", "verification-off"),
        (("rings", "labels"), ("rings", "labels"), ("rings",), ("rings", "labels")),
        size=6,
    ),
)
READ_PATH, WRITE_PATH = "read-write/retire-read-path", "read-write/retire-write-path"
FINISH = "read-write/finish-read-write"
READ_WRITE = Walk(
    "read-write",
    each(("", "", READ_PATH, "", WRITE_PATH, WRITE_PATH, WRITE_PATH, FINISH)),
    ("--product", "mimir", "--migration", "read-write"),
    stay=500 * SCALE,  # a stage takes 40 s of the cluster's
)
"""Many processes: it walks alone, so that a small machine keeps the pace."""


def ask(prometheus: str, path: str, **query: str) -> list[dict[str, Any]]:
    answer = real_servers.call("GET", f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}")
    found: list[dict[str, Any]] = json.loads(answer)["data"]["result"]
    return found


def open_gates(prometheus: str) -> dict[str, set[str]]:
    """The steps whose gate is open now, by job."""
    found: dict[str, set[str]] = {}
    for one in ask(prometheus, "query", query="kvmigration_gate_open == 1"):
        told = one["metric"]
        found.setdefault(told["job"], set()).add(f"{told['migration']}/{told['step']}")
    return found


def closed(prometheus: str, walk: Walk) -> list[dict[str, Any]]:
    """The checks that keep the gates of a walk's step closed."""
    steps = "|".join(gate.rpartition("/")[2] for gate in walk.gates[walk.at])
    query = f'kvmigration_gate_check{{job="{walk.job}",step=~"{steps}"}} != 1'
    return [one["metric"] | {"value": one["value"][1]} for one in ask(prometheus, "query", query=query)]


def take_all(walks: Iterable[Walk], prometheus: str) -> None:
    """Take all steps of all walks, each when its gates are open."""
    tick = threading.Event()
    for walk in walks:
        walk.since = time.monotonic()
    while not all(walk.is_over for walk in walks):
        opened, now = open_gates(prometheus), time.monotonic()
        for walk in walks:
            walk.go_on(opened.get(walk.job, set()), now)
            if not walk.is_over and now - walk.since > LONGEST:
                pytest.fail(f"{walk.job}, step {walk.at}: {closed(prometheus, walk)}")
        tick.wait(0.5)


def phases(prometheus: str, began: float) -> dict[tuple[str, str], list[Phase]]:
    """The phases that each migration of each job went through, in order."""
    seen: dict[tuple[str, str], list[tuple[float, Phase]]] = {}
    query = 'kvmigration_phase{phase!="unknown"} == 1'
    window = {"start": str(began), "end": str(time.time()), "step": "1"}
    for one in ask(prometheus, "query_range", query=query, **window):
        told = one["metric"]
        values = seen.setdefault((told["job"], told["migration"]), [])
        values += [(at, Phase[told["phase"].upper()]) for at, _ in one["values"]]
    return {key: [phase for _, phase in sorted(values)] for key, values in seen.items()}


@pytest.mark.parametrize("walks", [WALKS, (READ_WRITE,)], ids=["kv-clients", "read-write"])
def test_healthy_walks_open_each_gate_in_its_turn_and_send_nothing(
    walks: tuple[Walk, ...], tmp_path: Path
) -> None:
    """That a note about the clusters' fast clocks arrives shows that an alert would have."""
    began = time.time()
    with contextlib.ExitStack() as stack:
        for walk in walks:
            started = fleet(
                tmp_path / walk.job, walk.job, "external", *walk.flags, size=walk.size, more=PATIENT
            )
            walk.fleet = stack.enter_context(started)
        fleets = [walk.fleet for walk in walks if walk.fleet]
        received, prometheus = stack.enter_context(watched(tmp_path, fleets, hurried=False))
        take_all(walks, prometheus)
        for walk in walks:
            sent = [(one.alert, one.description) for one in received.sent if one.job == walk.job]
            assert [one for one in sent if one[0] not in OF_THE_STAGE] == [], walk.job
            assert "KVMigrationClockSkew" in received.names(walk.job)
        for key, gone_through in phases(prometheus, began).items():
            assert gone_through == sorted(gone_through), key
