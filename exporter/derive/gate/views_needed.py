"""Whether the next step requires every view: then all are read again within minutes, else in turns."""

from __future__ import annotations

from exporter.derive.gate.coverage import COPIES, FROM_METRICS, RESTS_ON
from exporter.model.facts import Snapshot
from exporter.model.migration import STORE, Migration


def are_views_needed(snapshot: Snapshot | None) -> bool:
    """Whether a check of some migration's next step compares views. A migration that has not begun counts
    only if there is no other: an HA tracker may stay on its store for years. The same is true for a store
    beside a fleet that has left it: the last step counts where the exporter reads the store.
    """
    if snapshot is None or not snapshot.migrations:
        return False
    begun = (one for one in snapshot.migrations if one.begun or one is snapshot.leading)
    return any(_compares(one) for one in begun if one.name != STORE or snapshot.stores)


def _compares(migration: Migration) -> bool:
    checks = (c for step in migration.steps if step.name == migration.next_step for c in step.checks)
    return any(COPIES in RESTS_ON.get(check.id, FROM_METRICS) for check in checks)
