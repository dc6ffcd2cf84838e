"""A process's /config: the few keys that are used, of Mimir, Cortex, Loki, Tempo and Pyroscope.

Sources: the products' configuration references, and recordings of Cortex and Loki.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

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
_BLOCKS = frozenset(section.path.split(".")[0] for section in _SECTIONS) | {"target", "server", "memberlist"}
_LOKI_ONLY = re.compile(rb"^(?:limits_config|schema_config):", re.MULTILINE)


def decode_config(body: bytes) -> ProcessConfig:
    """The settings that are used; `None` or empty where the page does not say. Durations in seconds.

    `rings` is by KV key as it is in the store, prefix included; the HA tracker is under its prefix
    (`ha-tracker/`). `path_prefix` is what stands before every page; Cortex's and Loki's `http_prefix`
    stands before their query API only and is not meant. Raises `DecodeError`.
    """
    page = read_blocks(body, _BLOCKS)
    gossip = page.at("memberlist")
    return ProcessConfig(
        target=",".join(_texts(page.at("target")) or ()),
        path_prefix=_text(page.at("server.http_path_prefix")).rstrip("/"),
        label=_text(gossip.at("cluster_label")) if gossip.at("cluster_label") else None,
        label_verification_disabled=_bool(gossip.at("cluster_label_verification_disabled")),
        instance_id=_instance_id(page),
        grpc_port=_int(page.at("server.grpc_listen_port")),
        node_name=_text(gossip.at("node_name")),
        bind_addresses=_texts(gossip.at("bind_addr")) or (),
        bind_port=_int(gossip.at("bind_port")),
        advertise_address=_text(gossip.at("advertise_addr")),
        advertise_port=_int(gossip.at("advertise_port")),
        join_members=_texts(gossip.at("join_members")),
        rejoin_interval=_seconds(gossip.at("rejoin_interval")),
        gossip_tls=_bool(gossip.at("tls_enabled")),
        ha_tracker=_bool(page.at("distributor.ha_tracker.enable_ha_tracker")),
        rings=_rings(page, loki=_LOKI_ONLY.search(body) is not None),
    )


def _instance_id(page: Block) -> str:
    """What the process is called in the rings: the ingester's name, else the first ring's that has one."""
    for section in _SECTIONS:
        block = page.at(section.path)
        found = _text(block.at("instance_id")) or (_text(block.beside("id")) if block else "")
        if found:
            return found
    return ""


def _rings(page: Block, *, loki: bool) -> Mapping[str, RingConfig]:
    return MappingProxyType(dict(_each_ring(page, loki)))


def _each_ring(page: Block, loki: bool) -> Iterator[tuple[str, RingConfig]]:
    for section in _SECTIONS:
        block = page.at(section.path)
        kvstore = block.at("kvstore")
        if kvstore:
            prefix = _text(kvstore.at("prefix")) if kvstore.at("prefix") else section.prefix
            name = _name(page, section, loki)
            yield prefix + name, _ring(block, kvstore, prefix, section.prefix + name)


def _name(page: Block, section: _Section, loki: bool) -> str:
    if loki and section.path == "ruler.ring":
        return _LOKI_RULER
    chosen = _text(page.at(section.override)) if section.override else ""
    return chosen or section.name


def _ring(block: Block, kvstore: Block, prefix: str, default_key: str) -> RingConfig:
    """A lifecycler's period stands beside its `ring` block, every other one inside it."""
    return RingConfig(
        store=_text(kvstore.at("store")),
        default_key=default_key,
        prefix=prefix,
        heartbeat_timeout=_seconds(block.at("heartbeat_timeout")),
        heartbeat_period=_seconds(block.at("heartbeat_period") or block.beside("heartbeat_period")),
        replication_factor=_int(block.at("replication_factor")),
        zone_awareness=_bool(block.at("zone_awareness_enabled")),
    )


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
