"""An answer of Prometheus's instant query API: a vector of samples, or what it has against the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from exporter.errors import DecodeError

MAX_SAMPLES = 100_000
MAX_ERROR = 300


@dataclass(frozen=True, slots=True)
class VectorSample:
    """One series' value at the time of the question."""

    labels: Mapping[str, str]
    value: float


class _Result(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Data(msgspec.Struct):
    resultType: str  # noqa: N815 - the API's own name
    result: list[_Result]


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""
    warnings: list[str] = []


def decode_vector(body: bytes) -> tuple[VectorSample, ...]:
    """The samples of an instant query. Raises `DecodeError`, with Prometheus' own error if there is one."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (
        ValueError,
        RecursionError,
    ) as error:  # msgspec's own are ValueErrors
        raise DecodeError(f"query: no answer of Prometheus's query API ({str(error)[:100]})") from None
    if answer.status != "success" or answer.data is None:
        raise DecodeError(f"query: {answer.error[:MAX_ERROR] or 'no success in the answer'}")
    if answer.warnings:  # mostly: a source of part of the data did not answer
        raise DecodeError(f"query: the answer comes with a warning: {answer.warnings[0][:MAX_ERROR]}")
    if answer.data.resultType != "vector":
        raise DecodeError("query: no vector in the answer")
    if len(answer.data.result) > MAX_SAMPLES:
        raise DecodeError(f"query: more than {MAX_SAMPLES} series; narrow it with --selector")
    return tuple(VectorSample(found.metric, _number(found.value[1])) for found in answer.data.result)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DecodeError(f"query: {text[:40]!r} is no number") from None
