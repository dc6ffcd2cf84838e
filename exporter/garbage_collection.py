"""When Python collects garbage cycles: seldom, and never among the objects of the program itself.

A full collection blocks the loop while it visits every object: 50 ms for the modules, four times in a cycle
over 300 processes. Reference counts free what a cycle makes. What is left in circles, mostly tasks and
exceptions, is needed only briefly.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

NEW = 20_000  # new objects before a collection of the first generation
EACH = 100  # more of them for each process: a cycle without trouble makes fewer, and leaves no circle
MIDDLE = 20  # such collections before one of the second generation
OLD = 40  # collections of the second generation before one of all objects


ARENA_MAX, MMAP_THRESHOLD = -8, -3  # glibc's numbers for the options
ARENAS = 2
LARGE = 4 * 1024 * 1024  # bytes; a larger page or value is returned to the system when it is freed


def collect_seldom() -> None:
    """Call once, when all modules are loaded and no thread is running yet."""
    with suppress(OSError, AttributeError):  # other C libraries have no arenas
        libc = ctypes.CDLL(None)
        libc.mallopt(ARENA_MAX, ARENAS)  # every decoding thread keeps what it freed in its own
        libc.mallopt(MMAP_THRESHOLD, LARGE)  # else it grows to the largest that was freed, and is kept
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW, MIDDLE, OLD)


def allow_for(processes: int) -> None:
    """Delay the first generation until more objects exist than a cycle over so many processes makes. For a
    thousand processes a collection takes 40 ms, and in the middle of a cycle it finds nothing.
    """
    if gc.get_threshold()[1:] == (MIDDLE, OLD):  # only our own settings are changed
        gc.set_threshold(NEW + EACH * processes, MIDDLE, OLD)
