"""A poller's input: which processes to read, how, how often, and the hooks around a cycle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.derive.conclude import Words, unworded
from exporter.derive.judging_rules import Rules
from exporter.model.facts import ProbeResult, Rejection, Snapshot
from exporter.model.pages import Observation, Product, Target, Unwatched
from exporter.polling.stores import StoreReader
from exporter.products.ring_pages import RingPage
from exporter.sources.http.fetcher import Fetcher
from exporter.sources.http.process_limits import Allowance, allowance_of

DEADLINE_SHARE = 0.9  # of the interval: a cycle ends before the next one starts
MIN_DEADLINE = 2.0


async def nothing(*_: object) -> Any:
    """Do nothing, and find nothing: a hook that is not given."""
    return ()


async def _none_resolved(_: Iterable[Iterable[str]]) -> Mapping[str, str]:
    return {}


@dataclass(slots=True)
class Plan:
    """A poller's input; a reload replaces it completely."""

    targets: Callable[[], tuple[Target, ...]]
    fetcher: Fetcher
    rules: Rules
    interval: float = 15.0
    product: Product = Product.UNKNOWN
    pages: tuple[RingPage, ...] | None = None  # None: those that the product has
    stores: tuple[StoreReader, ...] = ()
    views_per_cycle: int | None = None
    discovered: Callable[[], Mapping[str, int]] = lambda: {}
    unsure: Callable[[], Unwatched] = Unwatched  # what discovery cannot name, or not reach
    rejections: Callable[[float], Awaitable[tuple[Rejection, ...]]] = nothing
    probes: Callable[[Iterable[Observation], float], Awaitable[tuple[ProbeResult, ...]]] = nothing
    look_up: Callable[[Iterable[Iterable[str]]], Awaitable[Mapping[str, str]]] = _none_resolved
    before_cycle: Callable[[], Awaitable[None]] = nothing
    after_cycle: Callable[[Snapshot], Awaitable[None]] = nothing
    words: Words = unworded
    min_deadline: float = MIN_DEADLINE
    shard: int = 0
    shards: int = 1

    def deadline(self) -> float:
        """Seconds that a cycle may read."""
        return max(self.min_deadline, self.interval * DEADLINE_SHARE)

    def allowance(self) -> Allowance:
        """What one process may cost in a cycle."""
        return allowance_of(self.interval, self.fetcher.max_response_bytes)
