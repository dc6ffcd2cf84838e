"""What a store reader gathers: decoded as it comes, bounded, half a store is no store."""

from __future__ import annotations

import pytest

from exporter.errors import FetchError
from exporter.model.pages import Outcome, Reason
from exporter.model.stores import Undecoded
from exporter.sources.stores import bounded_entries
from exporter.sources.stores.bounded_entries import Collected


def decode(key: str, value: bytes) -> str | Undecoded:
    return Undecoded(f"{key}: empty") if not value else value.decode().upper()


@pytest.mark.asyncio
async def test_values_are_decoded_as_they_come_and_their_bytes_let_go() -> None:
    found = Collected(decode)
    for key, value in (("a", b"x"), ("b", b""), ("folder/", b"")):
        found.add(key, value, 1)
        await found.settle()
        assert not found._pending
    await found.finish()
    read = found.ok("consul", ("",))
    assert (dict(read.values), dict(read.broken)) == ({"a": "X"}, {"b": "b: empty"})
    assert read.modified == {"a": 1, "b": 1}
    assert "a" in found
    assert "folder/" not in found


@pytest.mark.asyncio
async def test_of_a_key_that_comes_twice_the_last_value_counts() -> None:
    found = Collected(decode)
    for value in (b"", b"x", b"y", b""):
        found.add("a", value, 1)
        await found.finish()
        read = found.ok("consul", ("",))
        assert (dict(read.values), dict(read.broken)) == (
            ({"a": value.decode().upper()}, {}) if value else ({}, {"a": "a: empty"})
        )


def test_a_failure_gives_nothing_of_what_was_read() -> None:
    found = Collected(decode)
    found.add("a", b"x", 1)
    read = found.failed("consul", FetchError(Reason.TIMEOUT, "late"))
    assert (read.outcome, dict(read.values), read.detail) == (Outcome.FAILED, {}, "late")


@pytest.mark.asyncio
async def test_bounds_count_what_was_decoded_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_entries, "MAX_TOTAL", 10)
    found = Collected(decode)
    found.add("a", b"x" * 6, 1)
    await found.finish()
    found.add("a", b"x" * 8, 2)
    await found.finish()
    with pytest.raises(FetchError, match="more keys or bytes"):
        found.add("b", b"x" * 3, 1)
