"""Tokens: packed varints and JSON lists to counts, digests and sorted arrays, a whole ring at once.

A ring of 3,000 members has 1.5 million tokens; one Python object for each would cost the cycle. The
digest is blake2b with 8 bytes over the sorted tokens as little-endian uint32, so that equal tokens
have equal digests whatever page they came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

from exporter.errors import DecodeError
from exporter.model import Tokens

Uints = npt.NDArray[np.uint32]

_NOT_LAST = bytes(range(0x80, 0x100))  # a varint's byte with its high bit set: more follows
_TOKEN_LIST = list[int] | None


def count_packed(packed: bytes) -> Tokens:
    """How many tokens there are, without reading them."""
    return Tokens(len(packed.translate(None, _NOT_LAST)))


def count_json(raw: bytes) -> Tokens:
    """How many tokens a JSON list has, without reading them."""
    inner = raw.strip(b"[] \t\r\n")
    return Tokens(0 if inner in {b"", b"null"} else inner.count(b",") + 1)


def tokens_of_packed(lists: Sequence[bytes], *, keep: bool, place: str) -> list[Tokens]:
    """Tokens of many members, each the packed varints of one. `keep` keeps the sorted tokens too."""
    data = b"".join(lists)
    counts = np.fromiter((len(part.translate(None, _NOT_LAST)) for part in lists), np.int64, len(lists))
    if any(part and part[-1] & 0x80 for part in lists):
        raise DecodeError(f"{place}: a number without its end, expected packed uint32")
    return _finish(_varints(data, place), counts, keep=keep)


def tokens_of_json(lists: Sequence[bytes], *, keep: bool, place: str) -> list[Tokens]:
    """Tokens of many members, each a JSON list of numbers or null."""
    arrays = [_numbers(raw, place) for raw in lists]
    counts = np.fromiter((array.size for array in arrays), np.int64, len(arrays))
    flat = np.concatenate(arrays) if arrays else np.empty(0, np.uint32)
    return _finish(flat, counts, keep=keep)


def tokens_of_numbers(numbers: Sequence[int], *, keep: bool, place: str) -> Tokens:
    """Tokens of one member as plain numbers: the encoding nobody uses, and a test's way in."""
    return _finish(_array(list(numbers), place), np.array([len(numbers)]), keep=keep)[0]


def _varints(data: bytes, place: str) -> Uints:
    """All varints of the data, as uint32; a token has five bytes at most."""
    octets = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(octets < 0x80)
    starts = np.empty_like(ends)
    starts[:1], starts[1:] = 0, ends[:-1] + 1
    lengths = ends - starts
    if lengths.size and (lengths.max() > 4 or bool(np.any(octets[ends[lengths == 4]] > 0x0F))):
        raise DecodeError(f"{place}: a number above 4294967295, expected uint32")
    padded = np.concatenate((octets, np.zeros(4, np.uint8)))
    values = (padded[starts] & 0x7F).astype(np.uint32)
    for nth in range(1, 5):
        more = (padded[starts + nth] & 0x7F).astype(np.uint32)
        more[lengths < nth] = 0
        values |= more << np.uint32(7 * nth)
    return values


def _numbers(raw: bytes, place: str) -> Uints:
    try:
        return _array(msgspec.json.decode(raw, type=_TOKEN_LIST) or [], place)
    except (ValueError, RecursionError):
        raise DecodeError(f"{place}: expected a list of numbers") from None


def _array(numbers: list[int], place: str) -> Uints:
    try:
        return np.array(numbers, np.uint32)
    except (OverflowError, ValueError, TypeError):
        raise DecodeError(f"{place}: a number outside 0 to 4294967295, expected uint32") from None


def _finish(flat: Uints, counts: npt.NDArray[np.int64], *, keep: bool) -> list[Tokens]:
    """One `Tokens` for each member's stretch of `flat`."""
    bounds = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts))).tolist()
    unsorted = flat[1:] < flat[:-1] if flat.size else np.empty(0, np.bool_)
    falls = np.concatenate((np.zeros(1, np.int64), np.cumsum(unsorted))).tolist()
    return [
        _tokens(flat[start:end], end > start and falls[end - 1] > falls[start], keep)
        for start, end in pairwise(bounds)
    ]


def _tokens(part: Uints, jumbled: bool, keep: bool) -> Tokens:
    """Pages list tokens in order; a list that is not gets sorted here."""
    data = (np.sort(part) if jumbled else part).astype("<u4", copy=False).tobytes()
    digest = hashlib.blake2b(data, digest_size=8).digest()
    return Tokens(part.size, digest, data if keep else None)
