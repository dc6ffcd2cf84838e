"""The label ping, byte for byte, against raw sockets that do everything a peer may do."""

from __future__ import annotations

import ast
import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.sources import label_ping
from exporter.sources.label_ping import MemberPort, ask, ping
from tests.sources.certificates import Authority

ROOT = Path(label_ping.__file__).resolve().parents[1]
PING = b"\x00\x82\xa5SeqNo\x01\xa4Node\xa0"
ACK = b"\x02\x82\xa5SeqNo\x01\xa7Payload\xc0"
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("", b"\x02" + PING),
        ("other", b"\x02\xf4\x05other" + PING),
        ("prod-eu.mimir", b"\x02\xf4\x0dprod-eu.mimir" + PING),
        ("ü", b"\x02\xf4\x02\xc3\xbc" + PING),
        ("x" * 255, b"\x02\xf4\xff" + b"x" * 255 + PING),
    ],
)
def test_the_bytes_of_a_ping(label: str, message: bytes) -> None:
    assert ping(label) == message


def test_the_bytes_of_a_ping_in_hex() -> None:
    assert ping("other").hex(" ") == ("02 f4 05 6f 74 68 65 72 00 82 a5 53 65 71 4e 6f 01 a4 4e 6f 64 65 a0")


@pytest.mark.parametrize("label", ["x" * 256, "ü" * 128])
def test_a_label_too_long_for_its_header_is_no_label(label: str) -> None:
    with pytest.raises(ValueError, match="255 bytes"):
        ping(label)


def test_nothing_but_a_ping_is_ever_written_and_nobody_else_opens_a_stream() -> None:
    """The one write of the probe is given what `ping` returned; all else that is asked is HTTP and DNS."""
    text = Path(label_ping.__file__).read_text()
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    writing = (".write", ".writelines", ".send", ".sendall")
    written = [ast.unparse(call) for call in calls if ast.unparse(call.func).endswith(writing)]
    assert written == ["writer.write(message)"]
    assert [ast.unparse(c) for c in calls if ast.unparse(c.func) == "_exchange"] == [
        "_exchange(door, message, from_)"
    ]
    assert "    message = ping(label)\n" in text
    files = [path for path in ROOT.rglob("*.py") if "demo" not in path.parts]
    opening = [path for path in files if "open_connection(" in path.read_text()]
    assert opening == [Path(label_ping.__file__).resolve()]


@asynccontextmanager
async def peer(talk: Peer, tls: ssl.SSLContext | None = None) -> AsyncIterator[MemberPort]:
    async def talking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()

    server = await asyncio.start_server(talking, "127.0.0.1", 0, ssl=tls)
    try:
        yield MemberPort("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.sleep(0)


def answering(answer: bytes) -> Peer:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(ping("label")))
        writer.write(answer)
        await writer.drain()

    return talk


async def hangs(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(3)
    handle: socket.socket = writer.get_extra_info("socket")
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"\x02" * 65536)
        await writer.drain()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("talk", "accepted"),
    [
        (answering(ACK), True),
        (answering(b"\x09\x82\xa4Algo\x00\xa3Buf\xa1x"), True),
        (answering(b"\x02"), True),
        (answering(b""), False),
        (resets, False),
        (answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None),
        (answering(b"\x15\x03\x01\x00\x02\x02\x0a"), None),
        (answering(b"\x00"), None),
        (answering(b"\xf4\x01x\x02"), None),
        (floods, True),
    ],
    ids=["ack", "compressed", "one byte", "closed", "reset", "http", "tls", "zero", "label", "flood"],
)
async def test_what_an_answer_means(talk: Peer, accepted: bool | None) -> None:  # a column
    async with peer(talk) as door:
        assert await ask(door, "label") is accepted


@pytest.mark.asyncio
async def test_one_that_never_answers_is_not_known_and_not_waited_for() -> None:
    async with peer(hangs) as door:
        assert await ask(door, "label", seconds=0.05) is None


@pytest.mark.asyncio
async def test_nobody_there_is_not_known(free_port: Callable[[], int]) -> None:
    assert await ask(MemberPort("127.0.0.1", free_port()), "label") is None
    assert await ask(MemberPort("host.invalid", 7946), "label") is None
    assert await ask(MemberPort("x" * 70, 7946), "label") is None


@pytest.mark.asyncio
@pytest.mark.parametrize("label", ["", "label"])
async def test_a_member_receives_the_ping_and_not_a_byte_more(label: str) -> None:
    received = bytearray()
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.readexactly(len(ping(label))))
        writer.write(ACK * 100)
        try:
            received.extend(await reader.read())
        finally:
            ended.set()

    async with peer(talk) as door:
        assert await ask(door, label) is True
        async with asyncio.timeout(10):
            await ended.wait()
    assert bytes(received) == ping(label)


@pytest.mark.asyncio
async def test_our_own_address_is_told_as_the_member_sees_it() -> None:
    seen: list[str] = []
    told: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = writer.get_extra_info("peername")
        seen.append(f"{host}:{port}")
        await reader.readexactly(3)

    async with peer(talk) as door:
        await ask(door, "label", from_=told.append)
    assert told == seen


@pytest.mark.asyncio
async def test_encrypted_gossip_is_asked_with_a_certificate_and_others_are_not_known(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = authority.server_context(authority.sign("member", "gossip.example.com"), ask_client=True)
    client = ssl.create_default_context(cafile=str(authority.file))
    client.load_cert_chain(*(str(file) for file in vars(authority.sign("prober")).values()))
    async with peer(answering(ACK), server) as door:
        encrypted = MemberPort(door.host, door.port, client, "gossip.example.com")
        assert await ask(encrypted, "label") is True
        assert await ask(MemberPort(door.host, door.port, client), "label") is None, "another name"
        assert await ask(MemberPort(door.host, door.port, tls=True), "label") is None, "another authority"
        assert not await ask(door, "label"), "not encrypted"
