"""What is kept over a restart, as one JSON file with a version: read and replaced as one unit.

::

    {"version": 1, ...}
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NoReturn, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)
MAX_BYTES = 8 * 1024 * 1024
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class BrokenStateError(ValueError):
    """The file is there but is no state of ours."""


def load(path: Path, version: int, kind: type[T]) -> T | None:
    """Read a state of this kind; `None` where there is none. Raises `OSError` and `BrokenStateError`."""
    try:
        with open(path, "rb", opener=_at_once) as file:
            body = file.read(MAX_BYTES + 1) or b""
    except FileNotFoundError:
        return None
    if len(body) > MAX_BYTES:
        raise BrokenStateError(f"larger than {MAX_BYTES} bytes")
    try:
        content = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BrokenStateError("no JSON") from None
    if not isinstance(content, dict) or content.get("version") != version:
        raise BrokenStateError(f"not of version {version}")
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise BrokenStateError(str(error)) from None


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe without a writer must not stop the start


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def save(path: Path, version: int, content: msgspec.Struct) -> None:
    """Replace the state at once: a reader finds the old state or the new one. Raises `OSError`."""
    body = json.dumps({"version": version, **msgspec.to_builtins(content)}).encode()
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)  # left by a kill, or a planted link
    try:
        with os.fdopen(os.open(beside, _NEW, 0o600), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def words(error: Exception) -> str:
    """Why a file was not read or written, without its name."""
    return (error.strerror or "input/output error").lower() if isinstance(error, OSError) else str(error)
