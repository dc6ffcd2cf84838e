"""How Python is set so that it does not block the loop for long: garbage, threads, memory.

A collection of garbage stops the loop and every thread while it visits objects, 100 ms for those of a
thousand processes. Reference counts free what a cycle makes, and few circles are made without trouble. So
nothing is visited until circles may have piled up: that is, until there are many more objects than before.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from dataclasses import dataclass

MANY = 1_000_000  # new objects, less those freed, that are visited even within a cycle
NEVER = 1_000_000_000
GROWTH = 2  # times as many new objects as after any earlier cycle
MARGIN = 20_000  # objects beside it, in which small fleets differ from cycle to cycle
SWITCH = 0.001  # seconds; a thread that decodes lets the loop wait so long, several times in a round

ARENA_MAX, MMAP_THRESHOLD = -8, -3  # glibc's numbers for the options
ARENAS = 2
LARGE = 4 * 1024 * 1024  # bytes; a larger page or value is returned to the system when it is freed


def keep_loop_free() -> None:
    """Call once, when all modules are loaded and no thread is running yet."""
    with suppress(OSError, AttributeError):  # other C libraries have no arenas
        libc = ctypes.CDLL(None)
        libc.mallopt(ARENA_MAX, ARENAS)  # every decoding thread keeps what it freed in its own
        libc.mallopt(MMAP_THRESHOLD, LARGE)  # else it grows to the largest that was freed, and is kept
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()  # the modules are never visited again
    gc.set_threshold(MANY, NEVER, NEVER)


@dataclass(slots=True)
class Growth:
    """How many new objects there were after any earlier cycle, less those freed. `check` after each cycle."""

    most: int = 0

    def check(self) -> None:
        """Collect all garbage where the new objects have become many more."""
        if self.most and gc.get_count()[0] > GROWTH * self.most + MARGIN:
            gc.collect()
        self.most = max(self.most, gc.get_count()[0])
        gc.set_threshold(MANY + GROWTH * self.most, NEVER, NEVER)
