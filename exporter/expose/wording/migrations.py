"""One line for each migration: where it is, and what is next."""

from __future__ import annotations

from exporter.expose.wording.durations import read_ago
from exporter.expose.wording.headlines import AGREED
from exporter.expose.wording.lists import few
from exporter.model.gate import Verdict
from exporter.model.migration import READ_WRITE, STORE, Migration, Rollout
from exporter.model.pages import Phase

SHOWN = 5  # names of processes
NOT_YET_COPIED, NO_LONGER_COPIED = "not copied yet", "no longer copied"  # a secondary before and after


def line_of(migration: Migration) -> str:
    """Where a migration is, how far its rollout is, and whether its next step is open."""
    return f"{migration.name}: {_where(migration)}{_following(migration)}."


def rollout_of(rollout: Rollout) -> str:
    """How far a rollout is, and which processes are left."""
    return (
        f"rolling out into {rollout.into_name}: {rollout.done} of {rollout.processes} processes; "
        f"left: {few(rollout.left, SHOWN)}"
    )


def _where(migration: Migration) -> str:
    if not migration.begun:
        return "not begun, on the external store"
    if migration.rollout is not None and migration.phase is not None:
        return f"phase {migration.phase.label}, {rollout_of(migration.rollout)}"
    if migration.name == STORE:
        return _store_of(migration)
    if not migration.is_of_clients or migration.phase is None:
        return _opened(migration)
    if migration.phase is Phase.UNKNOWN:
        return "phase unknown"
    return f"phase {migration.phase.label}{AGREED[migration.uniform]}"


def _store_of(migration: Migration) -> str:
    if migration.phase is not Phase.MEMBERLIST:
        return "in use"
    uses = ["no client uses it"]
    if migration.named_by:
        uses.append(f"/config still names one on {few(migration.named_by, SHOWN)}")
    if migration.runtime_left:
        left = f"{few(migration.runtime_left, SHOWN)}{read_ago(migration.runtime_age)}"
        uses.append(f"the runtime configuration still has multi_kv_config on {left}")
    return ", and ".join(uses)


def _opened(migration: Migration) -> str:
    """The state of a migration that has no phase."""
    if migration.rollout is not None:
        return rollout_of(migration.rollout)
    if migration.name != READ_WRITE:
        return "not enforced on every process" if migration.next_step else "no step is next"
    opened = [step.name for step in migration.steps if step.open]
    return f"open: {', '.join(opened)}" if opened else "no step is open"


def _following(migration: Migration) -> str:
    step = next((step for step in migration.steps if step.name == migration.next_step), None)
    if step is None:
        return ""
    unknown = step.verdict is Verdict.UNKNOWN
    return f"; next step {step.name}: {'open' if step.open else 'unknown' if unknown else 'closed'}"
