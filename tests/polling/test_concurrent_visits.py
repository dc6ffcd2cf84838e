"""One process that hangs, on any of its pages, costs the others none of theirs."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest

from exporter.polling.concurrent_visits import deadlines
from tests.faults.stage import cluster, config_of, evil, failed_pages, is_whole, names, watching
from tests.sources.wire import Handler, request, response

METRICS = b'# TYPE cortex_build_info gauge\ncortex_build_info{version="1.18.0"} 1\n'
EMPTY = json.dumps({"SortedMembers": [], "Store": {}, "Now": None}).encode()


def slow_at(word: str) -> Handler:
    """Answers at once, but for the paths with this word: there nothing comes."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            path = (await request(reader))[0].split(" ")[1]
            if word in path:
                await asyncio.Event().wait()
            found = {"/metrics": METRICS, "/memberlist": EMPTY}.get(path)
            writer.write(response(found) if found else response(b"no", "404 Not Found"))
            await writer.drain()

    return handler


@pytest.mark.asyncio
@pytest.mark.parametrize("word", ["/metrics", "ring", "/memberlist"])
async def test_a_process_that_hangs_on_some_pages_costs_the_others_none(word: str) -> None:
    async with cluster() as demo, evil(slow_at(word), 1) as bad:
        config = config_of(
            demo, more=[bad[0].url], interval="4s", http_client={"timeout": "4s", "max_concurrency": 16}
        )
        async with watching(config) as watch:
            for _ in range(2):
                snapshot = await watch.poller.cycle()
                healthy = names(demo.urls)
                assert is_whole(snapshot, healthy), failed_pages(snapshot, healthy)


@pytest.mark.parametrize(
    ("left", "count", "between"),
    [(13.5, 3, 0.001), (13.5, 1000, 0.001), (13.5, 10_000, 0.000135), (2.0, 1000, 0.0002)],
)
def test_the_deadlines_of_many_processes_lie_apart_and_none_loses_more_than_a_tenth_of_the_cycle(
    left: float, count: int, between: float
) -> None:
    ends = list(deadlines(100.0, left, count))
    assert ends[0] == 100.0
    apart = [earlier - later for earlier, later in pairwise(ends)]
    assert apart == pytest.approx([between] * (count - 1))
    assert min(ends) >= 100.0 - left / 10


def test_without_a_process_there_is_no_deadline() -> None:
    assert list(deadlines(100.0, 13.5, 0)) == []
