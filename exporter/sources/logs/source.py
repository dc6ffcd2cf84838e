"""Log files as a source of lines: the blocking work in a thread, one reading at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from exporter.sources.logs.positions import Counts
from exporter.sources.logs.tail import LogFiles

PAGE = "log files"  # the name that counts these readings beside the fetches of pages
Take = Callable[[str, bytes], None]
Count = Callable[[str, str], None]


class FileSource:
    """One `file` entry of `rejections`. `count(page, outcome)` is called after each reading."""

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
