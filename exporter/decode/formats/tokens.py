"""Tokens: packed varints and JSON lists to digests and sorted arrays, a complete ring at once.

A ring of 3,000 members has 1.5 million tokens; one Python object for each would cost the cycle. The digest is
blake2b with 8 bytes over the sorted tokens as little-endian uint32. So equal tokens have equal digests, from
every kind of page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

from exporter.errors import DecodeError
from exporter.model.entry import Tokens

Uints = npt.NDArray[np.uint32]
Bounds = npt.NDArray[np.int64]

MAX_BYTES = 2 * 1024 * 1024  # of one member's tokens: some hundred times what the products let one have
PIECE = 128 * 1024  # of several members, read together: a dozen arrays of it stay small
_NOT_LAST = bytes(range(0x80, 0x100))  # a varint's byte with its high bit set: more follows
_MASKS = np.array([(1 << 8 * (length + 1)) - 1 for length in range(5)], np.uint64)  # by length less one
_TOKEN_LIST = list[int] | None


def count_json(raw: bytes) -> Tokens:
    """How many tokens a JSON list has, without reading them."""
    inner = raw.strip(b"[] \t\r\n")
    return Tokens(0 if inner in {b"", b"null"} else inner.count(b",") + 1)


def tokens_of_packed(lists: Sequence[bytes], *, place: str) -> list[Tokens]:
    """Tokens of many members, each the packed varints of one."""
    found: list[Tokens] = []
    for some in _of_members(lists, place):
        data = b"".join(some)
        counts = np.fromiter((len(part.translate(None, _NOT_LAST)) for part in some), np.int64, len(some))
        if any(part and part[-1] & 0x80 for part in some):
            raise DecodeError(f"{place}: a number without its end, expected packed uint32")
        found += _finish(_varints(data, place), counts)
    return found


def tokens_of_json(lists: Sequence[bytes], *, place: str) -> list[Tokens]:
    """Tokens of many members, each a JSON list of numbers or null."""
    found: list[Tokens] = []
    for some in _of_members(lists, place):
        arrays = [_numbers(raw, place) for raw in some]
        counts = np.fromiter((array.size for array in arrays), np.int64, len(arrays))
        found += _finish(np.concatenate(arrays), counts)
    return found


def in_pieces(parts: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Some at a time: what is made of them stays small, whatever a page claims, and fits into a processor's
    cache.
    """
    start = size = 0
    for at, part in enumerate(parts):
        if size > PIECE:
            yield parts[start:at]
            start, size = at, 0
        size += len(part)
    if start < len(parts):
        yield parts[start:]


def _of_members(lists: Sequence[bytes], place: str) -> Iterator[Sequence[bytes]]:
    for some in in_pieces(lists):
        if (longest := max(map(len, some))) > MAX_BYTES:
            raise DecodeError(f"{place}: {longest} bytes of one member, expected at most {MAX_BYTES}")
        yield some


def _varints(data: bytes, place: str) -> Uints:
    """All varints of the data, as uint32; a token has five bytes at most."""
    octets = np.frombuffer(data + bytes(8), np.uint8)
    ends = np.flatnonzero(octets[: len(data)] < 0x80)
    starts = np.empty_like(ends)
    starts[:1], starts[1:] = 0, ends[:-1] + 1
    lengths = ends - starts
    if lengths.size and (lengths.max() > 4 or bool(np.any(octets[ends[lengths == 4]] > 0x0F))):
        raise DecodeError(f"{place}: a number above 4294967295, expected uint32")
    # One read of eight bytes at each token's start, cut to its length, seven bits of each byte kept.
    words = np.ndarray((len(data),), "<u8", octets, strides=(1,))[starts] & _MASKS[lengths]
    values = words & np.uint64(0x7F)
    for nth in range(1, 5):
        values |= (words >> np.uint64(nth)) & np.uint64(0x7F << (7 * nth))
    found: Uints = values.astype(np.uint32)
    return found


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


def _finish(flat: Uints, counts: Bounds) -> list[Tokens]:
    """One `Tokens` for each member's stretch of `flat`."""
    bounds = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    jumbled = _jumbled(flat, bounds[:-1], bounds[1:])
    data = flat.astype("<u4", copy=False).tobytes()
    edges = (bounds * 4).tolist()
    parts = (data[start:end] for start, end in pairwise(edges))
    return [_tokens(part, mixed) for part, mixed in zip(parts, jumbled, strict=True)]


def _jumbled(flat: Uints, starts: Bounds, ends: Bounds) -> list[bool]:
    """Whether each stretch is out of order; pages list tokens in order, but no rule requires it."""
    falls = np.zeros(flat.size + 1, np.int64)
    np.cumsum(flat[1:] < flat[:-1], out=falls[1 : flat.size] if flat.size else None)
    inside = falls[np.maximum(ends - 1, starts)] - falls[starts]
    found: list[bool] = ((inside > 0) & (ends > starts)).tolist()
    return found


def _tokens(data: bytes, jumbled: bool) -> Tokens:
    if jumbled:
        data = np.sort(np.frombuffer(data, "<u4")).tobytes()
    digest = hashlib.blake2b(data, digest_size=8).digest()
    return Tokens(len(data) // 4, digest, data)
