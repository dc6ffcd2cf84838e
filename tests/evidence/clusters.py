"""Clusters made at random, as a cycle reads them: products, prefixes, ports, periods, zones, phases.

Written from FACTS and the products' sources, and from nothing of `exporter`'s tables, so that the two
cannot share a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.derive.comparison.collect import Cycle
from exporter.derive.limits import Rules
from exporter.model.pages import (
    GossipKey,
    GossipMember,
    GossipView,
    KVClient,
    Member,
    MemberlistPage,
    Observation,
    Outcome,
    Page,
    Partition,
    PartitionRing,
    PartitionState,
    Phase,
    ProcessMetrics,
    Product,
    Reason,
    Replica,
    Ring,
    State,
    Target,
    Tokens,
    TrackerEntry,
    TrackerPage,
    Value,
)
from exporter.model.settings import ProcessConfig, RingConfig
from exporter.model.stores import StoreContent
from tests.evidence.product_rings import KINDS, C, Kind

NOW = 1_800_000_000.0
HA_PAGE, HA_CLIENT = "/distributor/ha_tracker", "distributor-hatracker"
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
    rules: Rules = field(default_factory=lambda: Rules(soak=0.0))

    def kinds(self) -> Iterator[tuple[str, Kind]]:
        """The rings by the key in the store."""
        for kind in KINDS[self.product]:
            yield self.prefixes.get(kind.prefix, kind.prefix) + kind.name, kind

    def partitions(self) -> str:
        """The key of the partition ring."""
        return self.prefixes.get(C, C) + PARTITION_KEY

    def members(self, key: str, kind: Kind, now: float, lag: float = 0.0) -> dict[str, Member]:
        """The ring's members as they are written at a time."""
        found = {
            one.name: self._member(one, kind, now - lag)
            for one in self.running
            if kind.role in one.roles and one.silent_ring != key
        }
        return found | {m.id: _beating(m, now) for m in self.intruders.get(key, ())}

    def _member(self, one: Running, kind: Kind, now: float) -> Member:
        number = int(one.name.rsplit("-", 1)[1])
        beat = NOW - 4000 if one.dead else now - (now + 3 * number) % self.period
        count = 4 if one.tokens is None else one.tokens
        packed = b"".join((number * 1000 + n).to_bytes(4, "little") for n in range(count))
        tokens = Tokens(count, packed[:8], packed) if count else Tokens(0)
        at = one.address or f"{_bracketed(one.host)}:{one.grpc}"
        zone = one.zone if kind.role in {"ingester", "store-gateway", "segment-writer"} else ""
        return Member(one.name, at, State.ACTIVE, zone, float(int(beat)), NOW - 9000, False, tokens)

    def values(self, now: float, lag: float = 0.0) -> dict[str, Value]:
        """Everything that the store the clients write to holds."""
        found: dict[str, Value] = {k: Ring(self.members(k, kind, now, lag)) for k, kind in self.kinds()}
        if self.ingest:
            parts = {
                n: Partition(n, PartitionState.ACTIVE, NOW - 5000, owners=owners, tokens=Tokens(1, b"%d" % n))
                for n, owners in self.partition_owners.items()
            }
            found[self.partitions()] = PartitionRing(parts)
        if self.ha_prefix is not None:
            for user in ("team-a", "team-b"):
                seen = float(int(now - min(lag, HA_PERIOD) - 7))
                found[f"{self.ha_prefix}{user}/prod"] = Replica("r-1", seen, None)
        return found

    def read(self, now: float, number: int) -> Cycle:
        """One cycle."""
        return Cycle(
            at=now + 0.5,
            started=now,
            number=number,
            observed=tuple(self._observe(one, now) for one in self.running),
            stores=tuple(self._store(now)),
            keep_views_since=now - 60,
            resolved=dict.fromkeys((seed for one in self.running for seed in one.seeds), ""),
        )

    def _store(self, now: float) -> Iterator[StoreContent]:
        if not self.rules.stores:
            return
        if self.store_down:
            yield StoreContent(self.store, Outcome.FAILED, Reason.REFUSED, asked_at=now)
            return
        left = self.phase >= Phase.DETACHED
        values = dict(self.values(NOW - 3000 if left else now))
        index = {key: 7 if left else int(now) for key in values} | dict.fromkeys(self.stored_extra, int(now))
        for key, members in self.stored_extra.items():
            values[key] = Ring({member.id: _beating(member, now) for member in members})
        yield StoreContent(self.store, Outcome.OK, values=values, modified=index, asked_at=now, clock=now)

    def _observe(self, one: Running, now: float) -> Observation:
        url = f"http://{_bracketed(one.host)}:{one.port}{self.pathed}"
        gossips = one.phase >= MEMBERLIST_FROM
        pages, partitions = dict(self._pages(one, now)), {}
        if self.ingest and {"ingester", "distributor"} & one.roles:
            ring = self.values(now)[self.partitions()]
            partitions[PARTITION_PAGE] = _page(PARTITION_PAGE, ring, now)
        return Observation(
            target=Target(f"{_bracketed(one.host)}:{one.port}", url),
            metrics=_page("/metrics", self._metrics(one, now), now),
            gossip=self._gossip(one, now) if gossips else GossipView(_page("/memberlist", None, now)),
            config=_page("/config", self._config(one), now) if self.readable else _unread("/config", now),
            rings=pages,
            partitions=partitions,
            tracker=self._tracker(one, now),
        )

    def _pages(self, one: Running, now: float) -> Iterator[tuple[str, Page[Ring]]]:
        for key, kind in self.kinds():
            if (kind.role in one.roles and kind.shown) or (kind.reader and one.roles & set(kind.readers)):
                yield kind.page, _page(kind.page, Ring(self.members(key, kind, now), now), now)

    def _metrics(self, one: Running, now: float) -> ProcessMetrics:
        clients = {}
        for _, kind in self.kinds():
            if kind.role in one.roles:
                clients[kind.writer] = self._client(kind.writer, one.phase, now)
                if kind.shown and kind.reader:
                    clients[kind.reader] = self._client(kind.reader, one.phase, now, reads=True)
            elif kind.reader and one.roles & set(kind.readers):
                clients[kind.reader] = self._client(kind.reader, one.phase, now, reads=True)
        if self.ha_prefix is not None and "distributor" in one.roles:
            clients[HA_CLIENT] = self._client(HA_CLIENT, one.phase, now)
        if self.ingest and "ingester" in one.roles:
            clients["ingester-partitions-lifecycler"] = self._client(
                "ingester-partitions-lifecycler", one.phase, now
            )
        if self.ingest and "distributor" in one.roles:
            clients["ingester-partitions-watcher"] = self._client(
                "ingester-partitions-watcher", one.phase, now, reads=True
            )
        counters = {"memberlist_tcp_transport_unknown_connections_total": 0.0}
        return ProcessMetrics(
            product=self.product,
            version=self.version,
            clients=clients,
            start_time=one.started,
            health_score=0.0,
            counters=counters if one.phase >= MEMBERLIST_FROM else {},
            ha_elections={("team-a", "prod"): 3.0} if HA_CLIENT in clients else {},
        )

    def _client(self, name: str, phase: Phase, now: float, *, reads: bool = False) -> KVClient:
        count = float(int((now - NOW + 9000) / self.period))
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
                zone_awareness=self.zoned if kind.role in {"ingester", "segment-writer"} else False,
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
            target="all" if len(one.roles) > 2 else sorted(one.roles)[0],
            label=one.label,
            label_verification_disabled=False,
            instance_id=one.name,
            grpc_port=one.grpc,
            node_name=one.name,
            bind_port=one.gossip,
            join_members=one.seeds,
            rejoin_interval=60.0,
            gossip_tls=one.tls,
            labels_supported=True,
            ha_tracker=self.ha_prefix is not None and "distributor" in one.roles,
            rings=rings,
            **told,
        )

    def _gossip(self, one: Running, now: float) -> GossipView:
        members = [
            GossipMember(f"{other.name}-{other.suffix}", other.host, other.gossip)
            for other in self.running
            if other.phase >= MEMBERLIST_FROM and not other.dead and other.name not in one.lonely
        ]
        held = dict(self._held(one, now)) if self.phase >= Phase.MIRRORING else {}
        keys = {
            key: GossipKey(key, "replicaDesc" if isinstance(v, Replica) else "ringDesc")
            for key, v in held.items()
        }
        page = MemberlistPage((*members, *self.outsiders), keys, now)
        values = {key: _page("/memberlist?downloadKey", value, now) for key, value in held.items()}
        return GossipView(_page("/memberlist", page, now), values)

    def _held(self, one: Running, now: float) -> Iterator[tuple[str, Value]]:
        """What its copy has: one heartbeat behind for every other process."""
        behind = self.period if sum(one.name.encode()) % 2 else 0.0
        for key, value in self.values(now, behind + self.stale_copies).items():
            if key in one.lacks or (self.gone_ha and isinstance(value, Replica)):
                continue
            yield key, _less(value, {n.removeprefix(f"{key} ") for n in one.lacks})

    def _tracker(self, one: Running, now: float) -> Page[TrackerPage] | None:
        if self.product not in {Product.MIMIR, Product.CORTEX}:
            return None
        if self.ha_prefix is None or "distributor" not in one.roles:
            return _page(HA_PAGE, None, now)
        entries = tuple(
            TrackerEntry(user, "prod", "r-1", float(int(now - 7))) for user in ("team-a", "team-b")
        )
        return _page(HA_PAGE, TrackerPage(entries, now), now)


def _beating(member: Member, now: float) -> Member:
    return replace(member, heartbeat=float(int(now - 4)))


def _less(value: Value, lacks: set[str]) -> Value:
    if not isinstance(value, Ring) or not lacks:
        return value
    return Ring({name: member for name, member in value.members.items() if name not in lacks})


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _page(name: str, value: Any, now: float) -> Page[Any]:
    outcome = Outcome.ABSENT if value is None else Outcome.OK
    return Page(name, outcome, value, asked_at=now + 0.1, clock=now + 0.1)


def _unread(name: str, now: float) -> Page[Any]:
    return Page(name, Outcome.FAILED, None, Reason.DENIED, asked_at=now)
