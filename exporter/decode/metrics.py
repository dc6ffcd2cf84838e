"""A process's /metrics: its product, KV clients, gossip, HA elections and traffic, with any prefix.

The prefix is not fixed, not even inside one process (`loki_multikv_…` beside `multikv_…`), so families are
recognised by their ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

from exporter.decode.formats.exposition import Wanted, check_exposition, known, search
from exporter.decode.formats.metrics_page_layout import Layout, Readings
from exporter.decode.ring_metrics import ring_signals
from exporter.errors import DecodeError
from exporter.model.pages import KVClient, ProcessMetrics, Product
from exporter.products.registry import PRODUCTS

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


class _Multi(NamedTuple):
    """What a line of a multi client's gauges and counters is about."""

    client: str
    family: str  # the prefix of the name
    gauge: str
    store: str


class _Asked(NamedTuple):
    """What a line of requests is about: one client's, or a route's where `client` is `None`."""

    client: str | None
    operation: tuple[str, str]  # type, operation
    route: str


def _multi(name: str, labels: Mapping[str, str]) -> _Multi:
    family, _, gauge = name.rpartition("multikv_")
    return _Multi(labels.get("kv_name", ""), family, gauge, labels.get("store", ""))


def _asked(name: str, labels: Mapping[str, str]) -> _Asked | None:
    if name.endswith("kv_request_duration_seconds_count"):
        client, operation = labels.get("kv_name"), (labels.get("type", ""), labels.get("operation", ""))
        return None if client is None else _Asked(client, operation, "")
    return _Asked(None, ("", ""), labels.get("route", ""))


_MULTIKV = Wanted(b"multikv_", _GAUGES, _multi)
_DURATIONS = Wanted(b"request_duration_seconds_count{", rb"(?:%s|%s)" % (_REQUESTS, _TRAFFIC), _asked)
_BUILD = Wanted(
    b"_build_info{",
    rb"(?:mimir|cortex|loki|tempo|pyroscope)_build_info\{",
    lambda name, labels: (name.partition("_")[0], labels.get("version", ""), labels.get("revision", "")),
)
_MEMBERLIST = Wanted(
    b"memberlist_", _PREFIX + rb"(?:%s)[ {]" % _GOSSIP, lambda name, _: name[name.index("memberlist_") :]
)
_START = Wanted(b"process_start_time_seconds", rb"process_start_time_seconds[ {]", lambda *_: None)
_ELECTIONS = Wanted(
    b"elected_replica_changes_total{",
    _PREFIX + rb"ha_tracker_elected_replica_changes_total\{",
    lambda _, labels: (labels.get("user", ""), labels.get("cluster", "")),
)
_QUERIES = Wanted(
    b"query_frontend_queries_total", _PREFIX + rb"query_frontend_queries_total[ {]", lambda *_: None
)


def _single(word: str) -> Wanted[str]:
    return Wanted(word.encode(), _PREFIX + word.encode() + rb"[ {]", lambda *_: word)


_SINGLE = (
    _single("ingester_oldest_unshipped_block_timestamp_seconds"),
    _single("ingester_memory_series"),
    _single("runtime_config_last_reload_successful"),
)
_RINGS = tuple(
    Wanted(
        word + b"{",
        _PREFIX + word + rb"\{",
        lambda _, labels: (labels.get("name", ""), labels.get("state", "")),
    )
    for word in (b"ring_members", b"ring_oldest_member_timestamp", b"ring_tokens_total")
)
_ALL: tuple[Wanted[Any], ...] = (
    _MULTIKV, _DURATIONS, _BUILD, _MEMBERLIST, _START, _ELECTIONS, _QUERIES, *_SINGLE, *_RINGS,
)  # fmt: skip
_WORDS = tuple(wanted.word for wanted in _ALL)

# Mimir has `cortex_build_info` beside its own.
_PRODUCTS = (*(product for product in PRODUCTS if product is not Product.CORTEX), Product.CORTEX)


@dataclass(slots=True)
class _Client:
    """The lines of one client, while they are gathered.

    A name may stand under two prefixes in one process; then the less migrated of the two counts.
    """

    primaries: dict[str, set[str]] = field(default_factory=dict)  # by family, those with a gauge of 1
    stores: set[str] = field(default_factory=set)
    mirrors: list[bool | None] = field(default_factory=list)
    writes: float | None = None
    errors: float | None = None
    requests: dict[tuple[str, str], float] = field(default_factory=dict)


def decode_metrics(body: bytes, layout: Layout | None = None, at: float = 0.0) -> ProcessMetrics:
    """The few families that are used, out of a page of any size. Raises `DecodeError`.

    What is not in the page is `None`, "" or empty. A client with gauges that name no primary or several has
    primary "" and a `mirror`: it is a multi client with an unknown primary. `layout` comes from earlier pages
    of the same process, `at` is the time in seconds by any clock.
    """
    check_exposition(body)
    expected = layout.readings(body, at) if layout else None
    if layout and expected is not None:
        readings = _decoded(expected)
        if readings.start_time == layout.start_time:
            return readings
    found = [search(body, wanted) for wanted in _ALL]
    readings = _decoded([each.readings for each in found])
    if layout:
        layout.learn(body, [each.places for each in found], _WORDS, readings.start_time, at)
    return readings


def _decoded(readings: Readings) -> ProcessMetrics:
    multikv, durations, builds, memberlist, starting, elections, queries, *others = readings
    clients: dict[str, _Client] = {}
    traffic: dict[str, float] = {}
    for line, value in multikv:
        _multikv(_client(clients, line.client), line, known(value))
    for asked, value in durations:
        if asked is not None:
            _duration(clients, traffic, asked, value)
    for _, value in queries:
        _add(traffic, "query_frontend_queries", value)
    product, version, revision = _build(builds)
    gossip = _gossip(memberlist)
    return ProcessMetrics(
        product=product,
        version=version,
        revision=revision,
        clients=MappingProxyType({name: _finished(name, client) for name, client in clients.items()}),
        health_score=gossip.pop(_HEALTH, None),
        gossip_members=gossip.pop(_MEMBERS, None),
        start_time=known(starting[0][1]) if starting else None,
        ha_elections=_elections(elections),
        counters=MappingProxyType(gossip | _gauges(chain(*others[: len(_SINGLE)]))),
        traffic=MappingProxyType(traffic),
        rings=ring_signals(*others[len(_SINGLE) :]),
    )


def _client(clients: dict[str, _Client], name: str) -> _Client:
    client = clients.get(name)
    if client is None:
        if len(clients) == MAX_CLIENTS:
            raise DecodeError(f"metrics: more than {MAX_CLIENTS} KV clients")
        client = clients[name] = _Client()
    return client


def _multikv(client: _Client, line: _Multi, value: float | None) -> None:
    if line.gauge == "primary_store":
        client.stores.add(line.store)
        chosen = client.primaries.setdefault(line.family, set())
        if value == 1:
            chosen.add(line.store)
    elif line.gauge == "mirror_enabled":
        client.mirrors.append(None if value is None else value == 1)
    elif line.gauge == "mirror_writes_total":
        client.writes = _plus(client.writes, value)
    else:
        client.errors = _plus(client.errors, value)


def _duration(clients: dict[str, _Client], traffic: dict[str, float], asked: _Asked, value: float) -> None:
    if asked.client is None:
        _add(traffic, asked.route, value)
        return
    requests = _client(clients, asked.client).requests
    requests[asked.operation] = requests.get(asked.operation, 0.0) + (known(value) or 0.0)


def _add(traffic: dict[str, float], key: str, value: float) -> None:
    traffic[key] = traffic.get(key, 0.0) + (known(value) or 0.0)
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


def _gossip(found: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Families without their prefix: counters summed, gauges the worst or the most."""
    read: dict[str, float] = {}
    for name, value in found:
        if known(value) is None:
            continue
        most = name in (_HEALTH, _MEMBERS)
        read[name] = max(read.get(name, value), value) if most else read.get(name, 0.0) + value
    return read


def _gauges(found: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Single gauges by their names without a prefix; of several lines of one gauge the lowest."""
    lowest: dict[str, float] = {}
    for name, value in found:
        if known(value) is not None:
            lowest[name] = min(value, lowest.get(name, value))
    return lowest


def _build(found: Iterable[tuple[tuple[str, str, str], float]]) -> tuple[Product, str, str]:
    by_product = {product: (version, revision) for (product, version, revision), _ in found}
    for product in _PRODUCTS:
        if build := by_product.get(product.value):
            return product, *build
    return Product.UNKNOWN, "", ""


def _elections(found: Iterable[tuple[tuple[str, str], float]]) -> Mapping[tuple[str, str], float]:
    read: dict[tuple[str, str], float] = {}
    for key, value in found:
        read[key] = read.get(key, 0.0) + (known(value) or 0.0)
    if len(read) > MAX_ELECTIONS:
        raise DecodeError(f"metrics: more than {MAX_ELECTIONS} HA-tracker entries")
    return MappingProxyType(read)
