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
    everyday name, "" where it is no ring. `targets` run it, `components` are theirs. `shown` says whether
    their configuration pages were read: without, the settings may be there already.
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
    """The KV clients of one ring, and how the step reaches them. `done` are processes where it is so
    already. `observed` says that running processes show it, and not the product's source alone.
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
    """What `multi_kv_config` says on some processes; `settings` are empty where there is none."""

    settings: Mapping[str, Setting]
    targets: Names


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
    """The gossip as running processes have it: their labels, whether one verifies, and seeds on all."""

    labels: Names = ()
    verifies: bool = False
    seeded: bool = True


@dataclass(frozen=True, slots=True)
class Wave:
    """Processes that restart before the next ones. `together` says that they may be down at the same time:
    one zone of several.
    """

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
    """One step of one migration. `refused` says why there is nothing to do, and all else may be empty.

    `runtime` is the block of the runtime configuration as it should be, `runtime_now` as processes have it,
    where that is known; `runtime_said` tells that it is so in all files already, and clients do not follow;
    `clear_runtime` says to take that block out. `unread` are processes that were not read: what they need is
    not in here.
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
    runtime_said: bool = False
    runtime_now: tuple[BlockNow, ...] = ()  # most frequent first
    clear_runtime: bool = False
    reached: tuple[Reached, ...] = ()
    changes: tuple[BlockChange, ...] = ()
    removed: tuple[str, ...] = ()  # blocks that no client needs after the step
    waves: tuple[Wave, ...] = ()
    at_once: bool = False  # the restarts should be quick: primaries are mixed while they last
    spare: tuple[Spare, ...] = ()
    runtime_seconds: float | None = None
    settle_seconds: float = 0.0  # after each restart
    restarts_seen: tuple[float, ...] = ()  # how long each process that was restarted did not answer, seconds
    soak_seconds: float = 0.0
    shortcut: tuple[Lost, ...] | None = None  # None: no guide has one here
    back: str = ""
    back_safe: bool | None = None
    unread: Names = ()
    unplaced: Names = ()  # clients that have to change and whose block no table of the product names
    to_fill: Names = ()  # settings whose value nobody but the reader knows
    watched: str = ""  # the step whose gate opens once this one took effect, "" for the last
    no_runtime_file: bool = False
    elsewhere: Names = ()  # clients of other migrations that the runtime configuration does not reach
    swept: Names = ()  # rings of other migrations whose clients it switches too
    warnings: Names = ()  # what is wrong with the migration now, most dangerous first
    risks: Names = ()
    rings: tuple[RingNow, ...] = ()
    gossip: GossipNow = GossipNow()
    others: Names = ()  # steps that are next in other migrations
