"""Prometheus file_sd: files by glob, read again when they change."""

from __future__ import annotations

import asyncio
import errno
import glob
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from exporter.config import FileSd
from exporter.errors import DecodeError
from exporter.sources.discovery.target_lists import read_list
from exporter.sources.discovery.target_source import FoundTarget, Listing, Source

MAX_FILE = 16 * 1024**2
MAX_FILES = 1000
SETTLED = 1.0  # seconds since a file was last written: before that it may be half written
LOOKS = 8  # at a file, while there are no descriptors: they are short in one part of a cycle, not in all
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE})
Stamp = tuple[int, int, int]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Read:
    stamp: Stamp | None
    found: tuple[FoundTarget, ...] = ()
    trouble: str = ""


class FileSource(Source):
    """A file that is unreadable or invalid keeps its last targets; a missing file has none."""

    def __init__(self, config: FileSd, settle: float = 0.3) -> None:
        self._config = config
        self._settle = settle
        self._files: dict[str, _Read] = {}
        self.refresh = config.refresh

    async def find(self) -> Listing:
        """Check every file and read those that changed; `OSError` where a directory cannot be read."""
        paths = await self._patiently(self._paths)
        self._files = {path: await self._file(path) for path in paths}
        troubles = [f"{path}: {read.trouble}" for path, read in self._files.items() if read.trouble]
        if not paths:
            troubles = [f"no file matches {', '.join(self._config.paths)[:200]}"]
        found = tuple(item for read in self._files.values() for item in read.found)
        return Listing(found, "; ".join(troubles[:3]))

    async def _patiently(self, look: Callable[[], T]) -> T:
        """Call it in a thread, and again a little later where there were no descriptors left for it."""
        for _ in range(LOOKS - 1):
            try:
                return await asyncio.to_thread(look)
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
            await asyncio.sleep(self._settle)
        return await asyncio.to_thread(look)

    def _paths(self) -> list[str]:
        for pattern in self._config.paths:
            _listable(Path(pattern).parent)  # glob takes a directory that it cannot read for an empty one
        matched = {path for pattern in self._config.paths for path in glob.glob(pattern)}  # noqa: PTH207  # patterns are absolute, which Path.glob refuses
        return sorted(path for path in matched if not Path(path).is_dir())[:MAX_FILES]

    async def _file(self, path: str) -> _Read:
        before = self._files.get(path, _Read(None))
        stamp = await self._settled(path)
        if stamp is None:
            return _Read(None, before.found, "not there; the earlier contents stay in use")
        if stamp == before.stamp:
            return before
        try:
            finding = await self._patiently(partial(self._read, path))
        except DecodeError as error:
            return _Read(stamp, before.found, f"{error}; the earlier contents stay in use")
        except OSError as error:
            return _Read(None, before.found, f"{error.strerror}; the earlier contents stay in use")
        return _Read(stamp, finding.found, finding.trouble)

    def _read(self, path: str) -> Listing:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise DecodeError(f"larger than {MAX_FILE // 1024**2}MiB")
        return read_list(content, path, self._config.scheme)

    async def _settled(self, path: str) -> Stamp | None:
        """The file's stamp, once no process writes to it any more: a cut YAML list is a shorter list."""
        stamp = _stamp(path)
        for _ in range(10):
            if stamp is None or time.time() - stamp[2] / 1e9 > SETTLED:
                break
            await asyncio.sleep(self._settle)
            later = _stamp(path)
            if later == stamp:
                break
            stamp = later
        return stamp


def _listable(directory: Path) -> None:
    """Raise `OSError` where a directory is there and cannot be listed."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory):
        pass


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116  # beside the other stamp of this room
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
