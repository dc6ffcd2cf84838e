"""How old the newest snapshot is, and the one place that withholds the gate of a stale one.

Metrics, API, page and `--server` all show what `Newest` gives them, so at any age they agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exporter.model.facts import Snapshot

INTERVALS: Final = 3
LEAST: Final = 30.0  # seconds; where the interval is short one cycle may take several of them


def stale_after(interval: float) -> float:
    """The age, in seconds, above which a snapshot of cycles at this interval is stale."""
    return max(LEAST, INTERVALS * interval)


@dataclass(frozen=True, slots=True)
class Aged:
    """A snapshot as it may be shown at its age, in seconds. Where it is stale its gate is withheld."""

    snapshot: Snapshot | None
    age: float | None
    limit: float

    @property
    def is_stale(self) -> bool:
        """Whether it is older than its limit."""
        return self.age is not None and self.age > self.limit


class Newest:
    """Gives the newest snapshot, or `None` before the first cycle has ended.

    `interval` is in seconds, `clock` gives unix seconds. A withheld snapshot is made once, so that its
    rendered forms can be kept.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot | None],
        interval: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._snapshot, self._interval, self._clock = snapshot, interval, clock
        self._withheld: tuple[Snapshot, Snapshot] | None = None  # a stale one, as it is and as it is shown

    def __call__(self) -> Snapshot | None:
        return self.aged().snapshot

    def aged(self) -> Aged:
        """The newest snapshot with its age. A snapshot from the future counts as just as old: the clock
        was set back, and its true age is unknown.
        """
        snapshot, limit = self._snapshot(), stale_after(self._interval())
        if snapshot is None:
            return Aged(None, None, limit)
        age = abs(self._clock() - snapshot.at)
        return Aged(self._without_gate(snapshot, limit) if age > limit else snapshot, age, limit)

    def _without_gate(self, snapshot: Snapshot, limit: float) -> Snapshot:
        if self._withheld is None or self._withheld[0] is not snapshot:
            why = f"Unknown: the last cycle ended more than {limit:.0f} s ago."
            self._withheld = snapshot, snapshot.withheld(why)
        return self._withheld[1]
