"""A migration: one guide followed from its first step to its last. Frozen, standard library only."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from exporter.model.findings import ROLLBACK_UNKNOWN, Assessed, Finding, Rollback
from exporter.model.gate import Step
from exporter.model.pages import Phase

RINGS, HA_TRACKER, LABELS, READ_WRITE, STORE = "rings", "ha-tracker", "labels", "read-write", "store"
KEPT_ON_STORE = "kept-on-store"  # what gate.keep_on_store names beside the HA tracker
MICROSERVICES = "microservices"  # the deployment mode that the read-write migration begins with
FIXED = (RINGS, HA_TRACKER, LABELS, READ_WRITE, STORE)
OF_ALL = frozenset({LABELS, READ_WRITE, STORE})  # they cover every KV client, or none


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout in progress: `done` of `processes` are in the next phase, `left` are not there yet. One of
    labels goes into a `stage`, and its phase is unknown.
    """

    into: Phase
    done: int
    processes: int
    left: tuple[str, ...]
    moved_at: float  # when a process last got there for the first time, our clock
    stage: str = ""
    reached: frozenset[str] = frozenset()  # the processes that got there, even if some returned
    by_switch: bool = False  # a process got there, or back, without a restart: by the runtime configuration

    @property
    def into_name(self) -> str:
        """What it goes into, by name."""
        return self.stage or self.into.label


@dataclass(frozen=True, slots=True)
class Migration(Assessed):
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
    rollback: Rollback = ROLLBACK_UNKNOWN
    findings: tuple[Finding, ...] = ()  # what is wrong: causes before their effects, in order of danger
    dangers: tuple[Finding, ...] = ()  # what would turn the next step into an accident
    named_by: tuple[str, ...] = ()  # processes with a store in their /config that no client of theirs uses
    runtime_left: tuple[str, ...] = ()  # processes with `multi_kv_config` in their runtime configuration
    runtime_age: float | None = None  # how long ago the first of them was read, seconds
    arrived: tuple[str, ...] = ()  # keys only on memberlist, while further keys are on their way
    early: frozenset[str] = frozenset()  # of them, those that the last step does not move: there before it

    @property
    def is_of_clients(self) -> bool:
        """Whether KV clients move in it, from the external store to memberlist."""
        return self.name not in OF_ALL

    @property
    def is_under_way(self) -> bool:
        """Whether its clients are between the external store and memberlist."""
        return self.is_of_clients and self.begun and self.phase is not Phase.MEMBERLIST

    def withheld(self, why: str) -> Migration:
        """The same migration without its steps: what may be done next is unknown now."""
        steps = tuple(step.withheld(why) for step in self.steps)
        return replace(self, steps=steps, rollback=replace(self.rollback, safe=None))


class LabelStep(enum.StrEnum):
    """What to do next in the rollout of a label. A closed set: each has its words."""

    NONE = "none"
    UPGRADE = "upgrade"  # a release has no labels
    CORRECT = "correct"  # a wrong label is verified
    STOP_DROPPING = "stop-dropping"  # verification splits the gossip
    READ = "read"
    UNVERIFY = "unverify"
    SET = "set"
    UNVERIFY_OTHER = "unverify-other"  # before another label may be set
    SET_SAME = "set-same"
    VERIFY = "verify"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class LabelConflict:
    """A process that verifies its label, and the processes of which it drops the packets, by their label."""

    target: str
    label: str
    dropped: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LabelRollout:
    """How far a gossip label has been rolled out. `stages` are the names of processes by stage, every
    stage present: `unlabelled` (no label, verified), `open` (no label, not verified), `labelled` (a label,
    not verified), `enforced` (a label, verified), `unknown`. `stage` is the earliest of all.
    """

    stages: Mapping[str, tuple[str, ...]]
    stage: str
    next: LabelStep = LabelStep.NONE
    concerned: tuple[str, ...] = ()  # the processes that the next step is to change
    wanted: str = ""  # the label of our own configuration
    conflicts: tuple[LabelConflict, ...] = ()
    unexpected: tuple[str, ...] = ()  # processes with another label than our configuration's


def leading(migrations: Iterable[Migration]) -> Migration:
    """The migration to show where there is room for one: the first that is under way, else the first."""
    listed = tuple(one for one in migrations if one.is_of_clients)
    return next((one for one in listed if one.is_under_way), listed[0] if listed else Migration(RINGS))
