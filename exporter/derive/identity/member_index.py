"""Lookups in a member list. Processes with the same list share one tuple of it
(`exporter.decode.formats.memo`), so a cluster of a thousand needs one index and not a thousand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from exporter.model.pages import GossipMember, GossipState

ALIVE = frozenset({GossipState.ALIVE, GossipState.SUSPECT})
_SUFFIX = re.compile(r"-[0-9a-f]{8}$")
Members = tuple[GossipMember, ...]
Index = Mapping[str, Members]
Endpoint = tuple[str, int]  # address and port
Spot = tuple[str, Endpoint]  # a bare name and where it stands


@lru_cache(maxsize=32_768)
def bare(name: str) -> str:
    """A gossip member's name without the eight hex digits that change at every restart."""
    return _SUFFIX.sub("", name)


@dataclass(frozen=True, slots=True)
class Census:
    """One member list. `alive` are names, `spots` bare names and their places. The indexes contain the
    members in state alive or suspect, or all members where there are none of these.
    """

    members: Members
    states: Mapping[str, int]
    alive: frozenset[str]
    spots: frozenset[Spot]
    by_address: Index
    by_name: Index
    """By the complete name and by the bare one."""


def each_once(lists: Iterable[Members]) -> Mapping[int, Members]:
    """The different lists among these, by their identity; most processes have the same one."""
    return {id(members): members for members in lists}


class _Same:
    """A list by its identity: comparing two long lists would cost what the cache saves."""

    __slots__ = ("members",)

    def __init__(self, members: Members) -> None:
        self.members = members

    def __hash__(self) -> int:
        return id(self.members)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.members is self.members


def census_of(members: Members) -> Census:
    """Index a member list, once for each."""
    return _census(_Same(members))


@lru_cache(maxsize=64)
def _census(same: _Same) -> Census:
    members = same.members
    living = tuple(m for m in members if m.state in ALIVE)
    counted = living or members
    count = Counter(m.state for m in members)
    return Census(
        members=members,
        states=MappingProxyType({state.value: count.get(state, 0) for state in GossipState}),
        alive=frozenset(m.name for m in living),
        spots=frozenset((bare(m.name), (m.address, m.port)) for m in living),
        by_address=_index((m.address, m) for m in counted),
        by_name=_index((name, m) for m in counted for name in {m.name, bare(m.name)}),
    )


def _index(pairs: Iterable[tuple[str, GossipMember]]) -> Index:
    found: dict[str, list[GossipMember]] = {}
    for key, member in pairs:
        found.setdefault(key, []).append(member)
    return {key: tuple(members) for key, members in found.items()}
