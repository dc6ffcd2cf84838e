"""A process's configuration page: the few keys that are used, of Mimir, Cortex, Loki, Tempo and Pyroscope.

Sources: the products' configuration references, dskit's `ring/lifecycler.go`, `kv/client.go` and
`kv/memberlist/memberlist_client.go`, Loki's `pkg/loki/config_wrapper.go`, and recordings of Cortex, Loki
and Mimir.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from exporter.decode import times
from exporter.decode.bounds import text
from exporter.decode.yaml_nodes import Block, read_blocks
from exporter.errors import DecodeError
from exporter.model import ProcessConfig, RingConfig

MAX_LIST = 1_000  # join_members, bind addresses


@dataclass(frozen=True, slots=True)
class _Section:
    """Where a ring's settings stand, and the key's name below the prefix of its KV store."""

    path: str
    name: str
    prefix: str = "collectors/"
    override: str = ""  # Tempo lets the name be chosen, beside the ring's block


_SECTIONS = (
    _Section("ingester.ring", "ring"),  # Mimir
    _Section("ingester.lifecycler.ring", "ring", override="ingester.override_ring_key"),  # the others
    _Section("ingester.partition_ring", "ingester-partitions"),  # Mimir, Tempo 2
    _Section("ingester.kafka_ingestion.partition_ring", "ingester-partitions-key"),  # Loki
    _Section("distributor.ring", "distributor", override="distributor.override_ring_key"),
    _Section("distributor.ha_tracker", "", "ha-tracker/"),
    _Section("store_gateway.sharding_ring", "store-gateway"),
    _Section("compactor.sharding_ring", "compactor"),  # Mimir, Cortex, Pyroscope
    _Section("compactor.compactor_ring", "compactor"),  # Loki
    _Section("compactor.ring", "compactor", override="compactor.override_ring_key"),  # Tempo 2
    _Section("ruler.ring", "ring", "rulers/"),
    _Section("alertmanager.sharding_ring", "alertmanager", "alertmanagers/"),
    _Section("query_scheduler.ring", "query-scheduler"),
    _Section("query_scheduler.scheduler_ring", "scheduler"),  # Loki
    _Section("overrides_exporter.ring", "overrides-exporter"),
    _Section("querier.ring", "querier"),
    _Section("parquet_converter.ring", "parquet-converter"),
    _Section("usage_tracker.instance_ring", "usage-tracker-instances"),
    _Section("usage_tracker.partition_ring", "usage-tracker-partitions"),
    _Section("index_gateway.ring", "index-gateway"),
    _Section("pattern_ingester.lifecycler.ring", "pattern-ring"),
    _Section("ingest_limits.lifecycler.ring", "ingest-limits"),
    _Section("ingest_limits_frontend.lifecycler.ring", "ingest-limits-frontend"),
    _Section("dataobj.consumer.lifecycler.ring", "dataobj-consumer"),
    _Section("dataobj.consumer.partition_ring", "dataobj-consumer-partitions-key"),
    _Section("ui.ring", "ui"),
    _Section("live_store.ring", "live-store", override="live_store.override_ring_key"),
    _Section("live_store.partition_ring", "livestore-partitions"),
    _Section("backend_worker.ring", "backend-worker", override="backend_worker.override_ring_key"),
    _Section("metrics_generator.ring", "metrics-generator", override="metrics_generator.override_ring_key"),
    _Section("segment_writer.lifecycler.ring", "segment-writer"),
)
_LOKI_RULER = "rulers"  # Loki's ruler ring is called otherwise than Mimir's and Cortex's
_LOKI_ONLY = re.compile(rb"^(?:limits_config|schema_config):", re.MULTILINE)
_COMMON = "common"  # Loki's block that hands settings on to its rings
_BLOCKS = frozenset(section.path.split(".")[0] for section in _SECTIONS) | {
    "target", "server", "memberlist", "ingest_storage", _COMMON,
}  # fmt: skip
# What Loki hands on beside each ring's store and times, see applyConfigToRings, applyCommonReplicationFactor
# and applyIngesterReplicationFactor in its source.
_INHERITING = frozenset(
    (
        "ingester.lifecycler.ring", "distributor.ring", "ruler.ring", "query_scheduler.scheduler_ring",
        "compactor.compactor_ring", "index_gateway.ring", "pattern_ingester.lifecycler.ring",
        "ingest_limits.lifecycler.ring", "ingest_limits_frontend.lifecycler.ring",
        "dataobj.consumer.lifecycler.ring", "ui.ring",
    )
)  # fmt: skip
_WITHOUT_ZONES = frozenset({"distributor.ring", "ruler.ring"})
_WITH_REPLICATION = frozenset({"ingester.lifecycler.ring", "index_gateway.ring"})
# The members of one gossip cluster should agree on these. No paths of keys and no secrets.
_GOSSIP_SETTINGS = (
    "tls_server_name", "tls_insecure_skip_verify", "tls_cipher_suites", "tls_min_version",
    "compression_enabled", "retransmit_factor", "pull_push_interval", "gossip_interval", "gossip_nodes",
    "gossip_to_dead_nodes_time", "dead_node_reclaim_time", "left_ingesters_timeout",
    "obsolete_entries_timeout",
)  # fmt: skip
_CREDENTIALS = re.compile(r"//[^/@]*@")


def decode_config(body: bytes) -> ProcessConfig:
    """The settings that are used; `None` or empty where the page does not say. Durations in seconds.

    `rings` is by KV key as it is in the store, prefix included; the HA tracker is under its prefix
    (`ha-tracker/`). `path_prefix` is what stands before every page; Cortex's and Loki's `http_prefix`
    stands before their query API only and is not meant. Raises `DecodeError`.
    """
    page = read_blocks(body, _BLOCKS)
    return ProcessConfig(
        target=",".join(_texts(page.at("target")) or ()),
        path_prefix=_text(page.at("server.http_path_prefix")).rstrip("/"),
        instance_id=_instance_id(page),
        grpc_port=_int(page.at("server.grpc_listen_port")),
        ha_tracker=_bool(page.at("distributor.ha_tracker.enable_ha_tracker")),
        ingest_storage=_bool(page.at("ingest_storage.enabled")),
        rings=_rings(page, loki=_LOKI_ONLY.search(body) is not None),
        **_gossip(page.at("memberlist")),
    )


def _gossip(block: Block) -> dict[str, Any]:
    """The settings of the gossip, by the names of their fields."""
    label, verification = block.at("cluster_label"), block.at("cluster_label_verification_disabled")
    return {
        "label": _text(label) if label else None,
        "label_verification_disabled": _bool(verification),
        "labels_supported": bool(label or verification) if block else None,
        "node_name": _text(block.at("node_name")),
        "bind_addresses": _texts(block.at("bind_addr")) or (),
        "bind_port": _int(block.at("bind_port")),
        "advertise_address": _text(block.at("advertise_addr")),
        "advertise_port": _int(block.at("advertise_port")),
        "join_members": _texts(block.at("join_members")),
        "rejoin_interval": _seconds(block.at("rejoin_interval")),
        "abort_if_join_fails": _bool(block.at("abort_if_cluster_join_fails")),
        "gossip_tls": _bool(block.at("tls_enabled")),
        "gossip_settings": MappingProxyType(
            {name: _text(block.at(name)) for name in _GOSSIP_SETTINGS if block.at(name)}
        ),
    }


def _instance_id(page: Block) -> str:
    """What the process is called in the rings: the ingester's name, else the first ring's that has one."""
    return next((name for section in _SECTIONS if (name := _named(page.at(section.path)))), "")


def _named(ring: Block) -> str:
    """The id in a ring's block; a lifecycler's stands beside its `ring` block."""
    return _text(ring.at("instance_id")) or _text(ring.beside("id"))


def _rings(page: Block, *, loki: bool) -> Mapping[str, RingConfig]:
    return MappingProxyType(dict(_each_ring(page, loki)))


def _each_ring(page: Block, loki: bool) -> Iterator[tuple[str, RingConfig]]:
    common = page.at(_COMMON)
    for section in _SECTIONS:
        block = page.at(section.path)
        whole = block.over(common.at("ring")) if loki and section.path in _INHERITING else block
        kvstore = whole.at("kvstore")
        if kvstore:
            prefix = _text(kvstore.at("prefix")) if kvstore.at("prefix") else section.prefix
            name = _name(page, section, loki)
            ring = replace(_ring(whole, kvstore), prefix=prefix, default_key=section.prefix + name)
            yield prefix + name, _handed_on(ring, block, common, section) if loki else ring


def _name(page: Block, section: _Section, loki: bool) -> str:
    if loki and section.path == "ruler.ring":
        return _LOKI_RULER
    chosen = _text(page.at(section.override)) if section.override else ""
    return chosen or section.name


def _handed_on(ring: RingConfig, block: Block, common: Block, section: _Section) -> RingConfig:
    """Settle what Loki's common block hands on to some rings only."""
    if section.path in _WITHOUT_ZONES:
        ring = replace(ring, zone_awareness=_bool(block.at("zone_awareness_enabled")))
    if section.path in _WITH_REPLICATION and ring.replication_factor is None:
        ring = replace(ring, replication_factor=_int(common.at("replication_factor")))
    return ring


def _ring(block: Block, kvstore: Block) -> RingConfig:
    """What a lifecycler has for its process stands beside its `ring` block, in every other ring inside it."""

    def either(inside: str, beside: str = "") -> Block:
        own = block.beside(beside or inside) if block.path.endswith("lifecycler.ring") else None
        return own or block.at(inside)

    return RingConfig(
        store=_text(kvstore.at("store")),
        primary=_text(kvstore.at("multi.primary")),
        secondary=_text(kvstore.at("multi.secondary")),
        mirror_enabled=_bool(kvstore.at("multi.mirror_enabled")),
        consul_host=_address(_text(kvstore.at("consul.host"))),
        etcd_endpoints=tuple(map(_address, _texts(kvstore.at("etcd.endpoints")) or ())),
        heartbeat_timeout=_seconds(block.at("heartbeat_timeout")),
        heartbeat_period=_seconds(either("heartbeat_period")),
        replication_factor=_int(block.at("replication_factor")),
        zone_awareness=_bool(block.at("zone_awareness_enabled")),
        instance_id=_text(either("instance_id", "id")),
        instance_addr=_text(either("instance_addr", "address")),
        instance_port=_int(either("instance_port", "port")) or None,
        instance_zone=_text(either("instance_availability_zone", "availability_zone")),
        observe_period=_seconds(either("observe_period")),
        join_after=_seconds(either("join_after")),
        unregister_on_shutdown=_bool(either("unregister_on_shutdown")),
    )


def _address(shown: str) -> str:
    """An address of a store, without what some put before its `@`."""
    return _CREDENTIALS.sub("//", shown)


def _text(block: Block) -> str:
    return text(block.scalar(), f"config: {block.path}")


def _texts(block: Block) -> tuple[str, ...] | None:
    values = block.scalars()
    if values is None:
        return None
    if len(values) > MAX_LIST:
        raise DecodeError(f"config: {block.path}: {len(values)} entries, expected at most {MAX_LIST}")
    return tuple(text(value, f"config: {block.path}") for value in values)


def _bool(block: Block) -> bool | None:
    value = block.scalar()
    if value not in {None, "true", "false"}:
        raise DecodeError(f"config: {block.path}: {(value or '')[:60]!r}, expected true or false")
    return None if value is None else value == "true"


def _int(block: Block) -> int | None:
    value = block.scalar()
    if value is None:
        return None
    if not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise DecodeError(f"config: {block.path}: {value[:60]!r}, expected a whole number")
    return int(value)


def _seconds(block: Block) -> float | None:
    value = block.scalar()
    return None if value is None else times.parse_duration(value, f"config: {block.path}")
