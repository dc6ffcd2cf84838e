"""A memo changes what decoding costs, never what it gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.memo import Memo
from exporter.decode.ring import decode_ring
from exporter.decode.value import decode_value, kind_of
from exporter.errors import DecodeError
from tests.decode.recorded import answers


def _decoded(body: bytes, decode: Callable[..., object], **more: object) -> object:
    try:
        return decode(body, **more)
    except DecodeError:
        return DecodeError


def test_recorded_rings_are_the_same_with_and_without(shared: Path) -> None:
    memo, seen = Memo(), 0
    for answer in answers(shared):
        key = answer.query("downloadKey")
        if key and kind_of(key) == "ring":
            assert decode_value(key, answer.body, memo=memo) == decode_value(key, answer.body), answer.where
            seen += 1
        elif answer.page.endswith("/ring") and answer.body.startswith(b"{"):
            assert decode_ring(answer.body, memo=memo) == decode_ring(answer.body), answer.where
            seen += 1
    assert seen > 100


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_bytes_that_are_no_ring_are_refused_alike(first: bytes, second: bytes) -> None:
    memo = Memo()
    for body in (first, second, first):
        with_memo = _decoded(body, lambda b, **m: decode_value("collectors/ring", b, **m), memo=memo)
        without = _decoded(body, lambda b, **m: decode_value("collectors/ring", b, **m))
        assert (with_memo is DecodeError) == (without is DecodeError)


def test_a_member_that_is_not_seen_for_a_cycle_is_forgotten() -> None:
    memo, body = Memo(), b'{"shards":[{"id":"a","tokens":[1]}],"now":"2026-11-21T01:00:00Z"}'
    ring = decode_ring(body, memo=memo)
    assert ring is not None
    raw = b'{"id":"a","tokens":[1]}'
    memo.turn()
    assert memo.get(raw) is ring.members["a"]
    memo.turn()
    memo.turn()
    assert memo.get(raw) is None


def test_a_member_named_twice_is_refused_with_a_memo_too() -> None:
    body = b'{"shards":[{"id":"a"},{"id":"a"}]}'
    with pytest.raises(DecodeError, match="twice"):
        decode_ring(body, memo=Memo())
