"""Clusters made at random, as a cycle reads them: products, prefixes, ports, periods, zones, phases.

Written from FACTS and the products' sources, and from nothing of `exporter`'s tables, so that the two
cannot share a mistake.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.derive.comparison.collect import Cycle
from exporter.derive.gate.checks.read_write_mode_old_group import UNSHIPPED
from exporter.derive.judging_rules import Rules
from exporter.model.entry import Member, Partition, PartitionState, Replica, State, Tokens
from exporter.model.pages import (
    GossipKey,
    GossipMember,
    GossipView,
    KVClient,
    MemberlistPage,
    Observation,
    Outcome,
    Page,
    PartitionRing,
    Phase,
    ProcessMetrics,
    Product,
    Reason,
    Ring,
    Target,
    TrackerPage,
    Unwatched,
    Value,
)
from exporter.model.settings import ProcessConfig, RingConfig
from exporter.model.stores import StoreContent
from tests.evidence.elections import HaTracker
from tests.evidence.product_rings import KINDS, C, Kind

NOW = 1_800_000_000.0
HA_PAGE, HA_CLIENT = "/distributor/ha_tracker", "distributor-hatracker"
PARTITION_CLIENTS = (
    ("ingester-partitions-lifecycler", "ingester"),
    ("ingester-partitions-watcher", "distributor"),
)
PARTITION_KEY, PARTITION_PAGE = "ingester-partitions", "/ingester/partition-ring"
HA_PERIOD = 15.0  # an entry is renewed so often, whatever the rings' periods are
MEMBERLIST_FROM = Phase.MULTI  # from this phase on every process runs memberlist


@dataclass
class Running:
    """One process. Faults change it."""

    name: str
    host: str
    port: int
    grpc: int
    gossip: int
    roles: frozenset[str]
    zone: str
    phase: Phase
    started: float
    suffix: str
    label: str
    seeds: tuple[str, ...] = ("gossip-ring:7946",)
    tls: bool = False
    silent_ring: str = ""  # a ring it writes and is no member of
    dead: bool = False  # its heartbeat stands still
    lonely: frozenset[str] = frozenset()  # names it does not see
    lacks: frozenset[str] = frozenset()  # "key" or "key member" that its copy has not got
    address: str = ""  # another one in the rings than its own
    tokens: int | None = None
    state: State = State.ACTIVE
    skew: float = 0.0  # its clock less that of the others
    registered: float = NOW - 9000
    crashed: float = math.inf  # since when it did not run, until it started anew
    traffic: float = 0.0  # pushes a second
    verifies: bool = True
    tracks: bool = True  # whether its HA tracker is enabled, where it is a distributor of a cluster with one
    elects: str = ""  # a replica that it alone has elected
    elected: float = 0.0  # elections that were before it started anew

    def is_down(self, now: float) -> bool:
        """Whether it does not run at a time."""
        return self.crashed <= now and not self.crashed < self.started <= now


@dataclass
class Cluster:
    """A whole cluster. `read` gives what one cycle reads of it at a time."""

    product: Product
    version: str
    phase: Phase
    store: str
    prefixes: dict[str, str]
    period: float
    timeout: float
    factor: int
    zoned: bool
    ingest: bool
    ha_prefix: str | None
    readable: bool  # whether configuration pages are
    label: str
    pathed: str
    running: list[Running] = field(default_factory=list)
    outsiders: list[GossipMember] = field(default_factory=list)
    intruders: dict[str, list[Member]] = field(default_factory=dict)  # by key: members nobody runs
    partition_owners: dict[int, tuple[str, ...]] = field(default_factory=dict)
    stored_extra: dict[str, list[Member]] = field(default_factory=dict)  # rings that live in the store alone
    store_down: bool = False
    stale_copies: float = 0.0  # seconds that gossip is behind the primary
    gone_ha: bool = False  # HA entries that the copies have not got
    ha: HaTracker = field(default_factory=HaTracker)
    left: list[tuple[Running, float]] = field(default_factory=list)  # in good order, and when
    unsure: Unwatched = field(default_factory=Unwatched)
    skew: float = 0.0  # the exporter's clock less that of the cluster
    turns: int = 1  # in so many cycles every process's contents are read once
    owed: frozenset[str] = frozenset()  # whose contents are read in the next cycle, turn or not
    rules: Rules = field(default_factory=lambda: Rules(soak=0.0))
    _values: dict[tuple[float, float], dict[str, Value]] = field(default_factory=dict, repr=False)
    _lists: dict[frozenset[str], tuple[GossipMember, ...]] = field(default_factory=dict, repr=False)

    def kinds(self) -> Iterator[tuple[str, Kind]]:
        """The rings by the key in the store."""
        for kind in KINDS[self.product]:
            yield self.prefixes.get(kind.prefix, kind.prefix) + kind.name, kind

    def is_tracking(self, one: Running) -> bool:
        """Whether a process has an HA tracker."""
        return self.ha_prefix is not None and "distributor" in one.roles and one.tracks

    def partitions(self) -> str:
        """The key of the partition ring."""
        return self.prefixes.get(C, C) + PARTITION_KEY

    def members(self, key: str, kind: Kind, now: float, lag: float = 0.0) -> dict[str, Member]:
        """The ring's members as they are written at a time."""
        then = now - lag
        known = (*self.running, *(one for one, at in self.left if at > then))
        found = {
            one.name: self._member(one, kind, then)
            for one in known
            if kind.role in one.roles and one.silent_ring != key and one.registered <= then
        }
        return found | {m.id: _beating(m, now) for m in self.intruders.get(key, ())}

    def _member(self, one: Running, kind: Kind, now: float) -> Member:
        number = int(one.name.rsplit("-", 1)[1])
        last = one.crashed if one.is_down(now) else now
        since = one.started if one.crashed < one.started <= now else one.registered
        beat = NOW - 4000 if one.dead else max(since, last - (last + 3 * number) % self.period)
        count = 4 if one.tokens is None else one.tokens
        packed = b"".join((number * 1000 + n).to_bytes(4, "little") for n in range(count))
        tokens = Tokens(count, packed[:8], packed) if count else Tokens(0)
        at = one.address or f"{_bracketed(one.host)}:{one.grpc}"
        zone = one.zone if kind.role in {"ingester", "store-gateway", "segment-writer"} else ""
        last = float(int(beat)) + one.skew
        return Member(one.name, at, one.state, zone, last, one.registered, False, tokens)

    def values(self, now: float, lag: float = 0.0) -> dict[str, Value]:
        """Everything that the store the clients write to holds; made once a cycle, as a cache has it."""
        made = self._values.get((now, lag))
        return made or self._values.setdefault((now, lag), self._made(now, lag))

    def _made(self, now: float, lag: float) -> dict[str, Value]:
        clock = None if lag else now
        found: dict[str, Value] = {
            k: Ring(self.members(k, kind, now, lag), clock) for k, kind in self.kinds()
        }
        if self.ingest:
            parts = {
                n: Partition(n, PartitionState.ACTIVE, NOW - 5000, owners=owners, tokens=Tokens(1, b"%d" % n))
                for n, owners in self.partition_owners.items()
            }
            found[self.partitions()] = PartitionRing(parts)
        if self.ha_prefix is not None:
            found |= self.ha.entries(self.ha_prefix, now - min(lag, HA_PERIOD))
        return found

    def read(self, now: float, number: int) -> Cycle:
        """One cycle."""
        self._values.clear()
        self._lists.clear()
        sweep = self.turns * self.rules.interval
        turns = [
            one.name in self.owed or (n + number) % self.turns == 0 for n, one in enumerate(self.running)
        ]
        return Cycle(
            at=now + 0.5 + self.skew,
            started=now + self.skew,
            ticked=now + 0.5,
            number=number,
            observed=tuple(self._observe(*one, now) for one in zip(self.running, turns, strict=True)),
            stores=tuple(self._store(now)),
            keep_views_since=now + self.skew - max(60, 2 * sweep),
            sweep_seconds=sweep,
            unsure=self.unsure,
            resolved=dict.fromkeys((seed for one in self.running for seed in one.seeds), ""),
        )

    def _store(self, now: float) -> Iterator[StoreContent]:
        if not self.rules.stores:
            return
        if self.store_down:
            yield StoreContent(self.store, Outcome.FAILED, Reason.REFUSED, asked_at=now + self.skew)
            return
        left = self.phase >= Phase.DETACHED
        values = dict(self.values(NOW - 3000 if left else now))
        index = {key: 7 if left else int(now) for key in values} | dict.fromkeys(self.stored_extra, int(now))
        for key, members in self.stored_extra.items():
            values[key] = Ring({member.id: _beating(member, now) for member in members})
        yield StoreContent(
            self.store, Outcome.OK, values=values, modified=index, asked_at=now + self.skew, clock=now
        )

    def _observe(self, one: Running, turn: bool, now: float) -> Observation:
        url = f"http://{_bracketed(one.host)}:{one.port}{self.pathed}"
        target = Target(f"{_bracketed(one.host)}:{one.port}", url)
        if one.is_down(now):
            silent = self._failed("/memberlist", now)
            return Observation(
                target, self._failed("/metrics", now), GossipView(silent), self._failed("/config", now)
            )
        gossips = one.phase >= MEMBERLIST_FROM
        pages, partitions = dict(self._pages(one, now)), {}
        waiting = frozenset() if turn else frozenset(pages)
        if self.ingest and {"ingester", "distributor"} & one.roles:
            ring = self.values(now)[self.partitions()]
            partitions[PARTITION_PAGE] = self._page(PARTITION_PAGE, ring, now, one)
        return Observation(
            target=target,
            metrics=self._page("/metrics", self._metrics(one, now), now, one),
            gossip=self._gossip(one, turn, now)
            if gossips
            else GossipView(self._page("/memberlist", None, now, one)),
            config=self._page("/config", self._config(one), now, one)
            if self.readable
            else self._failed("/config", now, Reason.DENIED),
            rings=pages if turn else {},
            partitions=partitions,
            others=self._others(one, now),
            waiting=waiting,
        )

    def _pages(self, one: Running, now: float) -> Iterator[tuple[str, Page[Ring]]]:
        for key, kind in self.kinds():
            if (kind.role in one.roles and kind.shown) or (kind.reader and one.roles & set(kind.readers)):
                yield kind.page, self._page(kind.page, self.values(now)[key], now, one)

    def _metrics(self, one: Running, now: float) -> ProcessMetrics:
        clients = {}
        for _, kind in self.kinds():
            if kind.role in one.roles:
                clients[kind.writer] = self._client(kind.writer, one, now)
                if kind.shown and kind.reader:
                    clients[kind.reader] = self._client(kind.reader, one, now, reads=True)
            elif kind.reader and one.roles & set(kind.readers):
                clients[kind.reader] = self._client(kind.reader, one, now, reads=True)
        if self.is_tracking(one):
            clients[HA_CLIENT] = self._client(HA_CLIENT, one, now)
        for name, role in PARTITION_CLIENTS if self.ingest else ():
            if role in one.roles:
                clients[name] = self._client(name, one, now, reads=name.endswith("watcher"))
        counters = {"memberlist_tcp_transport_unknown_connections_total": 0.0, UNSHIPPED: 0.0}
        return ProcessMetrics(
            product=self.product,
            version=self.version,
            clients=clients,
            start_time=one.started + one.skew,
            health_score=0.0,
            counters=counters if one.phase >= MEMBERLIST_FROM else {},
            ha_elections=self.ha.counted(one.elected) if HA_CLIENT in clients else {},
            traffic={"api_v1_push": one.traffic * (now - NOW + 9000)} if one.traffic else {},
        )

    def _client(self, name: str, one: Running, now: float, *, reads: bool = False) -> KVClient:
        phase, count = one.phase, float(1 + int((now - one.started) / self.period))
        operations = {"GET": count} if reads else {"CAS": count, "GET": count}
        kinds = {Phase.EXTERNAL: (self.store,), Phase.MEMBERLIST: ("memberlist",)}
        asked = kinds.get(phase, ("multi", self.store if phase < Phase.SWITCHED else "memberlist"))
        mirrors = phase in {Phase.MIRRORING, Phase.SWITCHED}
        if mirrors:
            asked = ("multi", self.store, "memberlist")
        requests = {(kind, what): n for kind in asked for what, n in operations.items()}
        if phase in kinds:
            return KVClient(name, requests=requests)
        primary = self.store if phase < Phase.SWITCHED else "memberlist"
        return KVClient(
            name,
            primary=primary,
            stores=(self.store, "memberlist"),
            mirror=mirrors,
            mirror_writes=0.0 if reads or not mirrors else count,
            mirror_errors=0.0,
            requests=requests,
        )

    def _config(self, one: Running) -> ProcessConfig:
        kinds = {Phase.EXTERNAL: self.store, Phase.MEMBERLIST: "memberlist"}
        store = kinds.get(one.phase, "multi")
        rings = {
            key: RingConfig(
                store=store,
                prefix=self.prefixes.get(kind.prefix, kind.prefix),
                heartbeat_timeout=self.timeout,
                heartbeat_period=self.period,
                replication_factor=self.factor if kind.role in {"ingester", "segment-writer"} else 1,
                zone_awareness=self.zoned and kind.role in {"ingester", "segment-writer", "store-gateway"},
                unregister_on_shutdown=True if kind.role == "store-gateway" else None,
                default_key=kind.prefix + kind.name,
                instance_id=one.name,
            )
            for key, kind in self.kinds()
        }
        if self.ingest:
            rings[self.partitions()] = RingConfig(
                store, self.prefixes.get(C, C), default_key=C + PARTITION_KEY
            )
        if self.ha_prefix is not None:
            rings[self.ha_prefix] = RingConfig(store, self.ha_prefix, default_key="ha-tracker/")
        told: dict[str, Any] = {"ingest_storage": self.ingest} if self.product is Product.MIMIR else {}
        return ProcessConfig(
            target="all" if {"ingester", "compactor"} < one.roles else ",".join(sorted(one.roles)),
            label=one.label,
            label_verification_disabled=not one.verifies,
            instance_id=one.name,
            grpc_port=one.grpc,
            node_name=one.name,
            bind_port=one.gossip,
            join_members=one.seeds,
            rejoin_interval=60.0,
            gossip_tls=one.tls,
            labels_supported=True,
            ha_tracker=self.is_tracking(one),
            rings=rings,
            **told,
        )

    def _gossip(self, one: Running, turn: bool, now: float) -> GossipView:
        if one.lonely not in self._lists:
            self._lists[one.lonely] = (*self._listed(one.lonely, now), *self.outsiders)
        held = dict(self._held(one, now)) if self.phase >= Phase.MIRRORING else {}
        keys = {
            key: GossipKey(key, "replicaDesc" if isinstance(v, Replica) else "ringDesc")
            for key, v in held.items()
        }
        page = MemberlistPage(self._lists[one.lonely], keys, now + one.skew)
        values = {
            key: self._page("/memberlist?downloadKey", value, now, one) for key, value in held.items() if turn
        }
        return GossipView(self._page("/memberlist", page, now, one), values)

    def _listed(self, lonely: frozenset[str], now: float) -> Iterator[GossipMember]:
        for other in self.running:
            gone = other.dead or other.is_down(now) or other.name in lonely
            if other.phase >= MEMBERLIST_FROM and not gone:
                yield GossipMember(f"{other.name}-{other.suffix}", other.host, other.gossip)

    def _held(self, one: Running, now: float) -> Iterator[tuple[str, Value]]:
        """What its copy has: one heartbeat behind for every other process."""
        behind = self.period if sum(one.name.encode()) % 2 else 0.0
        for key, value in self.values(now, behind + self.stale_copies).items():
            if key in one.lacks or (self.gone_ha and isinstance(value, Replica)):
                continue
            yield key, _own(value, one, {n.removeprefix(f"{key} ") for n in one.lacks})

    def _others(self, one: Running, now: float) -> dict[str, Page[TrackerPage]]:
        if self.product not in {Product.MIMIR, Product.CORTEX}:
            return {}
        shown = self.ha.page(one.elects, now) if self.is_tracking(one) else None
        return {"tracker": self._page(HA_PAGE, shown, now, one)}

    def _page(self, name: str, value: Any, now: float, one: Running) -> Page[Any]:
        outcome, asked = Outcome.ABSENT if value is None else Outcome.OK, now + 0.1
        return Page(name, outcome, value, asked_at=asked + self.skew, clock=asked + one.skew)

    def _failed(self, name: str, now: float, why: Reason = Reason.REFUSED) -> Page[Any]:
        return Page(name, Outcome.FAILED, None, why, asked_at=now + self.skew)


def _beating(member: Member, now: float) -> Member:
    return replace(member, time=float(int(now - 4)))


def _own(value: Value, one: Running, lacks: set[str]) -> Value:
    if one.elects and isinstance(value, Replica):
        return replace(value, replica=one.elects)
    if not isinstance(value, Ring) or not lacks:
        return value
    return Ring({name: member for name, member in value.members.items() if name not in lacks})


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
