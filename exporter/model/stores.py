"""What was read of an external store: Consul or etcd, as one answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from exporter.model.culprits import Culprit, Kind
from exporter.model.pages import Outcome, Reason, Value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Undecoded:
    """A value that did not decode."""

    why: str


Decode = Callable[[str, bytes], Any]  # key, value; gives what it decodes to, or `Undecoded`


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """What distinguishes a store from another one at its address, and since when. `rings`: indexes by key."""

    cluster: str = ""
    revision: int = 0
    rings: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    entries: bool = False  # whether it has entries of an HA tracker
    addresses: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    since: float | None = None


@dataclass(frozen=True, slots=True)
class NamedStore:
    """An external store as configuration pages name it: host:port, and the prefixes of the keys in use."""

    kind: str
    addresses: tuple[str, ...]
    prefixes: tuple[str, ...]


@dataclass(frozen=True)  # not slots: Python 3.11 cannot call an alias of a generic class with slots
class StoreRead(Generic[T]):
    """The external store as read. `modified` is its own index per key (ModifyIndex, mod_revision): it changes
    with each write. `broken` has the keys with an undecodable value, with the reason.

    `cluster` and `revision` identify the store and its progress, so that another store in its place is
    noticed. etcd has `cluster_id` and `revision`. Consul has no such id; its revision is the X-Consul-Index
    of an absent key, the store's last change, which never decreases.
    """

    kind: str  # consul, etcd
    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    values: Mapping[str, T] = field(default_factory=lambda: MappingProxyType({}))
    modified: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    broken: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    asked_at: float = 0.0
    clock: float | None = None
    prefixes: tuple[str, ...] = ()  # what was read; a key elsewhere may exist unread
    name: str = ""  # as configured, where there are several of one kind; "" for the kind
    cluster: str = ""
    revision: int = 0  # 0: unknown
    addresses: tuple[str, ...] = ()  # host:port, where it is read and as processes may name it

    @property
    def title(self) -> str:
        """What it is called in metrics and sentences."""
        return self.name or self.kind


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The external store read directly. `moved_at` is when a key was last written or deleted, our clock.
    `replaced` is why it is another store than before; `identity` is then the former store's.
    """

    kind: str
    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    keys: int | None = None
    moved_at: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    only_here: tuple[str, ...] | None = None  # keys that no gossip copy has; None: unknown
    only_partitions: tuple[tuple[str, int], ...] = ()  # the same of partitions: their key and number
    renewed: frozenset[str] = frozenset()  # of `only_here`, the HA entries that some tracker renews
    broken: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    since: float | None = None  # first cycle that read it
    prefixes: tuple[str, ...] = ()  # what was read; empty: everything
    uncovered: tuple[str, ...] = ()  # prefixes and keys of ours that are not below these
    alive: frozenset[str] = frozenset()  # labelled keys with a recently renewed member or HA entry
    entries: frozenset[str] = frozenset()  # the HA entries among its keys
    name: str = ""  # as configured; "" for the kind
    addresses: tuple[str, ...] = ()
    identity: StoreIdentity | None = None
    replaced: Culprit | None = None
    replaced_at: float | None = None

    @property
    def title(self) -> str:
        """What it is called in metrics and sentences."""
        return self.name or self.kind

    @property
    def last_write(self) -> float | None:
        """When a key was last observed to be written, our clock: its first reading shows no write."""
        since = self.since or 0.0
        return max((at for at in self.moved_at.values() if at > since), default=None)

    @property
    def fault(self) -> Culprit | None:
        """Why nothing may be concluded from its content, `None` where something may."""
        if self.outcome is not Outcome.OK:
            why = self.detail or (self.reason.value if self.reason else "")
            return Culprit(
                Kind.STORE_FAILED, what=self.title, why=Culprit(Kind.VERBATIM, what=why) if why else None
            )
        return Culprit(Kind.STORE_REPLACED, what=self.title, why=self.replaced) if self.replaced else None


def faults_of(stores: Iterable[StoreFacts]) -> tuple[Culprit, ...]:
    """Why nothing may be concluded from some of these stores."""
    return tuple(fault for store in stores if (fault := store.fault))


RawStore = StoreRead[bytes]
StoreContent = StoreRead[Value]
