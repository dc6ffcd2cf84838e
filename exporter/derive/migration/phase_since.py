"""Facts that need processes and keys judged: a process's rings, and when each process entered its phase, by
our clock. They are kept over a reload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from exporter.model.facts import KeyFacts, Snapshot, TargetFacts
from exporter.model.pages import Phase


def dated(
    targets: tuple[TargetFacts, ...], keys: tuple[KeyFacts, ...], before: Snapshot | None, now: float
) -> tuple[tuple[TargetFacts, ...], tuple[KeyFacts, ...]]:
    """Date the phases, since their first cycle, without a break. Add each process's rings, those with a
    member of its own, in the order of the keys.
    """
    processes = {t.name: (t.phase, t.phase_since) for t in before.targets} if before else {}
    rings = {k.key: (k.phase, k.phase_since) for k in before.keys} if before else {}
    having = _rings(keys)
    return (
        tuple(
            _dated(t, having.get(t.name, ()), _since(t.phase, processes.get(t.name), now)) for t in targets
        ),
        tuple(replace(k, phase_since=_since(k.phase, rings.get(k.key), now)) for k in keys),
    )


def _dated(target: TargetFacts, rings: tuple[str, ...], since: float) -> TargetFacts:
    if target.rings == rings and target.phase_since == since:
        return target  # nearly always: it begins with the facts of the previous cycle
    return replace(target, rings=rings, phase_since=since)


def _rings(keys: Iterable[KeyFacts]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for key in keys:
        for name in {member.target for member in key.members}:
            found[name] = (*found.get(name, ()), key.key)
    return found


def _since(phase: Phase, before: tuple[Phase, float | None] | None, now: float) -> float:
    """A phase that was in force the cycle before keeps its beginning."""
    if before is None or before[0] is not phase or before[1] is None:
        return now
    return before[1]
