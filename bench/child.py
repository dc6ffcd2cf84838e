"""What is measured, each in a process of its own: `python -m bench.child exporter CONFIG` or `floor FILE`.

One line in ("cycle", "scrape", "end"), one line of JSON out, so that the pages can be written anew
between two cycles without costing the measured process anything.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from bench.sampling import Sampling
from exporter.config import load
from exporter.expose.exposition import Renderer, SelfFacts
from exporter.expose.series import target_rows
from exporter.interpreter import Growth, keep_loop_free
from exporter.model.pages import Target
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.wiring import Watch

TICK = 0.002
Run = Callable[[], Awaitable[dict[str, Any]]]


def peak_mb() -> float:
    """The most memory this process ever had resident, MB (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024, 1)


class Ticker:
    """How long the loop was blocked: wall time, and CPU time of the loop's own thread, between ticks."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    async def run(self) -> None:
        while True:
            wall, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TICK)
            self.wall = max(self.wall, time.perf_counter() - wall - TICK)
            self.cpu = max(self.cpu, time.thread_time() - cpu)


async def measured(work: Run) -> dict[str, Any]:
    """Wall and CPU seconds of one piece of work, and the loop's longest stall meanwhile."""
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.run())
    await asyncio.sleep(2 * TICK)
    wall, cpu = time.perf_counter(), time.process_time()
    result = await work()
    result |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    await asyncio.sleep(2 * TICK)
    ticking.cancel()
    return result | {"stall": ticker.wall, "stall_cpu": ticker.cpu, "peak_mb": peak_mb()}


class Recorded:
    """Every request of a cycle, so that the floor can repeat it."""

    def __init__(self, fetcher: Fetcher) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.size = self.packed = 0  # bytes, and those of them that were packed on the wire
        self._get = fetcher.get
        fetcher.get = self.get  # type: ignore[method-assign] # only here, to record the requests

    async def get(self, target: Target, path: str, **how: Any) -> Any:
        answer = await self._get(target, path, **how)
        kept = {name: value for name, value in how.items() if name not in ("deadline", "spending")}
        self.calls.append((target.url, path, kept))
        self.size += len(answer.body)
        self.packed += len(answer.body) if path == "/metrics" else 0
        return answer


async def exporter(path: Path) -> None:
    config = load(path)
    async with Watch(config) as watch:
        recorded, growth = Recorded(watch.fetcher), Growth()
        facts = SelfFacts("bench", max_series=config.scale.max_series)
        renderer = Renderer(lambda: watch.poller.snapshot, lambda: facts)

        async def cycle() -> dict[str, Any]:
            recorded.calls, recorded.size, recorded.packed = [], 0, 0
            snapshot = await watch.poller.cycle()
            growth.check()  # as `serve` does
            up = sum(target.up for target in snapshot.targets)
            sweep = snapshot.sweep_seconds
            return {"bytes": recorded.size, "packed": recorded.packed, "requests": len(recorded.calls),
                    "up": up, "sweep": sweep, "headline": snapshot.fleet.headline}  # fmt: skip

        async def scrape() -> dict[str, Any]:
            return {"bytes": len((await renderer.render("", "gzip")).body)}

        async def series() -> dict[str, Any]:
            return {"series": _series((await renderer.render("", "")).body)}

        sampling = Sampling()

        async def sampled() -> dict[str, Any]:
            with sampling:
                return await cycle()

        async def profile() -> dict[str, Any]:
            return {"profile": sampling.text()}

        async def idle() -> dict[str, Any]:
            return {}

        async def calls() -> dict[str, Any]:
            return {"calls": recorded.calls}

        orders: tuple[Any, ...] = (cycle, scrape, series, calls, idle, sampled, profile)
        large = partial(_large_scrape, watch)
        await _obey({order.__name__: order for order in orders} | {"large": large, "again": scrape})


async def _large_scrape(watch: Watch, max_series: int = 50_000) -> dict[str, Any]:
    """The cost of a scrape of so many series, the first one after a cycle and a later one. The snapshot has
    as many copies of its processes as make them.
    """
    snapshot = watch.poller.snapshot
    if snapshot is None:
        raise RuntimeError("no cycle yet")
    each = sum(row[2] is not None for row in target_rows(snapshot)) / len(snapshot.targets)
    copied = enumerate(itertools.islice(itertools.cycle(snapshot.targets), math.ceil(max_series / each)))
    targets = tuple(replace(target, name=f"{target.name}-{number}") for number, target in copied)
    many, facts = replace(snapshot, targets=targets), SelfFacts("bench", max_series=max_series)
    renderer = Renderer(lambda: many, lambda: facts)
    spent = []
    for _ in range(6):
        before = time.process_time()
        made = await renderer.render("", "gzip")
        spent.append(time.process_time() - before)
    plain = (await renderer.render("", "")).body
    return {"series": _series(plain), "bytes": len(made.body), "render_cpu": spent[0],
            "answer_cpu": statistics.median(spent[1:])}  # fmt: skip


def _series(body: bytes) -> int:
    return sum(not line.startswith(b"#") for line in body.splitlines())


async def floor(calls: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Fetch what a cycle fetched and throw it away: aiohttp as it comes, as many at once as the exporter."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers={"Accept-Encoding": "gzip"}) as session:

        async def cycle() -> dict[str, Any]:
            left = iter(calls)  # a queue in the connector itself would cost more than the requests

            async def ask() -> int:
                return sum([await _size(session, *call) for call in left])

            sizes = await asyncio.gather(*(ask() for _ in range(FetchSettings().max_concurrency)))
            return {"bytes": sum(sizes), "requests": len(calls)}

        await _obey({"cycle": cycle})


async def _size(session: aiohttp.ClientSession, base: str, path: str, how: dict[str, Any]) -> int:
    accept = {"Accept": how.get("accept", "*/*")}
    async with session.get(base + path, params=how.get("query"), headers=accept) as response:
        return len(await response.read())


async def _obey(orders: dict[str, Run]) -> None:
    while True:
        order = (await asyncio.to_thread(sys.stdin.readline)).strip()
        if order not in orders:
            return
        print(json.dumps(await measured(orders[order])), flush=True)


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kind, file = sys.argv[1], Path(sys.argv[2])
    keep_loop_free()  # as `serve` does
    if kind == "exporter":
        asyncio.run(exporter(file))
    else:
        asyncio.run(floor(json.loads(file.read_text())))
