"""asyncio's errors about connections that it cannot accept: one line a minute, not a hundred a second."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from typing import Any

from exporter.log import logger

EVERY = 60.0  # seconds
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
log = logger(__name__)


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
