"""Stored values: the bytes of Consul, etcd and `downloadKey`.

They are a snappy block around protobuf (`ring.proto` here); the key determines the message's type.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from types import MappingProxyType

import cramjam
from google.protobuf.message import DecodeError as WireError
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from exporter.decode.formats import go_times, ring_pb2
from exporter.decode.formats.bounds import MAX_MEMBERS, at_most, identity, text
from exporter.decode.formats.member_cache import EntryCache, MemberCache
from exporter.decode.formats.tokens import in_pieces, tokens_of_packed
from exporter.decode.partition import partition_ring
from exporter.errors import DecodeError
from exporter.model.entry import Member, Replica, State, Tokens
from exporter.model.pages import PartitionRing, Ring, Value
from exporter.products.ha_keys import RING_KEYS
from exporter.products.ring_pages import has_partitions

MAX_ANNOUNCED = 64 * 1024 * 1024  # 25,000 members with 512 tokens each
_BEST_RATIO = 22  # a snappy copy of 64 bytes takes three
_ENTRY = 0x0A  # the tag of a ring's members: field 1, with a length
_REPLICA_NUMBERS = range(2, 6)  # received_at, deleted_at, elected_at, elected_changes
_BY_NUMBER = dict(
    enumerate((State.ACTIVE, State.LEAVING, State.PENDING, State.JOINING, State.LEFT, State.READ_ONLY))
)


def decode_value(key: str, body: bytes, *, cache: MemberCache | EntryCache[Tokens] | None = None) -> Value:
    """A stored value: `Replica` where its content is one (an HA tracker's prefix can be any), else `Ring` or
    `PartitionRing` (without a clock), by the key.

    `cache` spares members that were decoded before, or only their tokens. Raises `DecodeError`.
    """
    plain = _unpacked(key, body)
    if key not in RING_KEYS and _is_replica(plain):
        return _stored_replica(key, plain)
    bounds = _bounds(key, plain)
    at_most(len(bounds) - 1, MAX_MEMBERS, f"{key}: entries")
    if has_partitions(key):
        return _stored_partitions(key, plain)
    entries = [plain[start:end] for start, end in pairwise(bounds)]
    if isinstance(cache, MemberCache):
        return _ring_from_cache(key, entries, cache)
    return _ring(_stored_members(key, entries, cache))


def _is_replica(plain: bytes) -> bool:
    """Whether a message is an HA entry: only that has numbers in it; rings consist of entries of maps."""
    at = 0
    if plain[:1] == b"\x0a" and len(plain) > 2:  # its first field, the replica's name
        at = 2 + plain[1] if plain[1] < 0x80 else 3 + (plain[1] & 0x7F) + (plain[2] << 7)
    return at < len(plain) and plain[at] & 7 == 0 and plain[at] >> 3 in _REPLICA_NUMBERS


def _unpacked(key: str, body: bytes) -> bytes:
    """The snappy block undone, its announced length judged before anything is allocated."""
    announced, _ = _varint(key, body, 0)
    if announced > MAX_ANNOUNCED or announced > _BEST_RATIO * len(body) + 64:
        raise DecodeError(f"{key}: {len(body)} bytes announce {announced}, expected a snappy block")
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as err:
        raise DecodeError(f"{key}: {str(err)[:120]}, expected a snappy block") from None


def _varint(key: str, data: bytes, at: int) -> tuple[int, int]:
    """A varint and the place behind it."""
    value = shift = 0
    for behind, byte in enumerate(data[at : at + 10], at + 1):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, behind
        shift += 7
    raise DecodeError(f"{key}: ends within a number")


def _bounds(key: str, data: bytes) -> list[int]:
    """Where the entries of the message begin with their tags, and where the last one ends, before decoding.
    At most one more than allowed.
    """
    at, found, size = 0, [0], len(data)
    while at < size and len(found) <= MAX_MEMBERS + 1:
        at = at + 1 if data[at] == _ENTRY else _behind_tag(key, data, at)
        if at + 1 < size and data[at] > 0x7F >= data[at + 1]:  # two bytes, as of all members with tokens
            at += 2 + (data[at] & 0x7F | data[at + 1] << 7)
        else:
            length, at = _varint(key, data, at)
            at += length
        found.append(at)
    return found


def _behind_tag(key: str, data: bytes, at: int) -> int:
    tag, at = _varint(key, data, at)
    if tag & 7 != 2:
        raise DecodeError(f"{key}: field {tag >> 3} has wire type {tag & 7}, expected entries of a map")
    return at


def _ring_from_cache(key: str, entries: list[bytes], cache: MemberCache) -> Ring:
    """Decode what is new, all at once. An entry that comes twice is left to protobuf: the last one counts."""
    known = cache.members.get(entries)
    missing = [raw for raw, member in zip(entries, known, strict=True) if member is None]
    new = {_name_in(raw): raw for raw in missing}
    members = {member.id: member for member in known if member is not None}
    if b"" not in new and len(new) + len(members) == len(entries):
        fresh = _stored_members(key, missing, cache.packed_tokens)
        by_name = {name.encode(): member for name, member in fresh.items()}
        if by_name.keys() == new.keys() and by_name.keys().isdisjoint(map(str.encode, members)):
            for name, raw in new.items():
                cache.members.put(raw, by_name[name])
            return _ring({**members, **fresh})
    return _ring(_stored_members(key, entries))


def _name_in(entry: bytes) -> bytes:
    """A map entry's key, if it is short and first, with one value behind it up to the end, as every encoder
    writes it. Else nothing: of two keys in one entry the last counts.
    """
    body = entry[2:] if entry[1] < 0x80 else entry[3:] if entry[2] < 0x80 else entry[4:]
    if len(body) < 2 or body[0] != 0x0A or body[1] > 0x7F:
        return b""
    value = body[2 + body[1] :]
    return body[2 : 2 + body[1]] if not value or _is_one_value(value) else b""


def _is_one_value(field: bytes) -> bool:
    """Whether this is one field with the tag of a map's value, and nothing behind it."""
    length, shift, at = 0, 0, 1
    while at < min(len(field), 5):
        length |= (field[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if field[at - 1] < 0x80:
            return field[0] == 0x12 and at + length == len(field)
    return False


def _parsed(key: str, message: Message, data: bytes) -> None:
    try:
        message.ParseFromString(data)
    except WireError:
        raise DecodeError(f"{key}: no {message.DESCRIPTOR.name}, expected protobuf") from None


def _wire_tokens(key: str, message: Message, chunks: list[bytes], field: int) -> bytes:
    """A member's packed tokens. Tokens encoded one by one arrive as unknown fields: same varints."""
    unknown = UnknownFieldSet(message)
    fields = (unknown[at] for at in range(len(unknown)))
    loose = [each.data for each in fields if each.field_number == field and each.wire_type == 0]
    if not loose:
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return b"".join((*chunks, *(_packed_one(key, value) for value in loose)))


def _packed_one(key: str, value: int) -> bytes:
    if value >> 32:
        raise DecodeError(f"{key}: token {value}, expected uint32")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _ring(members: dict[str, Member]) -> Ring:
    return Ring(MappingProxyType(members), None)


def _stored_members(
    key: str, entries: Sequence[bytes], known: EntryCache[Tokens] | None = None
) -> dict[str, Member]:
    """The members by id; of entries with one id the last counts, as for protobuf. The objects of a complete
    ring are as large as it, so there are some at a time.
    """
    decode = partial(tokens_of_packed, place=f"{key}: tokens")
    found: dict[str, Member] = {}
    for some in in_pieces(entries):
        desc = ring_pb2.Desc()
        _parsed(key, desc, b"".join(some))
        items = list(desc.ingesters.items())
        lists = [_wire_tokens(key, each, list(each.tokens), 6) for _, each in items]
        tokens = decode(lists) if known is None else known.each(lists, decode)
        for (name, each), one in zip(items, tokens, strict=True):
            found[name] = _member(key, name, each, one)
    return found


def _member(key: str, name: str, each: ring_pb2.InstanceDesc, tokens: Tokens) -> Member:
    return Member(
        id=identity(name, f"{key}: id"),
        address=text(each.addr, f"{key}: addr"),
        state=_BY_NUMBER.get(each.state, State.UNKNOWN),
        zone=text(each.zone, f"{key}: zone"),
        time=go_times.unix(each.timestamp, f"{key}: timestamp"),
        registered=go_times.unix(each.registered_timestamp, f"{key}: registered_timestamp"),
        read_only=each.read_only,
        tokens=tokens,
    )


def _stored_partitions(key: str, data: bytes) -> PartitionRing:
    desc = ring_pb2.PartitionRingDesc()
    _parsed(key, desc, data)
    lists = [_wire_tokens(key, each, list(each.tokens), 1) for each in desc.partitions.values()]
    return partition_ring(key, desc, tokens_of_packed(lists, place=f"{key}: tokens"))


def _stored_replica(key: str, data: bytes) -> Replica:
    desc = ring_pb2.ReplicaDesc()
    _parsed(key, desc, data)
    return Replica(
        replica=text(desc.replica, f"{key}: replica"),
        time=go_times.unix_ms(desc.received_at, f"{key}: received_at"),
        deleted_at=go_times.unix_ms(desc.deleted_at, f"{key}: deleted_at"),
        elected_at=go_times.unix_ms(desc.elected_at, f"{key}: elected_at"),
        elected_changes=desc.elected_changes or None,
    )
