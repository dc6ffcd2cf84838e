"""A snapshot with its sentences: each is made here, once a cycle, from what was concluded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from exporter.expose.wording import findings, headlines, rollbacks
from exporter.model.facts import Event, Snapshot
from exporter.model.findings import Finding, Rollback
from exporter.model.gate import Step
from exporter.model.migration import Migration


def worded(snapshot: Snapshot) -> Snapshot:
    """Put in the words of findings, ways back, events and headlines. Former events have theirs."""
    migrations = tuple(_migration(one, snapshot) for one in snapshot.migrations)
    fleet = replace(
        snapshot.fleet,
        findings=_findings(snapshot.fleet.findings),
        dangers=_findings(snapshot.fleet.dangers),
        passing=_findings(snapshot.fleet.passing),
        rollback=_rollback(snapshot.fleet.rollback),
    )
    events = tuple(map(_event, snapshot.events))
    worded_snapshot = replace(snapshot, migrations=migrations, fleet=fleet, events=events)
    return replace(worded_snapshot, fleet=replace(fleet, headline=headlines.of_fleet(worded_snapshot)))


def _migration(migration: Migration, snapshot: Snapshot) -> Migration:
    worded_migration = replace(
        migration,
        findings=_findings(migration.findings),
        dangers=_findings(migration.dangers),
        rollback=_rollback(migration.rollback),
    )
    return replace(
        worded_migration, steps=tuple(_step(step, worded_migration, snapshot) for step in migration.steps)
    )


def _step(step: Step, migration: Migration, snapshot: Snapshot) -> Step:
    if step.broken is not None and not step.broken.text:
        step = replace(step, broken=_finding(step.broken))
    return replace(step, headline=headlines.of_step(step, migration, snapshot))


def _findings(listed: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(map(_finding, listed))


def _finding(finding: Finding) -> Finding:
    return replace(finding, text=findings.text(finding))


def _rollback(rollback: Rollback) -> Rollback:
    return replace(rollback, text=rollbacks.text(rollback))


def _event(event: Event) -> Event:
    if event.text or event.found is None:
        return event
    return replace(event, text=findings.text(event.found))
