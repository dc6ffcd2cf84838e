"""Which rings a process is in: those in which a member was found to be its own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from exporter.facts import KeyFacts, TargetFacts


def in_rings(targets: tuple[TargetFacts, ...], keys: tuple[KeyFacts, ...]) -> tuple[TargetFacts, ...]:
    """Name each process's rings, in the order of the keys."""
    rings: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        for name in {member.target for member in key.members}:
            rings[name].append(key.key)
    return tuple(replace(target, rings=tuple(rings.get(target.name, ()))) for target in targets)
