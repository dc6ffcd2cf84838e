"""How a target can misbehave, as handlers of raw connections."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct

from zlib_ng import zlib_ng

from tests.sources import wire
from tests.sources.wire import Handler, always, hang, once, request, response

METRICS = b"# TYPE cortex_build_info gauge\ncortex_build_info 1\n"


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then, for ever."""
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"#")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A status line, and headers that do not end."""
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half an answer, then RST."""
    await request(reader)
    writer.write(response(METRICS * 100, length=100_000))
    await writer.drain()
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body without an end, as fast as it is taken."""
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    while True:
        writer.write(chunk)
        await writer.drain()


def bomb(size: int = 64 * 1024 * 1024) -> bytes:
    """A gzip answer a thousand times its size."""
    packer = zlib_ng.compressobj(6, zlib_ng.DEFLATED, 31)
    packed = b"".join(
        [*(packer.compress(b"\0" * 1_000_000) for _ in range(size // 1_000_000)), packer.flush()]
    )
    return response(packed, headers={"Content-Encoding": "gzip"})


def nested() -> bytes:
    """JSON, YAML and an exposition that only look small."""
    deep = b"[" * 100_000
    return response(deep, headers={"Content-Type": "application/json"})


def many_series(count: int = 20_000) -> bytes:
    """A process with more clients than anybody has."""
    lines = "".join(f'cortex_multikv_mirror_enabled{{kv_name="k{n}"}} 1\n' for n in range(count))
    packed = gzip.compress(lines.encode(), compresslevel=1)
    return response(packed, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})


BEHAVIOURS: dict[str, Handler] = {
    "hang: accept and never answer": hang,
    "drip a body, a byte at a time": drip,
    "drip headers without an end": drip_head,
    "reset in the middle of an answer": reset,
    "announce more than they send": once(response(METRICS, length=10_000)),
    "announce less than they send": always(response(METRICS * 50, length=20)),
    "announce a negative length": once(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx"),
    "announce a terabyte": once(response(METRICS, length=1 << 40)),
    "never end a body": endless,
    "send a gzip bomb": always(bomb()),
    "send damaged gzip": always(response(b"\x1f\x8bno", headers={"Content-Encoding": "gzip"})),
    "send brackets a hundred thousand deep": always(nested()),
    "send a header of a megabyte": once(response(b"x", headers={"X-Long": "y" * (1 << 20)})),
    "send what is not HTTP": once(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "send nothing and close": once(b""),
    "redirect to themselves for ever": always(response(status="302 Found", headers={"Location": "/metrics"})),
    "redirect to the cloud's metadata address": always(
        response(status="302 Found", headers={"Location": "http://169.254.169.254/latest/meta-data"})
    ),
    "redirect to a page that acts": always(
        response(status="307 Temporary Redirect", headers={"Location": "/ingester/shutdown"})
    ),
}
__all__ = ["BEHAVIOURS", "many_series", "wire"]
