"""Rounds of a cycle: many processes are read concurrently, and no round waits long for one of them.

A process that is not done at the end of its round goes on by itself. So does one that did not respond or was
late in the last cycle. A hanging process costs no other process its pages or the order of the rounds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from types import MappingProxyType
from typing import TypeVar

from exporter.derive.kv_clients import phase_of, primary_of
from exporter.model.facts import ClientFacts
from exporter.model.pages import KVClient
from exporter.polling.visit import Visit

T = TypeVar("T")
STARTED = 16  # processes started in one round of the loop
APART = 0.001  # seconds from one process's deadline to the next one's
MOST_EARLIER = 0.1  # of the time of a cycle
PATIENCE = 0.4  # of the time that is left: how long one round is waited for
Work = Callable[[Visit], Coroutine[None, None, None]]


class Stragglers:
    """The processes that go on by themselves in one cycle. `deadline` is a time of the running loop."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, work: Coroutine[None, None, None]) -> None:
        """Let one go on by itself."""
        self._tasks.add(asyncio.create_task(work))

    async def prompt(self, visits: Iterable[Visit], read: Work, rest: Work, room: int = 0) -> list[Visit]:
        """Make a round, `room` processes at a time (0: all). Returns those that are done in time. The
        remaining processes go on by themselves, with the `rest` of their pages.
        """
        places = asyncio.Semaphore(room or sys.maxsize)

        async def one(visit: Visit) -> None:
            async with places:
                await read(visit)

        tasks = {}
        async for visit in in_portions(visits):
            tasks[asyncio.create_task(one(visit))] = visit
        if not tasks:
            return []
        left = self._deadline - asyncio.get_running_loop().time()
        done, late = await asyncio.wait(tasks, timeout=max(0.0, left * PATIENCE))
        for task in late:
            tasks[task].memory.late = True
            self.add(_then(task, rest, tasks[task]))
        for task in done:
            task.result()
        return [visit for task, visit in tasks.items() if task in done]

    async def finish(self) -> None:
        """Wait for them until the deadline, then end them."""
        if self._tasks:
            left = self._deadline - asyncio.get_running_loop().time()
            await asyncio.wait(self._tasks, timeout=max(0.0, left))
        async for task in in_portions(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def deadlines(last: float, left: float, count: int) -> Iterator[float]:
    """The deadlines of so many processes, the first at `last`. If a thousand hang, their calls must not all
    end in the same round of the loop. The earliest gives up at most a tenth of the seconds `left`.
    """
    between = min(APART, left * MOST_EARLIER / max(count, 1))
    return (last - number * between for number in range(count))


async def _then(task: asyncio.Task[None], rest: Work, visit: Visit) -> None:
    await task
    await rest(visit)


async def in_portions(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield a few in each round of the loop, so that starting a thousand does not block it."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % STARTED == 0:
            await asyncio.sleep(0)


def ticked(now: Callable[[], float]) -> float:
    """Seconds of the monotonic clock, or of a simulation's clock, to compare with the wall clock."""
    return time.monotonic() if now is time.time else now()


def external_is_primary(visits: Iterable[Visit]) -> bool:
    """Whether to read the external store first, from the metrics of this very cycle."""
    clients = {
        (client.primary, client.mirror, client.stores, *_asked(client)): client
        for visit in visits
        if visit.metrics.value is not None
        for client in visit.metrics.value.clients.values()
    }
    facts = [
        ClientFacts(
            "",
            client.name,
            "",
            phase_of(client),
            writes=True,
            primary=client.primary,
            store_requests=MappingProxyType({kind: 1.0 for kind, _ in client.requests}),
        )
        for client in clients.values()  # most are like another process's
    ]
    return primary_of(facts) != "memberlist"


def _asked(client: KVClient) -> Iterable[tuple[str, bool]]:
    return ((kind, count > 0) for (kind, _), count in client.requests.items())
