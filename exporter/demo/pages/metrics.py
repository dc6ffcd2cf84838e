"""`/metrics`: the families that a migration is watched by, as each product names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

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
_BUILD_HELP = (
    "A metric with a constant '1' value labeled by version, revision, branch, goversion from which "
    "{} was built, and the goos and goarch for the build."
)
_MULTI_HELP = {
    "mirror_enabled": ("gauge", "Is mirroring to secondary store enabled"),
    "mirror_write_errors_total": ("counter", "Number of failures to mirror-write to secondary store"),
    "mirror_writes_total": ("counter", "Number of mirror-writes to secondary store"),
    "primary_store": ("gauge", "Selected primary KV store"),
}


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


def _family(name: str, kind: str, about: str, samples: Iterable[Sample]) -> tuple[str, str]:
    lines = "".join(_sample(name, dict(sorted(labels.items())), value) for labels, value in samples)
    return name, f"# HELP {name} {about}\n# TYPE {name} {kind}\n{lines}"


def _histogram(name: str, about: str, counts: Iterable[tuple[Labels, int]]) -> tuple[str, str]:
    lines = [f"# HELP {name} {about}\n# TYPE {name} histogram\n"]
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


def _name(cluster: Cluster) -> str:
    return "loki" if cluster.settings.product == "loki" else "cortex"


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
    for name in sorted({product, _name(cluster)}):
        yield _family(f"{name}_build_info", "gauge", _BUILD_HELP.format(name), [(labels, 1)])
    yield _family("go_info", "gauge", "Information about the Go environment.", [({"version": GO_VERSION}, 1)])
    started = round(process.started + process.skew, 2)
    about = "Start time of the process since unix epoch in seconds."
    yield _family("process_start_time_seconds", "gauge", about, [({}, started)])
    yield _traffic(cluster, process)
    if product == "mimir" and read_write_migration.keeps_ring(process.spec.role, RING):
        yield from _blocks(cluster, process)


def _blocks(cluster: Cluster, process: Process) -> Iterable[tuple[str, str]]:
    """What an ingester has in memory, and the time of the oldest block that is only on its disk (0: none)."""
    series = 0 if process.leaving else 12_000
    yield _family(
        "cortex_ingester_memory_series", "gauge", "The current number of series in memory.", [({}, series)]
    )
    unshipped = cluster.victims.get("unshipped-blocks") == process.name
    name = "cortex_ingester_oldest_unshipped_block_timestamp_seconds"
    about = (
        "Unix timestamp of the oldest TSDB block not shipped to the storage yet. 0 if ingester has no blocks "
        "or all blocks have been shipped."
    )
    yield _family(name, "gauge", about, [({}, cluster.began - HEAD_COMPACTION if unshipped else 0)])


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
    name = f"{_name(cluster)}_request_duration_seconds"
    return _histogram(name, "Time (in seconds) spent serving HTTP requests.", samples)


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
    return _histogram(f"{prefix}kv_request_duration_seconds", "Time spent on kv store requests.", counts)


def _multi(cluster: Cluster, prefix: str, clients: list[Client]) -> Iterable[tuple[str, str]]:
    stores = (cluster.external(), "memberlist")
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
    for name, (kind, about) in _MULTI_HELP.items():
        yield _family(f"{prefix}multikv_{name}", kind, about, samples[name])


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
    prefix = _name(cluster)
    yield _family(f"{prefix}_ring_members", "gauge", "Number of members in the ring", members)
    about = "Timestamp of the oldest member in the ring."
    yield _family(f"{prefix}_ring_oldest_member_timestamp", "gauge", about, oldest)
    yield _family(f"{prefix}_ring_tokens_total", "gauge", "Number of tokens in the ring", tokens)


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


# memberlist's own families: name, type, HELP.
_MEMBERLIST = (
    ("cas_attempt_total", "counter", "Attempted CAS operations"),
    ("cas_failure_total", "counter", "Failed CAS operations"),
    ("cas_success_total", "counter", "Successful CAS operations"),
    ("cluster_members_count", "gauge", "Number of members in memberlist cluster"),
    (
        "cluster_node_health_score",
        "gauge",
        "Health score of this cluster. Lower value is better. 0 = healthy",
    ),
    ("messages_in_broadcast_queue_bytes", "gauge", "Total size of messages waiting in the broadcast queue"),
    (
        "messages_to_broadcast_dropped_total",
        "counter",
        "Number of broadcast messages intended to be sent but were dropped due to encoding errors or for "
        "being too big",
    ),
    ("received_broadcasts_bytes_total", "counter", "Total size of received broadcast user messages"),
    (
        "received_broadcasts_invalid_total",
        "counter",
        "Number of received broadcast user messages that were invalid. Hopefully 0.",
    ),
    ("received_broadcasts_total", "counter", "Number of received broadcast user messages"),
)


def _gossip(cluster: Cluster, process: Process) -> Iterable[tuple[str, str]]:
    view = cluster.gossip_view(process)
    if view is None:
        return
    prefix = "loki_memberlist_client_" if cluster.settings.product == "loki" else "memberlist_client_"
    values = _gossip_values(cluster, process, view)
    for name, kind, about in _MEMBERLIST:
        yield _family(prefix + name, kind, about, [({}, values.get(name, 0))])
    tombstones = [
        ({"key": key}, 0 if isinstance(value, Replica) else sum(m.state == LEFT for m in value.values()))
        for key, value in sorted(view.values.items())
    ]
    about = "Number of tombstones currently present in KV store values"
    yield _family(f"{prefix}kv_store_value_tombstones", "gauge", about, tombstones)
    about = "Number of unknown TCP connections (not a packet or stream)"
    name = f"{prefix.removesuffix('client_')}tcp_transport_unknown_connections_total"
    yield _family(name, "counter", about, [({}, process.unknown_connections)])


def _gossip_values(cluster: Cluster, process: Process, view: GossipCopy) -> dict[str, float]:
    return {
        "cas_attempt_total": view.attempts,
        "cas_failure_total": view.failures,
        "cas_success_total": view.attempts - view.failures,
        "cluster_members_count": len(cluster.gossip.peers(process.name, cluster.now)),
        "cluster_node_health_score": health(cluster, process),
        "received_broadcasts_bytes_total": view.received * MESSAGE_BYTES,
        "received_broadcasts_total": view.received,
    }


def _tracker(cluster: Cluster, process: Process) -> Iterable[tuple[str, str]]:
    changes: list[Sample] = []
    samples: list[Sample] = []
    for (user, group), entry in ha_tracker.elected(cluster, process):
        labels = {"cluster": group, "user": user}
        changes.append((labels, process.elections[user, group] + 1))
        samples.append((labels, entry.received_at // 1000))
    about = "The total number of times the elected replica has changed for a user ID/cluster."
    yield _family("cortex_ha_tracker_elected_replica_changes_total", "counter", about, changes)
    about = "The timestamp stored for the currently elected replica, from the KVStore."
    yield _family("cortex_ha_tracker_elected_replica_timestamp_seconds", "gauge", about, samples)
