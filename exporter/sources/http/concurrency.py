"""Which calls may start now: a common limit, a limit per target, and less for a target that does not respond.

A place is for work: sending, and reading a body. A call that only waits for a server gives its common place
back after a while. A call to a server that did not respond before never takes a common place. So a zone of
hanging processes cannot keep the healthy processes from being read.
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from exporter.model.pages import Answer, Reason

PATIENCE = 0.5  # seconds without an answer after which the common place goes to another call
_DOUBTFUL = frozenset(
    (Reason.TIMEOUT, Reason.DEADLINE, Reason.TOO_LARGE)
)  # four such pages at once would cost four times as much
_MAX_SUSPECTS = 100_000  # vanished targets stay in the set; beyond this it starts anew


class Slot:
    """One call's place: among the calls that send, or, once given back, among those with late answers.

    The late calls have a room of their own, since their time runs. In the common one they would queue behind
    every call that has not begun.
    """

    def __init__(self, asking: asyncio.Semaphore, late: asyncio.Semaphore) -> None:
        self._next_room = asking
        self._late = late
        self._held: asyncio.Semaphore | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def take(self) -> None:
        """Wait for a place, unless one is taken. To be called again when the server answers."""
        self._stop_timer()
        if self._held is None:
            await self._next_room.acquire()
            self._held, self._next_room = self._next_room, self._late

    def wait_for_server(self) -> None:
        """From now on the place is given back if `PATIENCE` passes before the next `take`."""
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self.leave)

    def leave(self) -> None:
        """Give the place back; twice is once."""
        self._stop_timer()
        if self._held is not None:
            self._held.release()
            self._held = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Stay:
    """A call's time in its target's lane and in its place, as an asynchronous context manager. It is no
    generator, which would cost more than the rest of it.
    """

    __slots__ = ("_lane", "_place")

    def __init__(self, lane: asyncio.Semaphore, place: Slot) -> None:
        self._lane, self._place = lane, place

    async def __aenter__(self) -> Slot:
        await self._lane.acquire()
        try:
            await self._place.take()
        except BaseException:  # cancelled: no other code would give the lane back
            self._lane.release()
            raise
        return self._place

    async def __aexit__(self, *_: object) -> None:
        self._place.leave()
        self._lane.release()


class Places:
    """All places. A target is identified by its URL."""

    def __init__(self, common: int, per_target: int) -> None:
        self._asking = asyncio.Semaphore(common)
        self._late = asyncio.Semaphore(common)
        self._doubtful = asyncio.Semaphore(common)
        self._per_target = per_target
        self._lanes: WeakValueDictionary[tuple[str, int], asyncio.Semaphore] = WeakValueDictionary()
        self._suspects: set[str] = set()

    def place(self, url: str) -> Stay:
        """Wait for the target's lane and then for a common place. A suspect is read one page at a time."""
        suspect = url in self._suspects
        lane = self._lane(url, 1 if suspect else self._per_target)
        return Stay(lane, Slot(self._doubtful if suspect else self._asking, self._late))

    def learn(self, url: str, answer: Answer) -> None:
        """Note whether the target answered in bounds; a refusal is an answer, a timeout is none."""
        if answer.reason not in _DOUBTFUL:
            self._suspects.discard(url)
        elif len(self._suspects) < _MAX_SUSPECTS:
            self._suspects.add(url)
        else:
            self._suspects = {url}

    def _lane(self, url: str, width: int) -> asyncio.Semaphore:
        lane = self._lanes.get((url, width))
        if lane is None:
            lane = self._lanes[url, width] = asyncio.Semaphore(width)
        return lane
