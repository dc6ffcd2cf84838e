"""The gossip port answers label pings as real members do."""

from __future__ import annotations

import asyncio
import re

import pytest

from exporter.demo import Cluster, Demo, DemoSettings
from exporter.demo.gossip_port import GossipPort
from exporter.demo.pages.wire_format import ack, lzw, read_label
from exporter.model.pages import Phase

STREAM = b"\x02"
BARE = b"\x00\x82\xa5SeqNo\x01\xa4Node\xa0"
PING = STREAM + BARE
ACK = b"\x02\x82\xa5SeqNo\x01\xa7Payload\xc0"


def labelled(label: str) -> bytes:
    return STREAM + b"\xf4" + bytes([len(label)]) + label.encode() + BARE


def unlzw(data: bytes) -> bytes:
    """Go's `compress/lzw` reader, LSB with 8-bit literals, written from its description."""
    bits = count = at = 0
    table: dict[int, bytes] = {}
    out, last, width, high = b"", b"", 9, 257
    while True:
        while count < width:
            bits |= data[at] << count
            at, count = at + 1, count + 8
        code, bits, count = bits & ((1 << width) - 1), bits >> width, count - width
        if code == 257:
            return out
        if code == 256:
            table, last, width, high = {}, b"", 9, 257
            continue
        entry = bytes([code]) if code < 256 else table.get(code, last + last[:1])
        out += entry
        if last:
            high += 1
            table[high] = last + entry[:1]
            width += high + 1 >= 1 << width
        last = entry


@pytest.mark.parametrize("data", [ACK, b"a", bytes(range(200))])
def test_compressed_acks_can_be_unpacked(data: bytes) -> None:
    assert unlzw(lzw(data)) == data


def test_an_ack_is_plain_or_compressed_as_memberlist_writes_them() -> None:
    assert ack(1, compressed=False) == ACK
    packed = ack(1, compressed=True)
    head, _, rest = packed.partition(b"\xa3Buf")
    assert head == b"\x09\x82\xa4Algo\x00"
    assert rest[0] == 0xA0 | len(rest[1:])
    assert unlzw(rest[1:]) == ACK


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b"", None),
        (b"\xf4", None),
        (b"\xf4\x05abc", None),
        (b"\xf4\x03abc", ("abc", b"")),
        (b"\xf4\x03abc\x00", ("abc", b"\x00")),
        (b"\x00\x01", ("", b"\x00\x01")),
        (b"\xf4\x01\xff\x00", ("\ufffd", b"\x00")),
    ],
)
def test_a_label_header_is_read_once_it_is_there(message: bytes, found: tuple[str, bytes] | None) -> None:
    assert read_label(message) == found


async def ask(port: int, message: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(message)
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.asyncio
async def test_the_own_label_is_answered_any_other_is_closed_without_a_byte_and_logged() -> None:
    settings = DemoSettings(size=2, manual=True, start_phase=Phase.MULTI, hold=True, label="prod.cortex")
    async with Demo(settings) as demo:
        ports = [process.at.gossip for process in demo.cluster.processes]
        assert [(await ask(port, labelled("prod.cortex")))[:1] for port in ports] == [b"\x09", b"\x02"]
        assert await ask(ports[0], PING) == b""
        assert await ask(ports[0], labelled("nope")) == b""
        lines = demo.log_paths[0].read_text().splitlines()
        found = [line for line in lines if "discarding" in line]
        pattern = (
            r"ts=\S+Z caller=memberlist_logger\.go:74 level=error "
            r'msg="discarding stream with unacceptable label \\"(nope)?\\": from=127\.0\.0\.1:\d+"'
        )
        assert len(found) == 2
        assert all(re.fullmatch(pattern, line) for line in found)
        assert "discarding" not in demo.log_paths[1].read_text()


@pytest.mark.asyncio
async def test_a_ping_may_come_in_pieces() -> None:
    async with Demo(DemoSettings(size=1, manual=True, start_phase=Phase.MEMBERLIST, label="x")) as demo:
        reader, writer = await asyncio.open_connection("127.0.0.1", demo.cluster.processes[0].at.gossip)
        for byte in labelled("x"):
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await reader.read())[:1] == b"\x09"
        writer.close()


@pytest.mark.asyncio
async def test_without_memberlist_nobody_listens_there() -> None:
    async with Demo(DemoSettings(size=1, manual=True, hold=True)) as demo:
        with pytest.raises(ConnectionRefusedError):
            await ask(demo.cluster.processes[0].at.gossip, PING)


@pytest.mark.asyncio
async def test_without_verification_any_label_is_answered() -> None:
    settings = DemoSettings(
        size=1, manual=True, start_phase=Phase.MULTI, hold=True, faults=("verification-off",)
    )
    async with Demo(settings) as demo:
        port = demo.cluster.processes[0].at.gossip
        assert [(await ask(port, message))[:1] for message in (PING, labelled("any"))] == [b"\x09", b"\x09"]


def test_what_is_no_ping_is_counted_as_an_unknown_connection() -> None:
    cluster = Cluster(DemoSettings(size=1, start_phase=Phase.MULTI))
    process = cluster.processes[0]
    port = GossipPort(cluster, process)
    label = cluster.settings.gossip_label
    header = b"\xf4" + bytes([len(label)]) + label.encode()
    assert port.answer(STREAM + header + b"GET / HTTP/1.1", "1.2.3.4:5") == b""
    assert process.unknown_connections == 1


def test_what_begins_like_no_stream_is_unknown_too_as_when_somebody_scrapes_the_port() -> None:
    cluster = Cluster(DemoSettings(size=1, start_phase=Phase.MULTI))
    process = cluster.processes[0]
    port = GossipPort(cluster, process)
    assert port.answer(b"GET / HTTP/1.1\r\n\r\n", "1.2.3.4:5") == b""
    assert port.answer(BARE, "1.2.3.4:5") == b""
    assert process.unknown_connections == 2
    assert port.answer(b"\x01\x04abcd", "1.2.3.4:5") == b""
    assert process.unknown_connections == 2
