"""Partition-ring pages, JSON and HTML, and the shape that stored partition rings share with them.

Source: dskit `ring/partition_ring_http.go`, `partition_ring_model.go`, `partition_ring_status.gohtml`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from exporter.decode.formats import go_times
from exporter.decode.formats.bounds import MAX_MEMBERS, at_most, from_json, identity, looks_like_json
from exporter.decode.formats.html_tables import Table, is_notice, page_clock, tables
from exporter.decode.formats.tokens import count_json, tokens_of_json
from exporter.errors import DecodeError
from exporter.model.entry import Partition, PartitionState, Tokens
from exporter.model.pages import PartitionRing

_OWNER_DELETED = (2, "OwnerDeleted")
_STATES = (
    PartitionState.UNKNOWN,
    PartitionState.PENDING,
    PartitionState.ACTIVE,
    PartitionState.INACTIVE,
    PartitionState.DELETED,
)
_BY_NAME = MappingProxyType({state.value: state for state in _STATES})
_NO_TOKENS = msgspec.Raw(b"null")
_LARGEST_ID = 2**31 - 1


class _Entry(msgspec.Struct):
    id: int
    state: int | str = 0
    corrupted: bool | None = None
    state_timestamp: str | None = None
    state_change_locked: bool | None = None
    owner_ids: list[str] | None = None
    tokens: msgspec.Raw = _NO_TOKENS


class _PartitionPage(msgspec.Struct):
    partitions: list[_Entry] | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A partition in a store's form: times in unix seconds, the state as a number."""

    id: int
    state: int | str
    changed: int
    locked: bool
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner in a store's form; deleted owners are tombstones."""

    id: str
    partition: int
    state: int | str


def decode_partition_ring(
    body: bytes, *, clock: float | None = None, tokens: bool = False, packed: bool = False
) -> PartitionRing | None:
    """A partition ring's page; `None` where the page states that there is none here.

    The page shows no time of its own (JSON), so `now` is mostly `clock`. Raises `DecodeError`.
    """
    if looks_like_json(body):
        return _from_json(body, clock, read=tokens or packed, keep=packed)
    if is_notice(body):
        return None
    return _from_html(body, clock)


def partition_ring(key: str, stored: Iterable[Stored], owners: Iterable[Owner]) -> PartitionRing:
    """A stored partition ring; owners that are tombstones or own nothing that exists are left out."""
    owned: dict[int, list[str]] = {}
    for owner in owners:
        if owner.state not in _OWNER_DELETED:
            owned.setdefault(owner.partition, []).append(identity(owner.id, f"{key}: owner"))
    partitions = (
        Partition(
            id=each.id,
            state=_state(each.state),
            time=go_times.unix(each.changed, f"{key}: stateTimestamp"),
            locked=each.locked,
            owners=tuple(sorted(owned.get(each.id, ()))),
            tokens=each.tokens,
        )
        for each in stored
    )
    return _ring(partitions, None, key)


def _ring(partitions: Iterable[Partition], now: float | None, place: str) -> PartitionRing:
    found: dict[int, Partition] = {}
    for partition in partitions:
        if partition.id in found:
            raise DecodeError(f"{place}: partition {partition.id} twice, expected each once")
        if not -_LARGEST_ID <= partition.id <= _LARGEST_ID:
            raise DecodeError(f"{place}: partition {partition.id}, expected an int32")
        found[partition.id] = partition
    return PartitionRing(MappingProxyType(found), now)


def _state(shown: int | str) -> PartitionState:
    """A state by number or by name; pages of early 2024 have `PartitionActive`."""
    if isinstance(shown, int):
        return _STATES[shown] if 0 <= shown < len(_STATES) else PartitionState.UNKNOWN
    name = shown.strip().lower().removeprefix("partition")
    return _BY_NAME.get(name, PartitionState.UNKNOWN)


def _from_json(body: bytes, clock: float | None, *, read: bool, keep: bool) -> PartitionRing:
    place = "partition ring page"
    entries = from_json(body, _PartitionPage, place, MAX_MEMBERS).partitions or []
    lists = [bytes(entry.tokens) for entry in entries]
    if read:
        found = tokens_of_json(lists, keep=keep, place=f"{place}: tokens")
    else:
        found = [count_json(raw) for raw in lists]
    pairs = zip(entries, found, strict=True)
    return _ring((_partition(entry, tokens, place) for entry, tokens in pairs), clock, place)


def _partition(entry: _Entry, tokens: Tokens, place: str) -> Partition:
    owners = entry.owner_ids or []
    at_most(len(owners), MAX_MEMBERS, f"{place}: owners")
    return Partition(
        id=entry.id,
        state=_state(entry.state),
        time=go_times.parse_time(entry.state_timestamp, f"{place}: state_timestamp"),
        locked=bool(entry.state_change_locked),
        corrupted=bool(entry.corrupted),
        owners=tuple(sorted(identity(owner, f"{place}: owner") for owner in owners)),
        tokens=tokens,
    )


def _from_html(body: bytes, clock: float | None) -> PartitionRing:
    place = "partition ring page"
    now = go_times.parse_time(page_clock(body), f"{place}: Current time") or clock
    table = _partitions(tables(body, place))
    return _ring((_partition_of_row(row, place) for row in table.records(place)), now, place)


def _partitions(page_tables: list[Table]) -> Table:
    for table in page_tables:
        if "partition id" in table.columns and "state" in table.columns:
            return table
    raise DecodeError("partition ring page: no table with the column Partition ID, expected a partition ring")


def _partition_of_row(row: dict[str, str], place: str) -> Partition:
    updated = row.get("state updated at", "")
    corrupted = row["state"].lower() == "corrupt"
    return Partition(
        id=_number(row["partition id"], f"{place}: Partition ID"),
        state=_state(row["state"]),
        time=None if updated == "N/A" else _html_time(updated, place),
        corrupted=corrupted,
        owners=tuple(sorted(identity(owner, f"{place}: owner") for owner in row.get("owners", "").split())),
        tokens=Tokens(_number(row.get("tokens") or "0", f"{place}: tokens")),
    )


def _html_time(shown: str, place: str) -> float | None:
    """`2006-01-02 15:04:05 UTC`; `None` for another zone, since its short name gives no offset."""
    if shown.endswith((" UTC", " GMT")):
        return go_times.parse_time(shown[:-4] + "Z", f"{place}: State updated at")
    return go_times.parse_time(shown, f"{place}: State updated at") if shown[-5:-4] in {"+", "-"} else None


def _number(shown: str, place: str) -> int:
    digits = shown.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise DecodeError(f"{place}: {shown[:60]!r}, expected a number")
    return int(shown)
