"""Connections of the web server: whoever sends half a request, or reads no answer, keeps nobody else out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from exporter.expose.server import connections as module
from exporter.expose.server import listen
from exporter.expose.server.connections import EVERY, Doors, Seldom, capacity

pytestmark = pytest.mark.asyncio
HALF, WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
opened: list[asyncio.StreamWriter] = []
LARGE = 32 * 1024 * 1024
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def answer(_: web.Request) -> web.Response:
    return web.Response(text="well")


async def large(_: web.Request) -> web.Response:
    return web.Response(body=bytes(LARGE))


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch, most: int, seconds: float = 60.0) -> AsyncIterator[int]:
    """A server of so many connections and this patience; gives its port."""
    app = web.Application()
    app.add_routes([web.get("/", answer), web.get("/large", large)])
    monkeypatch.setattr(listen, "Doors", lambda make: Doors(make, most))
    for name in ("REQUEST_DEADLINE", "ANSWER_DEADLINE"):
        monkeypatch.setattr(module, name, seconds)
    monkeypatch.setattr(module, "SWEEP", 0.05)
    async with listen.listening(app, ["127.0.0.1:0"]) as addresses:
        yield int(addresses[0].rpartition(":")[2])
    while opened:
        writer = opened.pop()
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def sent(port: int, data: bytes) -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    opened.append(writer)
    writer.write(data)
    await writer.drain()
    return reader, writer


async def is_closed(connection: Connection, within: float = 5.0) -> bool:
    try:
        return await asyncio.wait_for(connection[0].read(100), within) == b""
    except ConnectionError:
        return True


async def is_answered(port: int) -> bool:
    reader, _ = await sent(port, WHOLE)
    return await asyncio.wait_for(reader.read(12), 5.0) == b"HTTP/1.1 200"


async def test_half_requests_beyond_the_cap_make_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch, most=8) as port:
        halves = [await sent(port, HALF) for _ in range(50)]
        for _ in range(5):
            assert await is_answered(port)
        assert await is_closed(halves[0])


async def test_a_head_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch, most=8, seconds=0.3) as port:
        silent, dripping = await sent(port, b""), await sent(port, HALF)

        async def drip() -> None:
            while not dripping[1].is_closing():
                dripping[1].write(b"b")
                await asyncio.sleep(0.05)

        dripper = asyncio.create_task(drip())
        assert await is_closed(silent)
        assert await is_closed(dripping)
        dripper.cancel()


async def test_an_answer_that_is_not_read_is_given_up_and_one_that_is_read_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch, most=8, seconds=0.5) as port:
        _, writer = await sent(port, WHOLE.replace(b"/ ", b"/large "))
        reader, _ = await sent(port, WHOLE.replace(b"/ ", b"/large "))
        read = 0
        while read < LARGE:
            read += len(await reader.read(1024 * 1024))
        await asyncio.sleep(1.0)
        assert writer.transport.is_closing() or await is_answered(port)


async def test_a_connection_that_is_kept_for_the_next_scrape_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, most=8, seconds=0.2) as port:
        reader, writer = await sent(port, WHOLE)
        for _ in range(3):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(4) == b"well"
            await asyncio.sleep(0.4)
            writer.write(WHOLE)


async def test_handshakes_that_do_not_end_have_a_cap_and_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    app = web.Application()
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    doors = Doors(runner.server, 3)
    for _ in range(3):
        doors()
    with pytest.raises(ConnectionRefusedError):
        doors()
    monkeypatch.setattr(module, "HANDSHAKE", 0.0)
    await asyncio.sleep(0.01)
    doors()
    await runner.cleanup()


async def test_there_are_fewer_connections_where_there_are_few_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for soft, most in ((64, 16), (1024, 256), (1_000_000, 512), (-1, 512)):
        monkeypatch.setattr(module.resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert capacity() == most


async def test_connections_that_cannot_be_accepted_are_told_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    seldom = Seldom(lambda: now[0])
    loop = asyncio.get_running_loop()
    for _ in range(1000):
        seldom(loop, {"message": "accept", "exception": OSError(24, "Too many open files")})
    now[0] = EVERY
    seldom(loop, {"message": "accept", "exception": OSError(24, "Too many open files")})
    told = [getattr(record, "fields", {}) for record in caplog.records]
    assert [fields["times"] for fields in told] == [1, 1000]
    seldom(loop, {"message": "another error of the loop"})
    assert "another error of the loop" in caplog.text
