"""Which lines that are used stand on one process's page of metrics, so that it need not be searched.

Go writes a family's lines together, below a `# TYPE` line, and the same families in the same order every
time. So one full search shows the next page's layout: the same
headers at about the same places, with the same lines and new values.

Four events cause a full search again. The page has more or fewer comments than the page that was searched
(a family came or went: each has its `# TYPE`). A family has new lines. The process restarted. Its turn has
come. So a new family is overlooked only if another family went at the same moment, and for at most `PAGES`
pages or `SECONDS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zlib import crc32

import numpy as np

from exporter.decode.formats.exposition import LinePosition, is_number

PAGES: Final = 10  # that are read after one full search, at most
SECONDS: Final = 150.0
SHORT: Final = 1_024  # bytes of a family that are kept, of every process
MAX_FAMILIES: Final = 200
MAX_LINES: Final = 10_000  # of all families: fewer than `exposition` remembers heads of
_HEADER: Final = b"\n# TYPE "
_LINE_FEED: Final = ord("\n")
_BEFORE, _BEHIND = 512, 2_048  # bytes round the place that is searched first for a header

Readings = Sequence[Sequence[tuple[Any, float]]]  # for each item of `wanted`, its subject and values


class _Line(NamedTuple):
    line: int  # among its family's lines, the header the first
    lead: bytes  # all before its value
    about: Any


@dataclass(slots=True)
class _Family:
    header: bytes
    place: int  # where the header stood last
    number: int  # which item of `wanted` stands below it
    word: bytes
    words: int  # how often it occurs
    size: int  # of all lines
    lines: tuple[_Line, ...]
    shown: bytes = b""  # what stood here last and the next family's first byte, where that is short
    readings: list[tuple[Any, float]] = field(default_factory=list)  # what `shown` returned


@dataclass(slots=True)
class Layout:
    """The layout of one process's page. `name` spreads the processes' full searches over the cycles."""

    name: str = ""
    start_time: float | None = None
    _families: tuple[_Family, ...] = ()
    _leads: tuple[bytes, ...] = ()
    _due: bool = False  # searched because its turn had come, and not because the page had changed
    _wanted: int = 0
    _comments: int = -1
    _left: int = 0
    _until: float = 0.0
    _known: bool = False

    def readings(self, body: bytes, at: float) -> Readings | None:
        """The values of this page's lines, `None` where it is to be searched. `at` is a time by any clock."""
        self._left -= 1
        self._due = self._left < 0 or at >= self._until
        if self._due or _comments(body) != self._comments:
            return None
        found: list[list[tuple[Any, float]]] = [[] for _ in range(self._wanted)]
        moved = 0
        for family in self._families:
            start = _near(body, family.header, family.place + moved)
            family_readings = None if start < 0 else _read(body, family, start)
            if family_readings is None:
                return None
            found[family.number] += family_readings
            moved, family.place = start - family.place, start
        return found

    def learn(
        self,
        body: bytes,
        places: Sequence[Sequence[LinePosition]],
        words: Sequence[bytes],
        start_time: float | None,
        at: float,
    ) -> None:
        """Store the result of a full search: for each item of `wanted`, its lines, and the word in each."""
        leads, comments = tuple(place.lead for some in places for place in some), _comments(body)
        same = self._due and (leads, comments) == (self._leads, self._comments)
        if not (same and self._families):
            self._families = self._found(body, places, words, comments)
        self.start_time, self._comments, self._leads, self._wanted = start_time, comments, leads, len(words)
        turn = PAGES if self._known else crc32(self.name.encode()) % PAGES
        self._left, self._until, self._known = turn if self._families else 0, at + SECONDS, True

    def _found(
        self, body: bytes, places: Sequence[Sequence[LinePosition]], words: Sequence[bytes], comments: int
    ) -> tuple[_Family, ...]:
        families = _families(body, places, words)
        same = comments == self._comments and families.keys() == {each.header for each in self._families}
        known = same or all(_is_there_once(body, family) for family in families.values())
        return tuple(families.values()) if known else ()


def _near(body: bytes, header: bytes, place: int) -> int:
    start = body.find(header, max(0, place - _BEFORE), place + _BEHIND)
    return start if start >= 0 else body.find(header)


def _read(body: bytes, family: _Family, start: int) -> list[tuple[Any, float]] | None:
    """The values of a family's lines, `None` where they are not exactly the expected lines. Most families
    have the same values as on the page before.
    """
    if family.shown and body.startswith(family.shown, start):
        return family.readings
    end = _end(body, start + len(family.header))
    block = body[start:end]
    lines = block.split(b"\n")
    if len(lines) != family.size or block.count(family.word) != family.words:
        return None
    found: list[tuple[Any, float]] = []
    for number, lead, about in family.lines:
        line = lines[number]
        value = line[len(lead) :]
        if not (line.startswith(lead) and is_number(value)):
            return None
        found.append((about, float(value)))
    if len(block) < SHORT and end < len(body):  # the last of a page may grow behind what it shows
        family.shown, family.readings = body[start : end + 1], found
    return found


def _comments(body: bytes) -> int:
    """How many lines begin with `#`. A label may have one, too, and come or go with its line."""
    shown = np.frombuffer(body, np.uint8)
    return int(np.count_nonzero(shown[np.flatnonzero(shown == ord("#")) - 1] == _LINE_FEED))


def _end(body: bytes, at: int) -> int:
    """Where the family with its header's end at `at` ends. A search for one byte is by far the fastest."""
    while (at := body.find(b"#", at)) >= 0:
        if body[at - 1] == _LINE_FEED:
            return at
        at += 1
    return len(body)


def _families(
    body: bytes, places: Sequence[Sequence[LinePosition]], words: Sequence[bytes]
) -> dict[bytes, _Family]:
    """The families of these lines by their headers; none where a line is below no header of its own or has no
    recognised name and labels.
    """
    found: dict[bytes, _Family] = {}
    lines = sorted((place, number) for number, some in enumerate(places) for place in some)
    if len(lines) > MAX_LINES or not all(place.lead for place, _ in lines):
        return found
    for below in _together(body, lines):
        family = _family(body, below, words[below[0][1]])
        if family is None or family.header in found or len(found) == MAX_FAMILIES:
            return {}
        found[family.header] = family
    return found


def _together(
    body: bytes, lines: Iterable[tuple[LinePosition, int]]
) -> Iterator[list[tuple[LinePosition, int]]]:
    """The lines in groups: those without a comment between them."""
    below: list[tuple[LinePosition, int]] = []
    end = 0
    for line in lines:
        start = line[0].start
        if start >= end:
            if below:
                yield below
            below, end = [], _end(body, start)
        below.append(line)
    if below:
        yield below


def _family(body: bytes, below: list[tuple[LinePosition, int]], word: bytes) -> _Family | None:
    """The family of lines that no comment parts; `None` where it is not one as Go writes it."""
    first, number = below[0]
    start = body.rfind(_HEADER, 0, first.start)
    behind = body.find(b" ", start + len(_HEADER), first.start) + 1
    end = _end(body, first.start)
    if start < 0 or behind == 0 or _end(body, behind) != end or any(other != number for _, other in below):
        return None
    block = body[start:end]
    at = line = 0
    lines = []
    for place, _ in below:
        line += block.count(b"\n", at, place.start - start)
        at = place.start - start
        lines.append(_Line(line, place.lead, place.about))
    size = block.count(b"\n") + 1
    return _Family(
        block[: behind - start], start, number, word, block.count(word), size, _shared(tuple(lines))
    )


@lru_cache(maxsize=1_024)
def _shared(lines: tuple[_Line, ...]) -> tuple[_Line, ...]:
    """The same lines once: most processes have the same."""
    return lines


def _is_there_once(body: bytes, family: _Family) -> bool:
    return body.find(family.header) == family.place and body.find(family.header, family.place + 1) < 0
