"""Ring pages of dskit and Cortex, JSON and HTML, of every age."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.formats import bounds
from exporter.decode.formats.member_cache import MemberCache
from exporter.decode.ring_page import decode_ring
from exporter.errors import DecodeError
from exporter.model.entry import Member, State, Tokens
from tests.decode import pages
from tests.decode.pages import NOW, Made

SHOWN = (*pages.NUMBERS, State.UNHEALTHY)
MADE = Made("ingester-0", "10.0.0.1:9095", State.ACTIVE, "a", NOW - 5, NOW - 900, False, (7, 3))


def expected(made: Made, *, digest: bool, read_only: bool = True) -> Member:
    return Member(
        id=made.id,
        address=made.address,
        state=made.state,
        zone=made.zone,
        time=made.heartbeat or None,
        registered=made.registered or None,
        read_only=made.read_only and read_only,
        tokens=Tokens(len(made.tokens), made.digest if digest else None),
    )


def check(body: bytes, ring: Sequence[Made], *, digest: bool, read_only: bool) -> None:
    found = decode_ring(body)
    assert found is not None
    assert found.now == NOW
    assert dict(found.members) == {m.id: expected(m, digest=digest, read_only=read_only) for m in ring}


@given(pages.members(SHOWN))
def test_dskit_json_round_trip(ring: list[Made]) -> None:
    check(pages.dskit_json(ring), ring, digest=True, read_only=True)


@given(pages.members(SHOWN), pages.zones)
def test_cortex_json_round_trip_in_any_zone(ring: list[Made], zone: timezone) -> None:
    check(pages.cortex_json(ring, zone=zone), ring, digest=True, read_only=False)


@given(pages.members(SHOWN), pages.zones)
def test_cortex_html_round_trip_in_any_zone(ring: list[Made], zone: timezone) -> None:
    check(pages.cortex_html(ring, zone=zone), ring, digest=False, read_only=False)


@given(pages.members(SHOWN), pages.zones)
def test_dskit_html_round_trip_across_midnight_and_in_any_zone(ring: list[Made], zone: timezone) -> None:
    check(pages.dskit_html(ring, zone=zone), ring, digest=False, read_only=True)


def test_tokens_are_kept_in_order() -> None:
    found = decode_ring(pages.dskit_json([MADE]))
    assert found is not None
    assert found.members["ingester-0"].tokens.packed == b"\x03\0\0\0\x07\0\0\0"


def test_a_page_of_2020_has_fewer_columns_and_another_name_for_the_first() -> None:
    found = decode_ring(pages.cortex_html([MADE], old=True))
    assert found is not None
    member = found.members["ingester-0"]
    assert (member.address, member.zone, member.registered) == ("10.0.0.1:9095", "", None)
    assert (member.time, member.tokens) == (NOW - 5, Tokens(2))


def test_a_page_that_does_not_count_tokens_says_nothing_of_them() -> None:
    body = pages.cortex_html([MADE]).replace(b"<th>Tokens</th>", b"<th>Something</th>")
    found = decode_ring(body)
    assert found is not None
    assert found.members["ingester-0"].tokens == Tokens(-1)


@pytest.mark.parametrize("body", [b'{"shards":null,"now":"2026-11-21T01:44:43Z"}', pages.dskit_html([])])
def test_a_ring_without_members_is_empty_and_not_absent(body: bytes) -> None:
    found = decode_ring(body)
    assert found is not None
    assert not found.members
    assert found.now == NOW


def test_a_read_only_member_of_dskit_stays_active_and_one_of_cortex_has_the_state() -> None:
    dskit = decode_ring(
        b'{"shards":[{"id":"a","state":"ACTIVE","read_only":true,"tokens":[]}],"now":"2026-11-21T01:44:43Z"}'
    )
    cortex = decode_ring(
        b'{"shards":[{"id":"a","state":"READONLY","tokens":[]}],"now":"2026-11-21T01:44:43Z"}'
    )
    assert dskit is not None
    assert cortex is not None
    assert (dskit.members["a"].state, dskit.members["a"].read_only) == (State.ACTIVE, True)
    assert (cortex.members["a"].state, cortex.members["a"].read_only) == (State.READ_ONLY, False)


def test_a_state_that_is_new_to_us_is_unknown_and_not_active() -> None:
    found = decode_ring(b'{"shards":[{"id":"a","state":"DRAINING"},{"id":"b"}]}')
    assert found is not None
    assert {member.state for member in found.members.values()} == {State.UNKNOWN}


NOTICES = [
    b"<html><body><p>Compactor is not running yet.</p></body></html>",
    b"<html><body><p>Distributor is not running with global limits enabled</p></body></html>",
    b"<html><body><p>Alertmanager has no ring because sharding is disabled.</p></body></html>",
    b"\n<!DOCTYPE html><html><body><p>Ruler running with shards disabled</p></body></html>",
    b"ring is not enabled\n",
]


@pytest.mark.parametrize("body", NOTICES)
def test_a_notice_is_no_ring_here(body: bytes) -> None:
    assert decode_ring(body) is None


NO_RINGS = {
    "empty": (b"", "does not end in </html>"),
    "a login page": (
        b"<html><body>Sign-in is not configured <input name=user></body></html>",
        "no table with the columns Instance ID and State",
    ),
    "some other page": (
        b"<html><body><h1>Welcome</h1></body></html>",
        "no table with the columns Instance ID",
    ),
    "some other JSON": (b'{"status":"success","data":{}}', "missing required field `shards`"),
    "cut HTML": (pages.dskit_html([MADE])[:-40], "does not end in </html>"),
    "cut JSON": (pages.dskit_json([MADE])[:-40], "truncated"),
    "a member twice": (b'{"shards":[{"id":"a"},{"id":"a"}]}', "'a' twice"),
    "a member without a name": (b'{"shards":[{"id":""}]}', "id: empty, expected a name"),
    "a name of a megabyte": (b'{"shards":[{"id":"%s"}]}' % (b"a" * 1_000_000), "at most 512"),
    "a row that lacks a cell": (
        pages.dskit_html([MADE]).replace(b"\n  <td>2</td>", b""),
        "a row of 11 cells, expected 12",
    ),
    "a token above uint32": (b'{"shards":[{"id":"a","tokens":[4294967296]}]}', "expected uint32"),
    "a token below zero": (b'{"shards":[{"id":"a","tokens":[-1]}]}', "expected uint32"),
    "a token of a thousand digits": (
        b'{"shards":[{"id":"a","tokens":[%s]}]}' % (b"9" * 1000),
        "expected uint32",
    ),
    "tokens that are no list": (b'{"shards":[{"id":"a","tokens":{"1":2}}]}', "expected a list of numbers"),
    "a time of another calendar": (
        b'{"shards":[{"id":"a","timestamp":"2026-13-45T00:00:00Z"}]}',
        "expected a day of the calendar",
    ),
    "no time": (b'{"shards":[{"id":"a","timestamp":"NaN"}]}', "timestamp: 'NaN', expected a time"),
    "deep nesting": (b'{"shards":' + b"[" * 200_000, "nested too deeply"),
    "deep nesting in what is passed over": (b'{"x":' + b"[" * 200_000, "nested too deeply"),
    "bytes that are no UTF-8": (b'{"shards":[{"id":"\xff"}]}', "invalid start byte"),
    "half a surrogate": (b'{"shards":[{"id":"\\ud800x"}]}', "ring page"),
}


@pytest.mark.parametrize(("body", "message"), NO_RINGS.values(), ids=NO_RINGS)
def test_what_is_no_ring_is_refused_by_place_and_expectation(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=r"^ring page") as caught:
        decode_ring(body)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_page_without_a_clock_of_its_own_takes_the_given_one() -> None:
    found = decode_ring(b'{"shards":[{"id":"a","timestamp":"2026-11-21T01:44:43Z"}]}', clock=NOW + 1.5)
    assert found is not None
    assert found.now == NOW + 1.5
    no_clock = pages.dskit_html([MADE]).replace(b"Current time", b"Time")
    with_clock = decode_ring(no_clock, clock=NOW + 0.9)
    assert with_clock is not None
    assert with_clock.members["ingester-0"].time == NOW - 5
    without = decode_ring(no_clock)
    assert without is not None
    assert without.now is None
    assert without.members["ingester-0"].time is None


@given(st.integers(0, 100_000), st.integers(0, 999), st.integers(0, 86_399))
def test_an_age_cut_to_seconds_gives_back_the_exact_heartbeat(age: int, millis: int, second: int) -> None:
    now = datetime(2026, 3, 29, tzinfo=UTC) + timedelta(seconds=second)  # a day on which Europe's clocks jump
    made = Made("a", "", State.ACTIVE, "", int(now.timestamp()) - age, 0, False, ())
    body = pages.dskit_html([made], now.timestamp()).replace(b" &#43;0000", b".%03d &#43;0000" % millis, 1)
    found = decode_ring(body)
    assert found is not None
    assert found.members["a"].time == made.heartbeat


def test_a_page_of_very_many_cells_is_refused_before_it_is_built() -> None:
    rows = b"<tr>" + b"<td>x" * 60
    body = b"<html><table><tr><th>Instance ID</th><th>State</th></tr>" + rows * 36_000 + b"</table></html>"
    with pytest.raises(DecodeError, match=r"cells of a page"):
        decode_ring(body)


def test_nested_elements_cost_no_more_than_others() -> None:
    body = (
        b"<html><table><tr><th>Instance ID</th><th>State</th></tr>"
        + b"<div>" * 1_000_000
        + b"</table></html>"
    )
    found = decode_ring(body)
    assert found is not None
    assert not found.members


def test_a_json_of_very_many_members_is_refused_before_it_is_built() -> None:
    most = 2 * bounds.MAX_MEMBERS  # a member may have an object of its own
    body = json.dumps({"shards": [{"id": str(n)} for n in range(most + 1)]}).encode()
    with pytest.raises(DecodeError, match=rf"JSON objects: {most + 2}, expected at most {most}"):
        decode_ring(body)


@pytest.mark.parametrize(("body", "what"), [
    (b'{"shards":[{"id":"a","tokens":[' + b"1," * bounds.MAX_TOKENS + b"1,1]}]}", "tokens"),
    (b"<html><table>" + b" " * bounds.MAX_HTML + b"</table></html>", "bytes of a page"),
    (b'{"shards":[' + b'{"id":"a"},' * (2 * bounds.MAX_MEMBERS) + b"{}]}", "expected at most"),
])  # fmt: skip
def test_a_page_beyond_any_ring_is_refused_before_anything_is_made_of_it(body: bytes, what: str) -> None:
    with pytest.raises(DecodeError, match=what):
        decode_ring(body, cache=MemberCache())
