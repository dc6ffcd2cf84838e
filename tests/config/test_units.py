"""Durations and sizes as Prometheus writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from exporter.config.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("500ms", 0.5),
        ("15s", 15.0),
        ("1m30s", 90.0),
        ("1h", 3600.0),
        ("2d", 172_800.0),
        ("1w", 604_800.0),
        ("1y", 31_536_000.0),
        ("1d12h30m5s250ms", 131_405.25),
        (0, 0.0),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " ",
            "15",
            "1.5s",
            "s",
            "1s1m",
            "1s1s",
            "-1s",
            "1S",
            "1 s",
            "1µs",
            "٣s",
            "9" * 30 + "s",
            "101y",
        ),
        *(15, 1.5, True, None, [], {}, math.inf),
    ],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_duration(value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("0B", 0),
        ("512B", 512),
        ("1KB", 1024),
        ("1KiB", 1024),
        ("64MiB", 67_108_864),
        ("1GB", 1024**3),
        ("1.5GiB", 1_610_612_736),
        ("2TB", 2 * 1024**4),
        (0, 0),
    ],
)
def test_sizes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "value", ["", "64", "64M", "64 MB", "1e3B", "-1B", "MiB", "9999EB", 64, 1.5, False, None]
)
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_size(value)


@given(st.integers(min_value=0, max_value=10**12))
def test_a_written_duration_is_read_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.integers(min_value=0, max_value=2**40))
def test_a_written_size_is_read_back(size: int) -> None:
    assert parse_size(format_size(size)) == size
