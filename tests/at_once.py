"""The demo's answers without a connection: the same handlers and bytes, past two HTTP stacks and the kernel.

A migration of many minutes asks tens of thousands of times. A process that hangs has its time limit at once:
nobody waits for it in real time. Whatever else is no plain answer goes over the wire as ever: a closed port,
a body that is rubbish or compressed. tests/test_migration.py asks over the wire alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, cast

import aiohttp
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from exporter.demo import Demo
from exporter.demo.closable_port import HttpDoor
from exporter.sources.http.fetcher import Fetcher


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as the demo looks at it."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.url.path

    @property
    def query(self) -> Mapping[str, str]:
        return self.url.query

    async def read(self) -> bytes:
        return self.body


class Told:
    """A response, as far as the fetcher reads it; it is also the context manager that a request is."""

    def __init__(self, door: HttpDoor, asked: Asked, hangs: bool) -> None:
        self._door, self._asked, self._hangs = door, asked, hangs
        self.content = self

    async def __aenter__(self) -> Told:
        if self._hangs:
            await asyncio.sleep(0)
            raise TimeoutError
        answer = await self._door._handler(cast(web.BaseRequest, self._asked))
        assert isinstance(answer, web.Response)
        body = answer.body or b""
        assert isinstance(body, bytes)
        self._body = body
        self.status = answer.status
        self.headers: CIMultiDictProxy[str] = CIMultiDictProxy(answer.headers)
        self.content_length = len(self._body)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is to be given back."""

    async def iter_any(self) -> AsyncIterator[bytes]:
        if self._body:
            yield self._body

    def at_eof(self) -> bool:
        return True


class Shortcut:
    """A session that asks the demo's doors itself where they are open and answer plainly."""

    def __init__(self, wire: aiohttp.ClientSession, demo: Demo) -> None:
        self._wire = wire
        self._doors = {door.port: door for door in demo._doors if isinstance(door, HttpDoor)}
        processes = zip(demo._http, demo.cluster.processes, strict=True)
        self._processes = {door.port: process for door, process in processes}
        self._host = demo.settings.host

    def request(self, method: str, url: URL, **how: Any) -> Any:
        door, process = self._doors.get(url.port or 0), self._processes.get(url.port or 0)
        rubbish = process is not None and process.rubbish
        if door is None or rubbish or not door.is_open or url.host != self._host:
            return self._wire.request(method, url, **how)
        hangs = process is not None and process.hangs
        return Told(door, Asked(method, url, how["headers"], how["data"] or b""), hangs)

    async def close(self) -> None:
        await self._wire.close()


def shorten(fetcher: Fetcher, demo: Demo) -> None:
    """Let a fetcher ask the demo without a connection."""
    assert fetcher._session is not None
    fetcher._session = cast(aiohttp.ClientSession, Shortcut(fetcher._session, demo))
