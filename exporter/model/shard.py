"""One shard's part of several, in a form that allows all parts to be joined.

A shard watches its own processes and, with every other shard, the same few *common* processes. A statement
that is true in each shard's part, with the common processes in all of them, is true for all. The rest is
given here as names and digests, and joined by recording rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.model.pages import Phase


@dataclass(frozen=True, slots=True)
class Share:
    """How the processes of one cycle are shared. `shard` counts from 0."""

    shard: int
    shards: int
    digest: int  # of the names of all processes that were discovered, 48 bits
    common: frozenset[str] = frozenset()  # watched by every shard
    borrowed: frozenset[str] = frozenset()  # of those, the processes that another shard reports
    crowded: frozenset[str] = frozenset()  # hosts with processes that only another shard watches


@dataclass(frozen=True, slots=True)
class ClientKind:
    """KV clients that count alike. `serves` is a key, or the client's own name where its key is unknown."""

    serves: str
    phase: Phase
    writes: bool
    migration: str


@dataclass(frozen=True, slots=True)
class Part:
    """One shard's part. Members are named as in the gossip, ring members by their id."""

    share: Share
    interval: float  # of our cycles, seconds
    soak: float  # seconds; where these are shorter, the time of so many cycles as a soak has at least
    rules_digest: int  # of the limits and patterns that we judge by, 48 bits
    clients: Mapping[ClientKind, int] = field(default_factory=lambda: MappingProxyType({}))
    strange: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    """Gossip members that are no process watched here, and whether `expected_members` names them."""
    own: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    """Gossip members that are processes watched here, and whether their label was read."""
    seen: frozenset[str] = frozenset()
    """Of the own members, those in the list of another process watched here."""
    unseen: frozenset[str] = frozenset()
    """Of the own members, those that are expected and in the list of no other process watched here."""
    orphaned: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By key, the ring members that belong to no process watched here."""
    used: frozenset[str] = frozenset()
    """Keys that some process watched here uses: further keys in a shared store are not judged."""
    claims: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By key, the ring members that belong to a process watched here, where gossip does not name them."""
    views: Mapping[tuple[str, str, str], tuple[int, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """By key, kind of view and aspect ("members", "states"), digests of this cycle's reading. The states have
    none where a view hides one of them.
    """
    linked: bool = True  # a common process is in the gossip: what is one cluster here is one everywhere
