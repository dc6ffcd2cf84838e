"""What the judgement goes by: limits and patterns, taken from the configuration by the caller."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from exporter.model.migration import HA_TRACKER, MICROSERVICES, READ_WRITE, RINGS
from exporter.model.pages import Product
from exporter.products.ring_pages import HA_KEY, RingPage

Groups = tuple[tuple[str, re.Pattern[str]], ...]
DEFAULT_TIMEOUT = 60.0  # dskit's and Cortex's ring heartbeat_timeout
DEFAULT_PERIOD = 15.0  # the longest default heartbeat period of a ring


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits in seconds and ratios; patterns compiled. The defaults are those of the configuration."""

    interval: float = 15.0
    soak: float = 300.0
    max_lag: float = 30.0
    benign_mirror_error_ratio: float = 0.05
    label: str = ""
    expected_members: tuple[re.Pattern[str], ...] = ()
    groups: Groups = ()
    default_groups: Groups = ()
    leaving: str = MICROSERVICES  # the group that the read-write migration retires
    """Mimir's modes, where none are configured; they count for no other product."""
    heartbeat_timeouts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    pages: tuple[RingPage, ...] | None = None  # the configured ring pages; None: those the product has
    product: Product = Product.UNKNOWN  # as configured, for processes that do not show theirs
    stores: tuple[str, ...] = ()  # the external stores that are read: kind, where, which prefixes
    remembers: bool = False  # over a restart: the stores that were read and the rings' members
    migrations: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Migrations that `rings` is split into: name, and keys or prefixes that end in "/"."""
    max_events: int = 500
    docs_url: str = ""  # where this project's docs are served, without a last slash; "": nowhere

    @property
    def longest_gap(self) -> float:
        """Seconds between two cycles after which nothing counts as passed in between."""
        return 3 * self.interval + 1

    def grouped(self, products: Counter[Product]) -> Rules:
        """The rules for processes of these products. Mimir's own deployment modes count where a quarter of
        the processes or more are Mimir's and the configuration names no other modes. One process with another
        product's build in every second cycle would else change the rules of all steps, and break their soak.
        """
        shown = products.total() - products[Product.UNKNOWN]
        if self.groups or not shown or 4 * products[Product.MIMIR] < shown:
            return self
        return replace(self, groups=self.default_groups)

    def migration_of(self, key: str) -> str:
        """The migration that a key is part of."""
        if key == HA_KEY:
            return HA_TRACKER
        return next((name for name, keys in self.migrations if _covers(keys, key)), RINGS)

    def page_of(self, names: Collection[str]) -> RingPage | None:
        """The configured page of a ring, by any of its key's names."""
        return next((page for page in self.pages or () if page.key in names), None)

    def timeout_of(self, names: Collection[str]) -> float | None:
        """The configured heartbeat timeout of a ring, by any of its key's names."""
        timeouts = self.heartbeat_timeouts
        return next((timeouts[name] for name in names if name in timeouts), None)

    @property
    def arriving(self) -> str:
        """The group that the read-write migration moves to."""
        return READ_WRITE if self.leaving == MICROSERVICES else MICROSERVICES

    def group_of(self, *names: str) -> str:
        """The deployment mode a member or process belongs to, "" where no pattern matches any of its
        names. Patterns are tried in order, each on every name: the last one often matches everything.
        """
        return _group_of(self.groups, names)


def _covers(patterns: Iterable[str], key: str) -> bool:
    bare = key.rstrip("/")
    return any(bare == one.rstrip("/") or (one.endswith("/") and key.startswith(one)) for one in patterns)


@lru_cache(maxsize=16_384)
def _group_of(groups: Groups, names: tuple[str, ...]) -> str:
    return next((group for group, pattern in groups if any(map(pattern.search, names))), "")


def written(value: object) -> str:
    """A text that is the same for equal rules in every process: `repr` cuts patterns, and orders sets by
    the process's own hash seed.
    """
    if isinstance(value, re.Pattern):
        return f"{value.pattern!r} {value.flags}"
    if is_dataclass(value):
        return f"({' '.join(written(getattr(value, one.name)) for one in fields(value))})"
    if isinstance(value, Mapping):
        return written(tuple(sorted((written(key), written(one)) for key, one in value.items())))
    if isinstance(value, frozenset):
        return f"{{{' '.join(sorted(map(written, value)))}}}"
    return f"[{' '.join(map(written, value))}]" if isinstance(value, tuple) else repr(value)


def judged_by(rules: Rules) -> str:
    """The rules that decide whether a step may be taken, as text, without soak and interval."""
    return written(replace(rules, **_BESIDE))


_BESIDE: Mapping[str, Any] = {
    "soak": 0.0, "interval": 0.0, "max_events": 0, "docs_url": "", "product": Product.UNKNOWN,
    "remembers": False,
}  # fmt: skip
