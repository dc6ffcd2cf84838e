"""Samples out of a Prometheus text page: only the lines that contain one of a few words.

A process of the field exposes some megabytes; the families used here are a few dozen lines of it.
The page, or those stretches of it where the lines are known to stand (see `layout`), is searched for
words, and only the lines found are parsed, so the rest costs next to nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from exporter.decode.bounds import MAX_TEXT
from exporter.errors import DecodeError

MAX_LINE = 16_384  # bytes of a line that is used
MAX_SAMPLES = 200_000  # lines that are parsed
MAX_KNOWN = 1_024  # bytes of a name with its labels that is remembered

Stretch = tuple[int, int]
Head = tuple[str, Mapping[str, str]]

_SAMPLE = re.compile(
    rb"([a-zA-Z_:][a-zA-Z0-9_:]*+)(?:\{((?:[^\"}]|\"(?:[^\"\\]|\\.)*+\")*+)\})?"  # name, labels
    rb"[ \t]++([^ \t]++)(?:[ \t]+-?\d+)?[ \t]*(?:#.*)?",  # value; a time and an exemplar are not used
    re.ASCII,
)
_LABEL = re.compile(rb"\s*([a-zA-Z_][a-zA-Z0-9_]*+)\s*=\s*\"((?:[^\"\\]|\\.)*+)\"\s*(?:,|$)", re.ASCII)
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?[iI]nf|[nN]a[nN]", re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Sample(NamedTuple):
    """One line: the whole name, its labels, its value (NaN and infinities included)."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """The lines to look for: they contain `word`, and their name matches `names`."""

    word: bytes
    names: re.Pattern[bytes]


def check_exposition(body: bytes) -> None:
    """Refuse what is no text exposition, and one that was cut: its last line has its line feed."""
    first = body[:MAX_LINE].lstrip().split(b"\n", 1)[0].rstrip(b"\r")
    if not first:
        raise DecodeError("metrics: an empty page, expected Prometheus text")
    if not (first.startswith(b"#") or _SAMPLE.fullmatch(first)):
        raise DecodeError(f"metrics: begins with {first[:40]!r}, expected Prometheus text")
    if not body.endswith(b"\n"):
        raise DecodeError("metrics: the last line has no end, expected a whole page")


def samples(body: bytes, wanted: Wanted, stretches: Sequence[Stretch], starts: list[int]) -> Iterator[Sample]:
    """The samples of the lines wanted in these stretches of the page, in its order. Where each line
    begins is added to `starts`.
    """
    for start, end in _places(body, wanted, stretches):
        starts.append(start)
        if len(starts) > MAX_SAMPLES or end - start > MAX_LINE:
            raise DecodeError(f"metrics: more than {MAX_SAMPLES} samples or {MAX_LINE} bytes in a line")
        yield _sample(body[start:end])


def _places(body: bytes, wanted: Wanted, stretches: Sequence[Stretch]) -> Iterator[Stretch]:
    """Where the lines wanted begin and end."""
    word, is_wanted = wanted.word, wanted.names.match
    for first, last in stretches:
        at = first
        while (at := body.find(word, at, last)) >= 0:
            start = body.rfind(b"\n", first, at) + 1 or first
            end = body.find(b"\n", at, last)
            at = last if end < 0 else end
            if is_wanted(body, start, at):
                yield start, at


def _sample(line: bytes) -> Sample:
    head, _, value = line.rpartition(b" ")
    if len(head) <= MAX_KNOWN and _NUMBER.fullmatch(value) and (told := _known_head(head)):
        return Sample(*told, float(value))
    line = line.rstrip(b"\r")
    found = _SAMPLE.fullmatch(line)
    if not found or not _NUMBER.fullmatch(found[3]):
        raise DecodeError(f"metrics: {line[:80]!r}, expected name{{labels}} value")
    return Sample(found[1].decode("ascii"), _labels((found[2] or b"").strip(), line), float(found[3]))


@lru_cache(maxsize=16_384)
def _known_head(head: bytes) -> Head | None:
    """Name and labels of a line that ends in ` VALUE`: the same for all processes and in every cycle.

    `None` where that is not the sample's own value, as in a line with a time or an exemplar.
    """
    found = _SAMPLE.fullmatch(head + b" 0")
    if not found or found.start(3) != len(head) + 1:
        return None
    labels = _labels((found[2] or b"").strip(), head)
    return found[1].decode("ascii"), MappingProxyType(labels)


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
    """A counter's or gauge's value, `None` where it is NaN or infinite: it says nothing."""
    return value if math.isfinite(value) else None
