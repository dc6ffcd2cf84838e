"""Where log files were read to, kept over a restart in a file of its own.

::

    {"version": 1,
     "files": [{"path": "/var/log/…/0.log", "device": 1, "inode": 2, "offset": 900, "within": false,
                "mark": "9f…"}],
     "counts": [["mimir-ingester-0", "other", 7]]}

Counts stand beside the positions, written together, so that a counter goes on where it was.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.sources.log_files.open_file import Position

VERSION = 1
MAX_BYTES = 8 * 1024 * 1024
MAX_TEXT = 4096
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_MARK = re.compile(r"[0-9a-f]{32}|")
Counts = tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class State:
    """Positions, and counts by (process, label)."""

    positions: tuple[Position, ...] = ()
    counts: Counts = ()


class BrokenStateError(ValueError):
    """The file is there but is no state of ours. Only `logs_tail` sees it."""


def load(path: Path) -> State | None:
    """Read a state; `None` where there is none. Raises `OSError` and `BrokenStateError`."""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(body) > MAX_BYTES:
        raise BrokenStateError(f"larger than {MAX_BYTES} bytes")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise BrokenStateError("no JSON") from None
    if not isinstance(told, dict) or told.get("version") != VERSION:
        raise BrokenStateError(f"not of version {VERSION}")
    files, counts = told.get("files"), told.get("counts")
    if not isinstance(files, list) or not isinstance(counts, list):
        raise BrokenStateError("files or counts are missing")
    return State(tuple(_position(entry) for entry in files), tuple(_count(entry) for entry in counts))


def _position(entry: Any) -> Position:
    match entry:
        case {
            "path": str(path),
            "device": int(device),
            "inode": int(inode),
            "offset": int(offset),
            "within": bool(within),
            "mark": str(mark),
        } if offset >= 0 and _MARK.fullmatch(mark):
            return Position(path, (device, inode), offset, within, mark)
    raise BrokenStateError("an entry of files is not as it was written")


def _count(entry: Any) -> tuple[str, str, int]:
    match entry:
        case [str(process), str(label), int(count)] if count >= 0 and len(process) + len(label) < MAX_TEXT:
            return process, label, count
    raise BrokenStateError("an entry of counts is not as it was written")


def save(path: Path, state: State) -> None:
    """Replace the state as a whole: who reads it finds the old one or the new one. Raises `OSError`."""
    files = [
        {
            "path": position.path,
            "device": position.key[0],
            "inode": position.key[1],
            "offset": position.offset,
            "within": position.within,
            "mark": position.mark,
        }
        for position in state.positions
    ]
    body = json.dumps({"version": VERSION, "files": files, "counts": state.counts}).encode()
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)  # left by a kill, or a link that somebody laid there
    try:
        with os.fdopen(
            os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb"
        ) as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
