"""What is known of processes and keys once both were judged: in which rings a process is, and when each
entered the phase it is in, by our clock; kept over a reload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from exporter.model.facts import KeyFacts, Snapshot, TargetFacts
from exporter.model.pages import Phase


def dated(
    targets: tuple[TargetFacts, ...], keys: tuple[KeyFacts, ...], before: Snapshot | None, now: float
) -> tuple[tuple[TargetFacts, ...], tuple[KeyFacts, ...]]:
    """Date the phases, since the cycle that first saw them, without a break; and name each process's rings,
    those in which a member was found to be its own, in the order of the keys.
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
        return target  # nearly always: it begins with what the cycle before said
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
