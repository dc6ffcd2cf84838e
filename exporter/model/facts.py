"""What was concluded: each fact computed once in `derive/`, read by metrics, API, page and gate.

Frozen. `None` always means "unknown", never a good state; an empty tuple: "none exists".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from exporter.model.culprits import Culprit
from exporter.model.entry import State, host_in, host_of
from exporter.model.findings import ROLLBACK_UNKNOWN, Assessed, Finding, Rollback
from exporter.model.gate import Step
from exporter.model.migration import RINGS, LabelRollout, Migration, leading
from exporter.model.pages import GossipMember, Outcome, Phase, ProcessConfig, Product, Reason, Start
from exporter.model.rings import PartitionFacts, ShortList, UnknownMember, WriterFacts
from exporter.model.settings import NO_SETTINGS, RingSettings, RuntimeConfig
from exporter.model.shard import Part
from exporter.model.stores import NamedStore, StoreFacts
from exporter.model.views import Difference, Origin, ViewFacts


@dataclass(frozen=True, slots=True)
class PageFacts:
    """One page of one process in the last cycle; where it was not read in it, as it was read last."""

    name: str
    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """One KV client of one process. `key` is the KV key it serves, "" where its name does not identify it."""

    target: str
    name: str
    key: str
    phase: Phase
    writes: bool  # whether it is a writing client; unknown names count as writing
    migration: str = RINGS  # the name of the migration that it is part of
    primary: str = ""
    stores: tuple[str, ...] = ()
    mirror: bool | None = None
    mirror_writes: float | None = None
    mirror_errors: float | None = None
    written: float | None = None  # writes to the primary since the process started
    window: tuple[tuple[float, float, float, float], ...] = ()
    """(time, writes, mirror writes, mirror errors) where the two windows of the error ratio began."""
    store_rates: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({})
    )  # a second, by type
    store_requests: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Elections:
    """Elections that one process's HA tracker counted, in how many seconds, before the switch and since."""

    before: float = 0.0
    before_seconds: float = 0.0
    since: float = 0.0
    since_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """One process."""

    name: str
    url: str
    component: str
    up: bool
    product: Product = Product.UNKNOWN
    products: frozenset[Product] = frozenset()  # all that it has shown since it started
    version: str = ""
    source: str = "static"
    group: str = ""
    phase: Phase = Phase.UNKNOWN
    phase_since: float | None = None  # our clock, as in `KeyFacts`
    skew: float | None = None  # its clock less ours, seconds
    clocks_apart: float = 0.0  # between the clocks of its pages, seconds
    started: float | None = None  # by its own clock
    recently_started: bool = False  # recently started (within two heartbeat periods): not judged
    starts: tuple[Start, ...] = ()  # of the last minutes, oldest first; the newest is always there
    restarts: int = 0  # counted since it is watched
    away: float | None = None  # how long it did not answer in its last restart, a cycle included, seconds
    pages: tuple[PageFacts, ...] = ()
    clients: tuple[ClientFacts, ...] = ()
    in_memory: frozenset[str] = frozenset()  # default keys that it stores in memory, "" for an unknown key
    rings: tuple[str, ...] = ()  # keys in which one of its members was found
    gossip: GossipTarget | None = None  # None: it has no memberlist, or that is unknown
    gossip_members: float | None = None  # members in state alive, by its metrics
    config: ProcessConfig | None = None
    runtime: RuntimeConfig | None = None  # None: unknown, or the product has no such page
    runtime_at: float | None = None  # our clock, when that was read
    runtime_since: float = 0.0  # our clock, when it changed to this; 0 for never, as far as observed
    optional: tuple[PageFacts, ...] = ()  # how the pages ended that no judgement depends on
    counters: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    counter_rates: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    traffic_rate: float | None = None  # requests a second, as the read-write guide counts them
    seen_at: float | None = None  # our clock, last cycle with any page
    missed: int = 0  # cycles in a row in which a page of it was not read, this one included
    complete_at: float | None = None  # our clock, the last cycle in which none was; only where one is missed
    member: str = ""  # its own name in the gossip, as last read
    ha_elections: float | None = None  # elected replica changes it counted, summed over its entries
    elections: Elections | None = None  # None: it has no HA tracker
    listed: bool = True  # False: removed from the list of targets together with half of it
    why_none: Culprit | None = None  # why it is probably no process of a product

    @property
    def host(self) -> str:
        """The host of its URL."""
        return host_in(self.url)

    def ended(self, path: str, outcome: Outcome) -> bool:
        """Whether the page at this path was read, absent or failed."""
        return any(page.name == path and page.outcome is outcome for page in self.pages)

    @property
    def is_isolated(self) -> bool:
        """Whether it has only itself in its list and did not just start. Another process may list it."""
        return self.gossip is not None and self.gossip.isolated and not self.recently_started

    @property
    def is_process(self) -> bool:
        """Whether it answers as a process of one of the products."""
        return self.up and not self.why_none


@dataclass(frozen=True, slots=True)
class GossipTarget:
    """One process with memberlist: the members it lists, and its configuration."""

    members: tuple[GossipMember, ...]
    states: Mapping[str, int]  # members by state, every state present
    health_score: float | None = None
    heartbeat_age: float | None = (
        None  # age of the newest heartbeat of another process in its copies, seconds
    )
    label: str | None = None
    verified: bool | None = None
    port: int | None = None
    join_members: tuple[str, ...] | None = None
    rejoin_interval: float | None = None
    own_member: str = ""  # its own name in the gossip, "" where unknown
    keys: tuple[str, ...] = ()
    isolated: bool = False  # its member list has only itself
    quiet_keys: tuple[str, ...] = ()  # of `keys`, those read that have no living member left
    busy_keys: tuple[str, ...] = ()  # of `keys`, the rings read that have one


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """One member of a ring in the primary view, judged. Never a tombstone."""

    id: str
    address: str
    zone: str
    state: State
    heartbeat: float | None
    age: float | None  # seconds, by the answering process's clock; below 0: in the future
    tokens: int
    group: str = ""
    ownership: float | None = None  # its part of the ring, 0 to 1; None without token lists
    orphaned: bool | None = None  # belongs to no answering target and to no gossip member
    target: str = ""  # its process, "" where unknown
    registered: float | None = None
    since: float | None = None  # when this state was first observed, our clock
    foreign: bool = False  # belongs to another product, cluster or release for certain
    read_only: bool = False  # whatever its state is

    @property
    def host(self) -> str:
        """The host of its address."""
        return host_of(self.address)


@dataclass(frozen=True, slots=True)
class SecondaryFacts:
    """The secondary against the primary, one key. Counts are over the union of the views read."""

    store: str  # what the secondary is: "memberlist", "consul", "etcd"
    missing_key: bool
    missing_in: tuple[str, ...]  # names of the views that lack the key
    lag: float | None
    missing_members: tuple[str, ...]
    extra_members: tuple[str, ...]
    mismatched: Mapping[str, tuple[str, ...]]  # field -> member ids; every field present
    settled: tuple[str, ...] = ()  # what differs beyond one heartbeat, in views old enough to be judged
    settled_missing_in: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()  # views that could not be read: the rest is no proof
    differences: tuple[Difference, ...] = ()  # at most some hundreds, for the page and `diff`
    by_pages: bool = False  # the primary was incomplete: compared with the processes' pages of it


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One KV key. HA-tracker entries are together under key `ha-tracker/`."""

    key: str
    ring: str  # its everyday name as the products have it: by this it is judged
    kind: str  # "ring", "partition" or "ha"
    phase: Phase
    phase_uniform: bool
    primary: str  # "consul", "etcd", "memberlist", "" unknown
    source: Origin  # where the primary was read
    members: tuple[MemberFacts, ...] = ()
    heartbeat_timeout: float = 60.0
    settings: RingSettings = NO_SETTINGS
    writes_by: str = "owner"  # "quorum", "partitions" (ingest storage) or "owner": one healthy is enough
    oldest_age: float | None = None
    ahead: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # s into the future
    longest_transition: float | None = None  # of a member leaving, joining or pending, seconds; 0: none is
    token_conflicts: int | None = None
    token_claimants: tuple[str, ...] = ()  # the members that claim these tokens
    without_tokens: tuple[str, ...] | None = None
    orphaned: tuple[str, ...] | None = None
    quorum_margin: int | None = None
    returned_total: int = 0
    lost: int = 0  # members or partitions still missing since it lost half or more of them at once
    views: tuple[ViewFacts, ...] = ()
    distinct: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # by view kind
    secondary: SecondaryFacts | None = None  # None: there is none, or it is unknown
    entries: int = 0  # HA tracker: how many (user, cluster)
    corrupted: tuple[int, ...] = ()  # partitions marked corrupted
    partitions: int = 0
    phase_since: float | None = None  # in this phase without a break since, our clock
    partition_states: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # {}: none read
    called: str = ""  # its everyday name as configured
    lacking: tuple[str, ...] = ()  # with a recent heartbeat on some page, but not in its primary store
    writers: WriterFacts | None = None  # None: it is no ring of members, or was not read
    owned: tuple[PartitionFacts, ...] = ()  # its living partitions
    foreign: tuple[str, ...] | None = None  # ids of foreign members; None: not determined
    migration: str = RINGS

    @property
    def owners(self) -> tuple[str, ...]:
        """Names of the owners of its living partitions."""
        return tuple(sorted({owner for partition in self.owned for owner in partition.owners}))

    @property
    def size(self) -> int:
        """How many members it has, or partitions."""
        return self.partitions if self.kind == "partition" else len(self.members)

    @property
    def entry_noun(self) -> str:
        """What it has, in the plural."""
        return "partitions" if self.kind == "partition" else "members"

    @property
    def name(self) -> str:
        """The everyday name to show."""
        return self.called or self.ring


@dataclass(frozen=True, slots=True)
class GossipFacts:
    """The gossip of all processes. `clusters` are the connected components of the lists, as target names."""

    clusters: tuple[tuple[str, ...], ...]
    doubts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Processes that are in their cluster by a link in one direction only, and since when, our clock."""
    short: Mapping[str, ShortList] = field(default_factory=lambda: MappingProxyType({}))
    """Processes that do not list every process of their cluster."""
    heartbeat_ages: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Age of the newest heartbeat of another process in each process's copies, seconds."""
    unknown: tuple[UnknownMember, ...] = ()
    orphaned: tuple[UnknownMember, ...] = ()  # ring members without a process: orphaned members
    namesakes: tuple[
        UnknownMember, ...
    ] = ()  # members elsewhere with our process's name: unknown if they stay
    doubtful: tuple[UnknownMember, ...] = ()  # at the address of a process with an unknown member
    foreign: tuple[UnknownMember, ...] = ()  # of `unknown`, those of another product, cluster or release
    absent: tuple[str, ...] = ()
    unknown_keys: tuple[str, ...] = ()
    foreign_keys: tuple[str, ...] = ()  # of `unknown_keys`, those that only another product has
    remains: tuple[str, ...] = ()  # of `unknown_keys`, those that no process writes: gossip keeps them
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    unverified: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()  # targets with an unreadable member list
    unidentified: tuple[str, ...] = ()  # targets with an unidentified member
    rollout: LabelRollout | None = None
    spread: float | None = (
        None  # how far a copy of a ring was behind the newest one in the last minutes, seconds
    )
    spread_at: float = 0.0  # when, our clock


@dataclass(frozen=True, slots=True)
class Event:
    """One change. `kind` is phase, gate, member, `stranger`, target, store or ring."""

    at: float
    kind: str
    text: str
    subject: str = ""
    found: Finding | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """An answer to a label ping. `accepted` is None where no answer could be had."""

    target: str
    kind: str  # own, no, foreign
    accepted: bool | None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """Rejected packets and streams found in the logs of a process, since we started to count."""

    target: str
    label: str
    source: str  # the log source: file, loki, kubernetes
    count: int


@dataclass(frozen=True, slots=True)
class Fleet(Assessed):
    """The complete result. Phase, next step and way back are the leading migration's."""

    phase: Phase = Phase.UNKNOWN
    uniform: bool | None = None  # None: no writing client was found
    headline: str = ""
    product: Product = Product.UNKNOWN
    versions: tuple[str, ...] = ()
    next_step: str = ""  # "" when done or unknown
    findings: tuple[Finding, ...] = ()  # of all migrations, as in each
    phase_since: float | None = None
    dangers: tuple[Finding, ...] = ()  # of those that are under way
    passing: tuple[Finding, ...] = ()  # what an ordinary rolling restart brings with it: no danger
    rollback: Rollback = ROLLBACK_UNKNOWN

    @property
    def notes(self) -> tuple[str, ...]:
        """What an ordinary rolling restart brings with it, in words."""
        return tuple(finding.text for finding in self.passing)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One cycle's conclusions, never edited. `fetches` are since start, by (page, outcome)."""

    at: float  # our clock, end of the cycle
    started: float
    cycle: int
    fleet: Fleet
    targets: tuple[TargetFacts, ...] = ()
    keys: tuple[KeyFacts, ...] = ()
    gossip: GossipFacts | None = None  # None: no process has memberlist
    stores: tuple[StoreFacts, ...] = ()
    named_stores: tuple[NamedStore, ...] = ()  # where none is configured: what the processes use
    migrations: tuple[Migration, ...] = ()
    events: tuple[Event, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    discovered: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    unsure: tuple[str, ...] = ()  # sources of targets that fail: they may list further processes
    not_running: tuple[str, ...] = ()  # processes that should run and do not, by discovery
    fetches: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    interval: float | None = None  # of the cycles, seconds
    sweep_seconds: float | None = None
    resolved: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Seeds that were resolved: "" where the name has an address, else the error."""
    newcomers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Processes that are new to the list: since when, our clock."""
    ticked: float | None = None  # the monotonic clock at `at`
    part: Part | None = None  # where this is one shard's part
    judged_by: str = ""  # the rules of its steps, as text: a change of them restarts the soak
    is_withheld: bool = False

    def withheld(self, why: str) -> Snapshot:
        """The same snapshot without its steps: what may be done next is unknown now."""
        fleet = replace(self.fleet, headline=why, rollback=replace(self.fleet.rollback, safe=None))
        migrations = tuple(one.withheld(why) for one in self.migrations)
        return replace(self, fleet=fleet, migrations=migrations, is_withheld=True)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step of every migration."""
        return tuple(step for one in self.migrations for step in one.steps)

    @property
    def leading(self) -> Migration:
        """The migration to show where there is room for one."""
        return leading(self.migrations)
