"""Bytes as the real systems write them: stored values, and memberlist's label ping.

Written from the formats' own descriptions, and on purpose without `exporter.decode`: the two must
not share a mistake.
"""

from __future__ import annotations

import cramjam

from exporter.demo.simulation.ring_values import Instance, Replica, Ring, Value, varint

PING, ACK, COMPRESSED, LABELLED = 0, 2, 9, 0xF4
_LZW_CLEAR, _LZW_END, _LZW_BITS = 256, 257, 9


def _number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value) if value else b""


def _bytes(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode()) if value else b""


def encode_instance(member: Instance, with_id: bool) -> bytes:
    """`InstanceDesc`; dskit repeats the id inside (field 9), Cortex does not."""
    packed = _bytes(6, member.tokens.packed) if len(member.tokens) else b""
    return b"".join(
        (
            _text(1, member.addr),
            _number(2, member.timestamp),
            _number(3, member.state),
            packed,
            _text(7, member.zone),
            _number(8, member.registered),
            _text(9, member.id) if with_id else b"",
        )
    )


def encode_ring(ring: Ring, with_id: bool) -> bytes:
    """`Desc`: field 1 is a map from id to `InstanceDesc`."""
    return b"".join(_entry(ring[name], with_id) for name in sorted(ring))


def _entry(member: Instance, with_id: bool) -> bytes:
    """One entry of the map, made once for each member and form."""
    form = "entry with id" if with_id else "entry"
    known = member.forms.get(form)
    if not isinstance(known, bytes):
        known = _bytes(1, _text(1, member.id) + _bytes(2, encode_instance(member, with_id)))
        member.forms[form] = known
    return known


def encode_replica(entry: Replica) -> bytes:
    """`ReplicaDesc`; the last two fields are Mimir's."""
    return b"".join(
        (
            _text(1, entry.replica),
            _number(2, entry.received_at),
            _number(4, entry.elected_at),
            _number(5, entry.elected_changes),
        )
    )


def encode_value(value: Value, with_id: bool) -> bytes:
    """The protobuf bytes of a stored value, before compression."""
    return encode_replica(value) if isinstance(value, Replica) else encode_ring(value, with_id)


def stored(value: Value, with_id: bool) -> bytes:
    """The bytes in Consul, etcd and a memberlist download: snappy block format."""
    return bytes(cramjam.snappy.compress_raw(encode_value(value, with_id)))


def lzw(data: bytes) -> bytes:
    """Go's `compress/lzw` (LSB, 8 bits) by literals only: right for up to 250 bytes."""
    bits = count = 0
    out = bytearray()
    for code in (_LZW_CLEAR, *data, _LZW_END):
        bits |= code << count
        count += _LZW_BITS
        while count >= 8:
            out.append(bits & 255)
            bits >>= 8
            count -= 8
    return bytes(out) + (bytes([bits]) if count else b"")


def ack(sequence: int, compressed: bool) -> bytes:
    """A member's answer to a ping: msgpack `{SeqNo, Payload}`, in a compress message by default."""
    body = bytes([ACK]) + b"\x82\xa5SeqNo" + bytes([sequence & 127]) + b"\xa7Payload\xc0"
    if not compressed:
        return body
    packed = lzw(body)
    return bytes([COMPRESSED]) + b"\x82\xa4Algo\x00\xa3Buf" + bytes([0xA0 | len(packed)]) + packed


def read_label(message: bytes) -> tuple[str, bytes] | None:
    """A stream's label and what follows it; `None` while the header is not complete."""
    if not message or message[0] != LABELLED:
        return ("", message) if message else None
    if len(message) < 2 or len(message) < 2 + message[1]:
        return None
    end = 2 + message[1]
    return message[2:end].decode(errors="replace"), message[end:]
