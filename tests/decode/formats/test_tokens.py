"""Token lists at once: varints of every length, pieces, order."""

from __future__ import annotations

import struct
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.formats.tokens import count_json, tokens_of_json, tokens_of_packed
from exporter.errors import DecodeError
from exporter.model.entry import Tokens
from tests.decode import pages

# Every length of a varint, and both of its edges.
edges = st.sampled_from(
    [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000, 0xFFFFFFF, 0x10000000, 2**32 - 1]
)
lists = st.lists(st.lists(st.one_of(edges, pages.uint32), max_size=30), max_size=12)


def expected(tokens: list[int]) -> Tokens:
    data = struct.pack(f"<{len(tokens)}I", *sorted(tokens))
    return Tokens(len(tokens), blake2b(data, digest_size=8).digest(), data)


@given(lists)
def test_varints_of_many_members_decode_to_their_sorted_tokens(members: list[list[int]]) -> None:
    found = tokens_of_packed([pages.packed(tokens) for tokens in members], place="x")
    assert found == [expected(tokens) for tokens in members]
    assert [each.packed for each in found] == [expected(tokens).packed for tokens in members]


@given(lists)
def test_json_lists_give_the_same_tokens_as_varints(members: list[list[int]]) -> None:
    as_json = [str(tokens).encode() for tokens in members]
    found = tokens_of_json(as_json, place="x")
    assert found == tokens_of_packed([pages.packed(t) for t in members], place="x")
    assert [count_json(raw).count for raw in as_json] == list(map(len, members))


def test_null_and_nothing_are_no_tokens_with_the_digest_of_none() -> None:
    empty = expected([])
    assert tokens_of_json([b"null", b"[]"], place="x") == [empty, empty]
    assert tokens_of_packed([b""], place="x") == [empty]
    assert count_json(b"null") == count_json(b" [ ] ") == Tokens(0)


def test_members_of_many_megabytes_are_read_in_pieces_with_the_same_result() -> None:
    tokens = list(range(2**31, 2**31 + 100_000))  # half a megabyte each
    found = tokens_of_packed([pages.packed(tokens)] * 9, place="x")
    assert found == [expected(tokens)] * 9


@pytest.mark.parametrize(
    "raw", [b"[1,2,]", b"[1.5]", b'["1"]', b"{}", b"[null]", b"[true]", b"7", b"[-1]", b""]
)
def test_a_list_that_is_no_list_of_tokens_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError, match=r"^x: "):
        tokens_of_json([raw], place="x")
