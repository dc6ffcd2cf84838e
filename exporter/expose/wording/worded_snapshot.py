"""A snapshot with its sentences: each is made here, once a cycle, from what was concluded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from exporter.expose.wording import findings, headlines, rollbacks
from exporter.model.facts import Event, Fleet, Snapshot
from exporter.model.findings import Finding
from exporter.model.gate import Step
from exporter.model.migration import Migration

OfAssessed = TypeVar("OfAssessed", Fleet, Migration)


def worded(snapshot: Snapshot) -> Snapshot:
    """Put in the words of findings, ways back, events and headlines. Former events have theirs."""
    migrations = tuple(_migration(one, snapshot) for one in snapshot.migrations)
    fleet = replace(_assessed(snapshot.fleet), passing=_findings(snapshot.fleet.passing))
    events = tuple(map(_event, snapshot.events))
    worded_snapshot = replace(snapshot, migrations=migrations, fleet=fleet, events=events)
    return replace(worded_snapshot, fleet=replace(fleet, headline=headlines.of_fleet(worded_snapshot)))


def _migration(migration: Migration, snapshot: Snapshot) -> Migration:
    migration = _assessed(migration)
    return replace(migration, steps=tuple(_step(step, migration, snapshot) for step in migration.steps))


def _assessed(one: OfAssessed) -> OfAssessed:
    return replace(
        one,
        findings=_findings(one.findings),
        dangers=_findings(one.dangers),
        rollback=replace(one.rollback, text=rollbacks.text(one.rollback)),
    )


def _step(step: Step, migration: Migration, snapshot: Snapshot) -> Step:
    if step.broken is not None and not step.broken.text:
        step = replace(step, broken=_finding(step.broken))
    return replace(step, headline=headlines.of_step(step, migration, snapshot))


def _findings(listed: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(map(_finding, listed))


def _finding(finding: Finding) -> Finding:
    return replace(finding, text=findings.text(finding))


def _event(event: Event) -> Event:
    if event.text or event.found is None:
        return event
    return replace(event, text=findings.text(event.found))
