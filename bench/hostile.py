"""A process of the cluster that costs as much as one can: `python -m bench.hostile PORT KIND`.

One attack a kind: `KINDS` has them. What it sends is made before it listens.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

MB = 1024 * 1024
MANY = 99_000
METRICS = (
    b'# TYPE cortex_build_info gauge\ncortex_build_info{version="1.18.0"} 1\n'
    b"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1\n"
)
MISSING = b"not found\n"
Bodies = Callable[[str], tuple[bytes, str]]


def _stamp() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def ring(members: int, tokens: int = 0) -> bytes:
    """A ring page of so many members, each with so many tokens."""
    own = list(range(tokens))
    shards = [
        {"id": f"m{n}", "state": "ACTIVE", "address": f"10.1.{n // 250}.{n % 250}:9095", "zone": f"z{n % 9}",
         "timestamp": _stamp(), "registered_timestamp": _stamp(), "tokens": own}
        for n in range(members)
    ]  # fmt: skip
    return gzip.compress(json.dumps({"shards": shards, "now": _stamp()}).encode(), 1)


def member_list(members: int, keys: int) -> bytes:
    """A /memberlist page of so many members and keys."""
    listed = [
        {"Name": f"m{n}", "Addr": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "Port": 7946, "State": 0}
        for n in range(members)
    ]
    store = {f"collectors/k{n}": {"Version": 1, "CodecID": "ringDesc"} for n in range(keys)}
    page = {"SortedMembers": listed, "Store": store, "Now": _stamp()}
    return gzip.compress(json.dumps(page).encode(), 1)


def html() -> bytes:
    """A ring page of 40 MB, all of it well-formed."""
    row = b"<tr><td>i%d</td><td>ACTIVE</td><td>10.0.0.1:9095</td><td>%s</td></tr>"
    head = b"<html><table><tr><th>Instance ID</th><th>State</th><th>Address</th><th>Zone</th></tr>"
    rows = b"".join(row % (n, b"z" * 350) for n in range(90_000))
    return gzip.compress(head + rows + b"</table></html>", 1)


def aliases() -> bytes:
    """A configuration page of a megabyte of aliases."""
    anchors = b"".join(b"  k%d: &x%d {a: b}\n" % (n, n) for n in range(1900))
    uses = b"".join(b"  q%d: *x%d\n" % (n, n % 1900) for n in range(60_000))
    return b"server: &a\n" + anchors + b"memberlist:\n" + uses


def lines() -> bytes:
    """A /metrics page of lines that nearly match what is searched for."""
    near = b"".join(b'x_multikv_%d{a="b"} 1\n' % n for n in range(2_000_000))
    return gzip.compress(METRICS + near, 1)


def _on(pages: dict[str, bytes], value: bytes = MISSING) -> Bodies:
    """These bodies by a word of their path, packed or not; `value` for a key of the gossip."""

    def body(path: str) -> tuple[bytes, str]:
        parts = urlsplit(path)
        if parts.query:
            return value, "200 OK" if value is not MISSING else "404 Not Found"
        found = next((body for word, body in pages.items() if word in parts.path), MISSING)
        return found, "404 Not Found" if found is MISSING else "200 OK"

    return body


def _bodies(kind: str) -> Bodies:
    plain = {"/metrics": METRICS}
    made: dict[str, Callable[[], Bodies]] = {
        "keys": lambda: _on(plain | {"/memberlist": member_list(10, MANY)}, b"\x00"),
        "members": lambda: _on(plain | {"ring": ring(90_000), "/memberlist": member_list(MANY, 0)}),
        "tokens": lambda: _on(plain | {"ring": ring(2000, 4096)}),
        "html": lambda: _on(plain | {"ring": html(), "/memberlist": html()}),
        "bomb": lambda: _on({"/": gzip.compress(bytes(1024 * MB), 9)}),
        "deep": lambda: _on(plain | {"/": b'{"shards":' + b"[" * (30 * MB)}),
        "aliases": lambda: _on(plain | {"/config": aliases()}),
        "lines": lambda: _on({"/metrics": lines()}),
    }  # fmt: skip
    return made[kind]() if kind in made else _on(plain)


def _response(body: bytes, status: str) -> bytes:
    packed = "Content-Encoding: gzip\r\n" if body[:2] == b"\x1f\x8b" else ""
    text = (
        "text/plain"
        if body.startswith(b"# TYPE")
        else "text/html"
        if b"<html" in body[:9]
        else "application/json"
    )
    head = f"HTTP/1.1 {status}\r\nContent-Type: {text}\r\nContent-Length: {len(body)}\r\n{packed}\r\n"
    return head.encode() + body


def _endless(kind: str) -> Iterator[bytes] | None:
    """Answers without an end: bodies of one-byte chunks, interim answers, headers, single bytes."""
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    long = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n"
    kinds = {
        "chunks": (chunked, b"1\r\n#\r\n" * 20_000),
        "interim": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2000),
        "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: %b\r\n" % (b"a" * 7000)),
        "drip": (long, b"#"),
    }
    if kind not in kinds:
        return None
    first, again = kinds[kind]

    def parts() -> Iterator[bytes]:
        yield first
        while True:
            yield again

    return parts()


async def _serve(
    kind: str, bodies: Bodies, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with suppress(ConnectionError, OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            endless = _endless(kind)
            for part in endless or (_response(*bodies(head.split(b" ", 2)[1].decode("latin-1"))),):
                writer.write(part)
                await writer.drain()
                if kind == "drip":
                    await asyncio.sleep(0.2)
    writer.close()


async def main(port: int, kind: str) -> None:
    """Listen until killed; prints "ready" on standard output."""
    bodies = _bodies(kind)
    server = await asyncio.start_server(lambda r, w: _serve(kind, bodies, r, w), "127.0.0.1", port)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


KINDS = (
    "keys",
    "members",
    "tokens",
    "html",
    "bomb",
    "deep",
    "aliases",
    "lines",
    "chunks",
    "interim",
    "headers",
    "drip",
)

if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
