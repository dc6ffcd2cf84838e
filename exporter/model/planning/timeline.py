"""What a migration was in, and from when to when: phases, steps, gates, checks, deviations, rollouts."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


class Track(enum.StrEnum):
    """What a span is about."""

    PHASE = "phase"  # of a migration
    STEP = "step"  # the next one of a migration
    GATE = "gate"  # open, closed or unknown
    CHECK = "check"  # of a next step: failed or unknown; none while it passes
    DEVIATION = "deviation"  # a warning
    ROLLOUT = "rollout"  # into a phase
    GAP = "gap"  # nothing was watched


@dataclass(frozen=True, slots=True)
class Span:
    """One state from `began` to `ended`, our clock; `None`: it lasts. `subject` is what has it.
    `start_observed` is true if the exporter observed its begin, after its first cycle.
    """

    track: Track
    subject: str
    value: str
    began: float
    ended: float | None = None
    start_observed: bool = True


Lag = tuple[str, float, float]  # key, time, seconds
Subject = tuple[Track, str]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All spans: those that last, by what they are about, and those that ended, oldest first. `lags` is the
    greatest lag of each key in each minute, oldest first. `at` is the newest cycle, `None` before the first.
    """

    lasting: Mapping[Subject, Span] = field(default_factory=lambda: MappingProxyType({}))
    ended: tuple[Span, ...] = ()
    lags: tuple[Lag, ...] = ()
    at: float | None = None

    @property
    def spans(self) -> tuple[Span, ...]:
        """All of them, oldest first."""
        return tuple(sorted((*self.ended, *self.lasting.values()), key=lambda span: (span.began, span.track)))
