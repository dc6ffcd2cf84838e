"""Stored values as bytes: rings, partition rings, HA-tracker entries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from exporter.decode.formats import bounds
from exporter.decode.value import decode_value
from exporter.errors import DecodeError
from exporter.model.entry import Member, Partition, PartitionState, Replica, State, Tokens
from exporter.model.pages import PartitionRing, Ring
from tests.decode import pages
from tests.decode.pages import NOW, Made, entry, field, packed, snappy, varint

RING, PARTITIONS, HA = "collectors/ring", "collectors/ingester-partitions", "ha-tracker/fake/demo"
MADE = Made("a", "10.0.0.1:9095", State.ACTIVE, "z", NOW, NOW - 9, False, (1, 300, 2**32 - 1))


def ring(value: object) -> Ring:
    assert isinstance(value, Ring)
    return value


def one(value: object) -> Member:
    (member,) = ring(value).members.values()
    return member


@given(pages.members())
def test_the_bytes_of_a_ring_round_trip(made: list[Made]) -> None:
    expected = {
        each.id: Member(
            id=each.id,
            address=each.address,
            state=each.state,
            zone=each.zone,
            time=each.heartbeat or None,
            registered=each.registered or None,
            read_only=each.read_only,
            tokens=Tokens(len(each.tokens), each.digest),
        )
        for each in made
    }
    assert dict(ring(decode_value(RING, pages.stored(made))).members) == expected


@given(pages.members())
def test_kept_tokens_are_sorted(made: list[Made]) -> None:
    stored = ring(decode_value(RING, pages.stored(made))).members
    for each in made:
        expected = b"".join(token.to_bytes(4, "little") for token in sorted(each.tokens))
        assert stored[each.id].tokens.packed == expected


def test_a_tombstone_is_kept_as_left() -> None:
    made = replace(MADE, state=State.LEFT, tokens=())
    assert one(decode_value(RING, pages.stored([made]))).state is State.LEFT


def test_a_state_that_is_new_to_us_is_unknown_and_not_active() -> None:
    body = snappy(entry("a", field(3, 77)))
    assert one(decode_value(RING, body)).state is State.UNKNOWN


def test_an_empty_value_is_an_empty_ring() -> None:
    assert decode_value(RING, snappy(b"")) == Ring({})


def test_tokens_in_two_pieces_or_one_by_one_are_the_same_tokens() -> None:
    """Protobuf allows both for a packed field; nobody writes them, but a lost token would be worse."""
    tokens = MADE.tokens
    pieces = field(6, packed(tokens[:1])) + field(6, packed(tokens[1:]))
    loose = b"".join(varint(6 << 3) + varint(token) for token in tokens)
    mixed = field(6, packed(tokens[:2])) + varint(6 << 3) + varint(tokens[2])
    expected = Tokens(3, MADE.digest)
    for encoded in (pieces, loose, mixed):
        body = snappy(entry("a", pages.instance(MADE, encoded)))
        assert one(decode_value(RING, body)).tokens == expected


def test_tokens_out_of_order_have_the_digest_of_the_sorted() -> None:
    made = replace(MADE, tokens=tuple(reversed(MADE.tokens)))
    assert one(decode_value(RING, pages.stored([made]))).tokens.digest == MADE.digest


# --- partition rings ---


def partitions_bytes() -> bytes:
    def partition(number: int, value: bytes) -> bytes:
        inner = field(1, number) + varint(2 << 3 | 2) + varint(len(value)) + value
        return varint(1 << 3 | 2) + varint(len(inner)) + inner

    first = field(1, packed((5, 9))) + field(2, 2) + field(3, NOW) + field(4, 1)
    second = field(2, 3) + field(4, 2) + field(5, 1)
    return snappy(
        partition(1, first)
        + partition(2, second)
        + entry("ingester-b-1", field(1, 1) + field(2, 1) + field(3, NOW), 2)
        + entry("ingester-a-1", field(1, 1) + field(2, 1), 2)
        + entry("gone", field(1, 2) + field(2, 2), 2)
    )


def test_partition_rings_have_owners_without_tombstones() -> None:
    stored = decode_value(PARTITIONS, partitions_bytes())
    assert isinstance(stored, PartitionRing)
    first, second = stored.partitions[1], stored.partitions[2]
    assert (first.state, first.time) == (PartitionState.ACTIVE, NOW)
    assert first.owners == ("ingester-a-1", "ingester-b-1")
    assert first.tokens.count == 2
    assert first.tokens.digest is not None
    assert second == Partition(2, PartitionState.INACTIVE, locked=True, tokens=second.tokens)


# --- HA tracker ---


def test_an_ha_entry_round_trips_and_zeros_are_none() -> None:
    full = field(1, "prom-b") + field(2, NOW * 1000 + 176) + field(4, NOW * 1000) + field(5, 3)
    expected = Replica("prom-b", NOW + 0.176, None, float(NOW), 3)
    assert decode_value(HA, snappy(full)) == expected
    assert decode_value(HA, snappy(field(1, "x") + field(2, 1))) == Replica("x", 0.001)


def test_a_deleted_ha_entry_says_since_when() -> None:
    value = decode_value(HA, snappy(field(1, "a") + field(2, NOW * 1000) + field(3, 1_795_225_480_000)))
    assert isinstance(value, Replica)
    assert value.deleted_at == 1_795_225_480


@pytest.mark.parametrize("key", ["ha-tracker/a/b", "prom_ha/a/b", "prom_haa/b", "team/a/partition"])
def test_an_ha_entry_is_known_by_what_it_holds_whatever_its_prefix(key: str) -> None:
    for stored in (field(1, "r") + field(2, 1), field(2, 1), field(1, "r" * 200) + field(2, 1)):
        assert isinstance(decode_value(key, snappy(stored)), Replica)


# --- refusals ---

MANY = b"".join(entry(str(number), b"") for number in range(bounds.MAX_MEMBERS + 1))
REFUSED = {
    "nothing": (b"", "ends within a number"),
    "no snappy": (b"value not found", "expected a snappy block"),
    "an announced length of a terabyte": (varint(2**40) + b"\x00" * 10, "announce 1099511627776"),
    "more than snappy can hold": (varint(10_000_000) + b"\x00" * 100, "expected a snappy block"),
    "a cut block": (pages.stored([MADE])[:-3], "expected a snappy block"),
    "no protobuf": (snappy(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "ends within a number"),
    "a cut entry": (snappy(entry("a", b"x" * 50)[:-10]), "no Desc, expected protobuf"),
    "another message": (snappy(field(2, 5)), "field 2 has wire type 0"),
    "a member without a name": (snappy(entry("", field(2, 5))), "id: empty"),
    "a long name": (snappy(entry("a" * 513, b"")), "at most 512"),
    "a name that is no UTF-8": (
        snappy(varint(1 << 3 | 2) + varint(3) + b"\x0a\x01\xff"),
        "expected protobuf",
    ),
    "a time beyond all": (snappy(entry("a", field(2, 2**62))), "expected unix seconds"),
    "a token of six bytes": (snappy(entry("a", field(6, b"\x81\x82\x83\x84\x85\x01"))), "expected uint32"),
    "a token of 33 bits": (snappy(entry("a", field(6, b"\xff\xff\xff\xff\x1f"))), "expected uint32"),
    "a loose token of 33 bits": (snappy(entry("a", varint(6 << 3) + varint(2**33))), "expected uint32"),
    "a token without an end": (snappy(entry("a", field(6, b"\x81"))), "without its end"),
    "very many entries": (snappy(MANY), f"entries: {bounds.MAX_MEMBERS + 1}"),
    "two megabytes of one member's tokens": (
        snappy(entry("a", field(6, b"\x01" * (2**21 + 1)))),
        "of one member",
    ),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED)
def test_bytes_that_are_no_ring_are_refused_by_key_and_expectation(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=r"^collectors/ring: ") as caught:
        decode_value(RING, body)
    assert message in str(caught.value)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    """64 MiB of one byte pack into 3 MB; what announces more is not even looked at."""
    bomb = snappy(b"\x0a" * (64 * 1024 * 1024 + 1))
    with pytest.raises(DecodeError, match=r"announce 67108865"):
        decode_value(RING, bomb)
