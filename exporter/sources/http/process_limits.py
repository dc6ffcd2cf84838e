"""What one process may cost in one cycle: requests, bytes, members and CPU, all its pages together.

::

    spending = Spending(Allowance(cpu=1.5))
    await fetcher.get(target, "/metrics", spending=spending)
    ring = spending.timed(decode, body)
    spending.take_members(len(ring.members))

A process that spends more gets `FetchError` with `too_large`, and the page counts as failed: its excess
costs the other processes nothing. The bounds are several times the cost of the largest real process
(`Allowance`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import ParamSpec, TypeVar

from exporter.errors import FetchError
from exporter.model.pages import MemberlistPage, Reason, Ring

P = ParamSpec("P")
T = TypeVar("T")
COUNT = attrgetter("tokens.count")
SHARE = 0.1  # of the interval: the CPU of one process's pages
LEAST_CPU = 0.5  # seconds, where intervals are short


@dataclass(frozen=True, slots=True)
class Allowance:
    """The bounds. A page of 3,000 ingesters with 512 tokens has 17 MB; three such pages with rings and gossip
    have 50 MB. A process has about 20 pages and 80 values a cycle.
    """

    requests: int = 400
    bytes: int = 160 * 1024 * 1024  # after decompression
    members: int = 100_000  # of rings and of the gossip
    tokens: int = 8_000_000  # of these members
    cpu: float = 1.5  # seconds of reading and decoding


def allowance_of(interval: float, largest: int) -> Allowance:
    """The bounds for cycles of `interval` seconds and answers of at most `largest` bytes."""
    return Allowance(bytes=max(Allowance().bytes, 2 * largest), cpu=max(LEAST_CPU, SHARE * interval))


class Spending:
    """One process's in one cycle. `cpu` is seconds of the thread, which a busy machine does not raise."""

    __slots__ = ("_clock", "_held", "allowance", "bytes", "cpu", "members", "requests", "tokens")

    def __init__(
        self, allowance: Allowance | None = None, clock: Callable[[], float] = time.thread_time
    ) -> None:
        self.allowance = allowance or Allowance()
        self._clock = clock
        self.requests = self.bytes = self.members = self.tokens = 0
        self.cpu = 0.0
        self._held: tuple[bytes, asyncio.Semaphore] | None = None

    def take_request(self) -> None:
        """Note one more request; raises before it is sent where anything is used up."""
        self.requests += 1
        bounds = self.allowance
        for spent, bound, what in (
            (self.requests, bounds.requests, "requests"),
            (self.bytes, bounds.bytes, "bytes"),
            (self.members, bounds.members, "members"),
            (self.tokens, bounds.tokens, "tokens"),
            (self.cpu, bounds.cpu, "seconds of CPU"),
        ):
            if spent > bound:
                raise FetchError(Reason.BUDGET, f"not requested: its process cost more than {bound:g} {what}")

    def take_bytes(self, count: int) -> None:
        """Note bytes of a body, after decompression."""
        self.bytes += count
        _within(self.bytes, self.allowance.bytes, "bytes")

    def exhaust(self) -> None:
        """Forbid all further requests in this cycle: no correct server sends what was just decoded."""
        self.cpu = math.inf

    def take_members(self, count: int, tokens: int = 0) -> None:
        """Note members of a ring or of the gossip, and how many tokens they have together."""
        self.members += count
        self.tokens += tokens
        _within(self.members, self.allowance.members, "members")
        _within(self.tokens, self.allowance.tokens, "tokens")

    def take_members_of(self, value: object) -> None:
        """Note the members of a page, and their tokens."""
        if isinstance(value, Ring):
            tokens = sum(map(COUNT, value.members.values()))
            self.take_members(len(value.members), max(tokens, 0))  # -1 of each where a page lists none
        elif isinstance(value, MemberlistPage):
            self.take_members(len(value.members))

    def hold(self, body: bytes, place: asyncio.Semaphore) -> None:
        """Keep the place of a large body until `let_go`."""
        self._held = body, place

    def let_go(self, body: bytes | None = None) -> None:
        """Give the place of this body back, where it has one; without a body, whatever is kept."""
        if self._held is not None and (body is None or body is self._held[0]):
            self._held[1].release()
            self._held = None

    def timed(self, work: Callable[P, T], *what: P.args, **how: P.kwargs) -> T:
        """Do some work and note its cost. The work is not interrupted. If it took the complete share of its
        process, it raises afterwards, so that its page is not requested in every cycle.
        """
        began = self._clock()
        try:
            done = work(*what, **how)
        finally:
            spent = self._clock() - began
            self.cpu += spent
        _within(spent, self.allowance.cpu, "seconds of CPU")
        return done


def _within(spent: float, bound: float, what: str) -> None:
    if spent > bound:
        raise FetchError(
            Reason.TOO_LARGE, f"with it the process costs more than {bound:g} {what} in one cycle"
        )
