"""Prometheus's answers: a vector, an error, or anything at all."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.prometheus import MAX_SAMPLES, VectorSample, decode_vector
from exporter.errors import DecodeError


def answer(*results: Any, kind: str = "vector", **more: Any) -> bytes:
    return json.dumps(
        {"status": "success", "data": {"resultType": kind, "result": list(results)}} | more
    ).encode()


def test_values_are_numbers_and_nan_is_one() -> None:
    told = decode_vector(
        answer({"metric": {"a": "b"}, "value": [1.5, "2"]}, {"metric": {}, "value": [1, "NaN"]})
    )
    assert told[0] == VectorSample({"a": "b"}, 2.0)
    assert math.isnan(told[1].value)
    assert decode_vector(answer()) == ()


BAD = [
    ("no JSON", b"<html>", "no answer of Prometheus's query API"),
    ("nothing", b"", "no answer of Prometheus's query API"),
    ("another API's JSON", b'{"a": 1}', "no answer of Prometheus's query API"),
    (
        "an error",
        b'{"status": "error", "errorType": "bad_data", "error": "parse error: unexpected <eof>"}',
        "parse error: unexpected <eof>",
    ),
    ("no success", b'{"status": "odd"}', "no success in the answer"),
    ("a matrix", answer(kind="matrix"), "no vector"),
    ("no number", answer({"metric": {}, "value": [1, "two"]}), "'two' is no number"),
    ("nested", b"[" * 100_000, "no answer of Prometheus's query API"),
    ("a part of it", answer(warnings=["store 3 did not answer"]), "store 3 did not answer"),
    ("no labels", answer({"value": [1, "1"]}), "no answer of Prometheus's query API"),
]


@pytest.mark.parametrize(("body", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_no_vector_is_refused_with_a_word_to_it(body: bytes, words: str) -> None:
    with pytest.raises(DecodeError, match="query") as refused:
        decode_vector(body)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 500


def test_an_endless_vector_is_refused() -> None:
    many = answer(*[{"metric": {}, "value": [1, "1"]}] * (MAX_SAMPLES + 1))
    with pytest.raises(DecodeError, match="--selector"):
        decode_vector(many)


@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_anything_else_is_refused_or_read(body: bytes) -> None:
    try:
        decode_vector(body)
    except DecodeError as error:
        assert str(error)
