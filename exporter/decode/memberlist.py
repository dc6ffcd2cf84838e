"""`/memberlist`: which members a process lists and which keys it has, JSON and HTML, dskit and Cortex.

The JSON is the cheaper page; the HTML has the health score. Lists of sent and received messages can be long
and are skipped. Source: dskit `kv/memberlist/http_status_handler.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

import msgspec

from exporter.decode.formats import go_times
from exporter.decode.formats.bounds import (
    MAX_KEYS,
    MAX_MEMBERS,
    MAX_RING_KEYS,
    at_most,
    from_json,
    identity,
    looks_like_json,
    text,
)
from exporter.decode.formats.html_tables import Table, is_notice, page_clock, table_with, tables
from exporter.decode.formats.member_cache import MemberCache
from exporter.errors import DecodeError
from exporter.model.pages import GossipKey, GossipMember, GossipState, MemberlistPage
from exporter.products.ha_keys import HaKeys, by_codec
from exporter.products.ring_pages import RING_PAGES

P = TypeVar("P")

_STATES = (GossipState.ALIVE, GossipState.SUSPECT, GossipState.DEAD, GossipState.LEFT)
_TAILS = frozenset(page.key.rsplit("/", 1)[-1] for page in RING_PAGES)
_NOTHING = msgspec.Raw(b"null")
# dskit's own page has "Health Score: 1", Mimir's (`pkg/api/memberlist_status.gohtml`) "health score is 1". Of
# a score of 0 Mimir's page states that the cluster is healthy.
_HEALTH = re.compile(
    rb"Health Score(?::|\s+is)\s*(-?\d{1,9})\b|\bit is <strong>healthy</strong>", re.IGNORECASE
)
_DETAILS = re.compile(r"version: (\d{1,18}), codec: (.*)", re.IGNORECASE)
_LIST, _END = b'"SortedMembers":', b'"read before"'
_WITH_MESSAGES = 65_536  # bytes of the page's head in which the health score stands

USUAL = HaKeys()


class _Page(msgspec.Struct):
    members: msgspec.Raw = msgspec.field(name="SortedMembers")
    store: msgspec.Raw = msgspec.field(name="Store", default=_NOTHING)
    now: str | None = msgspec.field(name="Now", default=None)


class _Node(msgspec.Struct, rename="pascal"):
    name: str
    addr: str | None = None
    port: int = 0
    state: int = 0


class _Key(msgspec.Struct):
    version: int = msgspec.field(name="Version", default=-1)
    codec: str | None = msgspec.field(name="CodecID", default=None)
    deleted: bool = msgspec.field(name="Deleted", default=False)


def decode_memberlist(
    body: bytes, cache: MemberCache | None = None, ha: HaKeys = USUAL
) -> MemberlistPage | None:
    """The member list, keys and clock; `None` where the process does not use memberlist.

    With a `cache`, processes that list the same members share one tuple of them. `ha` recognises the HA
    tracker's keys, of which there may be many. Raises `DecodeError`.
    """
    if looks_like_json(body):
        page = _from_json(body, cache or MemberCache())
    elif is_notice(body):
        return None
    else:
        page = _from_html(body)
    return page if len(page.keys) <= MAX_RING_KEYS else replace(page, keys=_bounded(page.keys, ha))


def _from_json(body: bytes, cache: MemberCache) -> MemberlistPage:
    # A bound on the complete text would include the messages, which are not read; each part has its own.
    last, members = cache.last_list
    shortened = _without(last, body)
    page = from_json(shortened, _Page, "memberlist", None)
    if shortened is body or bytes(page.members) != _END:
        members = _listed(page.members, cache)
    store = _part(page.store, dict[str, _Key], "Store", MAX_KEYS + 1) or {}
    return MemberlistPage(
        members=members,
        keys=_keys(_key(name, key.codec or "", key.deleted, key.version) for name, key in store.items()),
        now=go_times.parse_time(page.now, "memberlist: Now"),
    )


def _without(members: bytes, body: bytes) -> bytes:
    """The page with a mark in place of these members, where it has them: they were read before."""
    start = body.find(_LIST) + len(_LIST)
    if not members or start < len(_LIST) or not body.startswith(members, start):
        return body
    return b"%b%b%b" % (body[:start], _END, body[start + len(members) :])


def _listed(shown: msgspec.Raw, cache: MemberCache) -> tuple[GossipMember, ...]:
    raw = bytes(shown)
    members = cache.member_list(raw)
    if members is None:
        members = _members(shown)
        cache.put_member_list(raw, members)
    return members


def _members(raw: msgspec.Raw) -> tuple[GossipMember, ...]:
    nodes = _part(raw, list[_Node], "SortedMembers", MAX_MEMBERS) or []
    return tuple(_member(node.name, node.addr or "", node.port, node.state) for node in nodes)


def _part(raw: msgspec.Raw, kind: type[P], name: str, objects: int) -> P | None:
    return None if bytes(raw) == b"null" else from_json(raw, kind, f"memberlist: {name}", objects)


def _from_html(body: bytes) -> MemberlistPage:
    found = tables(body, "memberlist")
    # The tables of messages come behind those that are read.
    members = _with_columns(found, "name", "address", "state").records("memberlist: members")
    keys = _with_columns(found, "key").records("memberlist: keys")
    health = _HEALTH.search(body, 0, _WITH_MESSAGES)
    return MemberlistPage(
        members=tuple(_member_of_row(row) for row in members),
        keys=_keys(_key_of_row(row) for row in keys),
        now=go_times.parse_time(page_clock(body), "memberlist: Current time"),
        health_score=int(health[1] or 0) if health else None,
    )


def _with_columns(page_tables: list[Table], *columns: str) -> Table:
    lacking = f"memberlist: no table with the columns {', '.join(columns)}, expected a member list"
    return table_with(page_tables, columns, lacking)


def _member(name: str, address: str, port: int, state: int) -> GossipMember:
    if not 0 <= port <= 65535 or not 0 <= state < len(_STATES):
        raise DecodeError(f"memberlist: port {port}, state {state}, expected a port and a state from 0 to 3")
    return GossipMember(
        name=identity(name, "memberlist: Name"),
        address=text(address, "memberlist: Addr"),
        port=port,
        state=_STATES[state],
    )


def _member_of_row(row: dict[str, str]) -> GossipMember:
    """The address of the page is `host:port`, with brackets round an IPv6 host."""
    host, _, port = row["address"].rpartition(":")
    if not _is_number(port):
        raise DecodeError(f"memberlist: {row['address'][:60]!r}, expected host:port")
    return _member(row["name"], host.strip("[]"), int(port), _number_of(row["state"]))


def _number_of(state: str) -> int:
    """A state's number. Cortex and dskit before 2024 show it, newer dskit the word: `Alive`, `Left`."""
    if _is_number(state):
        return int(state)
    word = state.lower()
    if word not in _STATES:
        raise DecodeError(
            f"memberlist: state {state[:60]!r}, expected a number or one of {', '.join(_STATES)}"
        )
    return [known.value for known in _STATES].index(word)


def _is_number(shown: str) -> bool:
    return shown.isascii() and shown.isdigit() and len(shown) <= 9


def _keys(keys: Iterable[GossipKey]) -> MappingProxyType[str, GossipKey]:
    found = {key.key: key for key in keys}
    at_most(len(found), MAX_KEYS, "memberlist: keys")
    return MappingProxyType(found)


def _bounded(keys: Mapping[str, GossipKey], ha: HaKeys) -> Mapping[str, GossipKey]:
    """All keys of the HA tracker, and so many of the remaining keys that one process's list stays cheap for
    all. Keys that end like a ring's key come first.
    """
    rings = [name for name, what in keys.items() if not (ha.entry(name) or by_codec(name, what.codec))]
    rings.sort(key=lambda name: (name.rsplit("/", 1)[-1] not in _TAILS, name))
    left = frozenset(rings[MAX_RING_KEYS:])
    return MappingProxyType({name: what for name, what in keys.items() if name not in left}) if left else keys


def _key(name: str, codec: str, deleted: bool, version: int) -> GossipKey:
    return GossipKey(
        key=identity(name, "memberlist: key"),
        codec=text(codec, "memberlist: CodecID"),
        deleted=deleted,
        version=version,
    )


def _key_of_row(row: dict[str, str]) -> GossipKey:
    """Read a key: newer dskit has a column for each fact, Cortex and older dskit one for all of them."""
    details = _DETAILS.match(row.get("value details", ""))
    version = details[1] if details else row.get("version", "")
    codec = details[2] if details else row.get("codec", "")
    return _key(
        row["key"],
        codec,
        row.get("deleted", "").lower() == "true",
        int(version) if _is_number(version) else -1,
    )
