"""What a visit remembers of a process, and when it forgets it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from exporter.decode.memo import Memo
from exporter.memory import Memory
from exporter.model import Answer, Observation, Outcome, Page, Reason, Target
from exporter.sources.http import Fetcher
from exporter.sources.pace import Pace
from exporter.visit import Visit

CONFIG = b"target: all\nmemberlist:\n  cluster_label: prod\n  cluster_label_verification_disabled: true\n"


@dataclass
class OneProcess:
    """A process as `Fetcher.get` would show it, and our clock."""

    now: float = 5000.0
    start: float | None = 1000.0
    shows_config: bool = True
    asked: list[str] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    pace: Pace = field(default_factory=Pace)

    async def get(self, _: Target, path: str, **__: Any) -> Answer:
        self.asked.append(path)
        if path == "/metrics":
            text = "go_goroutines 1\n"
            text += f"process_start_time_seconds {self.start}\n" if self.start is not None else ""
            return Answer(Outcome.OK, status=200, body=text.encode(), asked_at=self.now)
        if path == "/config" and self.shows_config:
            return Answer(Outcome.OK, status=200, body=CONFIG, asked_at=self.now)
        if path == "/config":
            return Answer(Outcome.FAILED, Reason.DENIED, "403", 403, asked_at=self.now)
        return Answer(Outcome.ABSENT, status=404)

    def visit(self, seconds: float = 600.0) -> Observation:
        """Let time pass and read the first round."""
        self.now += seconds
        self.asked.clear()
        fetcher = cast(Fetcher, self)
        visit = Visit(
            Target("a:1", "http://a:1"), self.memory, fetcher, 1e9, lambda: self.now, lambda: 1.0, Memo()
        )
        asyncio.run(visit.read_metrics())
        return visit.observation()


def test_a_configuration_from_before_a_restart_does_not_stand() -> None:
    process = OneProcess()
    first = process.visit().config.value
    assert first is not None
    assert (first.label, first.label_verification_disabled) == ("prod", True)
    process.start, process.shows_config = 5500.0, False
    for _ in range(3):
        page = process.visit().config
        assert (page.outcome, page.reason, page.value) == (Outcome.FAILED, Reason.DENIED, None)
    process.shows_config = True
    assert process.visit(15.0).config.value == first


@pytest.mark.parametrize(("start", "stands"), [(1000.0, True), (None, False)])
def test_a_configuration_that_cannot_be_read_again_stands_where_a_restart_would_be_seen(
    start: float | None, stands: bool
) -> None:
    process = OneProcess(start=start)
    process.visit()
    process.shows_config = False
    assert (process.visit().config.value is not None) is stands


def test_a_clock_that_is_set_back_does_not_put_off_what_is_due() -> None:
    process = OneProcess()
    process.visit()
    memory = process.memory
    memory.absent_until["/ring"] = process.now + 300
    memory.values_read_at = memory.rings_read_at = process.now
    broken: Page[int] = Page("/ring", Outcome.FAILED, reason=Reason.TOO_LARGE)
    memory.pauses.learn("/ring", broken, 0, process.now)
    process.visit(15.0)
    assert "/config" not in process.asked
    assert memory.pauses.held("/ring", process.now) is not None
    process.visit(-3600.0)
    assert "/config" in process.asked
    assert memory.pauses.held("/ring", process.now) is None
    assert "/ring" not in memory.absent_until
    assert memory.values_read_at == memory.rings_read_at == 0.0
    process.visit(15.0)
    assert "/config" not in process.asked


def test_a_bug_in_a_decoder_costs_its_page_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: bytes) -> None:
        raise OverflowError("a number")

    monkeypatch.setattr("exporter.visit.decode_config", broken)
    seen = OneProcess().visit()
    assert (seen.config.outcome, seen.config.reason) == (Outcome.FAILED, Reason.DECODE)
    assert seen.config.detail == "an error of our own; see the log"
    assert seen.metrics.outcome is Outcome.OK
    assert "a page could not be decoded" in caplog.text
