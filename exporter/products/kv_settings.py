"""What each step changes in a product: where a KV client's store is set (YAML, Helm values, Jsonnet, flags),
and what the runtime configuration reaches. Read from `tables/settings/`; every row has its source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from exporter.model.pages import Product
from exporter.products.registry import PRODUCTS, TABLES
from exporter.products.table import HA_KEY

HA_RING = "ha-tracker"  # what the tables of settings call the HA tracker's client
COMMON = "common"  # and Loki's block for rings without one of their own
_HERE = Path(__file__).parent / "tables" / "settings"
_RELEASE = re.compile(r"v?(\d{1,4})\.(\d{1,4})")
Release = tuple[int, int]


class Flags(Struct, frozen=True, forbid_unknown_fields=True):
    """The flags of one ring's KV client: `-PREFIX.store` and `-PREFIX.multi.primary`, or those in `store` and
    `multi`. `since` is the first release that has them, `until` the first without them. `memberlist_since` is
    the first release with memberlist for this client.
    """

    ring: str
    source: str
    prefix: str = ""
    store: str = ""
    multi: str = ""
    since: str = ""
    until: str = ""
    memberlist_since: str = ""

    def flag(self, setting: str) -> str:
        """The flag of a setting below `kvstore`, without its dash."""
        if setting == "store":
            return self.store or f"{self.prefix}.store"
        return f"{self.multi or f'{self.prefix}.multi'}.{setting.removeprefix('multi.').replace('_', '-')}"


class RuntimeSwitch(Struct, frozen=True, forbid_unknown_fields=True):
    """The block of the runtime configuration that switches `multi` clients, and the rings that it reaches.
    `period` is how often the file is read where nothing else is set, seconds.
    """

    block: str
    file: str
    flag: str
    period: float
    reaches: tuple[str, ...]
    source: str


class Chart(Struct, frozen=True, forbid_unknown_fields=True):
    """A Helm chart: the value below which the product's configuration stands, and the runtime's."""

    chart: str
    config: str
    source: str
    runtime: str = ""


class Library(Struct, frozen=True, forbid_unknown_fields=True):
    """A Jsonnet library with switches in its `_config` for each of `steps`. They reach `rings`; `arguments`
    are where the flags of the remaining rings stand. `primary`, `label` and `verification` are fields of
    `_config`.
    """

    library: str
    rings: tuple[str, ...]
    source: str
    primary: str
    label: str
    verification: str
    steps: Mapping[str, Mapping[str, bool]]
    arguments: Mapping[str, str] = {}


class Wait(Struct, frozen=True, forbid_unknown_fields=True):
    """How long an ingester waits for the ring before it chooses its tokens: `setting` of `block`, its flag,
    and where a Jsonnet library has the flags of ingesters. `value` is the one of the guides.
    """

    block: str
    setting: str
    value: str
    source: str
    flag: str = ""
    arguments: str = ""

    @property
    def path(self) -> str:
        """The setting by its dotted path from the top."""
        return f"{self.block}.{self.setting}"


class Shortcut(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a published guide leaves steps out: after `step` it goes on with `then`."""

    step: str
    then: str
    source: str


class KVSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """All of one product. `multi` and `gossip` are the sources of its blocks `multi` and `memberlist`."""

    product: Product
    multi: str
    gossip: str
    runtime: RuntimeSwitch | None = None
    flags: tuple[Flags, ...] = ()
    common: str = ""
    helm: Chart | None = None
    jsonnet: Library | None = None
    shortcut: Shortcut | None = None
    wait: Wait | None = None


def _read(product: Product) -> KVSettings:
    """One product's file; only the blocks of its rings where it has none."""
    file = _HERE / f"{product.value}.yaml"
    if not file.is_file():
        return KVSettings(product, "", "")
    table: dict[str, Any] = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
    return msgspec.convert({**table, "product": product.value}, KVSettings)


SETTINGS: Mapping[Product, KVSettings] = MappingProxyType({product: _read(product) for product in PRODUCTS})


def release_of(version: str) -> Release | None:
    """The release that a version belongs to, `None` for a build without a number."""
    found = _RELEASE.match(version)
    return (int(found[1]), int(found[2])) if found else None


def has(since: str, until: str, version: str) -> bool:
    """Whether a release has what came with `since` and was removed with `until`."""
    release, first, end = release_of(version), release_of(since), release_of(until)
    if first is None and end is None:
        return True
    if release is None:
        return False
    return (first is None or release >= first) and (end is None or release < end)


def flags_of(product: Product, ring: str, version: str) -> Flags | None:
    """The flags of a ring's KV client, `None` where they are unknown for this release."""
    rows = (row for row in SETTINGS[product].flags if row.ring == ring)
    return next((row for row in rows if has(row.since, row.until, version)), None)


def ring_named(product: Product, key: str) -> str:
    """The everyday name of the ring with this default key, as the tables have it; "" for none."""
    if key == HA_KEY:
        return HA_RING
    return next((ring.name for ring in TABLES[product].rings if key in (ring.key, *ring.formerly)), "")


def blocks_of(product: Product, ring: str) -> tuple[str, ...]:
    """Where a ring's settings stand in the product's YAML, one for each form that releases have had."""
    table = TABLES[product]
    if ring == HA_RING:
        return (table.tracker.block,) if table.tracker is not None else ()
    return next((one.blocks for one in table.rings if one.name == ring), ())


def ring_of_block(product: Product, block: str, ring: str) -> str:
    """The name in the tables of flags of a ring with its settings in this block."""
    return COMMON if block == SETTINGS[product].common else ring
