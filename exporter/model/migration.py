"""A migration: one guide followed from its first step to its last. Frozen, standard library only."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exporter.model.gate import NO_WAY_KNOWN, Rollback, Step
from exporter.model.pages import Phase

RINGS, HA_TRACKER, LABELS, READ_WRITE, STORE = "rings", "ha-tracker", "labels", "read-write", "store"
KEPT_ON_STORE = "kept-on-store"  # what gate.keep_on_store names beside the HA tracker
MICROSERVICES = "microservices"  # the deployment mode that the read-write migration begins with
FIXED = (RINGS, HA_TRACKER, LABELS, READ_WRITE, STORE)
OF_ALL = frozenset({LABELS, READ_WRITE, STORE})  # they cover every KV client, or none


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout in progress: `done` of `processes` are in the next phase, `left` are not there yet."""

    into: Phase
    done: int
    processes: int
    left: tuple[str, ...]
    moved_at: float  # when `done` last changed, our clock


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration as it is now. `phase` is `None` for one that moves no KV client."""

    name: str
    keys: tuple[str, ...] = ()
    phase: Phase | None = None
    uniform: bool | None = None
    begun: bool = True  # False: every client is on the external store, and only preflight is judged
    rollout: Rollout | None = None
    phase_since: float | None = None
    steps: tuple[Step, ...] = ()
    next_step: str = ""  # "" when done or unknown
    rollback: Rollback = NO_WAY_KNOWN
    warnings: tuple[str, ...] = ()  # causes before their effects, in order of danger
    causes: tuple[str, ...] = ()  # the id of each warning
    risks: tuple[str, ...] = ()
    arrived: tuple[str, ...] = ()  # keys on memberlist alone, while others are on their way

    @property
    def is_of_clients(self) -> bool:
        """Tell whether KV clients move in it, from the external store to memberlist."""
        return self.name not in OF_ALL

    @property
    def is_under_way(self) -> bool:
        """Tell whether its clients are between the external store and memberlist."""
        return self.is_of_clients and self.begun and self.phase is not Phase.MEMBERLIST

    def withheld(self, why: str) -> Migration:
        """The same migration, of which it is not known any more what may be done next."""
        steps = tuple(step.withheld(why) for step in self.steps)
        return replace(self, steps=steps, rollback=replace(self.rollback, safe=None))
