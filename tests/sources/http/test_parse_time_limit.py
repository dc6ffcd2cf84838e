"""An answer that costs more to take apart than its bytes are worth is refused, and an honest one is not."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from functools import partial

import pytest

from exporter.model.pages import Answer, Outcome, Reason
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.sources.http.parse_time_limit import Connector, Wire
from exporter.sources.http.process_limits import Spending
from tests.sources.wire import Handler, always, hang, request, serve

pytestmark = pytest.mark.asyncio
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "chunks of one byte": (CHUNKED, b"1\r\n#\r\n" * 20_000),
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2000),
}


def flood(first: bytes, again: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()

    return handler


async def asked(handler: Handler, spending: Spending) -> Answer:
    async with serve(handler) as target, Fetcher(FetchSettings(timeout=20.0)) as fetcher:
        return await fetcher.get(target, "/ring", spending=spending)


@pytest.mark.parametrize("what", FLOODS)
async def test_a_flood_of_small_pieces_ends_early_and_is_told_as_too_large(what: str) -> None:
    began, spending = time.process_time(), Spending()
    answer = await asked(flood(*FLOODS[what]), spending)
    assert (answer.outcome, answer.reason) == (Outcome.FAILED, Reason.TOO_LARGE)
    assert time.process_time() - began < 2.0, "with what it costs to send"
    assert spending.cpu > 0


async def test_a_connection_that_ended_is_no_garbage() -> None:
    """Asyncio's transports are circles: a thousand hanging processes leave as many in each cycle."""
    made: list[weakref.ref[asyncio.BaseTransport]] = []

    class Noted(Wire):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(weakref.ref(transport))
            super().connection_made(transport)

    gc.disable()
    try:
        async with serve(hang) as target, Fetcher(FetchSettings(timeout=0.2)) as fetcher:
            assert fetcher._session is not None
            connector = fetcher._session.connector
            assert isinstance(connector, Connector)
            connector._factory = partial(Noted, loop=asyncio.get_running_loop())
            answer = await fetcher.get(target, "/ring")
            assert answer.reason is Reason.TIMEOUT
        for _ in range(5):
            await asyncio.sleep(0)
        assert [transport() for transport in made] == [None]
    finally:
        gc.enable()


@pytest.mark.parametrize("size", [512, 2048, 64 * 1024])
async def test_a_large_body_in_the_chunks_of_a_real_server_is_read(size: int) -> None:
    chunk = f"{size:x}\r\n".encode() + bytes(size) + b"\r\n"
    body = CHUNKED + chunk * (8 * 1024 * 1024 // size) + b"0\r\n\r\n"
    answer = await asked(always(body), Spending())
    assert (answer.outcome, len(answer.body)) == (Outcome.OK, 8 * 1024 * 1024), answer.detail
