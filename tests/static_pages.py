"""Many processes that serve the pages of a few simulated ones, as bytes made beforehand.

`python -m tests.static_pages COUNT` prints their URLs as one JSON line and serves until it is ended.
The simulated cluster itself makes each page anew, which is too slow for hundreds of processes.
"""

from __future__ import annotations

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.process import Process
from tests.demo.kit import get, held

PATHS = (
    "/metrics", "/config", "/memberlist", "/distributor/ha_tracker", "/ingester/ring", "/compactor/ring",
    "/store-gateway/ring", "/ruler/ring", "/distributor/ring", "/multitenant_alertmanager/ring",
)  # fmt: skip
KEYS = ("collectors/ring", "collectors/compactor", "collectors/store-gateway", "rulers/ring")
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n404 page not found\n"


def pages_of(cluster: Cluster, process: Process) -> dict[tuple[str, str], bytes]:
    """Whole answers by path and gossip key."""
    found = {(path, ""): _answer(cluster, process, path) for path in PATHS}
    keys = (*KEYS, *(key for key in cluster.store.entries if key.startswith("ha-tracker/")))
    found |= {("/memberlist", k): _answer(cluster, process, f"/memberlist?downloadKey={k}") for k in keys}
    return found


def _answer(cluster: Cluster, process: Process, path: str) -> bytes:
    reply = get(cluster, process, path, as_json=path != "/metrics")
    head = f"HTTP/1.1 {reply.status} X\r\nContent-Type: {reply.content_type}\r\n"
    return f"{head}Content-Length: {len(reply.body)}\r\n\r\n".encode() + reply.body


async def serve(count: int) -> None:
    """Serve `count` processes on ports of loopback."""
    cluster = held(size=6)
    pages = [pages_of(cluster, process) for process in cluster.processes]
    servers = [await asyncio.start_server(_handler(pages[n % 6]), "127.0.0.1", 0) for n in range(count)]
    urls = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    print(json.dumps(urls), flush=True)
    await asyncio.Event().wait()


def _handler(pages: dict[tuple[str, str], bytes]):  # type: ignore[no-untyped-def] # asyncio's own callback
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                asked = urlsplit(head.split(b" ", 2)[1].decode())
                key = parse_qs(asked.query).get("downloadKey", [""])[0]
                writer.write(pages.get((asked.path, key), NOT_FOUND))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return handle


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
