"""Members and token lists that were decoded before, by their bytes.

Every process shows the same ring, so a cycle over 300 processes decodes each member 300 times; its
bytes are equal but for the few views that are a heartbeat behind, and its tokens stay the same for as
long as it lives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Generic, TypeVar

from exporter.model.pages import GossipMember, Member, Tokens

T = TypeVar("T")
HEAD = 256  # bytes: a member's name, address and heartbeat
ROOM = 32 * 1024 * 1024  # bytes that one generation remembers; several times the largest real ring
TOKEN_TURNS = 8  # a member that did not change leaves its tokens untouched for some cycles


class Known(Generic[T]):
    """Two generations: what a cycle did not use again is forgotten after the next `turn`.

    Things are found by the first `head` bytes and then compared, which costs less than hashing them
    whole. Of two that begin alike the later one is known. Without a head they are found by a digest, and
    their bytes are let go: those of a ring's tokens would be as large as the ring.
    """

    def __init__(self, head: int | None = HEAD) -> None:
        self._head = head
        self._room = ROOM
        self._new: dict[bytes, tuple[bytes, T]] = {}
        self._old: dict[bytes, tuple[bytes, T]] = {}

    def get(self, raw: bytes) -> T | None:
        """What these very bytes gave, `None` where they are new."""
        name = self._name(raw)
        found = self._new.get(name)
        if found is None:
            found = self._old.get(name)
            if found is None:
                return None
            self._new[name] = found
        return found[1] if self._head is None or found[0] == raw else None

    def put(self, raw: bytes, found: T) -> None:
        """Remember what these bytes gave, as long as there is room: what one process sends must not fill
        the memory.
        """
        self._room -= len(raw)
        if self._room >= 0:
            self._new[self._name(raw)] = (b"" if self._head is None else raw), found

    def turn(self) -> None:
        """Start a new generation."""
        self._old, self._new, self._room = self._new, {}, ROOM

    def _name(self, raw: bytes) -> bytes:
        return blake2b(raw, digest_size=16).digest() if self._head is None else raw[: self._head]


def remembered(
    known: Known[T], raws: Sequence[bytes], decode: Callable[[list[bytes]], Sequence[T]]
) -> list[T]:
    """What each of `raws` gives; those that are new are decoded all at once."""
    found = [known.get(raw) for raw in raws]
    new = [raw for raw, thing in zip(raws, found, strict=True) if thing is None]
    fresh = decode(new) if new else ()
    for raw, thing in zip(new, fresh, strict=True):
        known.put(raw, thing)
    left = iter(fresh)
    return [next(left) if thing is None else thing for thing in found]


class Memo:
    """What one exporter remembers. Members hold their sorted tokens, one list for all views of a member.

    `members` is by an entry of a page or a stored value, `json_tokens` and `packed_tokens` by a list of
    tokens as it stands there.
    """

    def __init__(self) -> None:
        self.members: Known[Member] = Known()
        self.json_tokens: Known[Tokens] = Known(None)
        self.packed_tokens: Known[Tokens] = Known(None)
        self._lists: Known[tuple[GossipMember, ...]] = Known(None)
        self._turns = 0
        self._last_list: tuple[bytes, tuple[GossipMember, ...]] = (b"", ())

    def get(self, raw: bytes) -> Member | None:
        """The member that these very bytes gave, `None` where they are new."""
        return self.members.get(raw)

    def put(self, raw: bytes, member: Member) -> None:
        """Remember what these bytes gave."""
        self.members.put(raw, member)

    def member_list(self, raw: bytes) -> tuple[GossipMember, ...] | None:
        """The members that this very list of a /memberlist page gave, `None` where it is new."""
        last, members = self._last_list  # most see the same one: comparing costs less than hashing
        if raw == last:
            return members
        found = self._lists.get(raw)
        if found is not None:
            self._last_list = raw, found
        return found

    def put_member_list(self, raw: bytes, members: tuple[GossipMember, ...]) -> None:
        """Remember what this list gave."""
        self._lists.put(raw, members)
        self._last_list = raw, members

    def turn(self) -> None:
        """Start a new generation; call it between cycles."""
        self.members.turn()
        self._lists.turn()
        self._turns += 1
        if self._turns % TOKEN_TURNS == 0:
            self.json_tokens.turn()
            self.packed_tokens.turn()
