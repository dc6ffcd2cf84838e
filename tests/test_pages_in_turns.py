"""Forty processes, whose ring pages and gossip values are read in turns: a page that fails is seen to fail in
every cycle, and what is remembered of a page opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from exporter.demo.server import Demo
from exporter.derive.comparison.collect import Cycle
from exporter.derive.conclude import Words, conclude
from exporter.derive.gate.coverage import RESTS_ON, Source
from exporter.derive.judging_rules import Rules
from exporter.derive.previous_cycle import History
from exporter.expose import catalogue as c
from exporter.expose.collector import exposed
from exporter.model.facts import Snapshot
from exporter.model.gate import Step, Verdict
from exporter.polling import cycle as poll
from tests.migration import Migration, migration

COUNT, VICTIM = 40, 7
RING, VALUES = "/ingester/ring", "/memberlist?downloadKey"
FAULTS: dict[str, Callable[[web.Request], bool]] = {
    RING: lambda request: request.path == RING,
    VALUES: lambda request: "downloadKey" in request.query,
}


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Which pages of the victim answer 403 from now on."""
    pages: set[str] = set()
    real: Any = Demo._ask

    async def ask(self: Demo, number: int, request: web.Request) -> Any:
        if number == VICTIM and any(FAULTS[page](request) for page in pages):
            return web.Response(status=403)
        return await real(self, number, request)

    monkeypatch.setattr(Demo, "_ask", ask)
    return pages


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Step, ...]]]:
    """The steps of each cycle as they are where nobody remembers how pages ended."""
    steps: list[tuple[Step, ...]] = []
    history = History()

    def both(cycle: Cycle, past: History, rules: Rules, words: Words) -> tuple[Snapshot, History]:
        nonlocal history
        bare = replace(cycle, observed=tuple(replace(seen, earlier=()) for seen in cycle.observed))
        snapshot, history = conclude(bare, history, rules)
        steps.append(snapshot.steps)
        return conclude(cycle, past, rules, words)

    monkeypatch.setattr(poll, "conclude", both)
    yield steps
    assert steps


def page_up(at: Migration, page: str) -> dict[str, float]:
    """The metric as a scrape would have it after the last look, by process."""
    (series,) = [found for metric, found in exposed(at.seen[-1], 1_000_000) if metric is c.PAGE_UP]
    return {target: value for (target, name), value in series.items() if name == page}


def passed(steps: tuple[Step, ...]) -> set[tuple[str, str]]:
    """The checks that pass, by step, but those that rest on a tracker's page: between its turns only how it
    ended tells that it was read.
    """
    return {
        (step.name, check.id)
        for step in steps
        for check in step.checks
        if check.verdict is Verdict.PASSED and Source.TRACKER not in RESTS_ON.get(check.id, ())
    }


@pytest.mark.parametrize("page", FAULTS)
@pytest.mark.asyncio
async def test_a_page_that_fails_is_seen_to_fail_in_the_cycles_between_its_turns(
    page: str, broken: set[str], without: list[tuple[Step, ...]]
) -> None:
    async with migration("mirroring", size=COUNT, tokens=8, product="cortex", timeout="5s") as at:
        victim = at.demo.urls[VICTIM].removeprefix("http://")
        while len(page_up(at, page)) < COUNT:
            await at.look()
        assert len(at.seen) <= 3  # everybody has had a turn, so that from now on nothing may be missing
        for cycle in range(8):
            if cycle == 2:
                broken.add(page)
            await at.look()
            up = page_up(at, page)
            assert len(up) == COUNT
            assert {target for target, value in up.items() if not value} <= {victim}
            assert cycle < 4 or up[victim] == 0
        broken.clear()
        for _ in range(2):
            await at.look()
        assert page_up(at, page)[victim] == 1
        for snapshot, steps in zip(at.seen, without, strict=True):
            assert passed(snapshot.steps) <= passed(steps), "what is remembered of a page opens nothing"
