"""Where the families that are used stand on one process's page of metrics, so that it need not be searched.

Go writes a family's lines together, below a `# TYPE` line, and the same families in the same order
every time. So a whole search of one page tells where to look on the next: at the same families' headers,
which stand about where they stood. Three things lead to a whole search again: the page has more or
fewer `#` than the one that was searched (a family came or went: each has its `# TYPE`), the process
started anew, or its turn has come. So a family that is there is overlooked only if in the same moment
another one went, and then for no more than `PAGES` pages or `SECONDS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import numpy as np

from exporter.decode.exposition import Stretch

PAGES: Final = 10  # that are read by one whole search, at most
SECONDS: Final = 150.0
MAX_FAMILIES: Final = 200
_HEADER: Final = b"\n# TYPE "
_COMMENT: Final = b"\n#"
_BEFORE, _BEHIND = 512, 2_048  # bytes round the place where a header is looked for first


Stretches = Sequence[Sequence[Stretch]]  # for each thing wanted


@dataclass(slots=True)
class _Family:
    header: bytes
    place: int  # where the header stood last
    wanted: frozenset[int]  # which of the things wanted stand below it


@dataclass(slots=True)
class Layout:
    """What is known of one process's page. `name` spreads the processes' whole searches over the cycles."""

    name: str = ""
    start_time: float | None = None
    _families: tuple[_Family, ...] = ()
    _wanted: int = 0
    _comments: int = -1
    _left: int = 0
    _until: float = 0.0
    _known: bool = False

    def stretches(self, body: bytes, at: float) -> Stretches | None:
        """Where to look on this page, `None` for everywhere. `at` is any clock's time in seconds."""
        self._left -= 1
        if self._left < 0 or at >= self._until or _comments(body) != self._comments:
            return None
        found: list[list[Stretch]] = [[] for _ in range(self._wanted)]
        moved = 0
        for family in self._families:
            header, near = family.header, family.place + moved
            start = body.find(header, max(0, near - _BEFORE), near + _BEHIND)
            if start < 0 and (start := body.find(header)) < 0:
                return None
            moved, family.place = start - family.place, start
            stretch = start, _end(body, start + len(header))
            for number in family.wanted:
                found[number].append(stretch)
        return found

    def learn(self, body: bytes, lines: Sequence[Iterable[int]], start_time: float | None, at: float) -> None:
        """Take what a whole search found: for each thing wanted, where its lines begin."""
        families, comments = _families(body, lines), _comments(body)
        same = comments == self._comments and families.keys() == {each.header for each in self._families}
        if not same and not all(_is_there_once(body, family) for family in families.values()):
            families = {}
        self._families, self._wanted = tuple(families.values()), len(lines)
        self.start_time, self._comments = start_time, comments
        turn = PAGES if self._known else crc32(self.name.encode()) % PAGES
        self._left, self._until, self._known = turn if families else 0, at + SECONDS, True


def _comments(body: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord("#")))


def _end(body: bytes, at: int) -> int:
    """Where the family ends whose header ends at `at`."""
    end = body.find(_COMMENT, at)
    return len(body) if end < 0 else end + 1


def _families(body: bytes, lines: Sequence[Iterable[int]]) -> dict[bytes, _Family]:
    """The families of these lines by their headers; none where a line stands below no header of its own."""
    found: dict[bytes, _Family] = {}
    end = 0
    for line, number in sorted((line, number) for number, some in enumerate(lines) for line in some):
        if line >= end:
            place = body.rfind(_HEADER, 0, line)
            behind = body.find(b" ", place + len(_HEADER), line) + 1
            header, end = body[place:behind], _end(body, behind)
            if place < 0 or behind == 0 or line >= end or header in found or len(found) == MAX_FAMILIES:
                return {}
            found[header] = _Family(header, place, frozenset())
        found[header].wanted |= {number}
    return found


def _is_there_once(body: bytes, family: _Family) -> bool:
    return body.find(family.header) == family.place and body.find(family.header, family.place + 1) < 0
