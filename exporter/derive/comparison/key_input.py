"""All that was read about one KV key in one cycle: every process's views of it, and the store's value.

A value is a ring, a partition ring, or the HA tracker's entries. Its content is a mapping of names to
entries, so that one code compares them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from exporter.derive.comparison.ring_metrics_comparison import Signal
from exporter.derive.ring.agreed_settings import Claim, agree, differing_primaries, in_memory_culprits
from exporter.model.entry import Entry, Replica, owns
from exporter.model.facts import ClientFacts
from exporter.model.pages import PartitionRing, Ring, Value
from exporter.model.settings import RingSettings
from exporter.model.views import ViewFacts
from exporter.products.ring_pages import ring_of

Content = Mapping[str, Entry]
Stored = Value | Mapping[str, Replica]
NOTHING: Content = MappingProxyType({})


def content_of(value: Stored) -> Content:
    """What counts of a value: no tombstones, no deleted entries; owners beside partitions."""
    if isinstance(value, Ring):
        return value.without_tombstones()
    if isinstance(value, PartitionRing):
        return _partitions(value)
    entries = {"": value} if isinstance(value, Replica) else value
    return {name: entry for name, entry in entries.items() if not entry.is_tombstone}


def _partitions(ring: PartitionRing) -> Content:
    found: dict[str, Entry] = {}
    for number, partition in ring.partitions.items():
        if not partition.is_tombstone:
            found[f"partition {number}"] = partition
            found |= dict.fromkeys([f"owner {owner}" for owner in partition.owners], owns(number))
    return found


def tombstones_of(value: Stored | None, content: Content) -> Content:
    """The tombstones of a ring, so that older copies of them are dropped; `content` is the rest of the ring.
    A deleted HA entry is none: the tracker deletes it itself, a while later.
    """
    if isinstance(value, PartitionRing):
        return {f"partition {number}": each for number, each in value.partitions.items() if each.is_tombstone}
    if not isinstance(value, Ring) or len(value.members) == len(content):
        return NOTHING  # nearly always
    return {name: member for name, member in value.members.items() if member.is_tombstone}


@dataclass(frozen=True, slots=True)
class View:
    """One process's view of one key. `value` is `None` where the process lacks the key. `known` is False
    where the view could not be read; then nothing else counts.
    """

    target: str
    value: Stored | None
    known: bool = True
    recently_started: bool = False
    clock: float | None = None
    read_at: float | None = None
    content: Content | None = None  # what counts of `value`, computed once
    had_turn: bool = True  # False: it was not this process's turn, so an older reading may stand in
    unread: frozenset[str] = frozenset()  # HA entries that are listed there but were not read this time

    @property
    def now(self) -> float | None:
        """The answering process's time, from the page itself where it has one."""
        return (self.value.now if isinstance(self.value, Ring | PartitionRing) else None) or self.clock


def view(target: str, value: Stored | None, **rest: object) -> View:
    """Make a view with its content computed."""
    content = None if value is None else content_of(value)
    return View(target, value, content=content, **rest)  # type: ignore[arg-type] # same keywords


@dataclass(frozen=True)  # not slots: the settings are agreed on once
class KeyInput:
    """All that was read about one key in one cycle. `store` is its content in the external store, `None`
    where the store lacks it. `store_known` is true if the store was read at all, `store_broken` if its value
    is undecodable.
    """

    key: str
    clients: tuple[ClientFacts, ...] = ()
    pages: tuple[View, ...] = ()  # ring pages (tracker pages, for the HA tracker)
    copies: tuple[View, ...] = ()  # gossip
    store: Stored | None = None
    store_known: bool = False
    store_broken: bool = False
    store_kind: str = ""
    store_clock: float | None = None
    configs: tuple[Claim, ...] = ()
    earlier: Mapping[tuple[str, str], ViewFacts] = field(default_factory=lambda: MappingProxyType({}))
    """Views read in an earlier cycle of the same sweep, by kind and target."""
    fleet: str = ""  # the primary of all clients together, for a key with unknown clients
    failed: frozenset[str] = frozenset()  # kinds of stores that could not be read
    skew: float | None = None  # the processes' clocks less ours, as most of them have it
    default: str = ""  # the key with the product's default prefix
    in_memory: tuple[str, ...] = ()  # processes that keep it in their own memory
    signals: tuple[Signal, ...] = ()  # what processes' metrics count

    @cached_property
    def ring(self) -> str:
        """The key's everyday name."""
        return ring_of(self.key)

    @cached_property
    def stored(self) -> Content | None:
        """What counts of the store's value, `None` where the store lacks the key."""
        return None if self.store is None else content_of(self.store)

    @cached_property
    def settings(self) -> RingSettings:
        """The ring's settings, as the processes that own them agree; its primary store is one of them."""
        found = agree(self.configs)
        apart = in_memory_culprits(self.in_memory, self.clients)
        return replace(found, differing=(*found.differing, *differing_primaries(self.clients), *apart))
