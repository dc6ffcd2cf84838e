"""An etcd made of bytes: what its JSON gateway answers, and what it never should."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Callable

from tests.sources.wire import Handler, Headers, response

Asked = dict[str, str]


def b64(raw: bytes | str) -> str:
    return b64encode(raw.encode() if isinstance(raw, str) else raw).decode()


def page(
    *keys: str, more: bool = False, count: int | None = None, revision: int = 9, cluster: str = "7"
) -> bytes:
    kvs = [{"key": b64(key), "mod_revision": "5", "value": b64("v")} for key in keys]
    body: dict[str, object] = {"header": {"revision": str(revision), "cluster_id": cluster}, "kvs": kvs}
    body |= {"more": more, "count": str(len(keys) if count is None else count)}
    return response(json.dumps(body).encode())


def etcd_server(answer: Callable[[str, Asked, Headers], bytes]) -> Handler:
    """Answers by path, the request's JSON (keys decoded) and the headers."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            pairs = (line.partition(":") for line in head[1:])
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            asked = json.loads(await reader.readexactly(int(headers["content-length"])))
            for name in ("key", "range_end"):
                if name in asked:
                    asked[name] = b64decode(asked[name]).decode("latin-1")
            writer.write(answer(head[0].split()[1], asked, headers))
            await writer.drain()

    return handler


def empty_but(prefix: str, content: bytes) -> Handler:
    return etcd_server(lambda _path, asked, _headers: content if asked["key"].startswith(prefix) else page())


def error(text: str, status: str, code: int) -> bytes:
    return response(json.dumps({"error": text, "message": text, "code": code}).encode(), status)


NO_USER = error("etcdserver: user name is empty", "400 Bad Request", 3)
OLD_TOKEN = error("etcdserver: invalid auth token", "401 Unauthorized", 16)
UNKNOWN = error("etcdserver: permission denied", "403 Forbidden", 7)
COMPACTED = error("etcdserver: mvcc: required revision has been compacted", "400 Bad Request", 11)
