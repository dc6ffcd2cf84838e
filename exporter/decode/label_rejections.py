"""Log lines about a packet or stream discarded for its label: the only trace of it.

memberlist logs `discarding stream with unacceptable label "other": from=127.0.0.1:42396`. go-kit wraps it
into logfmt or JSON, and a container runtime wraps the line once more. A label is Go-quoted.
"""

from __future__ import annotations

import re

from exporter.decode.formats import go_times
from exporter.decode.formats.bounds import MAX_TEXT
from exporter.errors import DecodeError
from exporter.model.pages import LogRejection

MAX_LABEL = 255  # bytes; what memberlist itself allows
_KINDS = ("packet", "stream")
OTHER = "other"  # the label of a line with an unreadable label
_NEEDLE = b"with unacceptable label "
_BEFORE, _BEHIND = 4096, 4096  # bytes that are searched around the needle; a label of 255 bytes fits escaped

_LABEL = re.compile(r'"((?:[^"\\]|\\.)*)"(?:: )?', re.DOTALL)
_SOURCE = re.compile(r"from=(\[[0-9A-Fa-f:.%a-z]{2,60}\]:\d{1,5}|[A-Za-z0-9.:_-]{1,255})")
_CRI = re.compile(r"(\d{4}-\d\d-\d\dT\S{8,30}) (?:stdout|stderr) [FP] ")
_TIMES = re.compile(
    r'(?:^|[\s{,])[\\"]{0,4}(?:ts|time|t)[\\"]{0,4}\s?[=:]\s?[\\"]{0,4}(\d{4}-\d\d-\d\dT[0-9:.]{8,20}(?:Z|[+-]\d\d:\d\d))'
)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)


def decode_line(line: bytes) -> LogRejection | None:
    """The rejection that a log line reports, `None` for every other line.

    The label is as the sender sent it, "" for none. One that is longer than 255 bytes or unreadable is
    `other`, since a line with "discarding" must count. Never raises.
    """
    at = line.find(_NEEDLE)
    if at < 0:
        return None
    start = max(0, at - _BEFORE)
    before = line[start:at].decode("utf-8", "replace")
    behind = line[at + len(_NEEDLE) : at + len(_NEEDLE) + _BEHIND].decode("utf-8", "replace")
    kind = next((kind for kind in _KINDS if before.endswith(f"discarding {kind} ")), "")
    if not kind:
        return None
    label, rest = _label_and_rest(behind)
    return LogRejection(label=label, kind=kind, source=_source(rest), at=_at(before))


def _label_and_rest(behind: str) -> tuple[str, str]:
    """The label, unescaped as often as it was escaped, and what stands behind it."""
    escapes = len(behind) - len(behind.lstrip("\\"))
    depth = {0: 0, 1: 1, 3: 2}.get(escapes)  # plain, inside a quoted message, inside that inside JSON
    if depth is None or behind[escapes : escapes + 1] != '"':
        return OTHER, behind
    end = _closing(behind, escapes)
    if end < 0:
        return OTHER, behind
    inner = behind[: end + 1]
    for _ in range(depth):
        inner = _json_or_go(inner)
    return _go_quoted(inner), behind[end + 1 :]


def _closing(behind: str, escapes: int) -> int:
    """Where the quote stands that closes the label: the next with just as many backslashes."""
    at = escapes + 1
    while (at := behind.find('"', at)) >= 0:
        run = len(behind[:at]) - len(behind[:at].rstrip("\\"))
        # A backslash of the label itself is escaped once more than the quote that closes it.
        if run == escapes or (run > escapes and (run - escapes) % (2 * (escapes + 1)) == 0):
            return at
        at += 1
    return -1


def _json_or_go(quoted: str) -> str:
    """One level of quoting taken away."""
    return _ESCAPE.sub(_unescaped, quoted)


def _go_quoted(quoted: str) -> str:
    found = _LABEL.fullmatch(quoted)
    if not found:
        return OTHER
    label = _ESCAPE.sub(_unescaped, found[1])
    return label if len(label.encode("utf-8", "replace")) <= MAX_LABEL else OTHER


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code or match[4]:
        number = int(code, 16) if code else int(match[4], 8)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF or (match[1] and number > 0x7F):
            return "\ufffd"  # no character; a byte above 7f that Go shows so is no UTF-8
        return chr(number)
    return _ESCAPES.get(match[5], match[5])


def _source(rest: str) -> str:
    found = _SOURCE.search(rest[:MAX_TEXT])
    return found[1] if found else ""


def _at(before: str) -> float | None:
    """The time the program wrote, else the one the container runtime put before the line."""
    found = _TIMES.search(before) or _CRI.match(before)
    try:
        return go_times.parse_time(found[1], "log line") if found else None
    except DecodeError:
        return None
