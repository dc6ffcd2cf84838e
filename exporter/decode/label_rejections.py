"""Log lines about a packet or stream discarded for its label: the only trace of it.

memberlist logs `discarding stream with unacceptable label "other": from=127.0.0.1:42396`. go-kit wraps it
into logfmt or JSON, and a container runtime wraps the line once more. A label is Go-quoted.
"""

from __future__ import annotations

import re

MAX_LABEL = 255  # bytes; what memberlist itself allows
OTHER = "other"  # the label of a line with an unreadable label
WORD = b"with unacceptable label "  # in each line that may be a rejection
DISCARDED = (b"discarding stream ", b"discarding packet ")  # what stands before it then
_BEHIND = 4096  # bytes that are searched behind it; a label of 255 bytes fits escaped

_LABEL = re.compile(r'"((?:[^"\\]|\\.)*)"(?:: )?', re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)


def rejected_label(line: bytes) -> str | None:
    """The label of the rejection that a log line reports, `None` for every other line.

    The label is as the sender sent it, "" for none. One that is longer than 255 bytes or unreadable is
    `other`, since a line with "discarding" must count. Never raises.
    """
    at = line.find(WORD)
    if at < 0 or not line.endswith(DISCARDED, 0, at):
        return None
    start = at + len(WORD)
    return _label(line[start : start + _BEHIND].decode("utf-8", "replace"))


def _label(behind: str) -> str:
    """The label, unescaped as often as it was escaped."""
    escapes = len(behind) - len(behind.lstrip("\\"))
    depth = {0: 0, 1: 1, 3: 2}.get(escapes)  # plain, inside a quoted message, inside that inside JSON
    if depth is None or behind[escapes : escapes + 1] != '"' or (end := _closing(behind, escapes)) < 0:
        return OTHER
    inner = behind[: end + 1]
    for _ in range(depth):
        inner = _ESCAPE.sub(_unescaped, inner)
    return _go_quoted(inner)


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
