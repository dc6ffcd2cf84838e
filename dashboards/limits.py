"""The numbers at which a board turns orange or red: those of the alerts, under short names.

A board colours from the limit on, an alert fires above it: at the limit exactly the board warns first.
"""

from __future__ import annotations

from alerts import thresholds as t

MAX_LAG = t.MAX_LAG.value
HEARTBEAT_TIMEOUT = t.HEARTBEAT_TIMEOUT.value
ERROR_RATIO = t.ERROR_RATIO.value
VIEW_STALENESS = t.VIEW_STALENESS.value
ISOLATED_AGE = t.ISOLATED_AGE.value
HEALTH_SCORE = t.HEALTH_SCORE.value
CLOCK_SKEW = t.CLOCK_SKEW.value
STALE_AGE = t.STALE_AGE.value
STORE_WRITTEN = t.STORE_WRITTEN.seconds
