"""Files with secrets and certificates, read again when they change.

A mounted Kubernetes secret changes by a symbolic link that is turned. So the file behind the name counts: its
inode, size and time.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from exporter.errors import FetchError
from exporter.model.pages import Reason

MAX_SECRET = 64 * 1024
LOOK_EVERY = 1.0  # seconds; a check is a system call per file, and there are many requests
Stamp = tuple[tuple[int, int, int, int] | None, ...]


class SecretFile:
    """The text of a file without the white space around it. `read` raises `OSError` if it is not there."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = Path(path)
        self._watch = Watch((path,), clock)
        self._text: str | None = None

    def __repr__(self) -> str:
        return f"SecretFile({str(self._path)!r})"

    def read(self) -> str:
        """The text as it is now, to within a second."""
        if self._text is None or self._watch.changed():
            self._text = None  # a file that is no longer readable is not cached
            with self._path.open("rb") as file:
                self._text = file.read(MAX_SECRET).decode("utf-8", "replace").strip()
            self._watch.note()
        return self._text

    def for_request(self) -> str:
        """The text as it is now. Raises `FetchError` that names the file, and never what is in it."""
        try:
            return self.read()
        except OSError as error:
            raise FetchError(Reason.DENIED, unreadable((str(self._path),), error)) from None


def unreadable(paths: Iterable[str], error: Exception) -> str:
    """Which files could not be read, and why in the system's words."""
    number = error.errno if isinstance(error, OSError) else None
    words = f" ({os.strerror(number)})" if number is not None and number in errno.errorcode else ""
    return f"cannot read {', '.join(paths)}{words}"


class Watch:
    """Whether any of some files is another than at the last `note`."""

    def __init__(self, paths: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._paths = tuple(paths)
        self._clock = clock
        self._noted: Stamp | None = None
        self._looked_at: float | None = None

    def changed(self) -> bool:
        """Check, at most once a second."""
        now = self._clock()
        if self._looked_at is not None and now - self._looked_at < LOOK_EVERY:
            return False
        self._looked_at = now
        return self._stamp() != self._noted

    def note(self) -> None:
        """Remember how the files are now."""
        self._noted = self._stamp()

    def _stamp(self) -> Stamp:
        return tuple(_stamp(path) for path in self._paths)


def _stamp(path: str) -> tuple[int, int, int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  # a Path made for each request is the dearer half of this
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
