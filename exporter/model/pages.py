"""What was read: the vocabulary of every room, frozen. Times are unix seconds; `None`: the page lacks it.
Conclusions: `exporter.model.facts`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from exporter.model.entry import Member, Partition, Replica, State, bare, host_in
from exporter.model.settings import ProcessConfig as ProcessConfig  # noqa: PLC0414  # part of this vocabulary
from exporter.model.settings import RingConfig as RingConfig  # noqa: PLC0414  # likewise

T = TypeVar("T")
EMPTY: Mapping[str, str] = MappingProxyType({})
NOTICE = "not running or not configured here, by the process's own answer"
"""The detail of an absent page that answers 200 with a notice. A 404 may be a proxy's."""


class Phase(enum.IntEnum):
    """Where one KV client stands on the way; the order is the order of the migration."""

    UNKNOWN = -1
    EXTERNAL = 0
    MULTI = 1
    MIRRORING = 2
    SWITCHED = 3
    DETACHED = 4
    MEMBERLIST = 5

    @property
    def label(self) -> str:
        """As it stands in metric labels: `external`, `multi`, …"""
        return self.name.lower()


class Outcome(enum.StrEnum):
    """How a page's request ended. Absent (it does not exist here) is neither empty nor failed."""

    OK = "ok"
    ABSENT = "absent"
    FAILED = "failed"


class Reason(enum.StrEnum):
    """Why a page failed: a closed list, fit for a metric label."""

    TIMEOUT = "timeout"
    DEADLINE = "deadline"  # the cycle ended first
    REFUSED = "refused"  # no listener, or no connection could be made
    DNS = "dns"
    TLS = "tls"
    CLOSED = "closed"  # reset, or shorter than announced
    STATUS = "status"  # an HTTP status that is neither 200 nor 404
    DENIED = "denied"  # 401, 403
    REDIRECT = "redirect"
    TOO_LARGE = "too_large"
    DECODE = "decode"
    FORBIDDEN = "forbidden"  # our own allow-list refused the request
    MIXED = "mixed"  # the endpoints of one store belong to several clusters
    BUDGET = "budget"  # not requested: its process has had its share of the cycle


class Product(enum.StrEnum):
    """What runs there."""

    MIMIR = "mimir"
    CORTEX = "cortex"
    LOKI = "loki"
    TEMPO = "tempo"
    PYROSCOPE = "pyroscope"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Target:
    """One process to be read. `url` is scheme, host, port and path prefix, without a last slash."""

    name: str
    url: str
    component: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    source: str = "static"
    http: str = ""  # key of the HTTP settings that apply to it, "" for the common settings
    listed: bool = True  # False: its source lost half of its list at once, this process with it

    @property
    def host(self) -> str:
        """The host of its URL."""
        return host_in(self.url)


@dataclass(frozen=True, slots=True)
class Unwatched:
    """Processes that discovery lists and that cannot be read, as sentences. `fail` are sources of targets
    that fail, so processes that only they list are missing. The rest are processes that should run and do
    not.
    """

    fail: tuple[str, ...] = ()
    not_running: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP exchange, before its body is decoded."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    status: int = 0
    body: bytes = b""
    content_type: str = ""
    date: float | None = None  # the Date header, seconds without fractions
    asked_at: float = 0.0  # our clock when the request was sent
    duration: float = 0.0
    index: int = 0  # of the header that `Call.index_header` names, 0 where there is none
    received: int = 0  # bytes of its body, decompressed, complete or not


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of one process, decoded. `name` is its path without the prefix: `/ingester/ring`.

    `clock` is the answering process's time when it answered: `now` in the page, else `Date`.
    """

    name: str
    outcome: Outcome
    value: T | None = None
    reason: Reason | None = None
    detail: str = ""
    asked_at: float = 0.0
    clock: float | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """The members of one ring by id, tombstones (`State.LEFT`) included. `now` is the page's clock."""

    members: Mapping[str, Member]
    now: float | None = None

    def without_tombstones(self) -> dict[str, Member]:
        """The members less the tombstones, which are no members."""
        left = State.LEFT  # a constant: every member of every view is compared with it
        return {name: member for name, member in self.members.items() if member.state is not left}


@dataclass(frozen=True, slots=True)
class PartitionRing:
    """Partitions by id; owners are inside them."""

    partitions: Mapping[int, Partition]
    now: float | None = None


Value = Ring | PartitionRing | Replica


@dataclass(frozen=True, slots=True)
class TrackerEntry:
    """One line of `/distributor/ha_tracker`: an in-memory cache, not the store."""

    user: str
    cluster: str
    replica: str
    received_at: float | None = None
    elected_at: float | None = None


@dataclass(frozen=True, slots=True)
class TrackerPage:
    """`/distributor/ha_tracker`."""

    entries: tuple[TrackerEntry, ...]
    now: float | None = None


class GossipState(enum.StrEnum):
    """A gossip member's state as memberlist numbers it: 0, 1, 2, 3."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    DEAD = "dead"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class GossipMember:
    """One line of a process's member list. `name` ends in a random suffix by default."""

    name: str
    address: str
    port: int
    state: GossipState = GossipState.ALIVE

    @property
    def bare_name(self) -> str:
        """Its name without the part that changes at every restart."""
        return bare(self.name)


@dataclass(frozen=True, slots=True)
class GossipKey:
    """A key in a process's gossip store. `version` is counted by that node for itself; -1 unknown."""

    key: str
    codec: str = ""
    deleted: bool = False
    version: int = -1


@dataclass(frozen=True, slots=True)
class MemberlistPage:
    """`/memberlist`, JSON or HTML. `health_score` is in the HTML only."""

    members: tuple[GossipMember, ...]
    keys: Mapping[str, GossipKey]
    now: float | None = None
    health_score: int | None = None


@dataclass(frozen=True, slots=True)
class KVClient:
    """One KV client as the process's own metrics show it.

    `requests` counts by (type, operation): `("consul", "CAS")`. `primary` is "" where no
    multikv gauge exists; `mirror` is `None` there.
    """

    name: str
    primary: str = ""
    stores: tuple[str, ...] = ()
    mirror: bool | None = None
    mirror_writes: float | None = None
    mirror_errors: float | None = None
    requests: Mapping[tuple[str, str], float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class RingSignals:
    """A process's metrics about one ring that it watches. `members` are its counts by state, "unhealthy" as
    one of them. `oldest` is the oldest heartbeat of the members that it does not count as unhealthy (of all,
    where it counts all so). `tokens` are those of all members. Sources: dskit, ring/ring.go,
    `updateRingMetrics`; Cortex and Tempo of 2021, `Ring.Collect`.
    """

    members: Mapping[str, int]
    oldest: float | None = None
    tokens: int | None = None

    @property
    def size(self) -> int:
        """How many members it counts, in all states."""
        return sum(self.members.values())


@dataclass(frozen=True, slots=True)
class ProcessMetrics:
    """What is used of a process's /metrics. `counters` are the few remaining families by bare name.

    `counters` keys: a family without its product prefix (`memberlist_client_cas_failure_total`), summed over
    its labels. `ha_elections` is `ha_tracker_elected_replica_changes_total` by (user, cluster). `traffic` is
    requests by route, for the read-write checks. `rings` are the rings that it watches, by its name for each
    (`ingester`, `store-gateway-client`).
    """

    product: Product = Product.UNKNOWN
    version: str = ""
    revision: str = ""
    clients: Mapping[str, KVClient] = field(default_factory=lambda: MappingProxyType({}))
    health_score: float | None = None
    gossip_members: float | None = None
    start_time: float | None = None  # process_start_time_seconds
    ha_elections: Mapping[tuple[str, str], float] = field(default_factory=lambda: MappingProxyType({}))
    counters: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    traffic: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    rings: Mapping[str, RingSignals] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """A build-information page: `/api/v1/status/buildinfo`, `/loki/api/v1/status/buildinfo`."""

    product: Product = Product.UNKNOWN
    version: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class GossipView:
    """One process's gossip copy: its member list and the values that were read from it."""

    page: Page[MemberlistPage]
    values: Mapping[str, Page[Value]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Observation:
    """All that one process answered in one cycle. `rings` and `partitions` are by page path."""

    target: Target
    metrics: Page[ProcessMetrics]
    gossip: GossipView
    config: Page[ProcessConfig]
    rings: Mapping[str, Page[Ring]] = field(default_factory=lambda: MappingProxyType({}))
    partitions: Mapping[str, Page[PartitionRing]] = field(default_factory=lambda: MappingProxyType({}))
    others: Mapping[str, Page[Any]] = field(default_factory=lambda: MappingProxyType({}))  # by page kind
    build: Page[BuildInfo] | None = None
    waiting: frozenset[str] = frozenset()  # paths of its ring pages that were not due in this cycle
    earlier: tuple[Page[object], ...] = ()  # how pages not read now ended when they were; without values

    @property
    def tracker(self) -> Page[TrackerPage] | None:
        """The HA tracker's page."""
        return self.others.get("tracker")

    @property
    def answers(self) -> bool:
        """Whether any page of the process was read in this cycle. Absent pages prove nothing: a proxy answers
        404 for a process that has ended.
        """
        if Outcome.OK in (self.metrics.outcome, self.gossip.page.outcome):
            return True
        rings = (page.outcome for page in self.rings.values())
        return Outcome.OK in rings or any(p.outcome is Outcome.OK for p in self.partitions.values())

    def ring_page(self, path: str) -> Page[Ring] | Page[PartitionRing] | None:
        """The page at this path, for either kind of ring."""
        return self.rings.get(path) or self.partitions.get(path)


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a process: by its own clock, and by ours."""

    reported: float
    at: float
