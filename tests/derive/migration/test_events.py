"""What changed from one cycle to the next: of two migrations with the same step each has its own gate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.migration.events import events
from exporter.expose.wording.findings import text
from exporter.model.facts import Snapshot
from exporter.model.gate import Step, Verdict
from exporter.model.migration import Migration
from tests.derive.build import Fleet


def gates(snapshot: Snapshot, rings: bool, tracker: bool, place: str = "next") -> Snapshot:
    migrations = tuple(
        Migration(name, steps=(Step("switch-primary", open_, Verdict.UNKNOWN, (), place, migration=name),))
        for name, open_ in (("rings", rings), ("ha-tracker", tracker))
    )
    return replace(snapshot, migrations=migrations)


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ((True, False), []),
        ((False, False), ["Step rings/switch-primary closed."]),
        ((True, True), ["Step ha-tracker/switch-primary opened."]),
        ((False, True), ["Step rings/switch-primary closed.", "Step ha-tracker/switch-primary opened."]),
    ],
)
def test_a_step_that_opens_or_closes_is_told_with_its_migration_and_one_that_stays_is_not(
    then: tuple[bool, bool], said: list[str]
) -> None:
    snapshot = Fleet().look()
    told = events(gates(snapshot, True, False), gates(snapshot, *then), 100)
    assert [text(event.found) for event in told if event.kind == "gate" and event.found] == said


@pytest.mark.parametrize("then", [(True, True), (False, False)])
def test_of_a_step_that_is_behind_nothing_is_told(then: tuple[bool, bool]) -> None:
    snapshot = Fleet().look()
    told = events(gates(snapshot, True, False, "behind"), gates(snapshot, *then, "behind"), 100)
    assert [event for event in told if event.kind == "gate"] == []
