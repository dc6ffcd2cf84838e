"""Pages that cost much and gave nothing: each is paused, longer each time.

A page costs much if it is too large, or takes its process beyond its share of a cycle. It also does if it
failed after many bytes or a long time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from exporter.model.pages import Outcome, Page, Reason

FIRST = 60.0  # seconds
LONGEST = 600.0
HEAVY = 500_000  # bytes; a body of so many that gave nothing has cost about as much as one too large
MUCH = 8 * HEAVY  # bytes that came before the time was up; fewer are a slow network's
_INTERRUPTED = frozenset({Reason.TIMEOUT, Reason.DEADLINE, Reason.CLOSED})
MOST = 200  # pages of one process; its keys are its own to name
REST = "*"  # all further paths, once there are so many


@dataclass(frozen=True, slots=True)
class Pause:
    """Until when a page is not requested, and its last failure."""

    until: float
    seconds: float
    failed: Page[Any]


@dataclass(slots=True)
class Pauses:
    """The pauses of one process's pages. A restart ends none: a process may restart all the time."""

    _pages: dict[str, Pause] = field(default_factory=dict)

    def held(self, path: str, now: float) -> Page[Any] | None:
        """The result to report for a paused page; `None` where the page may be requested."""
        pause = self._pages.get(path) or self._pages.get(REST)
        return replace(pause.failed, asked_at=now) if pause is not None and now < pause.until else None

    def learn(self, path: str, page: Page[Any], size: int, now: float) -> None:
        """Note how a page ended, and how many bytes came. A page that was not requested costs nothing."""
        if page.outcome is not Outcome.FAILED:
            self._pages.pop(path, None)
            return
        if not _costs_much(page.reason, size):
            return
        self._pages = {name: kept for name, kept in self._pages.items() if now < kept.until + LONGEST}
        place = path if path in self._pages or len(self._pages) < MOST else REST
        before = self._pages.get(place)
        seconds = min(2 * before.seconds, LONGEST) if before else FIRST
        detail = f"{page.detail}; next request after {seconds:.0f} s"
        failed: Page[Any] = Page(page.name, Outcome.FAILED, reason=page.reason, detail=detail)
        self._pages[place] = Pause(now + seconds, seconds, failed)


def _costs_much(reason: Reason | None, size: int) -> bool:
    in_vain = (reason is Reason.DECODE and size > HEAVY) or (reason in _INTERRUPTED and size > MUCH)
    return in_vain or reason is Reason.TOO_LARGE
