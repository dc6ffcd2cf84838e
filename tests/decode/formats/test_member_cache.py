"""A cache changes what decoding costs, never what it gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.formats import ring_pb2
from exporter.decode.formats.member_cache import HEAD, ROOM, EntryCache, MemberCache
from exporter.decode.formats.tokens import PIECE
from exporter.decode.ring_page import decode_ring
from exporter.decode.value import decode_value
from exporter.errors import DecodeError
from exporter.model.entry import Tokens
from exporter.model.pages import Ring
from exporter.products.ring_pages import has_partitions
from tests.decode.pages import varint
from tests.decode.recorded import answers


def _decoded(body: bytes, decode: Callable[..., object], **more: object) -> object:
    try:
        return decode(body, **more)
    except DecodeError:
        return DecodeError


def test_recorded_rings_are_the_same_with_and_without(shared: Path) -> None:
    cache, seen = MemberCache(), 0
    for answer in answers(shared):
        key = answer.query("downloadKey")
        if key and not has_partitions(key):
            assert decode_value(key, answer.body, cache=cache) == decode_value(key, answer.body), answer.where
            seen += 1
        elif answer.page.endswith("/ring") and answer.body.startswith(b"{"):
            assert decode_ring(answer.body, cache=cache) == decode_ring(answer.body), answer.where
            seen += 1
    assert seen > 100


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_bytes_that_are_no_ring_are_refused_alike(first: bytes, second: bytes) -> None:
    cache = MemberCache()
    for body in (first, second, first):
        with_memo = _decoded(body, lambda b, **m: decode_value("collectors/ring", b, **m), cache=cache)
        without = _decoded(body, lambda b, **m: decode_value("collectors/ring", b, **m))
        assert (with_memo is DecodeError) == (without is DecodeError)


def entry(name: str, beat: int, *, again: str = "", tokens: bytes = b"\x01\x80\x02" * 99) -> bytes:
    """One entry of a stored ring, as gogo-proto writes it; `again` is a second name in it."""
    member = ring_pb2.InstanceDesc(addr=f"{name}:9095", timestamp=beat, tokens=[tokens])
    value = member.SerializeToString()
    key = b"\x0a%c%b" % (len(name), name.encode())
    more = b"\x0a%c%b" % (len(again), again.encode()) if again else b""
    body = key + b"\x12" + varint(len(value)) + value + more
    return b"\x0a" + varint(len(body)) + body


names = st.sampled_from(("a", "b", "ingester-zone-a-0"))
entries = st.builds(
    lambda name, beat, again: entry(name, beat, again=again),
    names,
    st.integers(1, 3),
    st.one_of(st.just(""), st.just(""), names),
)


@given(st.lists(st.lists(entries, max_size=5), min_size=1, max_size=5))
def test_entries_that_come_again_or_twice_or_with_two_names_are_read_as_without(
    rings: list[list[bytes]],
) -> None:
    cache, tokens = MemberCache(), EntryCache[Tokens](hashed=True)
    for some in rings:
        body = bytes(cramjam.snappy.compress_raw(b"".join(some)))
        expected = decode_value("collectors/ring", body)
        assert decode_value("collectors/ring", body, cache=cache) == expected
        assert decode_value("collectors/ring", body, cache=tokens) == expected


def stored(*some: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(b"".join(some)))


def test_of_an_entry_that_comes_again_far_behind_the_last_counts() -> None:
    between = [entry(f"member-{number}", 5) for number in range(2 * PIECE // 300)]
    ring = decode_value("collectors/ring", stored(entry("a", 1), *between, entry("a", 2)))
    assert isinstance(ring, Ring)
    assert (len(ring.members), ring.members["a"].time) == (len(between) + 1, 2)


def test_members_share_their_tokens_with_an_earlier_reading_unless_they_are_others() -> None:
    known: EntryCache[Tokens] = EntryCache(hashed=True)
    rings = []
    for body in (stored(entry("a", 1)), stored(entry("a", 2)), stored(entry("a", 3, tokens=b"\x01"))):
        ring = decode_value("collectors/ring", body, cache=known)
        assert isinstance(ring, Ring)
        assert ring == decode_value("collectors/ring", body)
        rings.append(ring.members["a"].tokens)
        known.turn()
    assert rings[1] is rings[0]
    assert rings[2] == Tokens(1, rings[2].digest)
    assert rings[2].packed == b"\x01\0\0\0"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_things_that_begin_alike_are_told_apart(order: list[tuple[int, int]]) -> None:
    """The same first bytes, and what is behind them."""
    known: EntryCache[str] = EntryCache()
    for head, tail in order:
        raws = [bytes([head]) * (HEAD + 1) + bytes([n]) for n in (tail, head)]
        found = known.each(raws, lambda new: [raw.hex() for raw in new])
        assert found == [raw.hex() for raw in raws]
        known.turn()


def test_a_member_that_is_not_seen_for_a_cycle_is_forgotten() -> None:
    cache, body = MemberCache(), b'{"shards":[{"id":"a","tokens":[1]}],"now":"2026-11-21T01:00:00Z"}'
    ring = decode_ring(body, cache=cache)
    assert ring is not None
    raw = b'"a","tokens":[1]'
    cache.turn()
    assert cache.shards.get([raw]) == [ring.members["a"]]
    cache.turn()
    cache.turn()
    assert cache.shards.get([raw]) == [None]


def test_a_member_named_twice_is_refused_with_a_memo_too() -> None:
    body = b'{"shards":[{"id":"a"},{"id":"a"}]}'
    with pytest.raises(DecodeError, match="twice"):
        decode_ring(body, cache=MemberCache())


def test_a_generation_remembers_no_more_than_it_has_room_for_and_the_next_one_has_room_again() -> None:
    known: EntryCache[int] = EntryCache()
    large = [bytes([n]) * (ROOM // 2) for n in range(3)]
    for number, raw in enumerate(large):
        known.put(raw, number)
    assert known.get(large) == [0, 1, None]
    known.turn()
    known.put(large[2], 2)
    assert known.get(large[2:]) == [2]
