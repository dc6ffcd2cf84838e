"""The external store: the contents of Consul or etcd. The model's side; no network here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.demo.simulation.ring_values import Value


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as stored, with the store's own counters."""

    value: Value
    created: int
    modified: int
    version: int


class StoreDown(Exception):  # noqa: N818 - a state of the simulated store, not a failure of ours
    """The store refuses: the write did not happen."""


class ExternalStore:
    """Keys to entries; every write moves the revision on."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.revision = 10
        self.down = False

    def get(self, key: str) -> Value | None:
        """The value under a key."""
        entry = self.entries.get(key)
        return entry.value if entry else None

    def cas(self, key: str, change: Callable[[Value | None], Value]) -> Value:
        """Write what `change` makes of the present value; `StoreDown` while the store refuses."""
        if self.down:
            raise StoreDown
        before = self.entries.get(key)
        value = change(before.value if before else None)
        self.revision += 1
        created = before.created if before else self.revision
        version = before.version + 1 if before else 1
        self.entries[key] = Entry(value, created, self.revision, version)
        return value

    def under(self, prefix: str) -> dict[str, Entry]:
        """The entries with a key that begins with `prefix`, sorted by key."""
        return {key: self.entries[key] for key in sorted(self.entries) if key.startswith(prefix)}
