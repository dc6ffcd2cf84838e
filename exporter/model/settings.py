"""The used settings of a process's configuration page. Durations are seconds.

A number or a switch is `None`, and a text is "", where the page lacks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from exporter.model.culprits import Culprit

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RingConfig:
    """One ring's settings, or the HA tracker's.

    `consul_host` and `etcd_endpoints` are those of the block, used or not: they are the products' defaults
    where the user set none. `primary` and `secondary` are those of the `multi` store.
    """

    store: str = ""  # consul, etcd, multi, memberlist, inmemory
    prefix: str = ""
    heartbeat_timeout: float | None = None
    heartbeat_period: float | None = None
    replication_factor: int | None = None
    zone_awareness: bool | None = None
    default_key: str = ""  # the key it would have with the default prefix
    also: tuple[str, ...] = ()  # the default keys of further rings that this prefix gives the same key
    primary: str = ""
    secondary: str = ""
    mirror_enabled: bool | None = None  # before the runtime configuration
    consul_host: str = ""
    etcd_endpoints: tuple[str, ...] = ()
    instance_id: str = ""
    observe_period: float | None = None
    join_after: float | None = None
    tokens_file: str = ""  # where it keeps its tokens over a restart
    unregister_on_shutdown: bool | None = None
    excluded_zones: frozenset[str] = frozenset()  # this process leaves their members out of its ring

    @property
    def default_keys(self) -> tuple[str, ...]:
        """The default key of each ring with this key: more than one is a fault of the configuration."""
        return (self.default_key, *self.also)


def ring_config_of(key: str, rings: Mapping[str, RingConfig]) -> RingConfig | None:
    """The settings of the ring with this key, or this default key; `None` where the page names none."""
    return rings.get(key) or next((ring for ring in rings.values() if key in ring.default_keys), None)


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """`multi_kv_config` of a process's runtime configuration: "" and `None` for nothing. A missing setting
    changes nothing: a client keeps its value until it restarts.
    """

    primary: str = ""
    mirror_enabled: bool | None = None

    @property
    def is_set(self) -> bool:
        """Whether it has any setting."""
        return bool(self.lines)

    @property
    def lines(self) -> dict[str, str | bool]:
        """Its lines; none where there is no block."""
        values: dict[str, str | bool] = {"primary": self.primary} if self.primary else {}
        return values | ({} if self.mirror_enabled is None else {"mirror_enabled": self.mirror_enabled})

    def fits(self, primary: str, mirror: bool | None) -> bool:
        """Whether these agree with each setting that it has."""
        return self.primary in ("", primary) and self.mirror_enabled in (None, mirror)


@dataclass(frozen=True)  # not slots: what follows from its rings is gathered once
class ProcessConfig:
    """The settings of one process. `rings` is by KV key (`collectors/ring`)."""

    target: str = ""  # the components this process runs, as configured: "all", "ingester,…"
    path_prefix: str = ""
    label: str | None = None
    label_verification_disabled: bool | None = None
    instance_id: str = ""  # of the ingester or the first ring that names one
    grpc_port: int | None = None  # members' addresses carry this port
    node_name: str = ""
    bind_addresses: tuple[str, ...] = ()
    bind_port: int | None = None
    advertise_address: str = ""
    advertise_port: int | None = None
    join_members: tuple[str, ...] | None = None
    rejoin_interval: float | None = None
    gossip_tls: bool | None = None
    ha_tracker: bool | None = None  # whether it is enabled
    rings: Mapping[str, RingConfig] = field(default_factory=lambda: MappingProxyType({}))
    labels_supported: bool | None = None
    """Whether this release has gossip labels. `None`: the page has no gossip settings at all."""
    abort_if_join_fails: bool | None = None
    ruler_frontend: str = ""  # Mimir: the query frontend that rules are evaluated by, "" for none
    ingest_storage: bool | None = None  # Mimir: writes go to Kafka, and partitions decide
    common: RingConfig | None = None  # Loki's block that other rings take their store from
    runtime_file: bool | None = None  # whether it reads a runtime configuration
    runtime_period: float | None = None  # how often

    @property
    def gossip_label(self) -> str | None:
        """Its label, `None` where unread. Releases without the setting (before 2022) have none."""
        return "" if self.label is None and self.labels_supported is False else self.label

    @property
    def never_rejoins(self) -> bool:
        """Whether the process joins its seeds only at its start (`rejoin_interval: 0`)."""
        return self.rejoin_interval is not None and self.rejoin_interval <= 0

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """Every prefix that it names for a ring or for its HA tracker."""
        return frozenset(ring.prefix for ring in self.rings.values())

    @cached_property
    def by_default(self) -> Mapping[str, tuple[str, ...]]:
        """What it calls its rings, by their default keys."""
        found: dict[str, tuple[str, ...]] = {}
        for name, ring in self.rings.items():
            for key in ring.default_keys:
                found[key] = (*found.get(key, ()), name)
        return found


class Replication(NamedTuple):
    """How often a value is stored; `zones` is zone awareness, `None` if unknown."""

    factor: int
    zones: bool | None = None


@dataclass(frozen=True, slots=True)
class RingSettings:
    """One ring's settings as the processes that own it agree on them. Times in seconds; a `timeout` of 0 is
    switched off, `None` unknown. `differing` are the settings that differ between processes.
    """

    period: float = 15.0
    timeout: float | None = None
    replication: tuple[Replication, ...] = ()
    differing: tuple[Culprit, ...] = ()
    known: bool = False  # some process's configuration was read
    excluded_zones: frozenset[str] = frozenset()  # by any process that uses the ring


NO_SETTINGS = RingSettings()
