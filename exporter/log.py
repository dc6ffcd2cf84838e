r"""Structured logs on stderr, in Prometheus's form: one line per event, logfmt or JSON.

::

    ts=2026-11-21T03:00:00.123Z level=warn component=poll msg="page failed" target=a:80 reason=timeout

Fields are keywords of the call: ``logger(__name__).warning("page failed", target=name)``. Whatever is in a
value, it stays on its line and cannot drive a terminal.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

Format = Literal["logfmt", "json"]
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
MAX_VALUE: Final = 8192  # characters; a page's body must not flood the log

_BARE = re.compile(r"[A-Za-z0-9_./:@%+,\[\]~*-]+")
_KEY = re.compile(r"[^A-Za-z0-9_.]")
_DEL = "\x7f"
_LAST_OF_FOUR_DIGITS = 0xFFFF  # beyond it JSON writes two escapes
# Characters that json.dumps leaves as they are and that a terminal or a reader would stumble over.
_UNSAFE = re.compile(
    "[\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_OWN = ("exc_info", "stack_info", "stacklevel", "extra")


class Log(logging.LoggerAdapter[logging.Logger]):
    """A logger that makes unknown keywords fields of the line."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Move fields to where the formatters read them."""
        passed = {name: kwargs[name] for name in _OWN if name in kwargs}
        fields = {name: value for name, value in kwargs.items() if name not in _OWN}
        extra = dict(passed.get("extra") or {})
        passed["extra"] = {**extra, "fields": {**extra.get("fields", {}), **fields}}
        return msg, passed


def logger(name: str) -> Log:
    """A module's log; its name stands there as the component."""
    return Log(logging.getLogger(name), {})


def setup(level: str = "info", format: Format = "logfmt", stream: TextIO | None = None) -> None:  # noqa: A002 -- the flag's name
    """Send everything from `level` on to stderr. Replaces what was set up before.

    Raises `ValueError` for a level or format that does not exist, naming those that do.
    """
    if level not in LEVELS:
        raise ValueError(f'log level "{level}" is not one of {", ".join(LEVELS)}')
    if format not in ("logfmt", "json"):
        raise ValueError(f'log format "{format}" is not one of logfmt, json')
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JSON() if format == "json" else Logfmt())
    logging.raiseExceptions = False  # a closed stderr must not stop the exporter
    logging.captureWarnings(capture=True)
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # a line per request is too much


class Logfmt(logging.Formatter):
    """`ts=… level=info msg="…" key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever is in the record."""
        return " ".join(f"{key}={_logfmt(value)}" for key, value in _pairs(record))


class JSON(logging.Formatter):
    """The same fields as one JSON object per line, ASCII only."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever is in the record."""
        return json.dumps(dict(_pairs(record))).replace(_DEL, "\\u007f")


def _pairs(record: logging.LogRecord) -> Iterator[tuple[str, str | float | bool | None]]:
    at = datetime.fromtimestamp(record.created, UTC)
    yield "ts", at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    yield "level", next((name for name, no in reversed(LEVELS.items()) if record.levelno >= no), "debug")
    yield "component", record.name.removeprefix("exporter.")
    yield "msg", _message(record)
    for key, value in getattr(record, "fields", {}).items():
        yield _KEY.sub("_", key) or "_", _plain(value)
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        yield "err", _plain(f"{type(error).__name__}: {error}")
        yield "stack", _plain("".join(traceback.format_exception(error)))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()[:MAX_VALUE]
    except (TypeError, ValueError):  # a library's arguments that do not fit its own text
        return str(record.msg)[:MAX_VALUE]


def _plain(value: object) -> str | float | bool | None:
    """Numbers, booleans and nothing as they are; the rest as bounded text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON has no NaN and no infinity
    text = str(value)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


def _logfmt(value: str | float | bool | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _BARE.fullmatch(text):
        return text
    return _UNSAFE.sub(lambda found: _escaped(found[0]), json.dumps(text, ensure_ascii=False))


def _escaped(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) <= _LAST_OF_FOUR_DIGITS else json.dumps(letter)[1:-1]
