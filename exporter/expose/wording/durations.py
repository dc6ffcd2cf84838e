"""Durations as people read them, in one unit: `4 s`, `12 min`, `3 h`, `2 d`; and times of day.

A duration for a configuration or `--for` has Prometheus's form instead: `config/units`.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

A_CYCLE: Final = 15.0  # seconds; the usual interval
_UNITS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def span(seconds: float | None) -> str:
    """A duration; "unknown" where there is none."""
    if seconds is None:
        return "unknown"
    for size, unit in _UNITS:
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if abs(seconds) >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"


def ago(seconds: float) -> str:
    """How long ago something was; clocks that differ a little put nothing into the future."""
    return span(max(0.0, seconds))


def read_ago(seconds: float | None) -> str:
    """How long ago something was read that is not read in every cycle, as an addition to a sentence; "" for
    this cycle.
    """
    return "" if seconds is None or seconds < A_CYCLE else f", read {ago(seconds)} ago"


def clock(at: float | None) -> str:
    """A time of day in UTC with its date: `21 Nov 03:46:55`."""
    if at is None:
        return "unknown"
    try:
        return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%d %b %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "not a time"
