"""What a scrape shows of a picture that has grown old."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from exporter.service import Newest
from exporter.watch import Watch
from tests.expose import snapshots

AGES = [
    ("fresh", 15.0, 10.0, True),
    ("three intervals old", 15.0, 45.0, True),
    ("older", 15.0, 46.0, False),
    ("the clock was set back", 15.0, -46.0, False),
    ("short intervals, a long cycle", 0.5, 29.0, True),
    ("short intervals, no cycle any more", 0.5, 31.0, False),
]


def watching(interval: float, age: float) -> Any:
    poller = SimpleNamespace(snapshot=snapshots.rich(), now=lambda: snapshots.NOW + age)
    return SimpleNamespace(poller=poller, config=SimpleNamespace(interval=interval))


@pytest.mark.parametrize(("interval", "age", "open_"), [a[1:] for a in AGES], ids=[a[0] for a in AGES])
def test_no_gate_is_shown_open_by_a_picture_that_is_too_old(interval: float, age: float, open_: bool) -> None:
    newest = Newest(cast("Watch", watching(interval, age)))
    shown = newest()
    assert shown is not None
    assert any(step.open for step in shown.steps) is open_
    assert shown.is_withheld is not open_
    assert shown.at == snapshots.NOW, "how old it is stays visible"
    assert newest() is shown, "rendered once"


def test_before_the_first_cycle_there_is_none() -> None:
    watch = watching(15.0, 0.0)
    watch.poller.snapshot = None
    assert Newest(cast("Watch", watch))() is None
