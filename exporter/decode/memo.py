"""Members and token lists that were decoded before, by their bytes.

Every process shows the same ring, so a cycle over 300 processes decodes each member 300 times; its
bytes are equal but for the few views that are a heartbeat behind, and its tokens stay the same for as
long as it lives. Looking up costs a hash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from exporter.model import GossipMember, Member, Tokens

T = TypeVar("T")


class Known(Generic[T]):
    """Two generations: what a cycle did not use again is forgotten after the next `turn`."""

    def __init__(self) -> None:
        self._new: dict[bytes, T] = {}
        self._old: dict[bytes, T] = {}

    def get(self, raw: bytes) -> T | None:
        """What these very bytes gave, `None` where they are new."""
        found = self._new.get(raw)
        if found is None:
            found = self._old.get(raw)
            if found is not None:
                self._new[raw] = found
        return found

    def put(self, raw: bytes, found: T) -> None:
        """Remember what these bytes gave."""
        self._new[raw] = found

    def turn(self) -> None:
        """Start a new generation."""
        self._old, self._new = self._new, {}


def remembered(
    known: Known[T], raws: Sequence[bytes], decode: Callable[[list[bytes]], Sequence[T]]
) -> list[T]:
    """What each of `raws` gives; those that are new are decoded all at once."""
    found = {raw: known.get(raw) for raw in raws}
    new = [raw for raw, thing in found.items() if thing is None]
    for raw, fresh in zip(new, decode(new) if new else (), strict=True):
        known.put(raw, fresh)
        found[raw] = fresh
    return [thing for raw in raws if (thing := found[raw]) is not None]


class Memo:
    """What one exporter remembers. Members hold their sorted tokens, one list for all views of a member.

    `members` is by an entry of a page or a stored value, `json_tokens` and `packed_tokens` by a list of
    tokens as it stands there, `lists` (member lists of /memberlist) by the whole list.
    """

    def __init__(self) -> None:
        self.members: Known[Member] = Known()
        self.json_tokens: Known[Tokens] = Known()
        self.packed_tokens: Known[Tokens] = Known()
        self.lists: Known[tuple[GossipMember, ...]] = Known()

    def get(self, raw: bytes) -> Member | None:
        """The member that these very bytes gave, `None` where they are new."""
        return self.members.get(raw)

    def put(self, raw: bytes, member: Member) -> None:
        """Remember what these bytes gave."""
        self.members.put(raw, member)

    def turn(self) -> None:
        """Start a new generation; call it between cycles."""
        for known in (self.members, self.json_tokens, self.packed_tokens, self.lists):
            known.turn()
