"""Conclusions from rings and member lists compared with processes. Frozen, standard library only.

Empty means "none exists"; a ring that was not read has none of these facts at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.model.entry import PartitionState, bare, host_of

Names = tuple[str, ...]
NONE: Mapping[str, Names] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WriterFacts:
    """A ring's members compared with the processes that write it. Processes have display names (`ingester-0
    (10.0.0.1:8080)`), members their id.
    """

    count: int = 0  # processes that wrote it and have not just started
    missing: Names = ()  # those of them that have no member
    untold: Names = ()  # processes with an unidentified member, where too few members are left
    departed: frozenset[str] = frozenset()  # targets without a member, which was leaving when last observed
    misplaced: Names = ()  # members of a process with no client that writes this ring
    shared: Mapping[str, Names] = field(default_factory=lambda: NONE)  # addresses of two or more members
    unreachable: Mapping[str, Names] = field(default_factory=lambda: NONE)
    """Loopback and unspecified addresses, of members of a ring on several hosts."""
    claimed: Mapping[str, Names] = field(
        default_factory=lambda: NONE
    )  # instance ids of two or more processes


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """One partition that is not deleted, compared with the members of its owners' ring. `alive` are the
    owners that are healthy members, `None` where that ring was not read; `vanished` those that are neither
    member nor process.
    """

    number: int
    state: PartitionState
    owners: Names = ()
    alive: Names | None = None
    vanished: Names = ()

    @property
    def is_ownerless(self) -> bool:
        """Whether no process consumes it: active without a healthy owner, or inactive with unhealthy owners
        only. One that is inactive without owners waits to be deleted, as after each scale-down.
        """
        if self.alive is None or self.alive:
            return False
        return self.state is PartitionState.ACTIVE or (
            self.state is PartitionState.INACTIVE and bool(self.owners)
        )


@dataclass(frozen=True, slots=True)
class ShortList:
    """A member list that lacks processes of its own cluster: it has `count` of `of`. `lacks` are those that
    it has lacked since `since`, our clock.
    """

    count: int
    of: int
    lacks: frozenset[str]
    since: float = 0.0
    wrong: bool = True  # False: a join or a departure may explain it yet


@dataclass(frozen=True, slots=True)
class UnknownMember:
    """A gossip or ring member that belongs to no watched process."""

    name: str
    address: str
    seen_by: tuple[str, ...]
    where: str = "gossip"  # or the ring's key
    since: float | None = None  # when our process's name was first observed elsewhere, our clock

    @property
    def host(self) -> str:
        """The host of its address."""
        return host_of(self.address)

    @property
    def bare_name(self) -> str:
        """Its name without the part that changes at every restart."""
        return bare(self.name)
