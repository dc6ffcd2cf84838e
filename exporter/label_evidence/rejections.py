"""Rejections for a wrong label, from wherever log lines are: sources joined with their decoder, counted.

No process counts these itself, so this is the only number there is. Counts go up for as long as the exporter
runs, and over a restart where a source keeps a state.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from exporter.decode.label_rejections import DISCARDED, OTHER, WORD, rejected_label
from exporter.log import logger
from exporter.model.facts import Rejection
from exporter.sources.logs.source import Counts, LogSource

log = logger("kvmigration.rejections")
MAX_LABELS = 20  # different labels; every further one counts as `other`
MAX_COUNTS = 5000  # (process, label) of one source; what comes on top counts under process `other`
MAX_MEMO = 1000
MAX_PIECE = 1000  # bytes
CLOSING_SECONDS = 5.0
_FROM = re.compile(rb"from=([0-9A-Za-z.:\[\]%_-]{1,80})")

IsOwnProcess = Callable[[str, str], bool]


def no_process(_label: str, _source: str) -> bool:
    """No rejection is of our own making."""
    return False


class Reader:
    """Lines to labels. The same line comes again and again, so the last labels are cached."""

    def __init__(self, ours: IsOwnProcess = no_process) -> None:
        self._ours = ours
        self._cache: dict[bytes, str] = {}

    def label_of(self, line: bytes) -> str | None:
        """The rejected label; `None` for a line that is no rejection, or of one of our own pings."""
        at = line.find(WORD)
        start = line.rfind(b"from=")
        piece = line[max(0, at - 24) : start] if 0 <= at < start else b""
        label = self._cache.get(piece) if piece else None
        if label is None and piece and len(self._cache) >= MAX_MEMO:
            # So many different labels that a new one is `other` anyway: not worth the reading.
            label = OTHER if line[max(0, at - 18) : at] in DISCARDED else None
        elif label is None:
            label = rejected_label(line)
            if label is not None and piece and len(piece) < MAX_PIECE:
                self._cache[piece] = label
        if label is None:
            return None
        source = _FROM.match(line, start) if start >= 0 else None
        return None if self._ours(label, source[1].decode() if source else "") else label


@dataclass(slots=True)
class Tally:
    """Counts by (process, label) of one source; the labels are shared by all sources."""

    labels: set[str]
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, process: str, label: str, count: int = 1) -> None:
        """Count; a label too many is `other`."""
        if label not in self.labels and label != OTHER:
            if len(self.labels) < MAX_LABELS:
                self.labels.add(label)
            else:
                label = OTHER
        if (process, label) not in self.counts and len(self.counts) >= MAX_COUNTS:
            process = OTHER
        self.counts[process, label] += count

    def rows(self) -> Counts:
        """Counts as they are kept in a state file."""
        return tuple((process, label, count) for (process, label), count in sorted(self.counts.items()))


@dataclass(slots=True)
class _Counted:
    """One source at work. `entry` is what it was made from."""

    entry: object
    source: LogSource
    tally: Tally
    recalled: bool = False
    looking: asyncio.Task[None] | None = None

    def counts(self) -> Counter[tuple[str, str, str]]:
        """Its counts by (process, label, kind of source)."""
        kind = self.source.kind
        return Counter({(*what, kind): count for what, count in self.tally.counts.items()})

    async def close(self) -> None:
        """End a reading under way and close; a source that hangs is left to itself."""
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                if self.looking is not None:
                    await asyncio.wait({self.looking})  # it still has its position to write
                await self.source.close()
        except TimeoutError:
            log.warning("a log source does not end; it is left to itself")


Make = Callable[[LogSource | None], LogSource]


class Rejections:
    """All sources of a configuration. `look` once a cycle; it never raises and never outlasts its deadline.

    A source that hangs keeps its old counts and is not read a second time while it does.
    """

    def __init__(self) -> None:
        self._reader = Reader()
        self._labels: set[str] = set()
        self._sources: list[_Counted] = []
        self._past: list[_Counted] = []  # sources of former configurations; their counts still count
        self._to_close: list[_Counted] = []

    def use(self, wanted: Iterable[tuple[object, Make]], ours: IsOwnProcess = no_process) -> None:
        """Take these sources instead, each as its entry and how it is made. A source with the same entry goes
        on: `make` gets it, and gives it back or one that continues it. Counts are kept. `ours` is whether a
        rejection, by label and source address, is of our own making.
        """
        self._reader = Reader(ours)
        left = list(self._sources)
        self._sources = []
        for entry, make in wanted:
            old = next((source for source in left if source.entry == entry), None)
            if old is None:
                # A source that returns counts again what it finds, or continues from its state.
                self._past = [past for past in self._past if past.entry != entry]
                self._sources.append(_Counted(entry, make(None), Tally(self._labels)))
            else:
                left.remove(old)
                old.source = make(old.source)
                self._sources.append(old)
        self._past += left
        self._to_close += left

    async def look(self, deadline: float) -> tuple[Rejection, ...]:
        """Read what is new in every source; the counts since we started to count, by raw process name."""
        for counted in self._sources:
            if counted.looking is None or counted.looking.done():
                counted.looking = asyncio.create_task(self._look(counted, deadline))
        await self._close(self._to_close)
        tasks = [counted.looking for counted in self._sources if counted.looking is not None]
        if tasks:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            await asyncio.wait(tasks, timeout=left)
        return self.counted()

    def counted(self) -> tuple[Rejection, ...]:
        """The counts as they are now."""
        total: Counter[tuple[str, str, str]] = Counter()
        for counted in (*self._past, *self._sources):
            total.update(counted.counts())
        return tuple(Rejection(*what, count) for what, count in sorted(total.items()))

    async def _look(self, counted: _Counted, deadline: float) -> None:
        try:
            if not counted.recalled:
                counted.recalled = True
                _add(counted.tally, await counted.source.recall())
            found: Counter[tuple[str, str]] = Counter()
            await counted.source.look(partial(self._take, found), deadline)
            _add(counted.tally, ((*what, count) for what, count in found.items()))
            await counted.source.remember(counted.tally.rows())
        except Exception:  # a boundary: one broken source must not cost the cycle
            log.exception("log source failed")

    def _take(self, counts: Counter[tuple[str, str]], process: str, line: bytes) -> None:
        label = self._reader.label_of(line)
        if label is None:
            return
        for what, room in (((process, label), MAX_COUNTS), ((process, OTHER), 2 * MAX_COUNTS)):
            if what in counts or len(counts) < room:
                counts[what] += 1
                return
        counts[OTHER, OTHER] += 1

    async def close(self) -> None:
        """Stop reading and let go of everything."""
        self._to_close += self._sources
        self._sources = []
        await self._close(self._to_close)

    async def _close(self, to_close: list[_Counted]) -> None:
        closing = [to_close.pop() for _ in range(len(to_close))]
        await asyncio.gather(*(counted.close() for counted in closing))


def _add(tally: Tally, counts: Iterable[tuple[str, str, int]]) -> None:
    for process, label, count in counts:
        tally.add(process, label, count)
