"""Partition-ring pages, JSON and HTML, and the shape that stored partition rings share with them.

Source: dskit `ring/partition_ring_http.go`, `partition_ring_model.go`, `partition_ring_status.gohtml`.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

import msgspec

from exporter.decode.formats import go_times, ring_pb2
from exporter.decode.formats.bounds import MAX_MEMBERS, at_most, from_json, identity, looks_like_json
from exporter.decode.formats.html_tables import is_notice, page_clock, table_with, tables
from exporter.decode.formats.tokens import count_json
from exporter.errors import DecodeError
from exporter.model.entry import Partition, PartitionState, Tokens
from exporter.model.pages import PartitionRing

_OWNER_DELETED = 2
_STATES = tuple(PartitionState)  # as the pages number them
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


def decode_partition_ring(body: bytes, *, clock: float | None = None) -> PartitionRing | None:
    """A partition ring's page, its tokens counted; `None` where the page states that there is none here.

    The page shows no time of its own (JSON), so `now` is mostly `clock`. Raises `DecodeError`.
    """
    if looks_like_json(body):
        return _from_json(body, clock)
    return None if is_notice(body) else _from_html(body, clock)


def partition_ring(key: str, stored: ring_pb2.PartitionRingDesc, tokens: Iterable[Tokens]) -> PartitionRing:
    """A stored partition ring, with the tokens of each partition in turn; owners that are tombstones or own
    nothing that exists are left out.
    """
    owned: dict[int, list[str]] = {}
    for name, owner in stored.owners.items():
        if owner.state != _OWNER_DELETED:
            owned.setdefault(owner.owned_partition, []).append(identity(name, f"{key}: owner"))
    partitions = (
        Partition(
            id=number,
            state=_state(each.state),
            time=go_times.unix(each.state_timestamp, f"{key}: stateTimestamp"),
            locked=each.state_change_locked,
            owners=tuple(sorted(owned.get(number, ()))),
            tokens=found,
        )
        for (number, each), found in zip(stored.partitions.items(), tokens, strict=True)
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


def _from_json(body: bytes, clock: float | None) -> PartitionRing:
    place = "partition ring page"
    entries = from_json(body, _PartitionPage, place, MAX_MEMBERS).partitions or []
    return _ring((_partition(entry, place) for entry in entries), clock, place)


def _partition(entry: _Entry, place: str) -> Partition:
    owners = entry.owner_ids or []
    at_most(len(owners), MAX_MEMBERS, f"{place}: owners")
    return Partition(
        id=entry.id,
        state=_state(entry.state),
        time=go_times.parse_time(entry.state_timestamp, f"{place}: state_timestamp"),
        locked=bool(entry.state_change_locked),
        corrupted=bool(entry.corrupted),
        owners=tuple(sorted(identity(owner, f"{place}: owner") for owner in owners)),
        tokens=count_json(bytes(entry.tokens)),
    )


def _from_html(body: bytes, clock: float | None) -> PartitionRing:
    place = "partition ring page"
    now = go_times.parse_time(page_clock(body), f"{place}: Current time") or clock
    otherwise = f"{place}: no table with the column Partition ID, expected a partition ring"
    table = table_with(tables(body, place), ("partition id", "state"), otherwise)
    return _ring((_partition_of_row(row, place) for row in table.records(place)), now, place)


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
