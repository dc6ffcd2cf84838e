"""Connections of the web server: how many, and for how long one may keep a place without a complete request.

A client may open connections and send half a request, or read its answer a byte a second. It must not keep
Prometheus out: at the cap, the oldest connection without a request under way makes room for a new one.
Where none can be accepted, asyncio's errors about it are one line a minute, not a hundred a second.
"""

from __future__ import annotations

import asyncio
import errno
import resource
import time
from collections.abc import Callable
from typing import Any

from aiohttp.web_protocol import RequestHandler

from exporter.log import logger

MOST = 512  # connections
LEAST = 16
SHARE = 4  # a part of the descriptors that the process may have; the rest is for reading the cluster
REQUEST_DEADLINE = 10.0  # seconds from connecting, or from its first byte, to the last one of its head
ANSWER_DEADLINE = 60.0  # seconds from a complete request to the last byte of the answer
HANDSHAKE = 5.0  # seconds from connecting to the end of the TLS handshake
KEEPALIVE = 75.0  # seconds without a request
SWEEP = 1.0
EVERY = 60.0  # seconds between two lines about connections that cannot be accepted
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
log = logger(__name__)


def capacity() -> int:
    """How many connections there may be, by the descriptors that this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(LEAST, min(MOST, soft // SHARE))


class Doors:
    """All connections of one server: a factory of protocols for `loop.create_server`."""

    def __init__(self, make: Callable[[], RequestHandler], most: int | None = None) -> None:
        self._make = make
        self._most = most or capacity()
        self._open: dict[Connection, None] = {}
        self._shaking: dict[Connection, float] = {}  # TLS handshakes under way, and since when
        self._sweeping: asyncio.TimerHandle | None = None

    def __call__(self) -> Connection:
        """The protocol of one connection, before its TLS handshake where there is one. Raises where too many
        are under way; the connection is then dropped. asyncio does not report how a failed handshake ends.
        """
        now = asyncio.get_running_loop().time()
        while self._shaking and now - next(iter(self._shaking.values())) > HANDSHAKE:
            del self._shaking[next(iter(self._shaking))]
        if len(self._shaking) >= self._most:
            raise ConnectionRefusedError("too many handshakes")
        door = Connection(self, self._make())
        self._shaking[door] = now
        return door

    def enter(self, door: Connection) -> bool:
        """Let one in; false where every place is taken by a request under way."""
        self._shaking.pop(door, None)
        if len(self._open) >= self._most:
            idle = next((other for other in self._open if not other.is_busy), None)
            if idle is None:
                return False
            del self._open[idle]
            idle.abort()
        self._open[door] = None
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP, self._sweep)
        return True

    def leave(self, door: Connection) -> None:
        """Note that one has closed."""
        self._open.pop(door, None)

    def close(self) -> None:
        """Stop the timer."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for door in [door for door in self._open if door.is_late(now)]:
            door.abort()
        again = asyncio.get_running_loop().call_later
        self._sweeping = again(SWEEP, self._sweep) if self._open else None


class Connection(asyncio.Protocol):
    """One connection: passes everything on to aiohttp's own protocol, and records since when it waits."""

    def __init__(self, doors: Doors, handler: RequestHandler) -> None:
        self._doors = doors
        self._handler = handler
        self._transport: asyncio.BaseTransport | None = None
        self._waiting_since: float | None = None  # for the rest of a request
        self._requests = 0  # how many had come at the last check,
        self._busy_since: float | None = None  # and since when one of them is under way

    @property
    def is_busy(self) -> bool:
        """Whether a complete request has come that is not answered yet."""
        return self._handler._request_in_progress or bool(self._handler._messages)

    def is_late(self, now: float) -> bool:
        """Whether its time is up."""
        if not self.is_busy:
            self._busy_since = None
            return self._waiting_since is not None and now - self._waiting_since > REQUEST_DEADLINE
        if self._busy_since is None or self._requests != self._handler._request_count:
            self._requests, self._busy_since = self._handler._request_count, now
        return now - self._busy_since > ANSWER_DEADLINE

    def abort(self) -> None:
        """End it at once, whatever is still to be sent."""
        if isinstance(self._transport, asyncio.Transport):
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place."""
        self._transport = transport
        if not self._doors.enter(self):
            self.abort()
        self._waiting_since = asyncio.get_running_loop().time()
        self._handler.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._doors.leave(self)
        self._handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what came, and note whether a request is still to be completed."""
        self._handler.data_received(data)
        if self.is_busy:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = asyncio.get_running_loop().time()

    def eof_received(self) -> bool | None:
        """Pass it on."""
        self._handler.eof_received()
        return None

    def pause_writing(self) -> None:
        """Pass it on."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._handler.resume_writing()


class Seldom:
    """An exception handler of the loop. It leaves all other errors to the loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged_at: float | None = None
        self._left_out = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log the error; or count it, within `EVERY` seconds after the last line."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _EXHAUSTED:
            loop.default_exception_handler(context)
            return
        now = self._clock()
        if self._logged_at is not None and now - self._logged_at < EVERY:
            self._left_out += 1
            return
        log.warning("connections cannot be accepted", reason=error.strerror, times=1 + self._left_out)
        self._logged_at, self._left_out = now, 0
