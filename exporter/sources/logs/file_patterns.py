"""Which files a set of patterns names now."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable
from itertools import islice, takewhile
from pathlib import PurePath

from exporter.sources.logs.followed_file import Key

MAX_FILES = 500  # followed at once, each with an open descriptor
MAX_NAMES = 20_000  # of files that are listed
_PACKED = re.compile(r"\.(gz|bz2|xz|zst|lz4|zip|tmp)$")
_POD = re.compile(r"/pods/[^/]*?_(?P<pod>[^/_]+)_[^/_]+/[^/]+/[^/]+$")  # NAMESPACE_POD_UID/CONTAINER/0.log
_CONTAINER = re.compile(r"/(?P<pod>[^/_]+)_[^/_]+_[^/]+-[0-9a-f]{64}\.log[^/]*$")  # POD_NAMESPACE_NAME-ID.log
_ROTATED = re.compile(r"(\.log|\.txt|\.\d{1,4}|[.-]\d{8}([.-]?\d{4,6})?)+$")
MAX_PROCESS = 200


def find(patterns: Iterable[str]) -> tuple[dict[Key, str], bool]:
    """Regular files by device and inode, newest first; whether there were more than are followed.

    A file under two names, as a link, is one file. Packed files are old and not read.
    """
    found: dict[Key, tuple[float, str]] = {}
    names = (name for pattern in patterns for name in _names(pattern))
    for name in islice(names, MAX_NAMES):
        status = _status(name)
        if status and stat.S_ISREG(status.st_mode) and not _PACKED.search(name):
            found.setdefault((status.st_dev, status.st_ino), (status.st_mtime, name))
    newest = sorted(found.items(), key=lambda entry: (-entry[1][0], entry[1][1]))
    return {key: name for key, (_, name) in newest[:MAX_FILES]}, len(newest) > MAX_FILES


def unlistable(patterns: Iterable[str]) -> OSError | None:
    """The error of a directory of a pattern that cannot be listed: `glob` takes it for an empty one. A
    missing directory is no error.
    """
    directories = (
        name for pattern in patterns for level in _levels(pattern) for name in _names(level + os.sep)
    )
    for directory in islice(directories, MAX_NAMES):
        try:
            with os.scandir(directory):
                pass
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            return error
    return None


def _levels(pattern: str) -> Iterable[str]:
    """Patterns of the directories that are listed for this one."""
    parents = takewhile(lambda parent: parent != parent.parent, PurePath(pattern).parents)
    for parent in parents:
        yield str(parent)
        if not glob.has_magic(str(parent)):
            return


def _names(pattern: str) -> Iterable[str]:
    return glob.iglob(pattern, recursive=True)  # noqa: PTH207  # Path.glob takes no absolute pattern


def _status(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116  # glob gives text; a Path for each name is the dearer half
    except OSError:
        return None


def beside(path: str, key: Key) -> str:
    """The name that a file of this inode has in the same directory, "" where none: it was rotated."""
    try:
        with os.scandir(os.path.dirname(path) or ".") as entries:  # noqa: PTH120  # as above
            return next((entry.path for entry in islice(entries, MAX_NAMES) if entry.inode() == key[1]), "")
    except OSError:
        return ""


def process_of(path: str) -> str:
    """The process a file belongs to, by its name: the pod where the path names one, else the file's stem."""
    name = next((found["pod"] for found in (_POD.search(path), _CONTAINER.search(path)) if found), "")
    if not name:
        base = path.rpartition("/")[2]
        name = _ROTATED.sub("", base) or base
    return name.encode("utf-8", "replace").decode()[:MAX_PROCESS]
