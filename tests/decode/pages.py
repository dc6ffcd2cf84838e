"""Encoders of the pages, written from the products' templates, and hypothesis's rings to feed them.

They share nothing with the decoders: a round trip through both says that two readings agree.
"""

from __future__ import annotations

import html
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b

import cramjam
from hypothesis import strategies as st

from exporter.model.entry import State

NOW = 1_795_225_483
NUMBERS = {
    State.ACTIVE: 0,
    State.LEAVING: 1,
    State.PENDING: 2,
    State.JOINING: 3,
    State.LEFT: 4,
    State.READ_ONLY: 5,
}
NAMES = {state: state.name.replace("_", "") for state in (*NUMBERS, State.UNHEALTHY)}


@dataclass(frozen=True)
class Made:
    """A member as made up: times are whole unix seconds, 0 for none."""

    id: str
    address: str
    state: State
    zone: str
    heartbeat: int
    registered: int
    read_only: bool
    tokens: tuple[int, ...]

    @property
    def digest(self) -> bytes:
        data = struct.pack(f"<{len(self.tokens)}I", *sorted(self.tokens))
        return blake2b(data, digest_size=8).digest()


# A name as Kubernetes and people write them, and the characters that HTML and JSON must escape.
names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=40
)
uint32 = st.integers(0, 2**32 - 1)
token_sets = st.lists(uint32, max_size=40, unique=True).map(tuple)
seconds = st.one_of(st.just(0), st.integers(NOW - 200_000, NOW + 30))


def members(states: Sequence[State] = tuple(NUMBERS)) -> st.SearchStrategy[list[Made]]:
    """Rings of up to eight members."""
    member = st.builds(
        Made,
        id=names,
        address=st.one_of(st.just(""), names),
        state=st.sampled_from(list(states)),
        zone=st.one_of(st.just(""), names),
        heartbeat=seconds,
        registered=seconds,
        read_only=st.booleans(),
        tokens=token_sets,
    )
    return st.lists(member, max_size=8, unique_by=lambda made: made.id)


def rfc3339(at: float) -> str:
    return (
        "0001-01-01T00:00:00Z"
        if not at
        else datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    )


def go_string(at: float, zone: timezone = UTC) -> str:
    """Go's `time.Time.String()`."""
    when = datetime.fromtimestamp(at, zone)
    return when.strftime("%Y-%m-%d %H:%M:%S %z ") + ("UTC" if zone is UTC else "CET")


def dskit_json(ring: Sequence[Made], now: float = NOW) -> bytes:
    shards = [
        {
            "id": made.id,
            "state": NAMES[made.state],
            "address": made.address,
            "timestamp": rfc3339(made.heartbeat),
            "registered_timestamp": rfc3339(made.registered),
            "read_only": made.read_only,
            "read_only_updated_timestamp": rfc3339(0),
            "zone": made.zone,
            "tokens": list(made.tokens) or None,
            "versions": {"1": 2},
        }
        for made in ring
    ]
    return json.dumps({"shards": shards or None, "now": rfc3339(now)}).encode()


def cortex_json(ring: Sequence[Made], now: float = NOW, zone: timezone = UTC) -> bytes:
    shards = [
        {
            "id": made.id,
            "state": "Unhealthy" if made.state is State.UNHEALTHY else NAMES[made.state],
            "address": made.address,
            "timestamp": go_string(made.heartbeat, zone),
            "registered_timestamp": go_string(made.registered, zone) if made.registered else "",
            "zone": made.zone,
            "tokens": list(made.tokens),
        }
        for made in ring
    ]
    return json.dumps({"shards": shards, "now": rfc3339(now), "storageLastUpdated": rfc3339(0)}).encode()


def page(title: str, now: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """A status page: html/template escapes `+` too."""
    head = "".join(f"\n<th>{column}</th>" for column in columns)
    body = "".join(
        "\n<tr>" + "".join(f"\n  <td>{escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="UTF-8"><title>{title}</title></head><body>'
        f"<h1>{title}</h1>\n<p>Current time: {escaped(now)}</p>\n<form><table>\n"
        f"<thead><tr>{head}</tr></thead><tbody>{body}\n</tbody></table></form></body></html>\n"
    ).encode()


def escaped(value: str) -> str:
    return html.escape(value).replace("+", "&#43;")


def cortex_html(ring: Sequence[Made], now: float = NOW, zone: timezone = UTC, old: bool = False) -> bytes:
    """`old` is a Cortex of 2020: another name for the first column, no zone, no registration."""
    columns = ["Instance ID", "Availability Zone", "State", "Address", "Registered At", "Last Heartbeat"]
    rows = [
        [
            made.id,
            made.zone,
            "Unhealthy" if made.state is State.UNHEALTHY else NAMES[made.state],
            made.address,
            go_string(made.registered, zone) if made.registered else "",
            go_string(made.heartbeat, zone),
            str(len(made.tokens)),
            "32.4%",
            "Forget",
        ]
        for made in ring
    ]
    if old:
        columns = ["Ingester", "State", "Address", "Last Heartbeat"]
        rows = [[row[0], row[2], row[3], *row[5:]] for row in rows]
    return page("Ring", go_string(now, zone) + " m=+92.9", [*columns, "Tokens", "Ownership", "Actions"], rows)


def go_duration(seconds: int) -> str:
    sign, rest = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return sign + (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest}s"


def dskit_html(ring: Sequence[Made], now: float = NOW, zone: timezone = UTC) -> bytes:
    """`zone` is that of the clock and of the times of day, which is UTC in dskit's own code."""
    columns = ["Instance ID", "Availability Zone", "State", "Address", "Registered At", "Read-Only"]
    columns += ["Read-Only Updated", "Last Heartbeat", "Tokens", "Ownership", "Versions", "Actions"]
    rows = [
        [
            made.id,
            made.zone,
            NAMES[made.state],
            made.address,
            rfc3339(made.registered) if made.registered else "",
            str(made.read_only).lower(),
            "",
            f"{go_duration(int(now - made.heartbeat))} ago "
            f"({datetime.fromtimestamp(made.heartbeat, zone):%H:%M:%S})",
            str(len(made.tokens)),
            "31.7%",
            "",
            "Forget",
        ]
        for made in ring
    ]
    return page("Ring Status", go_string(now, zone), columns, rows)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def field(number: int, value: int | bytes | str) -> bytes:
    """One protobuf field; zeros and empties are left out, as proto3 does."""
    if not value:
        return b""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def packed(tokens: Sequence[int]) -> bytes:
    return b"".join(map(varint, tokens))


def instance(made: Made, tokens: bytes | None = None) -> bytes:
    return b"".join(
        (
            field(1, made.address),
            field(2, made.heartbeat),
            field(3, NUMBERS[made.state]),
            field(6, packed(made.tokens)) if tokens is None else tokens,
            field(7, made.zone),
            field(8, made.registered),
            field(9, made.id),
            field(10, made.heartbeat),
            field(11, int(made.read_only)),
            field(12, field(1, 1) + field(2, 7)),
        )
    )


def stored(ring: Sequence[Made]) -> bytes:
    """The bytes of Consul, etcd and memberlist."""
    return snappy(b"".join(entry(made.id, instance(made)) for made in ring))


def entry(key: str, value: bytes, number: int = 1) -> bytes:
    """One entry of a map with string keys."""
    inner = field(1, key) + varint(2 << 3 | 2) + varint(len(value)) + value
    return varint(number << 3 | 2) + varint(len(inner)) + inner


def snappy(data: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(data))


zones = st.sampled_from([UTC, *(timezone(timedelta(minutes=m)) for m in (-570, -300, 60, 345, 840))])
