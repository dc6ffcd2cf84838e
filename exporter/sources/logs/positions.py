"""Where log files were read to, kept over a restart in a file of its own.

::

    {"version": 1,
     "files": [{"path": "/var/log/…/0.log", "device": 1, "inode": 2, "offset": 900, "within": false,
                "mark": "9f…"}],
     "counts": [["mimir-ingester-0", "other", 7]]}

Counts stand beside the positions, written together, so that a counter goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from exporter.sources import state_file
from exporter.sources.logs.open_file import Position

VERSION = 1
Text = Annotated[str, Meta(max_length=2048)]
Number = Annotated[int, Meta(ge=0)]
Counts = tuple[tuple[Text, Text, Number], ...]


@dataclass(frozen=True, slots=True)
class State:
    """Positions, and counts by (process, label)."""

    positions: tuple[Position, ...] = ()
    counts: Counts = ()


class _File(Struct, frozen=True):
    path: str
    device: int
    inode: int
    offset: Number
    within: bool
    mark: Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?\Z")]


class _Kept(Struct, frozen=True):
    files: tuple[_File, ...]
    counts: Counts


def load(path: Path) -> State | None:
    """Read a state; `None` where there is none. Raises `OSError` and `BrokenStateError`."""
    kept = state_file.load(path, VERSION, _Kept)
    if kept is None:
        return None
    files = (Position(f.path, (f.device, f.inode), f.offset, f.within, f.mark) for f in kept.files)
    return State(tuple(files), kept.counts)


def save(path: Path, state: State) -> None:
    """Replace the state at once: a reader finds the old state or the new one. Raises `OSError`."""
    files = tuple(_File(p.path, *p.key, p.offset, p.within, p.mark) for p in state.positions)
    state_file.save(path, VERSION, _Kept(files, state.counts))
