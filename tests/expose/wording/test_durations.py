"""A duration in one unit, as people read it."""

from __future__ import annotations

import pytest

from exporter.expose.wording import durations

SPANS: list[tuple[float | None, str]] = [
    (None, "unknown"),
    (0.0, "0 s"),
    (4.0, "4 s"),
    (4.25, "4.2 s"),
    (12.4, "12 s"),
    (119.0, "119 s"),
    (120.0, "2 min"),
    (7199.0, "120 min"),
    (7200.0, "2 h"),
    (172800.0, "2 d"),
    (-300.0, "-5 min"),
]


@pytest.mark.parametrize(("seconds", "words"), SPANS)
def test_a_span(seconds: float | None, words: str) -> None:
    assert durations.span(seconds) == words


def test_nothing_was_in_the_future() -> None:
    assert durations.ago(-3.0) == "0 s"
