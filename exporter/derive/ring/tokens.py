"""Tokens of a whole ring against one another. `packed` is as `exporter.model.pages.Tokens` keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np

RING_SIZE = 2**32
LISTS = 8  # rings whose tokens are as in an earlier cycle: they move only when members come and go


def count_conflicts(packed: Iterable[bytes]) -> int:
    """How many token values more than one member claims; each item is one member's tokens.

    A value that one member lists twice is no conflict, one that three members claim is one. 3,000
    members of 512 tokens take some tens of milliseconds.
    """
    return _conflicts(tuple(packed))


@lru_cache(maxsize=LISTS)
def _conflicts(packed: tuple[bytes, ...]) -> int:
    members = [np.frombuffer(part, "<u4") for part in packed]
    if not members:
        return 0
    everything = np.sort(np.concatenate([_once(tokens) for tokens in members]))
    again = everything[1:] == everything[:-1]
    # A value claimed by n members shows n - 1 times in a row: it counts where the run begins.
    return int(np.count_nonzero(again[1:] & ~again[:-1])) + int(again[:1].any())


def shares(packed: Mapping[str, bytes]) -> Mapping[str, float]:
    """What part of the ring each member owns, 0 to 1: a token owns the stretch up to it from the one
    before, around the circle of 2^32. Of a token that several claim, one of them is said to own it.
    """
    return _shares(tuple((name, part) for name, part in packed.items() if part))


@lru_cache(maxsize=LISTS)
def _shares(packed: tuple[tuple[str, bytes], ...]) -> Mapping[str, float]:
    if not packed:
        return MappingProxyType({})
    names = [name for name, _ in packed]
    lists = [np.frombuffer(part, "<u4") for _, part in packed]
    tokens = np.concatenate(lists).astype(np.int64)
    owner = np.repeat(np.arange(len(names)), [part.size for part in lists])
    order = np.argsort(tokens, kind="stable")
    tokens, owner = tokens[order], owner[order]
    stretch = np.diff(tokens, prepend=tokens[-1] - RING_SIZE)
    owned = np.bincount(owner, weights=stretch, minlength=len(names)) / RING_SIZE
    return MappingProxyType(dict(zip(names, owned.tolist(), strict=True)))


def forget() -> None:
    """Forget what was counted before, for who measures it."""
    _conflicts.cache_clear()
    _shares.cache_clear()


def _once(tokens: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Each of a member's tokens once; they are sorted already, and mostly without repeats."""
    repeats = tokens[1:] == tokens[:-1]
    return tokens[np.concatenate(([True], ~repeats))] if repeats.any() else tokens
