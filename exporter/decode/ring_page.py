"""Ring pages, JSON and HTML, of dskit (Mimir, Loki, Tempo, Pyroscope) and of Cortex, with old releases.

Sources: dskit `ring/ring_http.go` and `ring_status.gohtml`, Cortex `pkg/ring/http.go`, recordings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from types import MappingProxyType

import msgspec

from exporter.decode.formats import go_times
from exporter.decode.formats.bounds import (
    MAX_HTML,
    MAX_MEMBERS,
    MAX_TOKENS,
    at_most,
    from_json,
    identity,
    looks_like_json,
    text,
)
from exporter.decode.formats.html_tables import Table, is_notice, page_clock, tables
from exporter.decode.formats.member_cache import MemberCache
from exporter.decode.formats.tokens import tokens_of_json
from exporter.errors import DecodeError
from exporter.model.entry import Member, State, Tokens
from exporter.model.pages import Ring

STATES = MappingProxyType(
    {
        "ACTIVE": State.ACTIVE,
        "LEAVING": State.LEAVING,
        "PENDING": State.PENDING,
        "JOINING": State.JOINING,
        "LEFT": State.LEFT,
        "READONLY": State.READ_ONLY,
        "UNHEALTHY": State.UNHEALTHY,
    }
)
_NO_TOKENS = msgspec.Raw(b"null")
_TOKENS = "ring page: tokens"
_BEFORE, _BETWEEN, _AFTER = b'{"shards":[{"id":', b'},{"id":', b'}],"now":'
_ID_COLUMNS = ("instance id", "instance", "ingester")
_SINCE = b" ago ("
_AGO = re.compile(r"(-?[0-9.a-zµμ]{1,40}) ago \((\d\d):(\d\d):(\d\d)(\.\d{1,9})?\)", re.ASCII | re.IGNORECASE)
_QUARTER = 900  # every time zone is a multiple of a quarter of an hour away from every other


class _Shard(msgspec.Struct):
    id: str
    state: str | None = None
    address: str | None = None
    timestamp: str | None = None
    registered_timestamp: str | None = None
    read_only: bool | None = None
    zone: str | None = None
    tokens: msgspec.Raw = _NO_TOKENS


class _RingPage(msgspec.Struct):
    shards: list[msgspec.Raw] | None
    now: str | None = None


def decode_ring(body: bytes, *, clock: float | None = None, cache: MemberCache | None = None) -> Ring | None:
    """A ring page's members and clock; `None` where the page states that there is no ring here.

    `clock` (unix seconds) stands in where the page has no time of its own. Tokens have their digests where
    the page has tokens (JSON), else only their count. A heartbeat is `None` where it was never set. `cache`
    spares members that were decoded before. Raises `DecodeError`.
    """
    if looks_like_json(body):
        if len(body) > 2 * MAX_TOKENS:  # a token takes two bytes at least, and a comma stands before it
            at_most(body.count(b","), MAX_TOKENS, "ring page: tokens")
        pieces = None if cache is None else _from_pieces(body, clock, cache)
        return pieces or _from_json(body, clock, cache)
    if is_notice(body):
        return None
    return _from_html(body, clock) if cache is None else _from_rows(body, clock, cache)


def ring_of_members(members: Iterable[Member], now: float | None, place: str) -> Ring:
    """A ring of these members; an id that occurs twice is an error."""
    found: dict[str, Member] = {}
    for member in members:
        if member.id in found:
            raise DecodeError(f"{place}: {member.id!r} twice, expected each member once")
        found[member.id] = member
    return Ring(MappingProxyType(found), now)


def state_of(name: str) -> State:
    """A state by the name a page gives it; one that is new to us is `UNKNOWN`."""
    return STATES.get(name.upper(), State.UNKNOWN)


def _from_json(body: bytes, clock: float | None, cache: MemberCache | None) -> Ring:
    page = from_json(body, _RingPage, "ring page", 2 * MAX_MEMBERS)
    shards = [bytes(shard) for shard in page.shards or []]
    at_most(len(shards), MAX_MEMBERS, "ring page: shards")
    now = go_times.parse_time(page.now, "ring page: now") or clock
    return ring_of_members(_of_shards(cache, shards), now, "ring page: shards")


def _from_pieces(body: bytes, clock: float | None, cache: MemberCache) -> Ring | None:
    """The page cut at its members. Each is a complete object or was one before, so the page is one too.
    `None` where it is not written as Go writes it; it may still be correct.
    """
    end = body.rfind(_AFTER)
    rest = body[end + 2 :]
    if not body.startswith(_BEFORE) or end < 0 or b"shards" in rest or b"\\" in rest or _BETWEEN in rest:
        return None
    pieces = body.split(_BETWEEN, MAX_MEMBERS + 1)
    at_most(len(pieces), MAX_MEMBERS, "ring page: shards")
    pieces[-1] = pieces[-1][: end - len(body)]  # of the page itself nothing is copied: it is large
    pieces[0] = pieces[0][len(_BEFORE) :]
    try:
        page = from_json(b'{"shards":null' + rest, _RingPage, "ring page", 8)
        members = cache.shards.each(pieces, partial(_of_pieces, cache))
    except DecodeError:
        return None
    now = go_times.parse_time(page.now, "ring page: now") or clock
    return ring_of_members(members, now, "ring page: shards")


def _of_pieces(cache: MemberCache, pieces: list[bytes]) -> list[Member]:
    return _of_shards(cache, [b'{"id":%b}' % piece for piece in pieces])


def _of_shards(cache: MemberCache | None, raws: list[bytes]) -> list[Member]:
    """Members with tokens that may have been decoded before; the order of a ring's members has no meaning."""
    shards = [from_json(raw, _Shard, "ring page: shard", None) for raw in raws]
    lists = [bytes(shard.tokens) for shard in shards]
    decode = partial(tokens_of_json, place=_TOKENS)
    found = decode(lists) if cache is None else cache.json_tokens.each(lists, decode)
    return [_member_of_shard(shard, each) for shard, each in zip(shards, found, strict=True)]


def _member_of_shard(shard: _Shard, tokens: Tokens) -> Member:
    place = "ring page: shard"
    return Member(
        id=identity(shard.id, f"{place}: id"),
        address=text(shard.address, f"{place}: address"),
        state=state_of(shard.state or ""),
        zone=text(shard.zone, f"{place}: zone"),
        time=go_times.parse_time(shard.timestamp, f"{place}: timestamp"),
        registered=go_times.parse_time(shard.registered_timestamp, f"{place}: registered_timestamp"),
        read_only=bool(shard.read_only),
        tokens=tokens,
    )


def _from_html(body: bytes, clock: float | None) -> Ring:
    now = go_times.parse_time(page_clock(body), "ring page: Current time") or clock
    table, id_column = _instances(tables(body, "ring page"))
    members = (_member_of_row(row, id_column, now) for row in table.records("ring page"))
    return ring_of_members(members, now, "ring page")


def _from_rows(body: bytes, clock: float | None, cache: MemberCache) -> Ring:
    """A page with rows that may have been decoded before: all of a row but its heartbeat is as it was, and
    equal in the pages of other processes.
    """
    if len(body) > MAX_HTML or body.count(b"<tr") > MAX_MEMBERS or not body.rstrip().endswith(b"</html>"):
        return _from_html(body, clock)
    now = go_times.parse_time(page_clock(body), "ring page: Current time") or clock
    columns, *rows = body.split(b"<tr")[1:] or [b""]
    cut = [_without_heartbeat(row) for row in rows]
    raws = [b"%d%b" % (hash(columns), row) for row, _ in cut]
    known = cache.rows.get(raws)
    if not known or None in known:
        return _learned(_from_html(body, clock), now, cache, raws, [shown for _, shown in cut])
    times = {shown: _heartbeat(shown, now) for shown in {shown for _, shown in cut}}
    members = (
        Member(m.id, m.address, m.state, m.zone, times[shown], m.registered, m.read_only, m.tokens)
        for m, (_, shown) in zip(known, cut, strict=True)
        if m is not None
    )
    return ring_of_members(members, now, "ring page")


def _without_heartbeat(row: bytes) -> tuple[bytes, str]:
    """A row without its heartbeat, and that: `5s ago (15:04:05)`."""
    at = max(row.find(_SINCE), 0)
    start, end = row.rfind(b">", 0, at) + 1, row.find(b"<", at)
    return row[:start] + row[end:], row[start:end].decode("utf-8", "replace").strip()


def _learned(ring: Ring, now: float | None, cache: MemberCache, raws: list[bytes], shown: list[str]) -> Ring:
    """Note each row by what it has beside its heartbeat, where it is certain which part that is."""
    members = tuple(ring.members.values())
    if len(members) == len(raws):
        for member, raw, about in zip(members, raws, shown, strict=True):
            if _SINCE not in raw and _AGO.fullmatch(about) and _heartbeat(about, now) == member.time:
                cache.rows.put(raw, member)
    return ring


def _instances(page_tables: list[Table]) -> tuple[Table, str]:
    """The table with the instances, found by what its columns are called, and the name's column."""
    for table in page_tables:
        for column in _ID_COLUMNS:
            if column in table.columns and "state" in table.columns:
                return table, column
    raise DecodeError("ring page: no table with the columns Instance ID and State, expected a ring")


def _member_of_row(row: dict[str, str], id_column: str, now: float | None) -> Member:
    place = "ring page"
    return Member(
        id=identity(row[id_column], f"{place}: {id_column}"),
        address=text(row.get("address"), f"{place}: address"),
        state=state_of(row["state"]),
        zone=text(row.get("availability zone"), f"{place}: availability zone"),
        time=_heartbeat(row.get("last heartbeat", ""), now),
        registered=go_times.parse_time(row.get("registered at"), f"{place}: registered at"),
        read_only=row.get("read-only", "").lower() == "true",
        tokens=_token_count(row["tokens"]) if "tokens" in row else Tokens(-1),
    )


def _heartbeat(shown: str, now: float | None) -> float | None:
    """Cortex shows a time, dskit an age with a time of day: `5s ago (15:04:05)`."""
    found = _AGO.fullmatch(shown)
    if not found:
        return go_times.parse_time(shown, "ring page: last heartbeat")
    if now is None:
        return None
    about = now - go_times.parse_duration(found[1], "ring page: last heartbeat")
    return go_times.unix(_nearest(about, found), "ring page: last heartbeat")


def _nearest(about: float, match: re.Match[str]) -> float:
    """The moment nearest to `about` that a clock in some zone shows as this time of day.

    The age is truncated to integer seconds, the time of day is exact. Its date (midnight) and its zone are
    not needed, because zones differ by full quarters of an hour.
    """
    within = (int(match[3]) * 60 + int(match[4])) % _QUARTER + float(match[5] or 0)
    return round((about - within) / _QUARTER) * _QUARTER + within


def _token_count(shown: str) -> Tokens:
    if not shown:
        return Tokens(0)
    if not (shown.isascii() and shown.isdigit() and len(shown) < 10):
        raise DecodeError(f"ring page: {shown[:60]!r} tokens, expected a count")
    return Tokens(int(shown))
