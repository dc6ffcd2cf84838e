"""Where the CPU of a cycle goes: the stacks after every few milliseconds of CPU of any thread."""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY = 0.002  # seconds of CPU
WAITING = frozenset({"select", "wait", "_worker", "get", "sleep", "acquire", "readline"})
ROOT = str(Path(__file__).resolve().parents[1])


class Sampling:
    """For each function of ours, the samples it was in, and those in which it was the last of ours."""

    def __init__(self) -> None:
        self.own: Counter[str] = Counter()
        self.with_callees: Counter[str] = Counter()
        self.samples = 0

    def __enter__(self) -> Sampling:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _look(self, _: int, frame: FrameType | None) -> None:
        """Python calls this in the loop's thread; where that waits, another one spent the time."""
        if frame is not None and frame.f_code.co_name not in WAITING:
            self._count(frame)
            return
        me = threading.get_ident()
        for thread, other in sys._current_frames().items():
            if thread != me and other.f_code.co_name not in WAITING:
                self._count(other)

    def _count(self, innermost: FrameType) -> None:
        self.samples += 1
        visited, frame = list[str](), innermost
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith(ROOT) and ".venv" not in name:
                visited.append(f"{name[len(ROOT) + 1 :]} {frame.f_code.co_qualname}")
            frame = frame.f_back  # type: ignore[assignment] # the outermost frame has none
        self.own[visited[0] if visited else "the event loop and the client's library"] += 1
        self.with_callees.update(set(visited))

    def text(self, most: int = 40) -> str:
        """A table: per cent of the samples in the function itself, and with all that it called."""
        lines = ["self %   with callees %   function"]
        for name, count in self.own.most_common(most):
            both = max(count, self.with_callees[name])
            lines.append(f"{100 * count / self.samples:6.1f} {100 * both / self.samples:16.1f}   {name}")
        return "\n".join(lines) + "\n"
