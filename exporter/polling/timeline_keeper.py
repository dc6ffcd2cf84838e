"""The timeline of a running exporter: in memory, and in a file where `--storage.path` names one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from exporter.config import Config
from exporter.derive.planning.timeline import advanced
from exporter.log import logger
from exporter.model.facts import Snapshot
from exporter.model.planning.timeline import Timeline
from exporter.sources import timeline_file
from exporter.sources.timeline_file import UnusableFileError

CLOSING_SECONDS = 5.0
log = logger("kvmigration.timeline")


def storage_of(path: Path | None, config: Config) -> Path | None:
    """The file of this shard."""
    return config.scale.own_file(path) if path else None


@asynccontextmanager
async def keeping(keeper: TimelineKeeper) -> AsyncIterator[None]:
    """Take up the last run's history, and write the rest of this one's at the end."""
    await keeper.recall()
    try:
        yield
    finally:
        await keeper.close()


class TimelineKeeper:
    """Takes each snapshot. A file that cannot be read or written costs the history in it, and one warning."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.timeline = Timeline()
        self._written = Timeline()
        self._writing: asyncio.Task[None] | None = None
        self._warned = False

    async def recall(self) -> None:
        """Take up what the last run left."""
        if self.path is None:
            return
        try:
            self.timeline = await asyncio.to_thread(timeline_file.load, self.path)
        except UnusableFileError as error:
            self._warn(f"the history in {self.path} cannot be read, and is kept in memory only: {error}")
            self.path = None
        self._written = self.timeline

    def take(self, snapshot: Snapshot) -> None:
        """Note one snapshot, and begin to write it where the last writing is done."""
        self.timeline = advanced(self.timeline, snapshot)
        if self.path is not None and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write(self.path))

    async def _write(self, path: Path) -> None:
        timeline = self.timeline
        try:
            await asyncio.to_thread(timeline_file.save, path, self._written, timeline)
        except UnusableFileError as error:
            self._warn(f"the history is not written to {path}, and is kept in memory only: {error}")
            return
        self._written, self._warned = timeline, False

    async def close(self) -> None:
        """Wait for what is being written, for a while; then write the rest."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=CLOSING_SECONDS)
        if self.path is not None and self.timeline is not self._written:
            await asyncio.wait({asyncio.create_task(self._write(self.path))}, timeout=CLOSING_SECONDS)

    def _warn(self, text: str) -> None:
        if not self._warned:
            log.warning(text)
        self._warned = True
