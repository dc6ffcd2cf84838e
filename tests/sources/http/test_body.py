"""Bodies, however they are cut on the way."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import FetchError
from exporter.model.pages import Reason
from exporter.sources.http.body import Body


def _fed(chunks: list[bytes], cap: int = 10_000_000, encoding: str = "gzip") -> bytes:
    body = Body(cap, encoding)
    for chunk in chunks:
        body.feed(chunk)
    return body.finish()


def _cut(packed: bytes, size: int) -> list[bytes]:
    return [packed[at : at + size] for at in range(0, len(packed), size)]


@given(st.binary(max_size=2000), st.integers(1, 300), st.integers(1, 3))
def test_any_cut_of_gzip_members_gives_the_same_body(raw: bytes, size: int, members: int) -> None:
    assert _fed(_cut(gzip.compress(raw) * members, size)) == raw * members


@pytest.mark.parametrize("size", [262_143, 262_144, 262_145, 524_288, 3_000_001])
def test_a_body_around_the_inner_step_is_whole(size: int) -> None:
    assert _fed(_cut(gzip.compress(bytes(size)), 100)) == bytes(size)


@given(st.binary(min_size=1, max_size=500), st.integers(1, 20))
def test_a_gzip_that_ends_early_is_never_a_body(raw: bytes, missing: int) -> None:
    packed = gzip.compress(raw)
    with pytest.raises(FetchError) as raised:
        _fed([packed[: max(1, len(packed) - missing)]])
    assert raised.value.reason is Reason.CLOSED


@given(st.binary(min_size=20, max_size=500), st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_gzip_is_refused_or_the_same_body(raw: bytes, at: int, change: int) -> None:
    packed = bytearray(gzip.compress(raw))
    packed[at % len(packed)] ^= change
    try:
        assert _fed([bytes(packed)]) == raw
    except FetchError as error:
        assert error.reason in {Reason.DECODE, Reason.CLOSED}


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_an_uncompressed_body_is_taken_as_it_is(encoding: str) -> None:
    assert _fed([b"a", b"", b"b"], encoding=encoding) == b"ab"


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_no_bytes_are_an_empty_body(encoding: str) -> None:
    assert _fed([], encoding=encoding) == b""


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd", "not-gzip"])
def test_what_we_did_not_ask_for_is_refused(encoding: str) -> None:
    with pytest.raises(FetchError) as raised:
        Body(10, encoding)
    assert raised.value.reason is Reason.DECODE
