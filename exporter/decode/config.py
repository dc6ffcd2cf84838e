"""A process's configuration page: the few keys that are used, of Mimir, Cortex, Loki, Tempo and Pyroscope.

Sources: the products' configuration references, dskit's `ring/lifecycler.go`, `kv/client.go` and
`kv/memberlist/memberlist_client.go`, Loki's `pkg/loki/config_wrapper.go`, and recordings of Cortex, Loki
and Mimir.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from exporter.decode.formats import go_times
from exporter.decode.formats.bounds import text
from exporter.decode.formats.yaml_nodes import Block, read_blocks
from exporter.errors import DecodeError
from exporter.model.pages import ProcessConfig, Product, RingConfig
from exporter.products import registry

MAX_LIST = 1_000  # join_members, bind addresses


@dataclass(frozen=True, slots=True)
class _Section:
    """Where one ring's settings stand, or the HA tracker's, and the key that they are about."""

    block: str
    key: str  # with the default prefix
    chosen_by: str = ""
    inherits: frozenset[str] = frozenset()

    @property
    def prefix(self) -> str:
        return self.key[: self.key.rindex("/") + 1]

    @property
    def name(self) -> str:
        return self.key[len(self.prefix) :]


@cache
def _sections(product: Product) -> tuple[_Section, ...]:
    """The product's sections, or those of all products where it is unknown. Loki's are recognised by its own
    blocks and come last. Of two readings, the selectable one counts.
    """
    found: dict[str, _Section] = {}
    rows = (
        _Section(block, ring.key, ring.chosen_by, ring.inherits)
        for ring in registry.rings(product)
        for block in ring.blocks
    )
    for section in rows:
        if section.block not in found or section.chosen_by:
            found[section.block] = section
    for tracker in registry.trackers(product):
        found[tracker.block] = _Section(tracker.block, tracker.key)
    return tuple(found.values())


_LOKI_ONLY = re.compile(rb"^(?:limits_config|schema_config):", re.MULTILINE)
_COMMON = "common"  # Loki's block that hands settings on to its rings
_BLOCKS = frozenset(section.block.split(".")[0] for one in Product for section in _sections(one)) | {
    "target", "server", "memberlist", "ingest_storage", "runtime_config", _COMMON,
}  # fmt: skip
_CREDENTIALS = re.compile(r"//[^/@]*@")


def decode_config(body: bytes, product: Product = Product.UNKNOWN) -> ProcessConfig:
    """The settings that are used; `None` or empty where the page lacks them. Durations in seconds.

    `rings` is by KV key as it is in the store, with the prefix; the HA tracker is under its prefix
    (`ha-tracker/`). `path_prefix` precedes the path of every page. Cortex's and Loki's `http_prefix` precedes
    only their query API and is not used. Raises `DecodeError`.
    """
    page = read_blocks(body, _BLOCKS)
    if product is Product.UNKNOWN and _LOKI_ONLY.search(body):
        product = Product.LOKI
    sections = _sections(product)
    return ProcessConfig(
        target=",".join(_texts(page.at("target")) or ()),
        path_prefix=_text(page.at("server.http_path_prefix")).rstrip("/"),
        instance_id=_instance_id(page, sections),
        grpc_port=_int(page.at("server.grpc_listen_port")),
        ha_tracker=_bool(page.at("distributor.ha_tracker.enable_ha_tracker")),
        ingest_storage=_bool(page.at("ingest_storage.enabled")),
        ruler_frontend=_text(page.at("ruler.query_frontend.address")),
        rings=_by_key(_each_ring(page, sections)),
        common=_common(page.at(_COMMON)),
        **_runtime(page.at("runtime_config")),
        **_gossip(page.at("memberlist")),
    )


def _common(block: Block) -> RingConfig | None:
    """What rings without a block of their own inherit."""
    ring = block.at("ring")
    return _ring(ring, ring.at("kvstore")) if ring.at("kvstore") else None


def _runtime(block: Block) -> dict[str, Any]:
    """Whether and how often the runtime configuration is read. `file` is one path or several."""
    files = _texts(block.at("file")) or () if block else None
    return {
        "runtime_file": None if files is None else any(files),
        "runtime_period": _seconds(block.at("period")),
    }


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
    }


def _instance_id(page: Block, sections: Iterable[_Section]) -> str:
    """What the process is called in the rings: the ingester's name, else the first ring's that has one."""
    return next((name for section in sections if (name := _named(page.at(section.block)))), "")


def _named(ring: Block) -> str:
    """The id in a ring's block; a lifecycler's stands beside its `ring` block."""
    return _text(ring.at("instance_id")) or _text(ring.beside("id"))


def _by_key(rings: Iterable[tuple[str, RingConfig]]) -> Mapping[str, RingConfig]:
    """The rings by their keys. One prefix can give two rings the same key: those of Mimir's ingesters and
    rulers both end in `ring`. The first one of the product's table counts, with the key of each further ring
    in `also`.
    """
    found: dict[str, RingConfig] = {}
    for key, ring in rings:
        first = found.setdefault(key, ring)
        if ring.default_key not in first.default_keys:
            found[key] = replace(first, also=(*first.also, ring.default_key))
    return MappingProxyType(found)


def _each_ring(page: Block, sections: Iterable[_Section]) -> Iterator[tuple[str, RingConfig]]:
    common = page.at(_COMMON)
    for section in sections:
        block = page.at(section.block)
        ring_block = block.over(common.at("ring")) if section.inherits else block
        kvstore = ring_block.at("kvstore")
        if kvstore:
            prefix = _text(kvstore.at("prefix")) if kvstore.at("prefix") else section.prefix
            name = (_text(page.at(section.chosen_by)) if section.chosen_by else "") or section.name
            ring = replace(_ring(ring_block, kvstore), prefix=prefix, default_key=section.prefix + name)
            yield prefix + name, _handed_on(ring, block, common, section) if section.inherits else ring


def _handed_on(ring: RingConfig, block: Block, common: Block, section: _Section) -> RingConfig:
    """Settle what Loki's common block hands on to some rings only."""
    if "zone_awareness" not in section.inherits:
        ring = replace(ring, zone_awareness=_bool(block.at("zone_awareness_enabled")))
    if "replication_factor" in section.inherits and ring.replication_factor is None:
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
        observe_period=_seconds(either("observe_period")),
        join_after=_seconds(either("join_after")),
        tokens_file=_text(either("tokens_file_path")),
        unregister_on_shutdown=_bool(either("unregister_on_shutdown")),
        excluded_zones=frozenset(_texts(block.at("excluded_zones")) or ()),
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
        raise DecodeError(f"config: {block.path}: {value[:60]!r}, expected an integer")
    return int(value)


def _seconds(block: Block) -> float | None:
    value = block.scalar()
    return None if value is None else go_times.parse_duration(value, f"config: {block.path}")
