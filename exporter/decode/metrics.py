"""A process's /metrics: its product, KV clients, gossip, HA elections and traffic, whatever the prefix.

The prefix is not fixed, not even inside one process (`loki_multikv_…` beside `multikv_…`), so
families are known by how they end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.decode.exposition import Sample, Wanted, check_exposition, known, samples
from exporter.decode.layout import Layout, Stretches
from exporter.errors import DecodeError
from exporter.model import KVClient, ProcessMetrics, Product

MAX_CLIENTS = 1_000
MAX_ROUTES = 2_000
MAX_ELECTIONS = 100_000

COUNTERS = (
    "memberlist_client_cas_attempt_total",
    "memberlist_client_cas_failure_total",
    "memberlist_client_messages_to_broadcast_dropped_total",
    "memberlist_client_received_broadcasts_dropped_total",
    "memberlist_client_received_broadcasts_invalid_total",
    "memberlist_tcp_transport_packets_received_errors_total",
    "memberlist_tcp_transport_packets_sent_errors_total",
    "memberlist_tcp_transport_unknown_connections_total",
)
_HEALTH = "memberlist_client_cluster_node_health_score"
_MEMBERS = "memberlist_client_cluster_members_count"

_PREFIX = rb"(?:[a-z0-9]+_)*?"
_GAUGES = _PREFIX + (
    rb"multikv_(?:primary_store|mirror_enabled|mirror_writes_total|mirror_write_errors_total)\{"
)
_REQUESTS = _PREFIX + rb"kv_request_duration_seconds_count\{"
_TRAFFIC = rb"(?:cortex|mimir|loki|tempo|pyroscope)_request_duration_seconds_count\{"
_GOSSIP = b"|".join(name.encode() for name in (*COUNTERS, _HEALTH, _MEMBERS))


def _wanted(word: bytes, names: bytes) -> Wanted:
    return Wanted(word, re.compile(names))


_MULTIKV = _wanted(b"multikv_", _GAUGES)
_DURATIONS = _wanted(b"request_duration_seconds_count{", rb"(?:%s|%s)" % (_REQUESTS, _TRAFFIC))
_BUILD = _wanted(b"_build_info{", rb"(?:mimir|cortex|loki|tempo|pyroscope)_build_info\{")
_MEMBERLIST = _wanted(b"memberlist_", _PREFIX + rb"(?:%s)[ {]" % _GOSSIP)
_START = _wanted(b"process_start_time_seconds", rb"process_start_time_seconds[ {]")
_ELECTIONS = _wanted(
    b"elected_replica_changes_total{", _PREFIX + rb"ha_tracker_elected_replica_changes_total\{"
)
_QUERIES = _wanted(b"query_frontend_queries_total", _PREFIX + rb"query_frontend_queries_total[ {]")
_ALL = (_MULTIKV, _DURATIONS, _BUILD, _MEMBERLIST, _START, _ELECTIONS, _QUERIES)

# Mimir has `cortex_build_info` beside its own.
_PRODUCTS = (Product.MIMIR, Product.LOKI, Product.TEMPO, Product.PYROSCOPE, Product.CORTEX)


@dataclass(slots=True)
class _Client:
    """What the lines of one client say, while they are gathered.

    A name may stand under two prefixes in one process; then the less migrated of the two counts.
    """

    primaries: dict[str, set[str]] = field(default_factory=dict)  # by family, those whose gauge is 1
    stores: set[str] = field(default_factory=set)
    mirrors: list[bool | None] = field(default_factory=list)
    writes: float | None = None
    errors: float | None = None
    requests: dict[tuple[str, str], float] = field(default_factory=dict)


def decode_metrics(body: bytes, layout: Layout | None = None, at: float = 0.0) -> ProcessMetrics:
    """The few families that are used, out of a page of any size. Raises `DecodeError`.

    What is not in the page is `None`, "" or empty. A client whose gauges name no primary or several
    has primary "" and a `mirror`: it says that it is a multi client and not where it stands.
    `layout` is what earlier pages of the same process taught, `at` the time in seconds by any clock.
    """
    check_exposition(body)
    everywhere = (((0, len(body)),),) * len(_ALL)
    starts = [list[int]() for _ in _ALL]
    if layout is None:
        return _decoded(body, everywhere, starts)
    where = layout.stretches(body, at)
    if where is not None:
        told = _decoded(body, where, starts)
        if told.start_time == layout.start_time:
            return told
        starts = [[] for _ in _ALL]
    told = _decoded(body, everywhere, starts)
    layout.learn(body, starts, told.start_time, at)
    return told


def _decoded(body: bytes, where: Stretches, starts: Sequence[list[int]]) -> ProcessMetrics:
    multikv, durations, builds, memberlist, starting, elections, queries = (
        samples(body, *each) for each in zip(_ALL, where, starts, strict=True)
    )
    clients: dict[str, _Client] = {}
    for sample in multikv:
        _multikv(_client(clients, sample), sample)
    traffic: dict[str, float] = {}
    for sample in durations:
        _duration(clients, traffic, sample)
    _add(traffic, "query_frontend_queries", queries)
    gossip = _gossip(memberlist)
    product, version, revision = _build(builds)
    return ProcessMetrics(
        product=product,
        version=version,
        revision=revision,
        clients=MappingProxyType({name: _finished(name, client) for name, client in clients.items()}),
        health_score=gossip.pop(_HEALTH, None),
        gossip_members=gossip.pop(_MEMBERS, None),
        start_time=_only(starting),
        ha_elections=_elections(elections),
        counters=MappingProxyType(gossip),
        traffic=MappingProxyType(traffic),
    )


def _client(clients: dict[str, _Client], sample: Sample) -> _Client:
    name = sample.labels.get("kv_name", "")
    if name not in clients:
        if len(clients) == MAX_CLIENTS:
            raise DecodeError(f"metrics: more than {MAX_CLIENTS} KV clients")
        clients[name] = _Client()
    return clients[name]


def _multikv(client: _Client, sample: Sample) -> None:
    value = known(sample.value)
    family, _, gauge = sample.name.rpartition("multikv_")
    if gauge == "primary_store":
        store = sample.labels.get("store", "")
        client.stores.add(store)
        chosen = client.primaries.setdefault(family, set())
        if value == 1:
            chosen.add(store)
    elif gauge == "mirror_enabled":
        client.mirrors.append(None if value is None else value == 1)
    elif gauge == "mirror_writes_total":
        client.writes = _plus(client.writes, value)
    else:
        client.errors = _plus(client.errors, value)


def _duration(clients: dict[str, _Client], traffic: dict[str, float], sample: Sample) -> None:
    if sample.name.endswith("kv_request_duration_seconds_count"):
        if "kv_name" in sample.labels:
            requests = _client(clients, sample).requests
            key = (sample.labels.get("type", ""), sample.labels.get("operation", ""))
            requests[key] = requests.get(key, 0.0) + (known(sample.value) or 0.0)
        return
    _add(traffic, sample.labels.get("route", ""), (sample,))


def _add(traffic: dict[str, float], key: str, found: Iterable[Sample]) -> None:
    for sample in found:
        traffic[key] = traffic.get(key, 0.0) + (known(sample.value) or 0.0)
    if len(traffic) > MAX_ROUTES:
        raise DecodeError(f"metrics: more than {MAX_ROUTES} routes")


def _plus(sum_so_far: float | None, value: float | None) -> float | None:
    return sum_so_far if value is None else (sum_so_far or 0.0) + value


def _finished(name: str, client: _Client) -> KVClient:
    return KVClient(
        name=name,
        primary=_primary(client),
        stores=tuple(sorted(client.stores)),
        mirror=None if not client.mirrors or None in client.mirrors else all(client.mirrors),
        mirror_writes=client.writes,
        mirror_errors=client.errors,
        requests=MappingProxyType(client.requests),
    )


def _primary(client: _Client) -> str:
    """The one primary; of two families that differ, the external one; "" where a family is unclear."""
    chosen = list(client.primaries.values())
    if any(len(stores) != 1 for stores in chosen):
        return ""
    names = sorted({next(iter(stores)) for stores in chosen}, key=lambda name: name == "memberlist")
    return names[0] if names else ""


def _gossip(found: Iterable[Sample]) -> dict[str, float]:
    """Families without their prefix: counters summed, gauges the worst or the most."""
    read: dict[str, float] = {}
    for sample in found:
        value = known(sample.value)
        name = sample.name[sample.name.index("memberlist_") :]
        if value is None:
            continue
        most = name in (_HEALTH, _MEMBERS)
        read[name] = max(read.get(name, value), value) if most else read.get(name, 0.0) + value
    return read


def _build(found: Iterable[Sample]) -> tuple[Product, str, str]:
    by_product: Mapping[str, Sample] = {sample.name.partition("_")[0]: sample for sample in found}
    for product in _PRODUCTS:
        if sample := by_product.get(product.value):
            return product, sample.labels.get("version", ""), sample.labels.get("revision", "")
    return Product.UNKNOWN, "", ""


def _only(found: Iterable[Sample]) -> float | None:
    return next((known(sample.value) for sample in found), None)


def _elections(found: Iterable[Sample]) -> Mapping[tuple[str, str], float]:
    read: dict[tuple[str, str], float] = {}
    for sample in found:
        key = (sample.labels.get("user", ""), sample.labels.get("cluster", ""))
        read[key] = read.get(key, 0.0) + (known(sample.value) or 0.0)
    if len(read) > MAX_ELECTIONS:
        raise DecodeError(f"metrics: more than {MAX_ELECTIONS} HA-tracker entries")
    return MappingProxyType(read)
