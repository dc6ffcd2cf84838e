"""Members and token lists that were decoded before, by their bytes.

Every process shows the same ring, so a cycle over 300 processes decodes each member 300 times. Its bytes are
equal but for the few views that are a heartbeat behind, and its tokens never change.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from operator import itemgetter
from typing import Generic, TypeVar

from exporter.decode.earlier_tokens import SharedLists
from exporter.model.entry import Member, Tokens
from exporter.model.pages import GossipMember

T = TypeVar("T")
HEAD = 256  # bytes: a member's name, address and heartbeat
ROOM = 32 * 1024 * 1024  # bytes that one generation remembers; several times the largest real ring
TOKEN_TURNS = 8  # a member that did not change leaves its tokens untouched for some cycles


class EntryCache(Generic[T]):
    """Two generations: an entry that a cycle did not use is dropped after the next `turn`.

    Entries are found by their first `HEAD` bytes and then compared, which costs less than a hash of all
    bytes. Of two with the same beginning, the later one is kept. Those that are `hashed` are found by a hash
    with a secret key. Their bytes are dropped, since a ring's tokens would be as large as the ring.
    """

    def __init__(self, *, hashed: bool = False) -> None:
        self._name: Callable[[bytes], Hashable] = hash if hashed else itemgetter(slice(HEAD))
        self._hashed = hashed
        self._room = ROOM
        self._new: dict[Hashable, tuple[bytes | None, T]] = {}
        self._old: dict[Hashable, tuple[bytes | None, T]] = {}

    def get(self, raws: Sequence[bytes]) -> list[T | None]:
        """What each of these very bytes gave, `None` where they are new."""
        new = self._new
        return [
            known[1]
            if (known := new.get(name) or self._renewed(name)) and (known[0] is None or known[0] == raw)
            else None
            for name, raw in zip(map(self._name, raws), raws, strict=True)
        ]

    def _renewed(self, name: Hashable) -> tuple[bytes | None, T] | None:
        """The entry of the previous generation, moved into this one."""
        known = self._old.get(name)
        if known is not None:
            self._new[name] = known
        return known

    def put(self, raw: bytes, found: T) -> None:
        """Cache what these bytes gave while there is room: one process must not fill the memory."""
        self._room -= len(raw)
        if self._room >= 0:
            self._new[self._name(raw)] = (None if self._hashed else raw), found

    def turn(self) -> None:
        """Start a new generation."""
        self._old, self._new, self._room = self._new, {}, ROOM

    def each(self, raws: Sequence[bytes], decode: Callable[[list[bytes]], Sequence[T]]) -> list[T]:
        """What each of `raws` gives; those that are new are decoded all at once."""
        found = self.get(raws)
        new = [raw for raw, value in zip(raws, found, strict=True) if value is None]
        fresh = decode(new) if new else ()
        for raw, value in zip(new, fresh, strict=True):
            self.put(raw, value)
        left = iter(fresh)
        return [next(left) if value is None else value for value in found]


class MemberCache:
    """What one exporter caches. Members have their sorted tokens, one list for all views of a member.

    The key of `members` is an entry of a stored value, that of `shards` a member's text on a ring page. That
    of `rows` is a member's row in a table without its heartbeat. That of `json_tokens` and `packed_tokens` is
    a list of tokens as it stands there.
    """

    def __init__(self) -> None:
        self.members: EntryCache[Member] = EntryCache()
        self.shards: EntryCache[Member] = EntryCache()
        self.rows: EntryCache[Member] = EntryCache()
        self.json_tokens: EntryCache[Tokens] = EntryCache(hashed=True)
        self.packed_tokens: EntryCache[Tokens] = EntryCache(hashed=True)
        self.token_lists = SharedLists()
        self._lists: EntryCache[tuple[GossipMember, ...]] = EntryCache(hashed=True)
        self._turns = 0
        # The list of the last /memberlist page, and its members: most processes show the same list.
        self.last_list: tuple[bytes, tuple[GossipMember, ...]] = (b"", ())

    def member_list(self, raw: bytes) -> tuple[GossipMember, ...] | None:
        """The members that this very list of a /memberlist page gave, `None` where it is new."""
        (found,) = self._lists.get([raw])
        if found is not None:
            self.last_list = raw, found
        return found

    def put_member_list(self, raw: bytes, members: tuple[GossipMember, ...]) -> None:
        """Remember what this list gave."""
        self._lists.put(raw, members)
        self.last_list = raw, members

    def turn(self) -> None:
        """Start a new generation; call it between cycles."""
        self.members.turn()
        self.shards.turn()
        self.rows.turn()
        self._lists.turn()
        self._turns += 1
        if self._turns % TOKEN_TURNS == 0:
            self.json_tokens.turn()
            self.packed_tokens.turn()
