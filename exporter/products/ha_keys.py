"""Which keys are entries of an HA tracker: by the prefixes in the configurations, else by their content.

A tracker's key is `<prefix><user>/<cluster>`; a cluster's name may contain "/". The default prefix stands in
the products' tables. Mimir's and Cortex's jsonnet set another prefix (`prom_ha/`). This is data only: every
room receives the same object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType

from exporter.model.entry import Replica
from exporter.model.pages import ProcessConfig, Product, Value
from exporter.products.ring_pages import HA_KEY, ring_keys

MAX_PREFIXES = 16
RING_KEYS = ring_keys(Product.UNKNOWN)
_CODEC = "replica"  # dskit's codec of the tracker's entries is called replicaDesc


@dataclass(frozen=True, slots=True)
class HaKeys:
    """How HA entries are recognised. `prefixes` are those in the configurations, the longest first. `rings`
    are keys that contain a ring, with any prefix. `entries` are keys below no configured prefix that contain
    an entry, with their `user/cluster`.
    """

    prefixes: tuple[str, ...] = (HA_KEY,)
    rings: frozenset[str] = RING_KEYS
    entries: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def entry(self, key: str) -> str:
        """The `user/cluster` of an HA tracker's key; "" for other keys."""
        if key in self.rings:
            return ""
        if key in self.entries:
            return self.entries[key]
        for prefix in self.prefixes:
            if key.startswith(prefix) and "/" in (rest := key[len(prefix) :]).strip("/"):
                return rest
        before, found, rest = key.partition(HA_KEY)  # the default prefix behind an unconfigured one
        return rest if found and (not before or before.endswith("/")) else ""

    def canonical(self, key: str) -> str:
        """The key that a metric is labelled with: HA entries are counted together, under one name."""
        return HA_KEY if self.entry(key) else key

    def learned(self) -> tuple[str, ...]:
        """Prefixes below which entries were found though no configuration names them."""
        found = {_less(key, entry) for key, entry in self.entries.items()} - {""}
        return tuple(sorted(found)[:MAX_PREFIXES])


def prefixes_in(configs: Iterable[ProcessConfig], *, tracking: bool = False) -> frozenset[str]:
    """The HA prefixes that configurations name; `tracking`: only those of processes with the tracker on."""
    asked = (config for config in configs if config.ha_tracker or not tracking)
    return frozenset(chain.from_iterable(config.by_default.get(HA_KEY, ()) for config in asked))


def rings_in(configs: tuple[ProcessConfig, ...]) -> frozenset[str]:
    """The keys of rings that configurations name."""
    called = [config.rings for config in configs]
    trackers = {
        name
        for name in prefixes_in(configs)
        if all(rings[name].default_key == HA_KEY for rings in called if name in rings)
    }
    return frozenset().union(*called) - trackers


def by_codec(key: str, codec: str) -> bool:
    """Whether a process shows an HA entry under a key, by the key's codec."""
    return key not in RING_KEYS and _CODEC in codec.lower()


def ha_keys(
    configs: Iterable[ProcessConfig],
    learned: Iterable[str] = (),
    values: Iterable[tuple[str, Value]] = (),
    shown: frozenset[str] = frozenset(),
) -> HaKeys:
    """Recognise the trackers' keys. `learned` are prefixes of the previous cycle, `values` the content of
    stores and gossip copies. `shown` are the `user/cluster` of tracker pages.
    """
    configs = tuple(configs)
    replicas, rings = _by_content(values)
    named = sorted(
        {*prefixes_in(configs), *learned, HA_KEY} - {""}, key=lambda prefix: (-len(prefix), prefix)
    )
    known = HaKeys(tuple(named[:MAX_PREFIXES]), RING_KEYS | rings_in(configs) | rings)
    left = {key for key in replicas if not known.entry(key) and key not in known.rings}
    return HaKeys(known.prefixes, known.rings, MappingProxyType(_named_by_content(left, shown)))


def _by_content(values: Iterable[tuple[str, Value]]) -> tuple[set[str], set[str]]:
    """The keys that contain an HA entry, and those that contain a ring, by most values of each."""
    prefixes = Counter[str]()
    for key, value in values:
        prefixes[key] += 1 if isinstance(value, Replica) else -1
    return {key for key, votes in prefixes.items() if votes > 0}, {
        k for k, votes in prefixes.items() if votes <= 0
    }


def _named_by_content(keys: set[str], shown: frozenset[str]) -> dict[str, str]:
    """The `user/cluster` of entries below no configured prefix, as a tracker page shows it. Else without the
    shortest prefix that leaves user and cluster to any of them.
    """
    sure = {_less(key, entry) for key in keys if (entry := _shown(key, shown))}
    guessed = {_less(key, "/".join(key.split("/")[-2:])) for key in keys} - {""}
    found: dict[str, str] = {}
    for key in keys:
        prefix = max(_beginning(key, sure), key=len, default="")
        found[key] = key[len(prefix or min(_beginning(key, guessed), key=len, default="")) :]
    return found


def _shown(key: str, shown: frozenset[str]) -> str:
    return next((key[at:] for at in range(len(key)) if key[at:] in shown), "")


def _less(key: str, entry: str) -> str:
    return key[: len(key) - len(entry)]


def _beginning(key: str, prefixes: Iterable[str]) -> Iterable[str]:
    return (prefix for prefix in prefixes if key.startswith(prefix))
