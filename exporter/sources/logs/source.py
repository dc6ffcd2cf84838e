"""A source of log lines: files, pods, Loki."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

Take = Callable[[str, bytes], None]  # a process and a line; may be called from a thread
Count = Callable[[str, str], None]  # a page and an outcome: how a reading ended
Counts = tuple[tuple[str, str, int], ...]  # by process and label


class LogSource(ABC):
    """Where lines come from. No method raises."""

    kind: str

    async def recall(self) -> Counts:
        """Counts by (process, label) from an earlier run; none where another server keeps the lines."""
        return ()

    @abstractmethod
    async def look(self, take: Take, deadline: float) -> None:
        """Pass on every line that came since the last call; `deadline` is a time of the running loop."""

    async def remember(self, counts: Counts) -> None:  # noqa: B027 (another server keeps its lines)
        """Keep the counts together with the position."""

    async def close(self) -> None:  # noqa: B027 (most keep nothing)
        """Let go of files and connections."""
