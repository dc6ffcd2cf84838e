"""A small cluster as it would be read, for tests of the judgement: three processes, two rings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.derive.comparison.collect import Cycle
from exporter.derive.conclude import conclude
from exporter.derive.judging_rules import Rules
from exporter.derive.previous_cycle import History
from exporter.expose.wording.worded_snapshot import worded
from exporter.model.entry import Member, Replica, State, Tokens
from exporter.model.facts import KeyFacts, Snapshot
from exporter.model.gate import Check, Step
from exporter.model.migration import Migration
from exporter.model.pages import (
    NOTICE,
    GossipKey,
    GossipMember,
    GossipView,
    KVClient,
    MemberlistPage,
    Observation,
    Outcome,
    Page,
    PartitionRing,
    ProcessConfig,
    ProcessMetrics,
    Product,
    Reason,
    Ring,
    RingConfig,
    Target,
    TrackerEntry,
    TrackerPage,
    Unwatched,
    Value,
)
from exporter.model.settings import RuntimeConfig
from exporter.model.shard import Share
from exporter.model.stores import StoreContent
from exporter.products.page_kinds import RUNTIME_CONFIG
from exporter.products.ring_pages import TRACKER_PAGE

NOW = 1_800_000_000.0
INGESTER, COMPACTOR = "collectors/ring", "collectors/compactor"
PAGES = {INGESTER: "/ingester/ring", COMPACTOR: "/compactor/ring"}
PATHS = {
    **PAGES,
    "collectors/store-gateway": "/store-gateway/ring",
    "rulers/ring": "/ruler/ring",
    "collectors/pattern-ring": "/pattern/ring",
}
PARTITION_PAGE = "/ingester/partition-ring"


def tokens(*values: int) -> Tokens:
    """A token set with its digest and its packed list."""
    packed = b"".join(value.to_bytes(4, "little") for value in sorted(values))
    return Tokens(len(values), packed[:8] or b"-", packed)


def member(name: str, heartbeat: float = NOW, state: State = State.ACTIVE, **more: Any) -> Member:
    """A member whose address and tokens follow from its name."""
    number = int(name.rsplit("-", 1)[1])
    told: dict[str, Any] = {"address": f"10.0.0.{number}:9095", "tokens": tokens(number, number + 100)}
    return Member(id=name, state=state, time=heartbeat, registered=NOW - 3600, **(told | more))


def ring(members: Iterable[Member], now: float = NOW) -> Ring:
    """A ring of these members."""
    return Ring({m.id: m for m in members}, now)


def client(name: str, **more: Any) -> KVClient:
    """A mirroring client with consul as primary."""
    told: dict[str, Any] = {
        "primary": "consul",
        "stores": ("consul", "memberlist"),
        "mirror": True,
        "mirror_writes": 100.0,
        "mirror_errors": 0.0,
        "requests": {("consul", "CAS"): 100.0, ("multi", "CAS"): 100.0, ("memberlist", "CAS"): 100.0},
    }
    return KVClient(name=name, **(told | more))


CLIENTS = ("ingester-lifecycler", "compactor-lifecycler")


@dataclass
class Process:
    """One process; every field may be changed before `read`."""

    number: int
    clients: tuple[KVClient, ...] = tuple(client(name) for name in CLIENTS)
    pages: dict[str, Ring | None] = field(default_factory=dict)
    copies: dict[str, Value | None] = field(default_factory=dict)
    sees: tuple[int, ...] = (1, 2, 3)
    strangers: tuple[GossipMember, ...] = ()
    memberlist: bool = True
    up: bool = True
    lost: frozenset[str] = frozenset()  # "metrics", "gossip", "config", a page's path, a key
    reason: Reason = Reason.TIMEOUT  # why they are
    notices: frozenset[str] = frozenset()  # pages in whose place it says that the ring is not running
    started: float = NOW - 3600
    label: str = "lab"
    product: Product = Product.CORTEX
    config: Mapping[str, Any] = field(default_factory=dict)
    traffic: Mapping[str, float] = field(default_factory=dict)
    counters: Mapping[str, float] = field(default_factory=dict)
    version: str = "1.21.0"
    elections: Mapping[tuple[str, str], float] = field(default_factory=dict)
    beats: bool = True  # has a member in every ring, and shows the rings
    url: str = ""  # where it answers, where that is elsewhere
    skew: float = 0.0  # of its clock, seconds ahead of ours
    listed: bool = True  # whether its source of targets still names it
    runtime: RuntimeConfig | None = None  # what its runtime configuration says; None: no such page
    runtime_ago: float = 0.0  # how long before this cycle that was read

    @property
    def name(self) -> str:
        """`p-1`, …"""
        return f"p-{self.number}"

    def read(self, now: float) -> Observation:
        """What a cycle would have read of it."""
        return Observation(
            target=Target(
                f"10.0.0.{self.number}:80", self.url or f"http://10.0.0.{self.number}:80", listed=self.listed
            ),
            metrics=self._metrics(now),
            gossip=GossipView(self._memberlist(now), dict(self._values(now))),
            config=self._config(now),
            rings={PATHS[key]: self._page(PATHS[key], value, now) for key, value in self.pages.items()},
            partitions=dict(self._partitions(now)),
            others=self._others(now),
        )

    def _partitions(self, now: float) -> Iterable[tuple[str, Page[PartitionRing]]]:
        """The page of its partition ring, which shows what its copy has; a notice where it has none."""
        if any("partition" in c.name for c in self.clients):
            value = self.copies.get("collectors/ingester-partitions")
            page = self._page(PARTITION_PAGE, value, now)
            yield PARTITION_PAGE, page if value else replace(page, detail=NOTICE)

    def _others(self, now: float) -> dict[str, Page[Any]]:
        """What is read of its tracker and of its runtime configuration."""
        page = self._page(RUNTIME_CONFIG.path, self.runtime, now - self.runtime_ago)
        told = page.value is not None or page.outcome is Outcome.FAILED
        return self._tracker(now) | ({RUNTIME_CONFIG.name: replace(page, clock=None)} if told else {})

    def _tracker(self, now: float) -> dict[str, Page[Any]]:
        """What its HA tracker has elected, where it has one: what its copies say."""
        if not any("hatracker" in c.name for c in self.clients) or TRACKER_PAGE in self.lost:
            return {}
        elected = [(key.split("/")[1:], v) for key, v in self.copies.items() if isinstance(v, Replica)]
        entries = tuple(TrackerEntry(*name, value.replica, value.time) for name, value in elected)
        return {"tracker": self._page(TRACKER_PAGE, TrackerPage(entries, now), now)}

    def _is_lost(self, what: str) -> bool:
        return not self.up or what in self.lost

    def _page(self, name: str, value: Any, now: float) -> Page[Any]:
        if self._is_lost(name):
            return Page(name, asked_at=now, **self._failed)
        outcome = Outcome.ABSENT if value is None else Outcome.OK
        detail = NOTICE if name in self.notices else ""
        return Page(name, outcome, value, detail=detail, asked_at=now, clock=now + self.skew)

    def _metrics(self, now: float) -> Page[ProcessMetrics]:
        told = ProcessMetrics(
            product=self.product,
            version=self.version,
            clients={c.name: c for c in self.clients},
            start_time=self.started,
            health_score=0.0,
            traffic=self.traffic,
            counters=self.counters,
            ha_elections=self.elections,
        )
        return replace(
            self._page("/metrics", None if self._is_lost("metrics") else told, now), **self._fate("metrics")
        )

    def _fate(self, what: str) -> dict[str, Any]:
        return self._failed if self._is_lost(what) else {}

    @property
    def _failed(self) -> dict[str, Any]:
        return {"outcome": Outcome.FAILED, "reason": self.reason}

    def _memberlist(self, now: float) -> Page[MemberlistPage]:
        members = tuple(GossipMember(f"p-{n}-{n:08d}", f"10.0.0.{n}", 7946) for n in self.sees)
        keys = {key: GossipKey(key, "ringDesc") for key, value in self.copies.items() if value is not None}
        told = MemberlistPage(members + self.strangers, keys, now) if self.memberlist else None
        page = self._page("/memberlist", told, now)
        return replace(page, value=None, **self._failed) if self._is_lost("gossip") else page

    def _values(self, now: float) -> Iterable[tuple[str, Page[Value]]]:
        for key, value in self.copies.items():
            if value is not None and not self._is_lost("gossip"):
                yield (
                    key,
                    self._page("/memberlist?downloadKey", value, now)
                    if key not in self.lost
                    else Page("/memberlist?downloadKey", asked_at=now, **self._failed),
                )

    def _config(self, now: float) -> Page[ProcessConfig]:
        told: dict[str, Any] = {
            "target": "all",
            "label": self.label,
            "label_verification_disabled": False,
            "node_name": self.name,
            "instance_id": self.name,
            "bind_port": 7946,
            "grpc_port": 9095,
            "join_members": ("gossip-ring:7946",),
            "rejoin_interval": 60.0,
            "rings": {key: RingConfig("multi", "", 60.0, 15.0, 3, zone_awareness=False) for key in PAGES},
        }
        page = self._page("/config", ProcessConfig(**(told | dict(self.config))), now)
        return replace(page, value=None, **self._failed) if self._is_lost("config") else page


@dataclass
class Fleet:
    """Three processes that have converged, and their store. Change them, then `look`."""

    rules: Rules = field(default_factory=lambda: Rules(soak=0.0, stores=("consul",)))
    now: float = NOW
    history: History = field(default_factory=History)
    number: int = 0
    processes: list[Process] = field(default_factory=lambda: [Process(n) for n in (1, 2, 3)])
    store: dict[str, Value] = field(default_factory=dict)
    store_outcome: Outcome = Outcome.OK
    store_detail: str = ""  # why it was not read
    modified: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)  # keys of the store that could not be decoded
    ticks: float = 0.0  # how far the exporter's monotonic clock is ahead of the wall clock
    cluster: str = ""  # the store's own id
    clock: float = 0.0  # of the store's host, seconds ahead of ours
    stored: bool = True  # whether members write the store too
    prefixes: tuple[str, ...] = ()  # of what is read of the store; empty: everything
    unsure: tuple[str, ...] = ()  # sources of targets that fail
    not_running: tuple[str, ...] = ()  # processes that should run and do not, as discovery says
    resolved: dict[str, str] = field(default_factory=lambda: {"gossip-ring:7946": ""})
    share: Share | None = None  # with shards: how the processes are shared,
    others: frozenset[int] = frozenset()  # and those that only other shards watch

    def __post_init__(self) -> None:
        self.beat()

    def beat(self) -> None:
        """Everybody has a fresh heartbeat, in the store, on the pages and in the gossip."""
        for key in PAGES:
            value = ring((member(p.name, self.now) for p in self.processes if p.beats), self.now)
            if self.stored:
                self.store[key] = value
                self.modified[key] = self.modified.get(key, 0) + 1
            for process in (p for p in self.processes if p.beats):
                process.pages[key] = value
                process.copies[key] = value

    def look(self, seconds: float = 15.0, *, beat: bool = False) -> Snapshot:
        """Let time pass and run one cycle."""
        self.now += seconds
        if beat:
            self.beat()
        self.number += 1
        snapshot, self.history = conclude(self.cycle(), self.history, self.rules, worded)
        return snapshot

    def cycle(self) -> Cycle:
        """What one cycle reads now."""
        return Cycle(
            at=self.now,
            started=self.now - 0.5,
            ticked=self.now + self.ticks,
            number=self.number,
            observed=tuple(p.read(self.now - 0.2) for p in self.processes if p.number not in self.others),
            stores=(self._store(),) if self.rules.stores else (),
            resolved=self.resolved,
            unsure=Unwatched(self.unsure, self.not_running),
            share=self.share,
        )

    def _store(self) -> StoreContent:
        if self.store_outcome is not Outcome.OK:
            reason = Reason.REFUSED
            return StoreContent("consul", self.store_outcome, reason, self.store_detail, asked_at=self.now)
        return StoreContent(
            "consul",
            Outcome.OK,
            values=dict(self.store),
            modified=dict(self.modified),
            broken=dict(self.broken),
            asked_at=self.now - 0.4,
            prefixes=self.prefixes,
            clock=self.now - 0.4 + self.clock,
            cluster=self.cluster,
        )


def key_of(snapshot: Snapshot, key: str) -> KeyFacts:
    """One key's facts."""
    return next(facts for facts in snapshot.keys if facts.key == key)


def migration_of(snapshot: Snapshot, name: str) -> Migration:
    """One migration."""
    return next(one for one in snapshot.migrations if one.name == name)


def step_of(snapshot: Snapshot, name: str, migration: str = "") -> Step:
    """One step of the gate: of `rings` where it has it and no other migration is named."""
    return next(s for s in snapshot.steps if s.name == name and migration in ("", s.migration))


def check_of(snapshot: Snapshot, step: str, name: str) -> Check:
    """One check of a step."""
    return next(check for check in step_of(snapshot, step).checks if check.id == name)


def verdicts(snapshot: Snapshot, step: str, migration: str = "") -> dict[str, str]:
    """Verdicts of a step's checks that do not hold."""
    checks = step_of(snapshot, step, migration).checks
    return {c.id: c.verdict.value for c in checks if c.verdict.value != "holds"}
