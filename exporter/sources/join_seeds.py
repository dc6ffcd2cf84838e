"""Whether the names in `join_members` resolve with this exporter's own resolver.

The processes choose the names, and a zone may answer none of them for any time. So threads of their own
resolve them, and no cycle waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import dns.asyncresolver
import dns.exception

from exporter.sources.name_resolution import Resolver, is_address

LOOK_UP_AGAIN = 120.0  # seconds
MAX_SEEDS = 200
OF_ONE = 20  # names of one process; real processes have one to three
TIMEOUT = 3.0
PATIENCE = 0.5  # seconds that a cycle waits for fast answers
SRV = ("dnssrv+", "dnssrvnoa+")


class Seeds:
    """Resolves seeds in the background, each at most every two minutes. Close it when done."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[str, tuple[float, str]] = {}
        self._asking: dict[str, asyncio.Task[str]] = {}
        self._resolver: Resolver | None = None

    async def look_up(self, lists: Iterable[Iterable[str]]) -> Mapping[str, str]:
        """Start resolving the due seeds of each process's list. Returns the error by seed, "" for none, for
        the seeds resolved so far. Never raises.
        """
        wanted, now = chosen(lists), self._clock()
        self._found = {seed: self._found[seed] for seed in wanted if seed in self._found}
        self._collect(now)
        for seed in wanted:
            asked_at = self._found[seed][0] if seed in self._found else None
            if seed not in self._asking and (asked_at is None or now - asked_at > LOOK_UP_AGAIN):
                self._asking[seed] = asyncio.create_task(self._look_up(seed), name="seed")
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=PATIENCE)
            self._collect(now)
        return {seed: self._found[seed][1] for seed in wanted if seed in self._found}

    async def close(self) -> None:
        """End the running resolutions."""
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        if self._resolver is not None:
            await self._resolver.close()

    def _collect(self, now: float) -> None:
        for seed in [seed for seed, task in self._asking.items() if task.done()]:
            self._found[seed] = now, self._asking.pop(seed).result()

    async def _look_up(self, seed: str) -> str:
        """Resolve one seed as the products do: `host:port`, `dns+host:port`, `dnssrv+name`."""
        kind, name = next(((p, seed[len(p) :]) for p in (*SRV, "dns+") if seed.startswith(p)), ("", seed))
        try:
            async with asyncio.timeout(TIMEOUT):
                if kind in SRV:
                    await dns.asyncresolver.resolve(name, "SRV")
                else:
                    await self._addresses(name)
        except TimeoutError:
            return f"no answer within {TIMEOUT:g} s"
        except (OSError, dns.exception.DNSException, UnicodeError) as error:
            return f"does not resolve ({type(error).__name__})"
        return ""

    async def _addresses(self, name: str) -> None:
        host, _, _ = name.rpartition(":")
        host = (host or name).strip("[]")
        if is_address(host):
            return
        if self._resolver is None:
            self._resolver = Resolver()
        await self._resolver.resolve(host)


def chosen(lists: Iterable[Iterable[str]]) -> list[str]:
    """A few seeds of each process: those that most of them name first, then each one's first."""
    votes, rank = Counter[str](), dict[str, int]()
    for seeds in lists:
        for number, seed in enumerate(list(dict.fromkeys(seeds))[:OF_ONE]):
            votes[seed] += 1
            rank[seed] = min(number, rank.get(seed, number))
    return sorted(votes, key=lambda seed: (-votes[seed], rank[seed], seed))[:MAX_SEEDS]
