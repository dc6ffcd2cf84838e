"""Samples out of a Prometheus text page: only the lines that contain one of a few words.

A process exposes some megabytes; the families used here are a few dozen lines of it. The page is searched for
words, and only the lines with them are parsed, so the rest costs next to nothing. After a first search,
`layout` has the expected lines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any, Final, Generic, NamedTuple, TypeVar

from exporter.decode.formats.bounds import MAX_TEXT
from exporter.errors import DecodeError

MAX_LINE = 16_384  # bytes of a line that is used
MAX_SAMPLES = 150_000  # lines with a word, needed or not; 3,000 members and their shares are 30,000
MAX_KNOWN = 1_024  # bytes of a name with its labels that is cached

K = TypeVar("K")

_SAMPLE = re.compile(
    rb"([a-zA-Z_:][a-zA-Z0-9_:]*+)(?:\{((?:[^\"}]|\"(?:[^\"\\]|\\.)*+\")*+)\})?"  # name, labels
    rb"[ \t]++([^ \t]++)(?:[ \t]+-?\d+)?[ \t]*(?:#.*)?",  # value; a time and an exemplar are not used
    re.ASCII,
)
_LABEL = re.compile(rb"\s*([a-zA-Z_][a-zA-Z0-9_]*+)\s*=\s*\"((?:[^\"\\]|\\.)*+)\"\s*(?:,|$)", re.ASCII)
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?[iI]nf|[nN]a[nN]", re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Sign(Enum):
    """What a name with its labels may be instead of something needed."""

    OTHER = 1  # not needed
    UNCLEAR = 2  # only its complete line shows it


# Compared for every line, and a member of an enumeration is slow to access.
_OTHER: Final = Sign.OTHER
_UNCLEAR: Final = Sign.UNCLEAR


class Wanted(Generic[K]):
    """The lines to search for: they contain `word`, and their name matches `names`. `about` maps a line's
    name and labels to its subject. Equal names and labels are the same in every cycle and process, so `about`
    is called once for them.
    """

    def __init__(self, word: bytes, names: bytes, about: Callable[[str, Mapping[str, str]], K]) -> None:
        self.word = word
        self.names = re.compile(names)
        self.about = about


class LinePosition(NamedTuple):
    """Where a line is: its begin, and all before its value, or b"" if that does not identify it."""

    start: int
    lead: bytes
    about: Any


@dataclass(slots=True)
class Matches(Generic[K]):
    """The subjects of the lines, with their values (NaN and infinities included), in their order."""

    readings: list[tuple[K, float]] = field(default_factory=list)
    places: list[LinePosition] = field(default_factory=list)


def check_exposition(body: bytes) -> None:
    """Refuse what is no text exposition, and one that was cut: its last line has its line feed."""
    first = body[:MAX_LINE].lstrip().split(b"\n", 1)[0].rstrip(b"\r")
    if not first:
        raise DecodeError("metrics: an empty page, expected Prometheus text")
    if not (first.startswith(b"#") or _SAMPLE.fullmatch(first)):
        raise DecodeError(f"metrics: begins with {first[:40]!r}, expected Prometheus text")
    if not body.endswith(b"\n"):
        raise DecodeError("metrics: the last line has no end, expected a complete page")


def search(body: bytes, wanted: Wanted[K]) -> Matches[K]:
    """Everything of one kind on a page. Raises `DecodeError`."""
    found, at, looks = Matches[K](), 0, 0
    while (at := body.find(wanted.word, at)) >= 0:
        start = body.rfind(b"\n", 0, at) + 1
        end = body.find(b"\n", at)
        looks += 1
        if looks > MAX_SAMPLES:
            raise DecodeError(f"metrics: more than {MAX_SAMPLES} lines with {wanted.word.decode()}")
        at = len(body) if end < 0 else end
        _take(found, wanted, start, body[start : min(at, start + MAX_LINE + 1)])
    return found


def is_number(value: bytes) -> bool:
    """Whether it is a number as the format writes them; `float` accepts more."""
    return value.isdigit() or _NUMBER.fullmatch(value) is not None


def _take(matches: Matches[K], wanted: Wanted[K], start: int, line: bytes) -> None:
    head, _, value = line.rpartition(b" ")
    sign = _sign_of(wanted, head) if len(head) <= MAX_KNOWN and is_number(value) else _UNCLEAR
    if sign is _OTHER:
        return
    if sign is _UNCLEAR:
        if not wanted.names.match(line):
            return
        about, number = _parsed(wanted, line)
        sign = b"", about
    else:
        number = float(value)
    matches.readings.append((sign[1], number))
    matches.places.append(LinePosition(start, *sign))


@lru_cache(maxsize=16_384)
def _sign_of(wanted: Wanted[K], head: bytes) -> tuple[bytes, K] | Sign:
    """What stands before the value of a line that ends in ` VALUE`, and what the line is about. Unclear where
    that is not the sample's own value, as in a line with a time or an exemplar.
    """
    sample = head + b" 0"
    if not wanted.names.match(sample):
        return Sign.OTHER
    found = _SAMPLE.fullmatch(sample)
    if not found or found.start(3) != len(head) + 1:
        return Sign.UNCLEAR
    labels = _labels((found[2] or b"").strip(), head)
    return head + b" ", wanted.about(found[1].decode("ascii"), labels)


def _parsed(wanted: Wanted[K], line: bytes) -> tuple[K, float]:
    if len(line) > MAX_LINE:
        raise DecodeError(f"metrics: more than {MAX_LINE} bytes in a line")
    line = line.rstrip(b"\r")
    found = _SAMPLE.fullmatch(line)
    if not found or not _NUMBER.fullmatch(found[3]):
        raise DecodeError(f"metrics: {line[:80]!r}, expected name{{labels}} value")
    labels = _labels((found[2] or b"").strip(), line)
    return wanted.about(found[1].decode("ascii"), labels), float(found[3])


def _labels(inner: bytes, line: bytes) -> dict[str, str]:
    labels: dict[str, str] = {}
    at = 0
    while at < len(inner):
        found = _LABEL.match(inner, at)
        if not found:
            raise DecodeError(f'metrics: {line[:80]!r}, expected label="value"')
        labels[found[1].decode("ascii")] = _unescaped(found[2], line)
        at = found.end()
    return labels


def _unescaped(data: bytes, line: bytes) -> str:
    value = data.decode("utf-8", "replace")
    if "\\" in value:
        value = _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], value)
    if len(value) > MAX_TEXT:
        raise DecodeError(f"metrics: {line[:80]!r}, a label of more than {MAX_TEXT} characters")
    return value


def known(value: float) -> float | None:
    """A counter's or gauge's value, `None` where it is NaN or infinite."""
    return value if math.isfinite(value) else None
