"""Rows of a ring page in HTML that were decoded before: they cost less, and give the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode import ring_page
from exporter.decode.formats.member_cache import MemberCache
from exporter.decode.ring_page import decode_ring
from exporter.errors import DecodeError
from exporter.products.ring_pages import RING_PAGES
from tests.decode.recorded import answers

CLOCK = 1_795_223_000.0


def result(body: bytes, cache: MemberCache | None = None) -> object:
    try:
        return decode_ring(body, clock=CLOCK, cache=cache)
    except DecodeError as error:
        return str(error)


def test_every_recorded_page_is_the_same_from_remembered_rows(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {page.path for page in RING_PAGES if not page.partitions}
    pages = [a for a in answers(shared) if a.path in paths and a.body.lstrip().startswith(b"<")]
    cache, expected = MemberCache(), [result(page.body) for page in pages]
    assert [result(page.body, cache) for page in pages] == expected
    slow = []
    monkeypatch.setattr(ring_page, "_from_html", lambda body, clock: slow.append(body) or _never(body, clock))
    found = [result(page.body, cache) for page in pages]
    fast = [number for number, page in enumerate(pages) if page.body not in slow]
    assert [found[number] for number in fast] == [expected[number] for number in fast]
    assert len(fast) > 50


def _never(*_: object) -> None:
    raise DecodeError("decoded anew")


HEAD = "<th>Instance ID</th><th>State</th><th>Address</th><th>Last Heartbeat</th><th>Tokens</th>"
cells = st.sampled_from(
    ("a", "b", "ACTIVE", "LEAVING", "9", "5s ago (01:00:00)", " ago (", "a ago (b", "", "&lt;x", "é")
)
beats = st.sampled_from(
    (
        "5s ago (01:00:00)",
        "9s ago (00:59:56.5)",
        "5m ago (00:55:00)",
        "ago (",
        "",
        "2026-11-21 01:00:00 +0000 UTC",
    )
)
rows = st.builds(
    lambda name, state, address, beat, tokens, more: (
        f"<tr{more}><td>{name}</td><td>{state}</td><td>{address}</td><td> {beat} </td><td>{tokens}</td></tr>"
    ),
    cells, st.sampled_from(("ACTIVE", "LEFT")), cells, beats, st.sampled_from(("1", "2", "x")),
    st.sampled_from(("", ' bgcolor="#BEBEBE"', " ")),
)  # fmt: skip
heads = st.sampled_from((HEAD, HEAD.replace("<th>Tokens</th>", ""), HEAD.replace("State", "Address", 1)))
ends = st.sampled_from(("</html>", "</html>\n", "</HTML>", "", "<tr><td>late</td></tr></html>"))
pages = st.builds(
    lambda head, found, end, clock: (
        f"<html>{clock}<table><tr>{head}</tr>{''.join(found)}</table>{end}".encode()
    ),
    heads, st.lists(rows, max_size=4), ends,
    st.sampled_from(("", "<p>Current time: 2026-11-21 01:00:05 +0000 UTC</p>")),
)  # fmt: skip


@given(st.lists(pages, min_size=1, max_size=6))
def test_whatever_pages_come_one_after_another_each_is_read_as_without(shown: list[bytes]) -> None:
    cache = MemberCache()
    for body in (*shown, *shown):
        assert result(body, cache) == result(body)


@given(st.binary(max_size=120), st.binary(max_size=120))
def test_bytes_that_are_no_page_are_refused_alike(first: bytes, second: bytes) -> None:
    cache = MemberCache()
    for body in (b"<" + first, b"<tr" + second + b"</html>", b"<" + first):
        assert result(body, cache) == result(body)
