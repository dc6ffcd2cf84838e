"""Where log files were read to, kept over a restart in a file of its own.

::

    {"version": 1,
     "files": [{"path": "/var/log/…/0.log", "device": 1, "inode": 2, "offset": 900, "within": false,
                "mark": "9f…"}],
     "counts": [["mimir-ingester-0", "other", 7]]}

Counts stand beside the positions, written together, so that a counter goes on where it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.sources import state_file
from exporter.sources.log_files.open_file import Position
from exporter.sources.state_file import BrokenStateError

VERSION = 1
MAX_TEXT = 4096
_MARK = re.compile(r"[0-9a-f]{32}|")
Counts = tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class State:
    """Positions, and counts by (process, label)."""

    positions: tuple[Position, ...] = ()
    counts: Counts = ()


def load(path: Path) -> State | None:
    """Read a state; `None` where there is none. Raises `OSError` and `BrokenStateError`."""
    content = state_file.load(path, VERSION)
    if content is None:
        return None
    files, counts = content.get("files"), content.get("counts")
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
    """Replace the state at once: a reader finds the old state or the new one. Raises `OSError`."""
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
    state_file.save(path, VERSION, {"files": files, "counts": state.counts})
