"""The next step in full: what to change, what restarts, in which order. Words are made elsewhere."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.model.pages import Phase, Product

IN_MULTI = frozenset({Phase.MULTI, Phase.MIRRORING, Phase.SWITCHED, Phase.DETACHED})
BY_RUNTIME = frozenset({Phase.MIRRORING, Phase.SWITCHED, Phase.DETACHED})

Names = tuple[str, ...]
Setting = str | bool | tuple[str, ...]


class Route(enum.StrEnum):
    """How a setting reaches a KV client."""

    RUNTIME = "runtime"
    RESTART = "restart"


class Refusal(enum.StrEnum):
    """Why there is no plan."""

    NO_STEP = "no step"  # nothing is next in this migration
    PRODUCT_UNKNOWN = "product unknown"
    PHASE_UNKNOWN = "phase unknown"
    PRIMARIES_MIXED = "primaries mixed"
    RELEASE = "release"  # it is unknown that this release can do it
    PART = "part"  # one shard's part does not show every process
    NO_LINES = "no lines"  # the step changes deployments, not settings


@dataclass(frozen=True, slots=True)
class BlockChange:
    """Settings of one block of the configuration file, by their dotted paths from the top. `ring` is the
    everyday name, "" where it is no ring. `targets` run it, `components` are theirs. `shown` is true if their
    configuration pages were read: without these, the settings may be there already.
    """

    block: str
    ring: str
    settings: Mapping[str, Setting]
    targets: Names
    components: Names
    clients: Names = ()
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Reached:
    """The KV clients of one ring, and how the step reaches them. `done` are processes where it is so already.
    `observed` is true if running processes show it, and not only the product's source.
    """

    ring: str
    key: str
    clients: Names
    route: Route
    targets: Names
    done: int
    observed: bool = False


@dataclass(frozen=True, slots=True)
class BlockNow:
    """`multi_kv_config` as it is on some processes; `settings` are empty where there is none."""

    settings: Mapping[str, Setting]
    targets: Names
    age: float | None = None  # how long ago the first of them was read, seconds


@dataclass(frozen=True, slots=True)
class RingNow:
    """One ring as running processes show it, for a file to be compared with. `blocks` are where its settings
    may stand; `primary` is what its writers have, "" where they are unknown or differ.
    """

    ring: str
    blocks: Names
    route: Route
    phase: Phase
    primary: str
    prefixes: Names


@dataclass(frozen=True, slots=True)
class GossipNow:
    """The gossip of running processes: their labels, whether any gossips or verifies, and seeds on all."""

    labels: Names = ()
    runs: bool = False
    verifies: bool = False
    seeded: bool = True


@dataclass(frozen=True, slots=True)
class Wave:
    """Processes that restart before the next wave; `together`: at the same time, as one zone of several."""

    component: str
    zone: str
    targets: Names
    together: bool


@dataclass(frozen=True, slots=True)
class Spare:
    """How many members (or zones) of a ring may be lost before writes fail; `None`: unknown."""

    ring: str
    members: int | None
    zones: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """What the short cut of a guide costs in one ring: its members, and those that the other store lacks."""

    key: str
    members: int
    lacking: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """One step of one migration. `refused` is why there is nothing to do; then all else may be empty.

    `runtime` is the required block of the runtime configuration, `runtime_now` the block on the processes, if
    it was read. With `runtime_written` all files have it already and clients do not follow. With
    `clear_runtime` that block is to be removed. `unread` are unread processes: their needs are not in here.
    """

    migration: str
    step: str
    product: Product = Product.UNKNOWN
    versions: Names = ()
    phase: Phase = Phase.UNKNOWN
    into: Phase = Phase.UNKNOWN
    external: str = ""  # the kind of the external store
    refused: Refusal | None = None
    is_next: bool = True
    gate: str = "unknown"  # open, closed, unknown
    headline: str = ""
    rollout: tuple[int, int] | None = None  # processes that are there already, of how many
    is_begun: bool = False  # what closes the gate is only that some clients have taken the step
    runtime: Mapping[str, Setting] = field(default_factory=lambda: MappingProxyType({}))
    runtime_due: bool = False  # False: every client that it reaches is there
    runtime_written: bool = False
    runtime_now: tuple[BlockNow, ...] = ()  # most frequent first
    clear_runtime: bool = False
    reached: tuple[Reached, ...] = ()
    changes: tuple[BlockChange, ...] = ()
    removed: tuple[str, ...] = ()  # blocks that no client needs after the step
    without_store: bool = False  # the configuration has no store, and the step is the end of one
    waves: tuple[Wave, ...] = ()
    at_once: bool = False  # the restarts should be quick: primaries are mixed while they last
    together_safe: bool = False  # whether all blocks of a process may be changed in one restart too
    spare: tuple[Spare, ...] = ()
    runtime_seconds: float | None = None
    settle_seconds: float = 0.0  # after each restart
    restart_durations: tuple[float, ...] = ()
    """How long each process that was restarted did not answer, seconds."""
    soak_seconds: float = 0.0
    shortcut: tuple[Lost, ...] | None = None  # None: no guide has one here
    back: str = ""
    back_safe: bool | None = None
    unread: Names = ()
    unplaced: Names = ()  # clients that have to change and with a block in no table of the product
    to_fill: Names = ()  # settings with a value that only the user has
    watched: str = ""  # the step with the gate that opens after this step took effect, "" for the last
    no_runtime_file: bool = False
    elsewhere: Names = ()  # clients of other migrations that the runtime configuration does not reach
    swept: Names = ()  # rings of further migrations with clients that it switches too
    warnings: Names = ()  # what is wrong with the migration now, most dangerous first
    risks: Names = ()
    rings: tuple[RingNow, ...] = ()
    gossip: GossipNow = GossipNow()
    others: Names = ()  # steps that are next in other migrations

    @property
    def rounds(self) -> tuple[tuple[BlockChange, ...], ...]:
        """The changes that go into one rollout, in order. Where primaries are mixed meanwhile, each ring has
        a rollout of its own, after what belongs to no ring.
        """
        if not self.at_once:
            return (self.changes,) if self.changes else ()
        beside = tuple(change for change in self.changes if not change.ring)
        rings = ((change,) for change in self.changes if change.ring)
        return (*((beside,) if beside else ()), *rings)

    @property
    def restarts(self) -> int:
        """How often a process restarts, in all rounds together."""
        return sum(len({name for change in one for name in change.targets}) for one in self.rounds)

    @property
    def restarting(self) -> Names:
        """The processes that restart."""
        return tuple(sorted({name for change in self.changes for name in change.targets}))
