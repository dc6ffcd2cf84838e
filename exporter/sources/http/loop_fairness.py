"""Rounds of the event loop that stay short, however many answers arrive at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

ROUND = 0.006  # seconds of unpacking and decoding in one round of the loop


class Pace:
    """Work of a millisecond on the loop waits here first: for the next round, if this one is used up. A call
    with a complete body goes first: so few bodies are in memory at a time.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began: float | None = None
        self._holding = 0

    async def wait(self) -> None:
        """Go on in this round of the loop or in a later one."""
        while self._holding or not self._has_room():  # noqa: ASYNC110 - the loop's next round is waited for
            await asyncio.sleep(0)

    async def wait_with_body(self) -> None:
        """As `wait`, but before the calls without a body."""
        self._holding += 1
        try:
            while not self._has_room():  # noqa: ASYNC110 - the loop's next round is what is waited for
                await asyncio.sleep(0)
        finally:
            self._holding -= 1

    def _has_room(self) -> bool:
        if self._began is None:
            self._began = self._clock()
            asyncio.get_running_loop().call_soon(self._end)
        return self._clock() - self._began < ROUND

    def _end(self) -> None:
        self._began = None
