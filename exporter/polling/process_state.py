"""The state of one process from earlier cycles, and when it is dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.decode.earlier_tokens import TokenLists
from exporter.decode.formats.metrics_page_layout import Layout
from exporter.model.pages import BuildInfo, Outcome, Page, ProcessConfig, Product
from exporter.polling.costly_page_pauses import Pauses
from exporter.sources.http.fetcher import Fetcher

STARTING = 120.0  # seconds; rings of a process that starts come up one after the other
EARLY = 2.0  # seconds by which a start may seem to be in the future: pages have integer seconds


@dataclass(frozen=True, slots=True)
class RarePage:
    """A page that is read rarely: as it was read last, until when it stands, what KV clients showed then."""

    page: Page[Any]
    due: float
    switches: Mapping[str, tuple[str, bool | None]]


@dataclass(frozen=True, slots=True)
class TokenRead:
    """The tokens of a large ring page as it was last read with them: until when they stand, and the page's
    size in bytes then. Without `lists` the page is of no use without its tokens.
    """

    due: float
    size: int
    lists: TokenLists | None


@dataclass(slots=True)
class Memory:
    """One process's. The only state a visit changes."""

    absent_until: dict[str, float] = field(default_factory=dict)
    had: dict[str, float | None] = field(default_factory=dict)
    """Ring pages that were read once, each with the start of the process that showed it last."""
    config: Page[ProcessConfig] | None = None
    config_path: str = ""  # where the page was read last
    config_due: float = 0.0
    config_hash: int = 0
    build: Page[BuildInfo] | None = None
    rare: dict[str, RarePage] = field(default_factory=dict)  # by kind
    started: float | None = None
    product: Product = Product.UNKNOWN
    layout: Layout | None = None
    not_responding: bool = False  # did not respond last time: no round waits for it
    late: bool = False  # was not done when a round's time was up: the next cycle reads it apart
    value_bytes: int = 0  # of all gossip values, last time they were read
    values_read_at: float = 0.0
    rings_had: list[str] = field(default_factory=list)  # the rings in its gossip, then or when first read
    ring_bytes: int = 0  # of all ring pages, last time they were read
    rings_read_at: float = 0.0
    ring_paths: frozenset[str] | None = None  # the pages it has; `None` before they were read
    tokens: dict[str, TokenRead] = field(default_factory=dict)  # by the path of a ring page
    rings_ended: tuple[Page[Any], ...] = ()  # how its ring pages ended when they were last read,
    values_ended: tuple[Page[Any], ...] = ()  # and the values of its gossip, as one page
    pauses: Pauses = field(default_factory=Pauses)
    asked_by: Fetcher | None = None  # another one has other limits: pauses end with a reload
    visited_at: float = 0.0
    since: float = 0.0  # our clock: its first reading, or when a restart was observed

    def visited(self, at: float) -> None:
        """Note a visit. Where our clock was set back since the last one, drop what is dated by it: it would
        stand still until then.
        """
        if at < self.visited_at:
            self._undate()
            self.pauses = Pauses()
        if not self.visited_at:
            self.since = at
        self.visited_at = at

    def restarted(self, at: float | None) -> None:
        """Forget what a new start makes void: its configuration, its pages, when its views were read."""
        self.started, self.build = at, None
        self.config, self.config_hash = None, 0
        self._undate()
        self.since = self.visited_at
        self.ring_paths = None
        self.forget_endings()

    def forget_endings(self) -> None:
        """Drop how its pages ended: after a restart or an outage this does not apply any more."""
        self.rings_ended = self.values_ended = ()

    def tokens_of(self, path: str, now: float) -> TokenRead | None:
        """The tokens of a ring page; `None` where they are due to be read."""
        known = self.tokens.get(path)
        return known if known is not None and now < known.due else None

    def is_starting(self, clock: float | None, now: float) -> bool:
        """Whether it started a moment ago. Without a start time: whether it was first read, or a restart was
        observed, a moment ago. `clock` is its own, where it has a time. A start in the future is of a clock
        that was set back since.
        """
        if self.started is None:
            return now - self.since < STARTING
        return -EARLY <= (now if clock is None else clock) - self.started < STARTING

    def is_to_come(self, path: str, *, starting: bool) -> bool:
        """Whether this process has a page that is absent now. It has if the page was there since the start,
        or before a start that is still in progress.
        """
        return path in self.had and (starting or self.had[path] == self.started)

    def _undate(self) -> None:
        self.config_due = self.values_read_at = self.rings_read_at = self.since = 0.0
        self.rare.clear()
        self.tokens.clear()
        self.absent_until.clear()


def ending(pages: Iterable[Page[Any]]) -> tuple[Page[Any], ...]:
    """How pages ended, without their content. Pages of one name count as one that failed where any of them
    did; an absent page needs no substitute.
    """
    there = sorted((p for p in pages if p.outcome is not Outcome.ABSENT), key=_failed)
    return tuple({page.name: replace(page, value=None, clock=None) for page in there}.values())


def fails_anew(now: Iterable[Page[Any]], before: Iterable[Page[Any]]) -> bool:
    """Whether a page failed that was read last time. It is then requested in the next cycle and not in the
    next turn, because the last reading is out of date by then.
    """
    was_read = {page.name for page in before if not _failed(page)}
    return any(_failed(page) and page.name in was_read for page in now)


def _failed(page: Page[Any]) -> bool:
    return page.outcome is Outcome.FAILED


def configurations(memories: Iterable[Memory]) -> Iterator[ProcessConfig]:
    """The configurations read so far."""
    for memory in memories:
        if memory.config is not None and memory.config.value is not None:
            yield memory.config.value
