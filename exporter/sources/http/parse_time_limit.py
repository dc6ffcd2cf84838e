"""A connection that does not let an answer cost more CPU than its bytes are worth.

A body in chunks of one byte, or interim answers without an end, cost a hundred times as much to parse as to
send. A time limit and a size cap bound neither. So the parsing itself is timed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

START = 0.03  # seconds of CPU that any answer may take
RATE = 30e6  # bytes that make it worth another second; normal answers are parsed at ten times this rate
Clock = Callable[[], float]


class CostlyAnswerError(aiohttp.ClientError):
    """The answer cost more than its bytes are worth."""


class Wire(ResponseHandler):
    """aiohttp's connection with a bound on the CPU of each answer.

    To read the CPU time costs many times as much as to read the clock. The CPU time is never more than the
    time by the clock. So it is read once an answer has taken too long by the clock.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._begin()

    def _begin(self, clock: Clock = time.perf_counter) -> None:
        self._clock, self._spent, self._bytes = clock, 0.0, 0

    def set_response_params(self, **how: Any) -> None:
        """Begin another answer."""
        self._begin()
        super().set_response_params(**how)

    def data_received(self, data: bytes) -> None:
        """Take bytes apart (the loop reads 256 KiB at once at most), unless they have cost too much."""
        began = self._clock()
        super().data_received(data)
        self._spent += self._clock() - began
        self._bytes += len(data)
        if self._spent <= START + self._bytes / RATE:
            return
        if self._clock is time.perf_counter:  # it may be the machine that is slow
            self._begin(time.thread_time)
        else:
            self._refuse()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport: aiohttp drops it when it closes the connection."""
        self._made: asyncio.BaseTransport | None = transport
        super().connection_made(transport)

    def connection_lost(self, reason: BaseException | None) -> None:
        """Break the circle that each of asyncio's transports is, since garbage is collected seldom."""
        super().connection_lost(reason)
        if self._made is not None:
            vars(self._made).pop("_read_ready_cb", None)
            self._made = None

    def _refuse(self) -> None:
        error = CostlyAnswerError("more CPU than its bytes are worth")
        if self._payload is not None:
            self._payload.set_exception(error)
        self.set_exception(error)
        self._parser = self._payload = None  # else the end of the connection would report a truncated answer
        if self.transport is not None:
            self.transport.abort()


class Connector(aiohttp.TCPConnector):
    """Makes connections that are timed."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        # aiohttp has no other way to set the protocol
        make: Callable[..., ResponseHandler] = Wire
        self._factory = partial(make, loop=asyncio.get_running_loop())
