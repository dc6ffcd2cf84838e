"""The tokens of a ring's members as a page showed them not long ago, for a page that leaves them out.

With tokens a ring page has 5.5 KB for each member, without them 0.5 KB. A member has the same tokens as
before if it has the same address, zone, registration and number of tokens. The products choose a member's
tokens once, when it registers. Where two members share tokens, they remove them from one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from weakref import WeakValueDictionary

from exporter.model.entry import Member, Tokens
from exporter.model.pages import Ring

Fields = tuple[str, str, float | None, Tokens]  # address, zone, registration, tokens


class TokenLists:
    """The tokens of each member of one page, by the member's id."""

    __slots__ = ("__weakref__", "members")

    def __init__(self, members: Mapping[str, Fields]) -> None:
        self.members = members

    def filled(self, ring: Ring) -> Ring | None:
        """The ring with these tokens; `None` where a member is new, was registered anew, or has another
        number of tokens. Tokens that the page does show stay.
        """
        found = {}
        for m in ring.members.values():
            fields = self.members.get(m.id)
            if fields is None or not _is_same(m, fields):
                return None
            found[m.id] = (
                m
                if m.tokens.digest is not None
                else Member(m.id, m.address, m.state, m.zone, m.time, m.registered, m.read_only, fields[3])
            )
        return Ring(MappingProxyType(found), ring.now)


class SharedLists:
    """The lists of many processes, one object where they are equal: nearly all show the same ring."""

    def __init__(self) -> None:
        self._lists: WeakValueDictionary[int, TokenLists] = WeakValueDictionary()

    def of(self, ring: Ring) -> TokenLists:
        """The tokens of a ring that was read with them."""
        members = {m.id: (m.address, m.zone, m.registered, m.tokens) for m in ring.members.values()}
        name = hash(frozenset(members.items()))
        known = self._lists.get(name)
        if known is None or known.members != members:
            known = self._lists[name] = TokenLists(members)
        return known


def _is_same(member: Member, fields: Fields) -> bool:
    address, zone, registered, tokens = fields
    same = member.address == address and member.zone == zone and member.registered == registered
    return same and member.tokens.count == tokens.count
