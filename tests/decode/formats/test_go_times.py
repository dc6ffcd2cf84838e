"""Times and durations as Go writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.formats import go_times
from exporter.errors import DecodeError

moments = st.datetimes(datetime(1970, 1, 2), datetime(9998, 12, 31))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moments, offsets)
def test_rfc3339_and_go_strings_of_any_zone_are_the_moment(moment: datetime, zone: timezone) -> None:
    there = moment.replace(tzinfo=UTC).astimezone(zone)
    expected = there.timestamp()
    named = there.strftime("%Y-%m-%d %H:%M:%S.%f %z").zfill(31)
    for shown in (there.isoformat(), f"{named} CET m=+92.908288374", f"{named} -0300"):
        assert go_times.parse_time(shown, "x") == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "shown", [None, "", "  ", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00 +0000 UTC", "1970-01-01T00:00:00Z"]
)
def test_a_time_that_was_never_set_is_none(shown: str | None) -> None:
    assert go_times.parse_time(shown, "x") is None


@pytest.mark.parametrize(
    "shown",
    [
        "now",
        "2026-11-21",
        "2026-11-21T01:44:43",
        "2026-02-30T00:00:00Z",
        "2026-11-21T25:00:00Z",
        "9" * 1000,
        "١" * 20,
    ],
)
def test_what_is_no_time_is_refused(shown: str) -> None:
    with pytest.raises(DecodeError, match=r"^x: "):
        go_times.parse_time(shown, "x")


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [
        ("0s", 0.0),
        ("0", 0.0),
        ("15s", 15.0),
        ("1m0s", 60.0),
        ("1h2m3.5s", 3723.5),
        ("100ms", 0.1),
        ("1µs", 1e-6),
        ("-1m30s", -90.0),
        ("1d", 86400.0),
        ("2w", 1209600.0),
        ("2562047h47m16.854775807s", 9223372036.854776),
    ],
)
def test_durations(shown: str, seconds: float) -> None:
    assert go_times.parse_duration(shown, "x") == pytest.approx(seconds)


@pytest.mark.parametrize(
    "shown", ["", "s", "15", "1m 30s", "1x", "1e3s", "--1s", "9" * 100 + "s", "1h" * 100]
)
def test_what_is_no_duration_is_refused(shown: str) -> None:
    with pytest.raises(DecodeError, match=r"^x: "):
        go_times.parse_duration(shown, "x")


def test_unix_times_are_bounded_and_zero_is_none() -> None:
    assert go_times.unix(0, "x") is None
    assert go_times.unix(-5, "x") is None
    assert go_times.unix_ms(1500, "x") == 1.5
    for seconds in (float("nan"), float("inf"), 2**62):
        with pytest.raises(DecodeError):
            go_times.unix(seconds, "x")


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_an_integer_that_no_float_holds_is_no_time(number: int) -> None:
    for read in (go_times.unix, go_times.unix_ms):
        with pytest.raises(DecodeError):
            read(number, "x")
