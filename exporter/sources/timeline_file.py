"""The timeline in a file of SQLite: each write is one transaction, so that a kill leaves the last one.

Bounded by age and by size: what is older than `RETENTION` goes, and what is beyond `MOST_SPANS` and
`MOST_LAGS`, the oldest first.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from exporter.model.planning.timeline import Lag, Span, Timeline, Track

RETENTION = 90 * 86_400.0  # seconds
MAX_BYTES = 64 * 1024**2
MOST_SPANS, MOST_LAGS = 50_000, 200_000
LOADED_SPANS, LOADED_LAGS = 4_000, 20_000  # the newest
PAGE = 4096
BUSY = 5.0  # seconds to wait for a file that another process has open
VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS spans(track TEXT, subject TEXT, value TEXT, began REAL, ended REAL, seen INTEGER,
  PRIMARY KEY(track, subject, began));
CREATE TABLE IF NOT EXISTS lags(key TEXT, at REAL, seconds REAL, PRIMARY KEY(key, at));
CREATE INDEX IF NOT EXISTS lags_at ON lags(at);
CREATE TABLE IF NOT EXISTS cycles(id INTEGER PRIMARY KEY, at REAL);
"""
_NEWEST_SPANS = (
    "SELECT * FROM (SELECT * FROM spans ORDER BY ended IS NOT NULL, began DESC LIMIT ?) ORDER BY began"
)
_NEWEST_LAGS = "SELECT * FROM (SELECT * FROM lags ORDER BY at DESC LIMIT ?) ORDER BY at"
_FEWER_SPANS = (
    "DELETE FROM spans WHERE began < (SELECT began FROM spans ORDER BY began DESC LIMIT 1 OFFSET ?)"
)
_FEWER_LAGS = "DELETE FROM lags WHERE at < (SELECT at FROM lags ORDER BY at DESC LIMIT 1 OFFSET ?)"
_SPAN = "INSERT OR REPLACE INTO spans VALUES(?, ?, ?, ?, ?, ?)"
_LAG = "INSERT OR REPLACE INTO lags VALUES(?, ?, ?)"


class UnusableFileError(Exception):
    """The file is not what was written here, or cannot be read or written."""


def load(path: Path) -> Timeline:
    """What a file has; an empty timeline where there is none yet. Raises `UnusableFileError`."""
    if not path.exists():
        return Timeline()
    try:
        with closing(_opened(path)) as base:
            spans = [_span(row) for row in base.execute(_NEWEST_SPANS, (LOADED_SPANS,))]
            lags = tuple(
                (str(k), float(a), float(s)) for k, a, s in base.execute(_NEWEST_LAGS, (LOADED_LAGS,))
            )
            cycle = base.execute("SELECT at FROM cycles").fetchone()
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        raise UnusableFileError(str(error)) from error
    lasting = {(span.track, span.subject): span for span in spans if span.ended is None}
    ended = tuple(span for span in spans if span.ended is not None)
    return Timeline(MappingProxyType(lasting), ended, lags, float(cycle[0]) if cycle else None)


def save(path: Path, before: Timeline, timeline: Timeline) -> None:
    """Write what changed since `before` in one transaction. Raises `UnusableFileError`."""
    known = set(before.spans)
    spans = [span for span in timeline.spans if span not in known]
    former = set(before.lags)
    lags: list[Lag] = [lag for lag in timeline.lags if lag not in former]
    oldest = (timeline.at or 0.0) - RETENTION
    try:
        with closing(_opened(path)) as base, base:
            base.executemany(_SPAN, map(_row, spans))
            base.executemany(_LAG, lags)
            base.execute("INSERT OR REPLACE INTO cycles VALUES(1, ?)", (timeline.at,))
            base.execute("DELETE FROM spans WHERE ended < ?", (oldest,))
            base.execute("DELETE FROM lags WHERE at < ?", (oldest,))
            base.execute(_FEWER_SPANS, (MOST_SPANS,))
            base.execute(_FEWER_LAGS, (MOST_LAGS,))
    except (sqlite3.Error, OSError) as error:
        raise UnusableFileError(str(error)) from error


def _opened(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=BUSY)
    try:
        (version,) = base.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError(f"version {version}, expected {VERSION}")
        base.execute(f"PRAGMA max_page_count = {MAX_BYTES // PAGE}")
        if version == 0:
            base.executescript(f"{_TABLES} PRAGMA user_version = {VERSION};")
    except sqlite3.Error:
        base.close()
        raise
    return base


def _row(span: Span) -> tuple[str, str, str, float, float | None, int]:
    return (span.track.value, span.subject, span.value, span.began, span.ended, int(span.start_observed))


def _span(row: tuple[str, str, str, float, float | None, int]) -> Span:
    track, subject, value, began, ended, began_seen = row
    return Span(Track(track), str(subject), str(value), float(began), ended, bool(began_seen))
