"""Log files as a source of lines: the blocking work in a thread, one look at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from exporter.sources.log_files.positions import Counts
from exporter.sources.log_files.tail import LogFiles

PAGE = "log files"  # under which looks are counted beside the fetches of pages
Take = Callable[[str, bytes], None]
Count = Callable[[str, str], None]


class FileSource:
    """One `file` entry of `rejections`. `count(page, outcome)` is told how each look went."""

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
        """Give the lines that came since the last look. What one look may read is bounded by itself."""
        async with self._busy:
            look = await asyncio.to_thread(self._files.look, take)
        self._count(PAGE, look.outcome.value)

    async def remember(self, counts: Counts) -> None:
        """Write the state file, if there is one."""
        async with self._busy:
            await asyncio.to_thread(self._files.remember, counts)

    async def close(self) -> None:
        """End a look under way, then let go of the files."""
        self._files.stopped = True
        async with self._busy:
            self._files.close()
