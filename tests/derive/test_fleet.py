"""The first thing an operator reads: danger in the order of its harm, in sentences that mean something."""

from __future__ import annotations

from exporter.derive.fleet import Whole, judge_fleet
from exporter.facts import KeyFacts, MemberFacts
from exporter.model import Phase, State
from tests.derive.build import LOST, Fleet, client, step_of


def lost(ring: str, now: int, gone: int) -> KeyFacts:
    """A ring of so many members that lost some at once."""
    members = tuple(MemberFacts(f"m-{n}", "", "", State.ACTIVE, 1.0, 1.0, 1) for n in range(now))
    key = f"collectors/{ring}"
    return KeyFacts(key, ring, "ring", Phase.MIRRORING, True, "consul", "store", members, lost=gone)


def test_rings_that_lost_members_are_named_by_the_harm_it_does() -> None:
    """The ingesters' first, though it lost the smallest share; then by the share."""
    keys = (lost("compactor", 2, 2), lost("distributor", 1, 9), lost("ingester", 5, 5), lost("ruler", 9, 0))
    told = judge_fleet(Whole(targets=(), keys=keys), None, 0.0).warnings
    assert told == (
        "Ring ingester lost members at once: 10 before, 5 now.",
        "Ring distributor lost members at once: 10 before, 1 now.",
        "Ring compactor lost members at once: 4 before, 2 now.",
    )


def test_a_process_that_does_not_answer_is_named_with_the_reason() -> None:
    fleet = Fleet()
    fleet.processes[2].up = False
    seen = fleet.look()
    assert "1 of 3 processes do not answer: 10.0.0.3:80 (timeout)." in seen.fleet.warnings
    found = next(c for c in step_of(seen, "switch-primary").checks if c.id == "targets-answer")
    assert found.culprits == ("10.0.0.3:80",)
    assert found.evidence == f"10.0.0.3:80 ({LOST['reason'].value})"


def test_a_phase_that_is_not_known_is_said_once() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = (client("ingester-lifecycler", mirror=None),)
    assert fleet.look().fleet.headline == "The phase is not known."
