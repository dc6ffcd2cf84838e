"""Log files, followed as `tail -F` does: patterns, rotation, truncation, and a position that may be kept.

::

    tail = LogFiles(("/var/log/pods/mimir_*/*/*.log",), b"unacceptable label", state_file=None)
    counts = tail.recall()                     # of an earlier run
    look = tail.look(take)                     # take(process, line), from a thread
    tail.remember(counts)
    tail.close()

Reading begins at the kept position, else at the beginning of the file. Of older content, at most the last
`FIRST_SIGHT` bytes are read.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from exporter.log import logger
from exporter.model.pages import Outcome
from exporter.sources import state_file
from exporter.sources.logs import file_patterns
from exporter.sources.logs.followed_file import Followed, Key, Number, Position, open_file
from exporter.sources.logs.source import Count, Counts, LogSource, Take
from exporter.sources.state_file import BrokenStateError, words

FIRST_SIGHT = 16 * 1024 * 1024
BUDGET = 256 * 1024 * 1024  # bytes of one reading, of all files together
SECONDS = 3.0  # of one reading at most
PATIENCE = 2  # readings without a name and without growth before a file is closed

PAGE = "log files"  # the name that counts these readings beside the fetches of pages
VERSION = 1  # of the state file

log = logger("kvmigration.logs")
Text = Annotated[str, Meta(max_length=2048)]


class State(Struct, frozen=True):
    """Where log files were read to, and counts by (process, label): what a state file has.

    ::

        {"version": 1,
         "files": [{"path": "/var/log/…/0.log", "device": 1, "inode": 2, "offset": 900, "within": false,
                    "mark": "9f…"}],
         "counts": [["mimir-ingester-0", "other", 7]]}

    Counts stand beside the positions, written together, so that a counter goes on where it was.
    """

    files: tuple[Position, ...]
    counts: tuple[tuple[Text, Text, Number], ...]


EMPTY = State((), ())


@dataclass(frozen=True, slots=True)
class Reading:
    """How one reading went. Absent: no file has such a name."""

    outcome: Outcome
    behind: bool = False  # there was more to read than one reading may


@dataclass(slots=True)
class LogFiles:
    """The files of one set of patterns. Not for two threads at once; `look` blocks on the disk."""

    patterns: tuple[str, ...]
    word: bytes
    state_file: Path | None = None
    clock: Callable[[], float] = time.monotonic
    stopped: bool = False  # may be set by another thread; a reading then ends early
    _files: dict[Key, Followed] = field(default_factory=dict)
    _kept: list[Position] = field(default_factory=list)
    _started: bool = False
    _logged: set[str] = field(default_factory=set)
    _written: State = EMPTY

    def recall(self) -> Counts:
        """Read the state file; returns the counts in it. A broken one costs a warning. Never raises."""
        if self.state_file is None:
            return ()
        try:
            state = state_file.load(self.state_file, VERSION, State) or EMPTY
        except (OSError, BrokenStateError) as error:
            self._warn("state", f"state file {self.state_file} is not used: {words(error)}")
            return ()
        self._kept, self._written = list(state.files), state
        return state.counts

    def remember(self, counts: Counts) -> None:
        """Write the state file if anything changed. A full disk costs a warning. Never raises."""
        if self.state_file is None:
            return
        waiting = () if self._started else self._kept
        state = State((*(file.position() for file in self._files.values()), *waiting), counts)
        if state == self._written:
            return
        try:
            state_file.save(self.state_file, VERSION, state)
        except OSError as error:
            self._warn("save", f"state file {self.state_file} is not written: {words(error)}")
            return
        self._written = state
        self._logged.discard("save")

    def look(self, take: Take) -> Reading:
        """Read what is new, each file in turn so that a busy file does not keep another one waiting.

        Never raises for a fault of a file or a directory.
        """
        found, more = file_patterns.find(self.patterns)
        if more:
            self._warn("many", f"more than {file_patterns.MAX_FILES} log files: the oldest are not read")
        blind = self._is_blind()
        failed = self._open_new(found)
        self._started, self._kept = True, []
        for key, file in self._files.items():
            file.missing = 0 if blind or key in found else file.missing + 1
            file.path = found.get(key, file.path)
        broken, behind = self._read(take)
        self._let_go(take)
        if blind or failed or broken:
            return Reading(Outcome.FAILED, behind)
        return Reading(Outcome.OK if found else Outcome.ABSENT, behind)

    def _is_blind(self) -> bool:
        """Whether a directory cannot be listed."""
        error = file_patterns.unlistable(self.patterns)
        if error is None:
            self._logged.discard("directory")
            return False
        self._warn("directory", f"{error.filename}: {words(error)}: what is in it is not read")
        return True

    def _open_new(self, found: dict[Key, str]) -> bool:
        """Open the files that are not followed yet, and at the start those rotated since the last run.
        Whether one could not be opened.
        """
        failed = False
        wanted = {key: path for key, path in found.items() if key not in self._files}
        if not self._started:
            wanted |= self._rotated(set(found))
        known = [*(file.position() for file in self._files.values()), *self._kept]
        for key, path in wanted.items():
            try:
                file = open_file(path)
            except OSError as error:
                failed = True
                self._warn(path, f"{path} is not read: {words(error)}")
                continue
            self._logged.discard(path)
            if file is not None and file.key not in self._files:
                self._files[file.key] = file
                self._begin(file, known, rotated=key not in found)
        return failed

    def _rotated(self, found: set[Key]) -> dict[Key, str]:
        vanished = [position for position in self._kept if position.key not in found]
        return {p.key: name for p in vanished if (name := file_patterns.beside(p.path, p.key))}

    def _begin(self, file: Followed, recalled: Iterable[Position], *, rotated: bool) -> None:
        """Where to begin: behind what was read under this or another name, else at the beginning."""
        near = _directory(file.path)
        likely = [p for p in recalled if p.key == file.key or _directory(p.path) == near]
        read = [position for position in likely if file.has(position)]
        if read:
            furthest = max(read, key=lambda position: position.offset)
            file.start(furthest.offset, within=furthest.within)
        elif rotated:  # the inode is another file's by now, which no pattern names
            file.start(file.size(), within=False)
        elif not self._started and file.size() > FIRST_SIGHT:
            file.start(file.size() - FIRST_SIGHT, within=True)

    def _read(self, take: Take) -> tuple[bool, bool]:
        """Whether a file could not be read, and whether there is more to read."""
        budget, until = BUDGET, self.clock() + SECONDS
        failed = False
        waiting = deque(self._files.values())
        growing: set[Key] = set()
        while waiting:
            if budget <= 0 or self.stopped or self.clock() > until:
                return failed, True
            file = waiting.popleft()
            try:
                if file.key not in growing and not file.look():
                    continue
                growing.add(file.key)
                read, more = file.read(self.word, partial(take, file_patterns.process_of(file.path)))
            except OSError as error:
                failed = True
                self._warn(file.path, f"{file.path} is not read: {words(error)}")
                continue
            budget -= read
            if more:
                waiting.append(file)
        return failed, False

    def _let_go(self, take: Take) -> None:
        """Close files without a name once nothing more comes; what stands without a line break counts."""
        for file in list(self._files.values()):
            if file.missing >= PATIENCE and file.idle:
                with suppress(OSError):
                    file.read(self.word, partial(take, file_patterns.process_of(file.path)), last=True)
                file.close()
                del self._files[file.key]

    def close(self) -> None:
        """Let go of every file."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _warn(self, what: str, text: str) -> None:
        """Log it once, until it is over."""
        if what not in self._logged and len(self._logged) < 10 * file_patterns.MAX_FILES:
            self._logged.add(what)
            log.warning(text)


class FileSource(LogSource):
    """One `file` entry of `rejections`: the blocking work in a thread, one reading at a time. `count` is
    called after each reading.
    """

    kind = "file"

    def __init__(self, files: LogFiles, count: Count) -> None:
        self._files = files
        self._count = count
        self._busy = asyncio.Lock()

    async def recall(self) -> Counts:
        """Counts of an earlier run, where a state file has them."""
        async with self._busy:
            return await asyncio.to_thread(self._files.recall)

    async def look(self, take: Take, deadline: float) -> None:
        """Pass on the lines that came since the last reading. `LogFiles` bounds one reading."""
        async with self._busy:
            look = await asyncio.to_thread(self._files.look, take)
        self._count(PAGE, look.outcome.value)

    async def remember(self, counts: Counts) -> None:
        """Write the state file, if there is one."""
        async with self._busy:
            await asyncio.to_thread(self._files.remember, counts)

    async def close(self) -> None:
        """End the running reading, then close the files."""
        self._files.stopped = True
        async with self._busy:
            self._files.close()


def _directory(path: str) -> str:
    return path.rpartition("/")[0]
