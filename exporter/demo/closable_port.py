"""A port that is taken from the start and listens only while open."""

from __future__ import annotations

import asyncio
import errno
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_STOP_TIME = 0.01
_ACCEPTING = 4  # turns of the loop until a connection taken a moment ago has its handler, and can be ended
_BACKLOG = 512


def take(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen: each client is refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setblocking(False)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        why = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {why}") from None
    return found


class ReservedPort(ABC):
    """One port. Closing it also ends the connections through it, as a crashed process would."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self._socket: socket.socket | None = take(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def open(self) -> None:
        """Begin to listen."""
        if self._server is None:
            bound, self._socket = self._socket or take(self.host, self.port), None
            self._server = await self._listen(bound)

    async def close(self) -> None:
        """Stop listening, end what is connected, and keep the port."""
        if self._server is not None:
            server, self._server = self._server, None
            for listening in server.sockets:  # a closed server loses clients that it has just accepted
                asyncio.get_running_loop().remove_reader(listening)
            try:
                for _ in range(_ACCEPTING):
                    await asyncio.sleep(0)
            finally:
                server.close()  # also where the demo ends in the middle of this
            await self._end()
            self._socket = take(self.host, self.port)

    async def release(self) -> None:
        """Close, and give the port back."""
        await self.close()
        await self._end()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @abstractmethod
    async def _listen(self, bound: socket.socket) -> asyncio.Server:
        """Begin to listen, each kind in its own protocol."""

    @abstractmethod
    async def _end(self) -> None:
        """End what is connected."""


class HttpDoor(ReservedPort):
    """A port for HTTP."""

    def __init__(self, host: str, port: int, handler: Handler) -> None:
        super().__init__(host, port)
        self._handler = handler
        self._http: web.Server | None = None

    async def _listen(self, bound: socket.socket) -> asyncio.Server:
        self._http = web.Server(self._handler)
        loop = asyncio.get_running_loop()
        factory: Callable[[], RequestHandler] = self._http
        return await loop.create_server(factory, sock=bound, backlog=_BACKLOG)

    async def _end(self) -> None:
        if self._http is not None:
            open_ = [each.transport for each in self._http.connections if each.transport is not None]
            await self._http.shutdown(_STOP_TIME)
            for transport in open_:  # an answer that no client reads would keep it
                transport.abort()
            self._http = None


class StreamDoor(ReservedPort):
    """A port for bytes."""

    def __init__(self, host: str, port: int, talk: Talk) -> None:
        super().__init__(host, port)
        self._talk = talk
        self._tasks: set[asyncio.Task[None]] = set()

    async def _listen(self, bound: socket.socket) -> asyncio.Server:
        return await asyncio.start_server(self._accepted, sock=bound, backlog=_BACKLOG)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            if task is not None:
                self._tasks.discard(task)
            writer.close()

    async def _end(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
