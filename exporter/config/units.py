"""Durations and sizes, written as Prometheus writes them.

A duration is float seconds, a size int bytes. As in Prometheus's `body_size_limit`, a `KB` is 1024 bytes, the
same as a `KiB`. A number without a unit is refused. Only `0` needs none.
"""

from __future__ import annotations

import re
from typing import Annotated

import annotated_types
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

_DURATION_UNITS = (
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
)
_DURATION = re.compile("".join(f"(?:([0-9]{{1,12}}){unit})?" for unit, _ in _DURATION_UNITS))
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))?(?:([KMGTPE])i?)?B")
_LONGEST = 100 * 31_536_000.0
_LARGEST = 2**62
DURATION_PATTERN = r"^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$"
SIZE_PATTERN = r"^(0|[0-9]+(\.[0-9]+)?([KMGTPE]i?)?B)$"


def parse_duration(value: object) -> float:
    """Seconds from `15s`, `1m30s`, `500ms` or `0`; a `ValueError` of pydantic's kind otherwise."""
    text = _written(value, "a duration", "15s")
    if text == "0":
        return 0.0
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise _bad("{value} is not a duration such as 15s, 1m30s or 500ms", value)
    milliseconds = sum(
        int(number or 0) * factor for number, (_, factor) in zip(match.groups(), _DURATION_UNITS, strict=True)
    )
    if milliseconds / 1000 > _LONGEST:
        raise _bad("{value} is longer than 100 years", value)
    return milliseconds / 1000


def parse_size(value: object) -> int:
    """Bytes from `64MiB`, `1GB`, `1.5KiB` or `0`; a `ValueError` of pydantic's kind otherwise."""
    text = _written(value, "a size", "64MiB")
    if text == "0":
        return 0
    match = _SIZE.fullmatch(text)
    if match is None:
        raise _bad("{value} is not a size such as 64MiB, 1GB or 512KB", value)
    integer, fraction, prefix = match.groups()
    power = " KMGTPE".index(prefix or " ")
    size = int(float(f"{integer}.{fraction or 0}") * 1024**power) if fraction else int(integer) * 1024**power
    if size > _LARGEST:
        raise _bad("{value} is larger than 4EiB", value)
    return size


def format_duration(seconds: float) -> str:
    """`90.0` to `1m30s`, the shortest form that `parse_duration` reads back."""
    rest = round(seconds * 1000)
    parts = []
    for unit, factor in _DURATION_UNITS[2:]:
        number, rest = divmod(rest, factor)
        parts.append(f"{number}{unit}" if number else "")
    return "".join(parts) or "0"


def format_size(size: int) -> str:
    """`67108864` to `64MiB`: the largest unit that divides it."""
    for power in range(6, 0, -1):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{' KMGTPE'[power]}iB"
    return f"{size}B" if size else "0"


def _written(value: object, kind: str, example: str) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value == 0:
            return "0"
        raise _bad(f"{{value}} has no unit; write {kind} such as {example}", value)
    raise PydanticCustomError("kind", f"must be {kind} such as {example}")


def _bad(message: str, value: object) -> PydanticCustomError:
    shown = f'"{value[:40]}"' if isinstance(value, str) else str(value)[:40]
    return PydanticCustomError("unit", message, {"value": shown})


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "minLength": 1}),
]
"""Seconds; 0 allowed."""
PositiveDuration = Annotated[Duration, annotated_types.Gt(0)]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN}),
]
"""Bytes; 0 allowed."""
PositiveSize = Annotated[Size, annotated_types.Gt(0)]
