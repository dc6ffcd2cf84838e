"""An answer that costs more to take apart than its bytes are worth is refused, and an honest one is not."""

from __future__ import annotations

import asyncio
import time

import pytest

from exporter.model.pages import Answer, Outcome, Reason
from exporter.sources.http.budget import Spending
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from tests.sources.wire import Handler, always, request, serve

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


@pytest.mark.parametrize("size", [512, 2048, 64 * 1024])
async def test_a_large_body_in_the_chunks_of_a_real_server_is_read(size: int) -> None:
    chunk = f"{size:x}\r\n".encode() + bytes(size) + b"\r\n"
    body = CHUNKED + chunk * (8 * 1024 * 1024 // size) + b"0\r\n\r\n"
    answer = await asked(always(body), Spending())
    assert (answer.outcome, len(answer.body)) == (Outcome.OK, 8 * 1024 * 1024), answer.detail
