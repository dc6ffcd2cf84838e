"""Tokens of a complete ring against one another, of members that keep theirs `packed`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from exporter.model.entry import State, Tokens
from exporter.model.pages import Ring

T = TypeVar("T")
Uints = npt.NDArray[np.uint32]
RING_SIZE = 2**32
LISTS = 8  # rings with the tokens of an earlier cycle: they move only when members come and go


Lists = Mapping[str, Tokens]  # of each member that owns tokens, by its id


def owned_lists(ring: Ring) -> Lists | None:
    """The token lists of the members that own any, without read-only members and tombstones. `None` where
    a list is missing.
    """
    owning = [m for m in ring.without_tombstones().values() if m.own_state is not State.READ_ONLY]
    if any(m.tokens.count and m.tokens.packed is None for m in owning):
        return None
    return {m.id: m.tokens for m in owning if m.tokens.packed is not None}


class Recent(Generic[T]):
    """The last few results, by the digests of their lists. The lists of a large ring are megabytes, and a
    result that referred to them would keep them from one cycle to the next.
    """

    def __init__(self) -> None:
        self._recent: dict[bytes, T] = {}

    def of(self, lists: Lists, make: Callable[[Lists], T]) -> T:
        """What these lists give."""
        key = _digest(lists)
        found = self._recent.pop(key, None)
        self._recent[key] = make(lists) if found is None else found
        while len(self._recent) > LISTS:
            del self._recent[next(iter(self._recent))]
        return self._recent[key]

    def forget(self) -> None:
        """Forget all."""
        self._recent.clear()


def _digest(lists: Lists) -> bytes:
    digest = blake2b(digest_size=16)
    for name, each in lists.items():
        digest.update(f"{len(name)} {each.count} {name}".encode() + (each.digest or b""))
    return digest.digest()


_CONFLICTS: Recent[int] = Recent()
_CLAIMANTS: Recent[tuple[str, ...]] = Recent()
_SHARES: Recent[Mapping[str, float]] = Recent()


def count_conflicts(lists: Lists) -> int:
    """How many token values more than one member claims.

    A value that one member lists twice is no conflict, one that three members claim is one. 3,000
    members of 512 tokens take some tens of milliseconds.
    """
    return _CONFLICTS.of(lists, _conflicts)


def claimants(lists: Lists) -> tuple[str, ...]:
    """The members that claim a token which another member claims too, by their ids."""
    return _CLAIMANTS.of(lists, _claimants) if count_conflicts(lists) else ()


def _claimants(lists: Lists) -> tuple[str, ...]:
    tokens, owner = _sorted_with_owner([_once(each) for each in _arrays(lists)])
    again = tokens[1:] == tokens[:-1]
    names = tuple(lists)
    return tuple(sorted(names[n] for n in {*owner[1:][again].tolist(), *owner[:-1][again].tolist()}))


def _conflicts(lists: Lists) -> int:
    members = _arrays(lists)
    if not members:
        return 0
    everything = np.concatenate([_once(tokens) for tokens in members])
    everything.sort()
    again = everything[1:] == everything[:-1]
    # A value claimed by n members shows n - 1 times in a row: it counts where the run begins.
    return int(np.count_nonzero(again[1:] & ~again[:-1])) + int(again[:1].any())


def shares(lists: Lists) -> Mapping[str, float]:
    """What part of the ring each member owns, 0 to 1, around the circle of 2^32. A token owns the stretch up
    to it from the previous one. A token that several claim counts for one of them.
    """
    return _SHARES.of({name: each for name, each in lists.items() if each.count}, _shares)


def _shares(lists: Lists) -> Mapping[str, float]:
    if not lists:
        return MappingProxyType({})
    tokens, owner = _sorted_with_owner(_arrays(lists))
    stretch = (tokens - np.roll(tokens, 1)).astype(np.float64)  # around the circle, as uint32 counts
    stretch[0] = stretch[0] or RING_SIZE  # where there is one value only, it owns everything
    owned = np.bincount(owner, weights=stretch, minlength=len(lists)) / RING_SIZE
    return MappingProxyType(dict(zip(lists, owned.tolist(), strict=True)))


def _sorted_with_owner(members: list[Uints]) -> tuple[Uints, Uints]:
    """All tokens in order, and beside each the number of the member that lists it."""
    tokens = np.concatenate(members)
    owner = np.repeat(np.arange(len(members), dtype=np.uint32), [each.size for each in members])
    order = np.argsort(tokens, kind="stable")
    return tokens[order], owner[order]


def forget() -> None:
    """Drop all results, for a measurement."""
    _CONFLICTS.forget()
    _CLAIMANTS.forget()
    _SHARES.forget()


def _arrays(lists: Lists) -> list[Uints]:
    return [np.frombuffer(each.packed or b"", "<u4") for each in lists.values()]


def _once(tokens: Uints) -> Uints:
    """Each of a member's tokens once; they are sorted already, and mostly without repeats."""
    repeats = tokens[1:] == tokens[:-1]
    return tokens[np.concatenate(([True], ~repeats))] if repeats.any() else tokens
