"""How far a gossip label has been rolled out. Frozen, standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelRollout:
    """How far a gossip label has been rolled out. `stages` are the names of processes by stage, every
    stage present: `unlabelled` (no label, verified), `open` (no label, not verified), `labelled` (a label,
    not verified), `enforced` (a label, verified), `unknown`. `stage` is the earliest of all.
    """

    stages: Mapping[str, tuple[str, ...]]
    stage: str
    next: str = ""  # what to do next, one sentence
    conflicts: tuple[str, ...] = ()  # who drops whose packets
    unexpected: tuple[str, ...] = ()  # processes whose label is not that of our configuration
