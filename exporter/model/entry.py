"""The content of a ring or a key: members, partitions with their owners, the HA tracker's elected replicas.

Each is an `Entry`: it has a time, may be a tombstone, and its `fields` are compared with another view's. Code
that compares, votes or searches for missing entries uses `Entry` and no subclass.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import ClassVar, Self
from urllib.parse import urlsplit

_SUFFIX = re.compile(r"-[0-9a-f]{8}$")


class State(enum.StrEnum):
    """A member's state. `LEFT` is a tombstone; `UNHEALTHY` hides the member's own state."""

    ACTIVE = "active"
    JOINING = "joining"
    LEAVING = "leaving"
    PENDING = "pending"
    READ_ONLY = "read_only"
    LEFT = "left"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class PartitionState(enum.StrEnum):
    """A partition's state, numbered 0 to 4 in the pages."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    ACTIVE = "active"
    INACTIVE = "inactive"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A member's tokens. `digest` is equal for equal sets from every page; `None` where the page shows only a
    count. The count is -1 where the page lacks it too. Beside a digest, `packed` has them, sorted, as
    little-endian uint32.
    """

    count: int
    digest: bytes | None = None
    packed: bytes | None = field(default=None, repr=False, compare=False)


NO_TOKENS = Tokens(0)
# Constants, since every entry of every view is compared with them: `State.LEFT` costs ten times as much.
_LEFT, _DELETED = State.LEFT, PartitionState.DELETED
Fields = tuple[tuple[str, object], ...]


class Renewal(enum.Enum):
    """What renews an entry, and so how old it may be: its own heartbeat, samples that arrive, nothing."""

    HEARTBEAT = enum.auto()
    SAMPLES = enum.auto()
    NONE = enum.auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a ring or a key, with its name there.

    The properties are defaults for entries without such a field. The classes below have plain fields instead:
    each is read for every entry of every view.
    """

    renewal: ClassVar[Renewal] = Renewal.NONE

    @property
    def time(self) -> float | None:
        """When it was last renewed, or, where nothing renews it, changed."""
        return None

    @property
    def registered(self) -> float | None:
        """Since when it is there as it is."""
        return None

    @property
    def is_tombstone(self) -> bool:
        """Whether it is a tombstone."""
        return False

    @property
    def state(self) -> State | PartitionState | None:
        """Its state, where it has one."""
        return None

    @property
    def tokens(self) -> Tokens:
        """Its tokens, where it may have some."""
        return NO_TOKENS

    @property
    def fields(self) -> Fields:
        """What must be the same in the primary and in the secondary, each by the name of its difference."""
        return ()

    @property
    def essence(self) -> object:
        """What beside its tokens makes two contents different: the time and the place of an entry do not."""
        return None

    @property
    def beside(self) -> tuple[object, ...]:
        """What is voted on beside the fields where views differ."""
        return ()

    @property
    def chosen(self) -> float | None:
        """When its essence was chosen, unix seconds; `None` where that is not shown."""
        return None

    def is_neighbour(self, other: Entry, period: float) -> bool:
        """Whether both are the same entry, one renewal apart. An entry that was chosen before the earlier one
        was renewed is another entry.
        """
        here, there = self.time, other.time
        if here is None or there is None or not 0 < abs(here - there) <= period:
            return False
        chosen = (self if here > there else other).chosen
        return chosen is None or chosen >= min(here, there)

    def same(self, other: Entry) -> bool:
        """Whether only the time can differ, by a cheap comparison: it is so for nearly all pairs."""
        return self is other

    def renewed(self, _time: float | None) -> Self:
        """The same entry with another heartbeat."""
        return self


@lru_cache(maxsize=16_384)
def host_of(address: str) -> str:
    """The host of `host:port`, brackets of IPv6 taken off; the complete text where there is no port."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        return address.strip("[]")
    return host.strip("[]")


@lru_cache(maxsize=16_384)
def ip_address(host: str) -> str:
    """An IP address in its one usual form, "" for a name, and for an address that means the own machine. An
    IPv4 address that is written as one of IPv6 is that IPv4 address.
    """
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return ""
    plain = getattr(found, "ipv4_mapped", None) or found
    return "" if plain.is_loopback or plain.is_unspecified else str(plain)


@lru_cache(maxsize=16_384)
def port_of(address: str) -> int | None:
    """The port of `host:port`, `None` where there is none."""
    port = address.rpartition(":")[2]
    return int(port) if port.isdigit() and len(port) < 6 and ":" in address else None


@lru_cache(maxsize=16_384)
def host_in(url: str) -> str:
    """The host of a process's URL, brackets of IPv6 taken off."""
    return urlsplit(url).hostname or ""


@lru_cache(maxsize=32_768)
def bare(name: str) -> str:
    """A gossip member's name without the eight hex digits that change at every restart."""
    return _SUFFIX.sub("", name)


@dataclass(frozen=True, slots=True)
class Member(Entry):
    """One member of a ring. `time` is its heartbeat, `registered` when it was registered."""

    renewal: ClassVar[Renewal] = Renewal.HEARTBEAT

    id: str
    address: str = ""
    state: State = State.ACTIVE
    zone: str = ""
    time: float | None = None
    registered: float | None = None
    read_only: bool = False
    tokens: Tokens = NO_TOKENS

    @property
    def host(self) -> str:
        """The host of its address."""
        return host_of(self.address)

    @property
    def is_tombstone(self) -> bool:
        """Whether it has left."""
        return self.state is _LEFT

    @property
    def own_state(self) -> State:
        """Its own state: read-only is a flag beside the state in dskit, a state in Cortex."""
        return State.READ_ONLY if self.read_only and self.state is State.ACTIVE else self.state

    @property
    def fields(self) -> Fields:
        """State, tokens, address and zone."""
        place = ("address", self.address), ("zone", self.zone)
        return ("state", self.own_state), ("tokens", self.tokens), *place

    @property
    def essence(self) -> State:
        """Its own state."""
        return self.own_state

    @property
    def beside(self) -> tuple[object, ...]:
        """Only the flag, which is no state where the member is not active."""
        return (self.read_only,)

    def same(self, other: Entry) -> bool:
        """Compare all but the heartbeat and the registration."""
        if self is other:
            return True
        if type(other) is not Member:
            return False
        left, right = self.tokens, other.tokens
        return (
            (left is right or (left.digest == right.digest and left.count == right.count))
            and self.state is other.state
            and self.address == other.address
            and self.zone == other.zone
            and self.read_only == other.read_only
        )

    def renewed(self, time: float | None) -> Self:
        """The member with this heartbeat."""
        return replace(self, time=time)


@dataclass(frozen=True, slots=True)
class Partition(Entry):
    """One partition. It has no heartbeat; `time` is when its state last changed."""

    id: int
    state: PartitionState = PartitionState.UNKNOWN
    time: float | None = None
    locked: bool = False
    corrupted: bool = False
    owners: tuple[str, ...] = ()
    tokens: Tokens = NO_TOKENS

    @property
    def registered(self) -> float | None:
        """Since when it has been in its state."""
        return self.time

    @property
    def is_tombstone(self) -> bool:
        """Whether it is deleted."""
        return self.state is _DELETED

    @property
    def essence(self) -> PartitionState:
        """Its state."""
        return self.state

    @property
    def fields(self) -> Fields:
        """State and tokens; its owners are entries of their own."""
        return ("state", self.state), ("tokens", self.tokens)

    @property
    def beside(self) -> tuple[object, ...]:
        """Owners, and whether it is corrupted."""
        return self.owners, self.corrupted


@dataclass(frozen=True, slots=True)
class Ownership(Entry):
    """An owner of a partition, by the name of the owner."""

    partition: int

    @property
    def essence(self) -> int:
        """The partition."""
        return self.partition

    @property
    def fields(self) -> Fields:
        """The partition."""
        return (("address", f"partition {self.partition}"),)


@lru_cache(maxsize=4096)
def owns(partition: int) -> Ownership:
    """The ownership of a partition: one for all views, so that they are compared by identity."""
    return Ownership(partition)


@dataclass(frozen=True, slots=True)
class Replica(Entry):
    """One HA-tracker entry: the replica elected for (user, cluster). `time` is that of its last sample."""

    renewal: ClassVar[Renewal] = Renewal.SAMPLES

    replica: str
    time: float | None = None
    deleted_at: float | None = None  # a tombstone when set
    elected_at: float | None = None
    elected_changes: int | None = None

    @property
    def is_tombstone(self) -> bool:
        """Whether the entry was deleted."""
        return bool(self.deleted_at)

    @property
    def essence(self) -> str:
        """The elected replica."""
        return self.replica

    @property
    def chosen(self) -> float | None:
        """When it was elected; Cortex does not show it."""
        return self.elected_at

    @property
    def fields(self) -> Fields:
        """The elected replica."""
        return (("replica", self.replica),)
