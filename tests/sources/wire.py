"""Servers that speak bytes: what no well-behaved server library would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ssl import SSLContext

from exporter.model.pages import Target

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Headers = dict[str, str]


@asynccontextmanager
async def serve(handler: Handler, ssl: SSLContext | None = None) -> AsyncIterator[Target]:
    """Run one handler per connection on a free port; every connection ends with the block."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        tasks.discard(task)
        writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=ssl)
    port = server.sockets[0].getsockname()[1]
    scheme = "https" if ssl else "http"
    try:
        yield Target(f"127.0.0.1:{port}", f"{scheme}://127.0.0.1:{port}")
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def request(reader: asyncio.StreamReader) -> tuple[str, Headers]:
    """One request: its first line, and its headers by lower-case name. The body is read and dropped."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    await reader.readexactly(int(headers.get("content-length", 0)))
    return first, headers


def response(
    body: bytes = b"", status: str = "200 OK", headers: Headers | None = None, length: int | None = None
) -> bytes:
    """A whole response; `length` lies about the body."""
    lines = {"Content-Length": str(len(body) if length is None else length), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body


def always(answer: bytes) -> Handler:
    """The same bytes to every request, on one connection after another request."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            writer.write(answer)
            await writer.drain()

    return handler


def once(answer: bytes) -> Handler:
    """The bytes, and then the end of the connection."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return handler


async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept, and never answer."""
    await asyncio.Event().wait()
