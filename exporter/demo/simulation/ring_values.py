"""The values in a ring store, and how gossip merges them. Frozen; shared by every copy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

ACTIVE, LEAVING, PENDING, JOINING, LEFT = range(5)
STATE_NAMES = ("ACTIVE", "LEAVING", "PENDING", "JOINING", "LEFT", "READONLY")


class Tokens:
    """A member's tokens, sorted, with the forms that pages and stores need kept ready."""

    __slots__ = ("json", "packed", "values")

    def __init__(self, values: tuple[int, ...]) -> None:
        self.values = tuple(sorted(values))
        self.json = json.dumps(self.values, separators=(",", ":"))
        self.packed = b"".join(map(varint, self.values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokens) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)

    def __len__(self) -> int:
        return len(self.values)


def varint(number: int) -> bytes:
    """A protobuf varint; negative numbers take ten bytes as an int64 does."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


NO_TOKENS = Tokens(())


@dataclass(frozen=True, slots=True)
class Instance:
    """One member of a ring; times are integers, unix seconds of its own clock.

    `forms` has what pages and stores made of it: the same member is in many copies of a ring.
    """

    id: str
    addr: str
    timestamp: int
    registered: int
    state: int = ACTIVE
    zone: str = ""
    tokens: Tokens = NO_TOKENS
    forms: dict[str, bytes | str] = field(default_factory=dict, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Replica:
    """An HA-tracker entry; times are unix milliseconds."""

    replica: str
    received_at: int
    elected_at: int = 0
    elected_changes: int = 0


Ring = Mapping[str, Instance]
Value = Ring | Replica


def is_newer(theirs: Instance, ours: Instance | None) -> bool:
    """Whether gossip takes `theirs`: the later heartbeat wins, and at a tie the entry that left."""
    if ours is None or theirs.timestamp > ours.timestamp:
        return True
    return theirs.timestamp == ours.timestamp and theirs.state == LEFT != ours.state


def without_tombstones(ring: Ring) -> dict[str, Instance]:
    """The ring as clients get it from gossip: members that left are not shown."""
    return {name: member for name, member in ring.items() if member.state != LEFT}


def local_changes(ours: Ring, written: Ring, now: int) -> dict[str, Instance]:
    """What a local write of a complete ring changes: newer members, and tombstones for missing members."""
    changed = {
        name: member
        for name, member in written.items()
        if member is not ours.get(name) and is_newer(member, ours.get(name))
    }
    for name, member in ours.items():
        if name not in written and member.state != LEFT:
            changed[name] = replace(member, state=LEFT, timestamp=now, tokens=NO_TOKENS)
    return changed
