"""What the page's small curves are drawn from: the lag of each key over the last hour, in bounded memory."""

from __future__ import annotations

from collections import deque
from typing import Final

from exporter.model.facts import Snapshot

SPAN: Final = 3600.0  # seconds
POINTS: Final = 240  # of one key
KEYS: Final = 500
STEP: Final = SPAN / POINTS
Point = tuple[float, float | None]


class LagHistory:
    """Lag of each key by time: at most `POINTS` points of `STEP` seconds for at most `KEYS` keys.

    Within a step the greatest lag stays; a step without any measured lag is `None`.
    """

    def __init__(self) -> None:
        self._of: dict[str, deque[Point]] = {}
        self._last: Snapshot | None = None

    def __len__(self) -> int:
        return len(self._of)

    def take(self, snapshot: Snapshot | None) -> None:
        """Note a snapshot; the same one twice counts once."""
        if snapshot is None or snapshot is self._last:
            return
        self._last = snapshot
        self._forget({key.key for key in snapshot.keys}, snapshot.at)
        for key in snapshot.keys:
            if key.key in self._of or len(self._of) < KEYS:
                points = self._of.setdefault(key.key, deque(maxlen=POINTS))
                _note(points, snapshot.at, key.secondary.lag if key.secondary else None)

    def of(self, key: str, now: float) -> tuple[Point, ...]:
        """Points (time, lag in seconds) of the last hour before `now`, oldest first."""
        return tuple(point for point in self._of.get(key, ()) if now - SPAN <= point[0] <= now)

    def _forget(self, present: set[str], now: float) -> None:
        """Make room: keys that no longer exist are dropped after their hour, or when room is needed."""
        crowded = len(self._of) + len(present - self._of.keys()) > KEYS
        for key in [key for key in self._of if key not in present]:
            if crowded or self._of[key][-1][0] < now - SPAN:
                del self._of[key]


def _note(points: deque[Point], at: float, lag: float | None) -> None:
    if points and at // STEP == points[-1][0] // STEP:
        lags = [value for value in (points.pop()[1], lag) if value is not None]
        points.append((at, max(lags, default=None)))
    else:
        points.append((at, lag))
