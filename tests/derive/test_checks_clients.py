"""Processes and their clients: who does not speak is not taken for well."""

from __future__ import annotations

import pytest

from exporter.derive.rules import Rules
from tests.derive.build import CLIENTS, NOW, Fleet, Process, client, step_of, verdicts

STEP = "switch-primary"


def test_a_ring_page_without_a_kv_client_is_not_known() -> None:
    fleet = Fleet()
    fleet.processes[1].clients = ()
    seen = fleet.look()
    found = next(c for c in step_of(seen, STEP).checks if c.id == "clients-mirroring")
    assert found.verdict.value == "unknown"
    assert found.culprits == ("10.0.0.2:80 shows no KV client",)


def test_a_process_that_has_just_started_keeps_the_gate_closed_and_is_not_judged() -> None:
    fleet = Fleet()
    fleet.processes[2].started = NOW + 1
    seen = fleet.look(10.0)
    assert verdicts(seen, STEP) == {"processes-settled": "unknown"}
    assert not step_of(seen, STEP).open
    assert step_of(fleet.look(40.0, beat=True), STEP).open


def test_a_process_that_nobody_watched_before_breaks_the_soak() -> None:
    fleet = Fleet(rules=Rules(soak=40.0, store_configured=True))
    assert [step_of(fleet.look(beat=True), STEP).open for _ in range(4)][-1]
    fleet.processes.append(Process(4, sees=(1, 2, 3, 4)))
    for process in fleet.processes[:3]:
        process.sees = (1, 2, 3, 4)
    seen = fleet.look(beat=True)
    assert verdicts(seen, STEP) == {}
    assert not step_of(seen, STEP).open
    assert [step_of(fleet.look(beat=True), STEP).open for _ in range(3)][-1]


def test_no_process_at_all_is_not_known() -> None:
    fleet = Fleet()
    fleet.processes = []
    assert step_of(fleet.look(), STEP).verdict.value == "unknown"


ERRORS = [(2.0, None), (5.0, None), (6.0, "fails"), (100.0, "fails")]


@pytest.mark.parametrize(("errors", "verdict"), ERRORS)
def test_mirror_errors_up_to_the_limit_are_benign(errors: float, verdict: str | None) -> None:
    """100 writes, of which 5 in a hundred may fail."""
    fleet = Fleet()
    fleet.processes[0].clients = tuple(client(name, mirror_errors=errors) for name in CLIENTS)
    assert verdicts(fleet.look(), STEP).get("mirror-errors") == verdict
