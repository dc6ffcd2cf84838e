"""What should be watched and is not: processes that do not run, and those that a list no longer names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.model.culprits import Culprit, Kind
from tests.derive.build import NOW, Fleet, Process, step_of

STEPS = ("preflight", "enable-mirroring", "switch-primary", "disable-mirroring", "remove-multi", "set-label")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("missing", [(), ("ingester-2 is Pending (Unschedulable)",)])
def test_no_gate_opens_past_a_process_that_should_run(step: str, missing: tuple[str, ...]) -> None:
    fleet = Fleet(not_running=missing)
    seen = fleet.look(beat=True)
    check = next(c for c in step_of(seen, step).checks if c.id == "targets-answer")
    assert tuple(one.what for one in check.culprits if one.kind is Kind.VERBATIM) == missing
    assert check.verdict.value == ("fails" if missing else "holds")
    assert seen.not_running == missing
    assert ("not-watched" in seen.fleet.causes) is bool(missing)
    assert all(any(name in text for text in seen.fleet.warnings) for name in missing)


SAID = "10.0.0.3:80 answers, and its source (static) no longer lists it"


@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_left_the_list_with_half_of_it_and_answers_keeps_each_gate_closed(step: str) -> None:
    fleet = Fleet()
    fleet.look(beat=True)
    fleet.processes[2].listed = False
    for _ in range(20):
        seen = fleet.look(beat=True)
    check = next(c for c in step_of(seen, step).checks if c.id == "targets-answer")
    gone = Culprit(Kind.PROCESS_UNLISTED, "10.0.0.3:80", what="static")
    assert (check.verdict.value, check.culprits) == ("fails", (gone,))
    assert check.remedy.startswith("Mend the list of the source")
    assert [target.name for target in seen.targets] == ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]
    assert any(SAID in text for text in seen.fleet.warnings)


def _silent(process: Process) -> None:
    process.up = False


def _another(process: Process) -> None:
    process.started = NOW + 100


def _unread(process: Process) -> None:
    process.lost = frozenset({"metrics"})


@pytest.mark.parametrize("becomes", [_silent, _another, _unread])
def test_what_is_gone_or_another_process_by_now_is_not_looked_at(becomes: Callable[[Process], None]) -> None:
    """As in a scale-down: it left the list, the rings and the gossip, and does not answer."""
    fleet = Fleet()
    fleet.look(beat=True)
    fleet.processes[2].listed = False
    becomes(fleet.processes[2])
    seen = fleet.look(beat=True)
    assert [target.name for target in seen.targets] == ["10.0.0.1:80", "10.0.0.2:80"]
    assert "not-watched" not in seen.fleet.causes
