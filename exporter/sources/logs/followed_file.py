"""One log file that is followed: by its open descriptor, not by its name, so that a rotation loses nothing.

A mark, a digest of the bytes before the position, identifies what was read. It distinguishes a file that goes
on from one that was truncated or replaced, with any inode or name.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from exporter.sources.logs.line_scan import scan

CHUNK = 1024 * 1024
MARK = 1024  # bytes before the position that the mark covers

Key = tuple[int, int]  # device and inode
Number = Annotated[int, Meta(ge=0)]


class Position(Struct, frozen=True):
    """How far a file was read: `mark` is the digest of the bytes before `offset`."""

    path: str
    device: int
    inode: int
    offset: Number
    within: bool
    mark: Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?\Z")]

    @property
    def key(self) -> Key:
        """What identifies the file."""
        return self.device, self.inode


@dataclass(slots=True)
class Followed:
    """One open file. `missing` counts the readings since it last had a name that is followed."""

    path: str
    key: Key
    descriptor: int
    offset: int = 0
    within: bool = False
    mark: str = ""
    missing: int = 0
    idle: bool = False  # nothing new at the last reading, and nothing left over
    _more: bool = False  # the last chunk was not the end
    _stamp: tuple[int, int] = (-1, -1)  # size and time at the last reading

    def position(self) -> Position:
        """Where it stands."""
        return Position(self.path, *self.key, self.offset, self.within, self.mark)

    def start(self, offset: int, *, within: bool) -> None:
        """Go on from here."""
        self.offset, self.within = offset, within
        self.mark = mark_at(self.descriptor, offset)

    def has(self, position: Position) -> bool:
        """Whether this file begins with the bytes read up to a position."""
        at = position.offset
        return 0 < at <= self.size() and mark_at(self.descriptor, at) == position.mark

    def size(self) -> int:
        """Bytes in the file now."""
        return os.fstat(self.descriptor).st_size

    def look(self) -> bool:
        """Whether there is something to read; a file that was truncated begins anew."""
        status = os.fstat(self.descriptor)
        stamp = (status.st_size, status.st_mtime_ns)
        changed, self._stamp = stamp != self._stamp, stamp
        self.idle = not changed and not self._more
        if changed and (status.st_size < self.offset or mark_at(self.descriptor, self.offset) != self.mark):
            self.start(0, within=False)
        return not self.idle and status.st_size > self.offset

    def read(self, word: bytes, take: Callable[[bytes], None], *, last: bool = False) -> tuple[int, bool]:
        """Read one chunk and give its lines away; returns the bytes read and whether there are more."""
        buffer = os.pread(self.descriptor, CHUNK, self.offset)
        found = scan(buffer, word, within=self.within, last=last)
        for line in found.lines:
            take(line)
        self.start(self.offset + found.consumed, within=found.within)
        self._more = len(buffer) == CHUNK
        return len(buffer), self._more

    def close(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)


def open_file(path: str) -> Followed | None:
    """Open a regular file; `None` for anything else. Never waits for a pipe. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return None
    return Followed(path, (status.st_dev, status.st_ino), descriptor)


def mark_at(descriptor: int, offset: int) -> str:
    """The digest of the bytes before an offset; "" at the beginning."""
    length = min(MARK, offset)
    if not length:
        return ""
    before = os.pread(descriptor, length, offset - length)
    return hashlib.blake2b(before, digest_size=16).hexdigest()
