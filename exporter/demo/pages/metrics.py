"""`/metrics`: the families that a migration is watched by, as each product names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import yaml

from exporter.demo.pages import go_format
from exporter.demo.pages.answer import Reply
from exporter.demo.pages.memberlist import health
from exporter.demo.pages.ring import is_unhealthy
from exporter.demo.pages.status import GO_VERSION, REVISION, version
from exporter.demo.simulation import ha_tracker, read_write_migration
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.gossip import GossipCopy
from exporter.demo.simulation.process import Client, Process
from exporter.demo.simulation.products import RING
from exporter.demo.simulation.ring_values import LEFT, STATE_NAMES, Replica, Ring

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
RATE = 10  # requests a second, of each route of each process
HEAD_COMPACTION = 7200
MESSAGE_BYTES = 1500  # a broadcast of one member with its tokens
BUCKETS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
Labels = Mapping[str, str]
Sample = tuple[Labels, float]
_FAMILIES: dict[str, tuple[str, str]] = yaml.load(
    (Path(__file__).parent / "families.yaml").read_bytes(), Loader=yaml.CSafeLoader
)


def reply(cluster: Cluster, process: Process) -> Reply:
    """The complete page, families in order of their names."""
    families = dict(_families(cluster, process))
    return Reply("".join(families[name] for name in sorted(families)).encode(), CONTENT_TYPE)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _sample(name: str, labels: Labels, value: float) -> str:
    return f"{_head(name, tuple(labels.items()))} {go_format.number(value)}\n"


@lru_cache(maxsize=65_536)
def _head(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    """A series' name and labels, the same in every scrape."""
    inner = ",".join(f'{key}="{_escape(text)}"' for key, text in labels)
    return f"{name}{{{inner}}}" if inner else name


def _heading(prefix: str, family: str) -> tuple[str, str]:
    """A family's name, and the lines before its samples."""
    name, (kind, about) = f"{prefix}{family}", _FAMILIES[family]
    return name, f"# HELP {name} {about.format(product=prefix[:-1])}\n# TYPE {name} {kind}\n"


def _family(prefix: str, family: str, samples: Iterable[Sample]) -> tuple[str, str]:
    name, heading = _heading(prefix, family)
    lines = (_sample(name, dict(sorted(labels.items())), value) for labels, value in samples)
    return name, "".join([heading, *lines])


def _histogram(prefix: str, family: str, counts: Iterable[tuple[Labels, int]]) -> tuple[str, str]:
    name, heading = _heading(prefix, family)
    lines = [heading]
    for labels, count in counts:
        ordered = dict(sorted(labels.items()))
        own, total = tuple(ordered.items()), go_format.number(count)
        lines += [f"{_head(f'{name}_bucket', (*own, ('le', edge)))} {total}\n" for edge in BUCKETS]
        lines.append(_sample(f"{name}_sum", ordered, round(count * 0.00137, 9)))
        lines.append(_sample(f"{name}_count", ordered, count))
    return name, "".join(lines)


def _families(cluster: Cluster, process: Process) -> Iterable[tuple[str, str]]:
    yield from _process(cluster, process)
    prefixes = sorted({client.spec.prefix for client in process.clients.values()})
    for prefix in prefixes:
        clients = [client for client in process.clients.values() if client.spec.prefix == prefix]
        yield _requests(prefix, clients)
        if multi := [client for client in clients if client.mode == "multi"]:
            yield from _multi(cluster, prefix, multi)
    yield from _rings(cluster, process)
    if process.has_gossip:
        yield from _gossip(cluster, process)
    if process.spec.role.tracker:
        yield from _tracker(cluster, process)


def _prefix(cluster: Cluster) -> str:
    return "loki_" if cluster.settings.product == "loki" else "cortex_"


def _process(cluster: Cluster, process: Process) -> Iterable[tuple[str, str]]:
    product = cluster.settings.product
    labels = {
        "branch": "",
        "goarch": "amd64",
        "goos": "linux",
        "goversion": GO_VERSION,
        "revision": REVISION[product],
        "tags": "netgo,slicelabels",
        "version": version(cluster),
    }
    # Mimir has Cortex's family beside its own.
    for prefix in sorted({f"{product}_", _prefix(cluster)}):
        yield _family(prefix, "build_info", [(labels, 1)])
    yield _family("", "go_info", [({"version": GO_VERSION}, 1)])
    yield _family("", "process_start_time_seconds", [({}, round(process.started + process.skew, 2))])
    yield _traffic(cluster, process)
    if product == "mimir" and read_write_migration.keeps_ring(process.spec.role, RING):
        yield from _blocks(cluster, process)


def _blocks(cluster: Cluster, process: Process) -> Iterable[tuple[str, str]]:
    """What an ingester has in memory, and the time of the oldest block that is only on its disk (0: none)."""
    series = 0 if process.leaving else 12_000
    yield _family("cortex_", "ingester_memory_series", [({}, series)])
    unshipped = cluster.is_victim(process, "unshipped-blocks")
    oldest = cluster.began - HEAD_COMPACTION if unshipped else 0
    yield _family("cortex_", "ingester_oldest_unshipped_block_timestamp_seconds", [({}, oldest)])


def _traffic(cluster: Cluster, process: Process) -> tuple[str, str]:
    """Requests by route, as many as a steady load makes: enough to show how traffic moves."""
    component = process.spec.role.component
    reads, writes = (
        int(read_write_migration.asked(cluster, process, what) * RATE)
        for what in (read_write_migration.READS, read_write_migration.WRITES)
    )
    routes = {
        "all": (
            ("POST", "api_v1_push", writes),
            ("gRPC", "/cortex.Ingester/Push", writes),
            ("GET", "prometheus_api_v1_query", reads),
        ),
        "distributor": (("POST", "api_v1_push", writes),),
        "ingester": (("gRPC", "/cortex.Ingester/Push", writes),),
        "querier": (("GET", "prometheus_api_v1_query_range", reads),),
        "query-frontend": (("GET", "prometheus_api_v1_query_range", reads),),
        "read": (("GET", "prometheus_api_v1_query_range", reads),),
        "write": (("POST", "api_v1_push", writes), ("gRPC", "/cortex.Ingester/Push", writes)),
    }.get(component, ())
    scrapes = int((cluster.now - process.started) * RATE)
    samples = [(_route(*route), count) for *route, count in (*routes, ("GET", "metrics", scrapes))]
    return _histogram(_prefix(cluster), "request_duration_seconds", samples)


def _route(method: str, route: str) -> Labels:
    status = "success" if method == "gRPC" else "200"
    return {"method": method, "route": route, "status_code": status, "ws": "false"}


def _requests(prefix: str, clients: Iterable[Client]) -> tuple[str, str]:
    counts = [
        (
            {
                "kv_name": client.spec.kv_name,
                "operation": operation,
                "role": role,
                "status_code": status,
                "type": store,
            },
            count,
        )
        for client in clients
        for (operation, role, status, store), count in sorted(client.operations.items())
    ]
    return _histogram(prefix, "kv_request_duration_seconds", counts)


def _multi(cluster: Cluster, prefix: str, clients: list[Client]) -> Iterable[tuple[str, str]]:
    stores = (cluster.settings.store, "memberlist")
    samples: dict[str, list[Sample]] = {
        "mirror_enabled": [({"kv_name": c.spec.kv_name}, float(c.mirror)) for c in clients],
        "mirror_write_errors_total": [({"kv_name": c.spec.kv_name}, c.mirror_errors) for c in clients],
        "mirror_writes_total": [({"kv_name": c.spec.kv_name}, c.mirror_writes) for c in clients],
        "primary_store": [
            ({"kv_name": c.spec.kv_name, "store": store}, float(c.primary == store))
            for c in clients
            for store in stores
        ],
    }
    for name, found in samples.items():
        yield _family(prefix, f"multikv_{name}", found)


def _rings(cluster: Cluster, process: Process) -> Iterable[tuple[str, str]]:
    members: list[Sample] = []
    oldest: list[Sample] = []
    tokens: list[Sample] = []
    zone = {"zone": ""} if cluster.settings.product == "cortex" else {}
    for name, key in process.spec.role.rings:
        value = cluster.view(process, key)
        ring = value if isinstance(value, dict) else {}
        counts, ages = _by_state(ring, cluster.clock(process))
        for state in _shown_states(cluster):
            members.append(({"name": name, "state": state, **zone}, counts[state]))
            oldest.append(({"name": name, "state": state}, ages.get(state, 0)))
        tokens.append(({"name": name}, sum(len(member.tokens) for member in ring.values())))
    prefix = _prefix(cluster)
    yield _family(prefix, "ring_members", members)
    yield _family(prefix, "ring_oldest_member_timestamp", oldest)
    yield _family(prefix, "ring_tokens_total", tokens)


def _shown_states(cluster: Cluster) -> list[str]:
    cortex = ["READONLY"] if cluster.settings.product == "cortex" else []
    return sorted(["ACTIVE", "JOINING", "LEAVING", "PENDING", "Unhealthy", *cortex])


def _by_state(ring: Ring, now: float) -> tuple[Counter[str], dict[str, int]]:
    """Members by state as the metrics name them, and each state's oldest heartbeat."""
    counts: Counter[str] = Counter()
    ages: dict[str, int] = {}
    for member in ring.values():
        state = "Unhealthy" if is_unhealthy(member, now) else STATE_NAMES[member.state]
        counts[state] += 1
        ages[state] = min(ages.get(state, member.timestamp), member.timestamp)
    return counts, ages


def _gossip(cluster: Cluster, process: Process) -> Iterable[tuple[str, str]]:
    view = cluster.gossip_view(process)
    if view is None:
        return
    prefix = "loki_memberlist_" if cluster.settings.product == "loki" else "memberlist_"
    for name, value in _gossip_values(cluster, process, view).items():
        yield _family(prefix, f"client_{name}", [({}, value)])
    tombstones = [
        ({"key": key}, 0 if isinstance(value, Replica) else sum(m.state == LEFT for m in value.values()))
        for key, value in sorted(view.values.items())
    ]
    yield _family(prefix, "client_kv_store_value_tombstones", tombstones)
    yield _family(prefix, "tcp_transport_unknown_connections_total", [({}, process.unknown_connections)])


def _gossip_values(cluster: Cluster, process: Process, view: GossipCopy) -> dict[str, float]:
    return {
        "cas_attempt_total": view.attempts,
        "cas_failure_total": view.failures,
        "cas_success_total": view.attempts - view.failures,
        "cluster_members_count": len(cluster.gossip.peers(process.name, cluster.now)),
        "cluster_node_health_score": health(cluster, process),
        "messages_in_broadcast_queue_bytes": 0,
        "messages_to_broadcast_dropped_total": 0,
        "received_broadcasts_bytes_total": view.received * MESSAGE_BYTES,
        "received_broadcasts_invalid_total": 0,
        "received_broadcasts_total": view.received,
    }


def _tracker(cluster: Cluster, process: Process) -> Iterable[tuple[str, str]]:
    changes: list[Sample] = []
    samples: list[Sample] = []
    for (user, group), entry in ha_tracker.elected(cluster, process):
        labels = {"cluster": group, "user": user}
        changes.append((labels, process.elections[user, group] + 1))
        samples.append((labels, entry.received_at // 1000))
    yield _family("cortex_", "ha_tracker_elected_replica_changes_total", changes)
    yield _family("cortex_", "ha_tracker_elected_replica_timestamp_seconds", samples)
