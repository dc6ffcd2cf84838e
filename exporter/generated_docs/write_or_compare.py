"""Files that are written from the code and committed: written anew, or compared with what is there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


def write_or_compare(wanted: Mapping[Path, str], command: str, *, only_compare: bool) -> int:
    """Write the files and give 0; or only compare them, give 1 where one differs, and name it.

    `command` is what the message recommends to run, such as `python -m alerts`.
    """
    differing = [path for path, text in wanted.items() if not _is_current(path, text)]
    for path in differing:
        if only_compare:
            sys.stderr.write(f"{path} is out of date: run {command}\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
    return int(only_compare and bool(differing))


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
