"""What lies around the targets fails: clocks, names, the store, a list with a thousand that come and go."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from exporter.model.pages import Outcome, Reason, Target
from exporter.sources.http.fetcher import Fetcher
from tests.faults.stage import (
    cluster,
    config_of,
    failed_pages,
    is_whole,
    names,
    patiently,
    row,
    times,
    watching,
)
from tests.recorded import Seen, seen_in
from tests.sources import wire

HOUR = 3600.0
NEED_STORE = {"switch-primary", "decommission-store"}


def unhealthy(seen: Seen) -> set[float]:
    return set(seen.values("ring_members", "key", "member_zone", "group", state="unhealthy").values())


@pytest.mark.asyncio
async def test_a_process_with_a_wrong_clock_is_told_and_makes_no_process_late() -> None:
    async with cluster(faults=("clock-skew",)) as demo, watching(config_of(demo, **times(5))) as watch:
        for _ in range(3):
            snapshot = await watch.poller.cycle()
        seen = seen_in(snapshot)
        skews = seen.values("target_clock_skew_seconds", "target").values()
        assert max(skews) == pytest.approx(90, abs=5)
        assert sum(abs(skew) < 5 for skew in skews) == len(demo.urls) - 1
        assert set(
            seen.values("ring_members", "key", "member_zone", "group", state="unhealthy").values()
        ) == {0}
        assert is_whole(snapshot, names(demo.urls))
    row("A process with a clock 90 s ahead", "1, 3 cycles")


@pytest.mark.asyncio
async def test_our_own_clock_may_jump() -> None:
    """Backwards and forwards, as after a suspend or a bad time server."""
    async with cluster() as demo, watching(config_of(demo, **times(5))) as watch:
        true = watch.poller.now
        for jump in (0.0, -HOUR, HOUR, -24 * HOUR, 0.0):
            watch.poller.now = partial(shifted, true, jump)
            snapshot = await watch.poller.cycle()
            assert is_whole(snapshot, names(demo.urls)), failed_pages(snapshot, names(demo.urls))
            seen = seen_in(snapshot)
            assert unhealthy(seen) == {0}
            assert all(age < 60 for age in seen.values("ring_oldest_heartbeat_age_seconds", "key").values())
    row("Our own clock jumps by an hour or a day", "4 jumps")


@pytest.mark.asyncio
async def test_names_that_do_not_resolve_cost_only_themselves() -> None:
    wrong = [f"http://mimir-{number}.nowhere.invalid:8080" for number in range(40)]

    async def play(factor: int) -> None:
        async with (
            cluster() as demo,
            watching(config_of(demo, more=wrong, **times(factor, interval=4.0))) as watch,
        ):
            for _ in range(2):
                snapshot = await watch.poller.cycle()
                assert is_whole(snapshot, names(demo.urls)), failed_pages(snapshot, names(demo.urls))
                lost = [target for target in snapshot.targets if target.name in names(wrong)]
                assert len(lost) == 40
                assert not any(target.up for target in lost)
                reasons = {page.reason for one in lost for page in one.pages if page.name == "/metrics"}
                assert reasons <= {Reason.DNS, Reason.TIMEOUT, Reason.DEADLINE}

    await patiently(play)
    row("Targets with names that do not resolve", "40, 2 cycles")


@pytest.mark.asyncio
async def test_a_store_that_is_down_is_unknown_and_never_empty() -> None:
    async with cluster() as demo, watching(config_of(demo, **times(5))) as watch:
        before = seen_in(await watch.poller.cycle())
        assert before.value("store_up", store="consul") == 1, before.snapshot.stores
        demo.cluster.set_fault("store-down", on=True)
        await demo.sync()
        snapshot = await watch.poller.cycle()
        seen = seen_in(snapshot)
        assert seen.value("store_up", store="consul") == 0
        assert not seen.values("store_keys", "store")
        assert not {step.name for step in snapshot.steps if step.open} & NEED_STORE
        assert is_whole(snapshot, names(demo.urls))
        demo.cluster.set_fault("store-down", on=False)
        await demo.sync()
        after = seen_in(await watch.poller.cycle())
        assert after.values("store_keys", "store") == before.values("store_keys", "store")
    row("The store stops and starts again", "1")


@pytest.mark.asyncio
@pytest.mark.parametrize("half", ["cut", "hang", "damaged"])
async def test_half_a_store_is_no_store(half: str) -> None:
    """A list of keys that ends in the middle is not a shorter list."""
    body = json.dumps([{"Key": "collectors/ring", "Value": "", "ModifyIndex": 1, "Flags": 0}]).encode()
    handlers = {
        "cut": wire.once(wire.response(body, length=len(body) * 2)),
        "hang": wire.hang,
        "damaged": wire.always(wire.response(body[:-2])),
    }
    async with cluster() as demo, wire.serve(handlers[half]) as store:
        config = config_of(demo, stores={"consul": {"url": store.url}}, **times(5))
        async with watching(config) as watch:
            for _ in range(2):
                snapshot = await watch.poller.cycle()
                assert [found.outcome for found in snapshot.stores] == [Outcome.FAILED]
                assert is_whole(snapshot, names(demo.urls)), failed_pages(snapshot, names(demo.urls))
                assert not any(step.open for step in snapshot.steps if step.name == "decommission-store")
    row(f"A store that answers by half ({half})", "2 cycles")


def shifted(clock: Callable[[], float], seconds: float) -> float:
    return clock() + seconds


async def cheap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A process that says nearly nothing, many times."""
    metrics = wire.response(b'loki_build_info{version="3.1.0"} 1\n', headers={"Content-Type": "text/plain"})
    nothing = wire.response(b"404", status="404 Not Found")
    while True:
        first, _ = await wire.request(reader)
        writer.write(metrics if first.startswith("GET /metrics ") else nothing)
        await writer.drain()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_thousand_targets_come_and_go_and_leave_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = await asyncio.start_server(cheap, "127.0.1.1", 0)
    port = server.sockets[0].getsockname()[1]
    others = await asyncio.start_server(cheap, [host(number) for number in range(1, 1500)], port)
    path = tmp_path / "targets.json"
    config = {
        "interval": "600s",  # a busy machine may take minutes for a thousand
        "http_client": {"timeout": "300s"},
        "product": "loki",
        "rings": [{"path": "/ring", "key": "collectors/ring"}],
        "targets": [{"file": {"paths": [str(path)]}}],
    }
    try:
        put(path, [])
        async with watching(config) as watch:
            await watch.poller.cycle()
            before, seen = descriptors(), 0
            for first, count in ((0, 1000), (500, 1000), (1200, 10), (0, 0), (250, 1000), (0, 0)):
                put(path, addresses(port, first, count))
                await watch.discovery.refresh()
                snapshot = await watch.poller.cycle()
                assert len(snapshot.targets) == count
                failed = failed_pages(snapshot, names(addresses(port, first, count)))
                assert not failed, (len(failed), failed[:3])
                seen += count
            await watch.poller.cycle()  # who left a list that shrank is looked at once more
            assert watch.poller._memories == {}
            await idle(watch.fetcher)
            assert descriptors() <= before + 2
    finally:
        server.close()
        others.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    row("Targets that come and go", f"{seen} visits of up to 1000 at once, 6 changes of the list")


def addresses(port: int, first: int, count: int) -> list[str]:
    return [f"{host(number)}:{port}" for number in range(first, first + count)]


def host(number: int) -> str:
    """One of the many addresses of this machine's loopback."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def put(path: Path, targets: list[str]) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps([{"targets": targets, "labels": {}}]))
    beside.replace(path)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def idle(fetcher: Fetcher) -> None:
    """Let go of connections that are kept open for the next cycle."""
    await fetcher.__aexit__(None, None, None)
    await fetcher.__aenter__()
    await fetcher.get(Target("x", "http://127.0.0.1:1"), "/metrics")
