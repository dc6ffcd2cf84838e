"""When Python looks for garbage in cycles: seldom, and never in what the program itself consists of.

A full collection blocks the loop for as long as it takes to walk over everything alive: 50 ms for the
modules alone, four times in a cycle over 300 processes. What a cycle makes is freed by its reference
counts; what is left in circles, tasks and exceptions mostly, dies young.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

YOUNG = 20_000  # new objects before the young are looked at
EACH = 100  # more of them for each process: a cycle in which all is well makes fewer, and leaves no circle
MIDDLE = 20  # such looks before the middle-aged are
OLD = 40  # looks at those before everything is


ARENA_MAX, MMAP_THRESHOLD = -8, -3  # glibc's numbers for the options
ARENAS = 2
LARGE = 4 * 1024 * 1024  # bytes of a page or a value that go back to the system as soon as they are freed


def collect_seldom() -> None:
    """Call once, when all modules are loaded and no thread is running yet."""
    with suppress(OSError, AttributeError):  # other C libraries have no arenas
        libc = ctypes.CDLL(None)
        libc.mallopt(ARENA_MAX, ARENAS)  # every decoding thread keeps what it freed in its own
        libc.mallopt(MMAP_THRESHOLD, LARGE)  # else it grows to the largest that was freed, and is kept
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def allow_for(processes: int) -> None:
    """Wait with the young for more than a cycle over so many processes makes: a look at those of a thousand
    takes 40 ms, and in the middle of a cycle there is nothing to find.
    """
    if gc.get_threshold()[1:] == (MIDDLE, OLD):  # nobody's settings are changed but our own
        gc.set_threshold(YOUNG + EACH * processes, MIDDLE, OLD)
