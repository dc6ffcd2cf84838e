"""Times and durations as Go writes them, to unix seconds and seconds."""

from __future__ import annotations

import datetime
import math
import re

from exporter.errors import DecodeError

LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last time that Go's JSON can express

# RFC 3339 and time.String(): the zone's name and the monotonic reading behind it add nothing.
_TIME = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?\s*(?:([Zz])|([+-])(\d\d):?(\d\d))"
    r"(?:\s[^\n]{0,60})?\s*",
    re.ASCII,
)
_PART = re.compile(r"(\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(ns|us|µs|μs|ms|s|m|h|d|w|y)", re.ASCII)
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "y": 31536000.0,
}
_EPOCH = datetime.date(1970, 1, 1).toordinal()


def parse_time(value: str | None, place: str) -> float | None:
    """Unix seconds; `None` for no time: empty, Go's zero time, and the zero of a unix time."""
    if not value or value.isspace():
        return None
    found = _TIME.fullmatch(value) if len(value) <= 120 else None
    if not found:
        raise DecodeError(f"{place}: {value[:60]!r}, expected a time as 2006-01-02T15:04:05Z")
    seconds = _days(found, place) * 86400 + _clock(found, place) - _offset(found)
    return unix(seconds + float(found[7] or 0), place)


def unix(seconds: float, place: str) -> float | None:
    """A unix time as it is stored; `None` for zero and everything before it: never set."""
    parsed = _float(seconds)
    if not math.isfinite(parsed) or parsed > LAST_SECOND:
        raise DecodeError(f"{place}: {parsed!r}, expected unix seconds up to the year 9999")
    return parsed if parsed > 0 else None


def unix_ms(milliseconds: int, place: str) -> float | None:
    """As `unix`, for a value stored in milliseconds."""
    return unix(_float(milliseconds) / 1000, place)


def _float(number: float) -> float:
    """A number of a page; JSON allows integers that are too large for a float."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def parse_duration(value: str, place: str) -> float:
    """Seconds of `1m30s`, `500ms`, `-2s`, `1d`; a bare `0` is Go's too."""
    rest = value.strip()
    sign = -1.0 if rest[:1] == "-" else 1.0
    rest = rest[1:] if rest[:1] in {"-", "+"} else rest
    if rest == "0":
        return 0.0
    total = 0.0
    for part in _parts(rest, value, place):
        total += float(part[1]) * _SECONDS[part[2]]
    return sign * total


def _parts(rest: str, value: str, place: str) -> list[re.Match[str]]:
    """The number-and-unit pairs, which must cover the complete text."""
    parts = list(_PART.finditer(rest)) if 0 < len(rest) <= 64 else []
    if not parts or sum(len(part[0]) for part in parts) != len(rest):
        raise DecodeError(f"{place}: {value[:60]!r}, expected a duration as 1m30s")
    return parts


def _days(match: re.Match[str], place: str) -> int:
    try:
        return datetime.date(int(match[1]), int(match[2]), int(match[3])).toordinal() - _EPOCH
    except ValueError:
        raise DecodeError(f"{place}: {match[0][:60]!r}, expected a day of the calendar") from None


def _clock(match: re.Match[str], place: str) -> int:
    hour, minute, second = int(match[4]), int(match[5]), int(match[6])
    if hour > 23 or minute > 59 or second > 60:
        raise DecodeError(f"{place}: {match[0][:60]!r}, expected a time of day")
    return hour * 3600 + minute * 60 + second


def _offset(match: re.Match[str]) -> int:
    if match[8]:
        return 0
    seconds = int(match[10]) * 3600 + int(match[11]) * 60
    return -seconds if match[9] == "-" else seconds
