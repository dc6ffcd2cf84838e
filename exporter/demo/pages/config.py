"""`/config`: the blocks that matter to a migration, each complete, in each product's YAML; and
`/runtime_config`.
"""

from __future__ import annotations

from exporter.demo.pages import go_format
from exporter.demo.pages.answer import NOT_FOUND, Reply, text
from exporter.demo.pages.go_format import YamlValue
from exporter.demo.simulation import read_write_migration
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.demo_settings import READ_WRITE
from exporter.demo.simulation.phase_changes import block_shown
from exporter.demo.simulation.process import Process
from exporter.demo.simulation.products import HA

Block = dict[str, YamlValue]
FRONTEND = "dns:///mimir-query-frontend.demo.svc.cluster.local:9095"
TLS: Block = {
    "tls_enabled": False,
    "tls_cert_path": "",
    "tls_key_path": "",
    "tls_ca_path": "",
    "tls_server_name": "",
    "tls_insecure_skip_verify": False,
}


def reply(cluster: Cluster, process: Process, *, diff: bool) -> Reply:
    """The configuration of one process; Loki cannot print the difference."""
    product = cluster.settings.product
    if diff and product == "loki":
        return text("unsupported type <nil>\n", 500)
    tree = {"cortex": _cortex, "loki": _loki, "mimir": _mimir}[product](cluster, process)
    if diff:
        tree = {"memberlist": _gossip_difference(cluster, process)}
    return text(go_format.yaml(tree, 4, 4) if product == "loki" else go_format.yaml(tree, 2, 0))


def runtime_reply(cluster: Cluster, process: Process, *, diff: bool) -> Reply:
    """What the process has loaded of its runtime configuration, whether or not its clients follow."""
    product = cluster.settings.product
    if product == "loki" or not cluster.settings.runtime_config:
        return NOT_FOUND
    block = block_shown(cluster, process)
    primary, mirror = block if block is not None else ("", None)
    tree: Block = {"multi_kv_config": {"mirror_enabled": mirror, "primary": primary}}
    if not diff:
        tree = {
            "overrides": {},
            "multi_kv_config": {"primary": primary, "mirror_enabled": mirror},
            "ingester_stream_chunks_when_using_blocks": None,
            "ingester_limits": None,
            **({"distributor_limits": None} if product == "mimir" else {}),
        }
    elif block is None:
        return text("{}\n")
    return text(go_format.yaml(tree, 4, 4) if product == "mimir" else go_format.yaml(tree, 2, 0))


def kvstore(cluster: Cluster, process: Process, key: str) -> Block:
    """One client's store, as the file has it: the runtime configuration is not in here."""
    mode = process.mode_of(tracker=key == HA)
    store = {"external": cluster.settings.store, "multi": "multi", "memberlist": "memberlist"}[mode]
    block: Block = {
        "store": store,
        "prefix": f"{key.partition('/')[0]}/",
        "consul": {
            "host": _store_address(cluster, "consul", 8500),
            "acl_token": "",
            "http_client_timeout": "20s",
            "consistent_reads": False,
            "watch_rate_limit": 1,
            "watch_burst_size": 1,
        },
        "etcd": {
            "endpoints": [_store_address(cluster, "etcd", 2379)],
            "dial_timeout": "10s",
            "max_retries": 10,
            **TLS,
            "username": "",
            "password": "",
        },
    }
    primary, secondary, mirror = _multi(cluster, process, key) if mode == "multi" else ("", "", False)
    block["multi"] = {
        "primary": primary,
        "secondary": secondary,
        "mirror_enabled": mirror,
        "mirror_timeout": "2s",
    }
    return block


def _store_address(cluster: Cluster, kind: str, usual: int) -> str:
    port = cluster.store_port if kind == cluster.settings.store else 0
    return f"{cluster.settings.host}:{port or usual}"


def _multi(cluster: Cluster, process: Process, key: str) -> tuple[str, str, bool]:
    """Primary, secondary and mirroring: as the client was started, where nothing else can switch it. A block
    that no client of the process uses has the values of another client.
    """
    stores = (cluster.settings.store, "memberlist")
    if cluster.settings.runtime_config:
        return (*stores, False)
    client = min(process.clients.values(), key=lambda one: (one.spec.key != key, one.spec.key == HA))
    primary, secondary = sorted(stores, key=lambda store: store != client.primary)
    return primary, secondary, client.mirror


def _ring(cluster: Cluster, process: Process, key: str, period: str = "5s") -> Block:
    return {
        "kvstore": kvstore(cluster, process, key),
        "heartbeat_period": period,
        "heartbeat_timeout": "1m0s",
        "replication_factor": _replication(cluster),
        "zone_awareness_enabled": any(one.spec.zone for one in cluster.processes),
        "instance_id": process.name,
        "instance_interface_names": ["eth0", "en0"],
        "instance_port": process.at.grpc,
        "instance_addr": process.at.host,
        "instance_availability_zone": process.spec.zone,
    }


def _replication(cluster: Cluster) -> int:
    return min(3, cluster.settings.size)


def _server(process: Process) -> Block:
    return {
        "http_listen_network": "tcp",
        "http_listen_address": process.at.host,
        "http_listen_port": process.at.http,
        "http_listen_conn_limit": 0,
        "grpc_listen_network": "tcp",
        "grpc_listen_address": process.at.host,
        "grpc_listen_port": process.at.grpc,
        "graceful_shutdown_timeout": "30s",
        "log_format": "logfmt",
        "log_level": "info",
        "http_path_prefix": "",
    }


def _lifecycler(cluster: Cluster, process: Process) -> Block:
    return {
        "ring": {
            "kvstore": kvstore(cluster, process, "collectors/ring"),
            "heartbeat_timeout": "1m0s",
            "replication_factor": _replication(cluster),
            "zone_awareness_enabled": False,
            "excluded_zones": "",
        },
        "num_tokens": cluster.settings.tokens,
        "heartbeat_period": "5s",
        "join_after": "5s",
        "observe_period": "2s",
        "final_sleep": "0s",
        "tokens_file_path": "",
        "availability_zone": process.spec.zone,
        "unregister_on_shutdown": True,
        "address": process.at.host,
        "port": process.at.grpc,
        "id": process.name,
    }


def memberlist(cluster: Cluster, process: Process) -> Block:
    """The memberlist block; it is there whether or not the process uses it."""
    loki = cluster.settings.product == "loki"
    there = _seeds(cluster)
    seeds = [f"{cluster.settings.host}:{other.at.gossip}" for other in there]
    joins: YamlValue = next(iter(seeds if process is not there[0] else seeds[::-1]))
    if not loki:
        joins = list[YamlValue](seeds)
    block: Block = {
        "node_name": process.name,
        "randomize_node_name": True,
        "stream_timeout": "2s" if loki else "10s",
        "retransmit_factor": 4,
        "pull_push_interval": "30s",
        "gossip_interval": "200ms",
        "gossip_nodes": 3,
        "gossip_to_dead_nodes_time": "30s",
        "dead_node_reclaim_time": "0s",
        "compression_enabled": True,
        "advertise_addr": process.at.host if loki else "",
        "advertise_port": process.at.gossip,
        "cluster_label": process.label,
        "cluster_label_verification_disabled": not process.verified,
        "join_members": joins,
        "min_join_backoff": "1s",
        "max_join_backoff": "1m0s",
        "max_join_retries": 10,
        "abort_if_cluster_join_fails": False,
        "rejoin_interval": "1m0s",
        "left_ingesters_timeout": "5m0s",
        "leave_timeout": "20s" if loki else "5s",
        "message_history_buffer_bytes": 0,
        "bind_addr": [process.at.host],
        "bind_port": process.at.gossip,
        "packet_dial_timeout": "5s",
        "packet_write_timeout": "5s",
    }
    return block | TLS


def _seeds(cluster: Cluster) -> list[Process]:
    """Two seeds: with one, the seed itself would have only its own address. Where a group leaves, the seeds
    are of the other group, or else those that leave last.
    """
    there = cluster.deployed_now()
    if cluster.settings.moves(READ_WRITE):
        there.sort(key=lambda one: one.spec.zone, reverse=True)
        there.sort(key=lambda one: read_write_migration.is_old(cluster, one))
    return there[:2]


def _gossip_difference(cluster: Cluster, process: Process) -> Block:
    settings = memberlist(cluster, process)
    changed = ("bind_addr", "bind_port", "cluster_label", "join_members", "node_name", "rejoin_interval")
    return {key: settings[key] for key in changed}


def _tracking(cluster: Cluster, process: Process) -> Block:
    return {
        "enable_ha_tracker": True,
        "ha_tracker_update_timeout": "15s",
        "ha_tracker_update_timeout_jitter_max": "5s",
        "ha_tracker_failover_timeout": "30s",
        "kvstore": kvstore(cluster, process, HA),
    }


def _runtime(cluster: Cluster, period: str, file: str) -> Block:
    return {"period": period, "file": file if cluster.settings.runtime_config else ""}


def _cortex(cluster: Cluster, process: Process) -> Block:
    return {
        "target": "all",
        "auth_enabled": False,
        "http_prefix": "/api/prom",
        "name_validation_scheme": "legacy",
        "server": _server(process),
        "distributor": {
            "ha_tracker": _tracking(cluster, process),
            "shard_by_all_labels": True,
            "ring": _ring(cluster, process, "collectors/distributor"),
        },
        "ingester": {"lifecycler": _lifecycler(cluster, process), "metadata_retain_period": "10m0s"},
        "compactor": {
            "sharding_enabled": True,
            "sharding_ring": _ring(cluster, process, "collectors/compactor"),
        },
        "store_gateway": {
            "sharding_enabled": True,
            "sharding_ring": _ring(cluster, process, "collectors/store-gateway", "15s"),
        },
        "ruler": {"enable_sharding": True, "ring": _ring(cluster, process, "rulers/ring")},
        "alertmanager": {"sharding_enabled": False},
        "runtime_config": _runtime(cluster, "2s", "/var/lib/cortex/runtime.yaml") | {"backend": "filesystem"},
        "memberlist": memberlist(cluster, process),
    }


def _loki(cluster: Cluster, process: Process) -> Block:
    return {
        "target": "all",
        "no_auth_tenant": "fake",
        "http_prefix": "",
        "ballast_bytes": 0,
        "server": _server(process),
        "distributor": {"ring": _ring(cluster, process, "collectors/distributor"), "push_worker_count": 256},
        "query_scheduler": {
            "use_scheduler_ring": True,
            "scheduler_ring": _ring(cluster, process, "collectors/scheduler", "15s"),
        },
        "ruler": {"enable_sharding": False, "ring": _ring(cluster, process, "collectors/ruler")},
        "ingester": {"lifecycler": _lifecycler(cluster, process)},
        "compactor": {"compactor_ring": _ring(cluster, process, "collectors/compactor", "15s")},
        "memberlist": memberlist(cluster, process),
        "runtime_config": _runtime(cluster, "10s", "/etc/loki/runtime.yaml"),
        "common": {"ring": _ring(cluster, process, "collectors/common")},
        "shutdown_delay": "0s",
        "metrics_namespace": "loki",
    }


def _mimir(cluster: Cluster, process: Process) -> Block:
    return {
        "target": process.spec.role.component,
        "multitenancy_enabled": True,
        "no_auth_tenant": "anonymous",
        "api": {"prometheus_http_prefix": "/prometheus", "alertmanager_http_prefix": "/alertmanager"},
        "server": _server(process),
        "distributor": {
            "ha_tracker": _tracking(cluster, process),
            "ring": _ring(cluster, process, "collectors/distributor"),
        },
        "ingester": {
            "ring": _ring(cluster, process, "collectors/ring")
            | {
                "num_tokens": cluster.settings.tokens,
                "zone_awareness_enabled": True,
                "unregister_on_shutdown": True,
            }
        },
        "store_gateway": {
            "sharding_ring": _ring(cluster, process, "collectors/store-gateway", "15s")
            | {"unregister_on_shutdown": process.unregisters}
        },
        "compactor": {"sharding_ring": _ring(cluster, process, "collectors/compactor", "15s")},
        "ruler": {
            "ring": _ring(cluster, process, "rulers/ring", "15s"),
            "query_frontend": {"address": FRONTEND if process.remote_evaluation else ""},
        },
        "alertmanager": {"sharding_ring": _ring(cluster, process, "alertmanagers/alertmanager", "15s")},
        "query_scheduler": {
            "ring": _ring(cluster, process, "collectors/query-scheduler", "15s"),
            "service_discovery_mode": "ring",
        },
        "overrides_exporter": {
            "ring": _ring(cluster, process, "collectors/overrides-exporter", "15s") | {"enabled": True}
        },
        "memberlist": memberlist(cluster, process),
        "runtime_config": _runtime(cluster, "10s", "/etc/mimir/runtime.yaml"),
    }
