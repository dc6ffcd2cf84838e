"""Targets that misbehave: neighbours lose nothing, a cycle ends in time, nothing unknown counts as good."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from exporter.model.facts import Snapshot
from exporter.model.pages import Outcome, Reason
from tests.faults.misbehaving import BEHAVIOURS, many_series
from tests.faults.stage import (
    cluster,
    config_of,
    evil,
    failed_pages,
    is_whole,
    names,
    patiently,
    row,
    times,
    watching,
)
from tests.sources import wire

COUNT, CYCLES = 5, 2


def small(factor: int, **more: float) -> dict[str, Any]:
    """Short times, and a cap that bombs meet early."""
    told = times(factor, **more)
    told["http_client"] |= {"max_response_bytes": "1MiB"}
    return told


def assert_whole(snapshot: Snapshot, urls: tuple[str, ...]) -> None:
    assert is_whole(snapshot, names(urls)), failed_pages(snapshot, names(urls))


@pytest.mark.asyncio
@pytest.mark.parametrize("what", BEHAVIOURS)
async def test_misbehaving_targets_cost_only_themselves(what: str) -> None:
    async def play(factor: int) -> None:
        async with cluster() as demo, evil(BEHAVIOURS[what], COUNT) as bad:
            evils = {target.name for target in bad}
            config = config_of(demo, more=[target.url for target in bad], **small(factor))
            async with watching(config) as watch:
                for _ in range(CYCLES):
                    snapshot = await watch.poller.cycle()
                    assert_whole(snapshot, demo.urls)
                    for target in snapshot.targets:
                        read = [page.name for page in target.pages if page.outcome is Outcome.OK]
                        assert target.name not in evils or read == [] or "announce less" in what
                    assert not any(step.open for step in snapshot.steps), "who says nothing is unknown"

    await patiently(play)
    row(f"Targets that {what}", f"{COUNT} beside 3 healthy processes, {CYCLES} cycles")


@pytest.mark.asyncio
async def test_all_kinds_at_once_do_not_add_up() -> None:
    """They wait together: the cycle has its deadline, and the healthy have their pages."""
    handlers = list(BEHAVIOURS.values()) * 2

    async def play(factor: int) -> None:
        async with cluster() as demo, AsyncExitStack() as stack:
            bad = [await stack.enter_async_context(wire.serve(handler)) for handler in handlers]
            config = config_of(demo, more=[target.url for target in bad], **small(factor, interval=5.0))
            async with watching(config) as watch:
                for _ in range(2):
                    async with asyncio.timeout(30 * factor):
                        assert_whole(await watch.poller.cycle(), demo.urls)

    await patiently(play)
    row("Targets of all these kinds at once", f"{len(handlers)}, 2 cycles")


@pytest.mark.asyncio
async def test_a_process_with_twenty_thousand_series_of_clients_is_bounded() -> None:
    async def play(factor: int) -> None:
        async with cluster() as demo, evil(wire.always(many_series()), 2) as bad:
            config = config_of(demo, more=[target.url for target in bad], **times(factor, 5.0, 2.0))
            async with watching(config) as watch:
                snapshot = await watch.poller.cycle()
                clients = [len(t.clients) for t in snapshot.targets if t.name in {b.name for b in bad}]
                assert_whole(snapshot, demo.urls)
                assert max(clients) <= 5_000

    await patiently(play)
    row("Targets that show 20,000 KV clients", "2")


@pytest.mark.asyncio
async def test_a_target_that_becomes_another_product_and_back_is_told_as_it_is_or_as_most_are() -> None:
    """With the start of the one before it looks like one process: then it is what most are."""

    async def play(factor: int) -> None:
        async with cluster() as one, cluster(product="loki") as other:
            shown = [one.urls[0]]

            async def changing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await relay(shown[0], reader, writer)

            async with (
                wire.serve(changing) as target,
                watching(config_of(one, more=[target.url], **times(factor))) as watch,
            ):
                for url, product in [(one.urls[0], "cortex"), (other.urls[0], "loki")] * 3:
                    shown[0] = url
                    snapshot = await watch.poller.cycle()
                    (seen,) = (found for found in snapshot.targets if found.name == target.name)
                    assert seen.up
                    assert seen.product.value in {product, "cortex"}
                    assert_whole(snapshot, one.urls)

    await patiently(play)
    row("A target that switches its product between cycles", "6 switches")


@pytest.mark.asyncio
async def test_a_target_that_answers_another_ones_pages_is_never_taken_for_a_process_of_its_own() -> None:
    """As behind a load balancer: the same process under two addresses, and one that nobody reads."""
    async with cluster() as demo, wire.serve(partial(relay, demo.urls[0])) as double:
        config = config_of(demo, **times(5))
        config["targets"] = [{"static": {"urls": [*demo.urls[:-1], double.url]}}]
        async with watching(config) as watch:
            for _ in range(3):
                snapshot = await watch.poller.cycle()
                ring = next(key for key in snapshot.keys if key.key == "collectors/ring")
                ids = [member.id for member in ring.members]
                assert len(ids) == len(set(ids))
                assert not any(step.open for step in snapshot.steps if step.name == "switch-primary")
    row("A target that answers another process's pages", "3 cycles")


async def relay(url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request to one address, answered by another; no connection is kept."""
    first, headers = await wire.request(reader)
    host, _, port = url.removeprefix("http://").partition(":")
    there, back = await asyncio.open_connection(host, int(port))
    accept = headers.get("accept", "*/*")
    back.write(f"{first}\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n".encode())
    try:
        while data := await there.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        back.close()
    writer.close()


@pytest.mark.asyncio
async def test_a_cycle_ends_in_time_however_many_hang() -> None:
    async def play(factor: int) -> None:
        async with cluster() as demo, evil(wire.hang, 200) as silent:
            config = config_of(demo, more=[target.url for target in silent], **times(factor, 3.0))
            async with watching(config) as watch:
                await watch.poller.cycle()
                started = time.monotonic()
                snapshot = await watch.poller.cycle()
                assert time.monotonic() - started < 20 * factor, "far beyond the deadline"
                assert_whole(snapshot, demo.urls)
                assert sum(target.up for target in snapshot.targets) == len(demo.urls)

    await patiently(play)
    row("Targets that hang, most of the fleet", "200 beside 3 healthy processes")


@pytest.mark.asyncio
async def test_where_nobody_takes_a_connection_dozens_of_ring_pages_are_not_asked_for() -> None:
    async with cluster() as demo:
        gone = [f"http://127.0.0.1:{port}" for port in range(2, 2 + COUNT)]  # nothing listens there
        async with watching(config_of(demo, more=gone, **small(5))) as watch:
            for _ in range(CYCLES):
                snapshot = await watch.poller.cycle()
                assert_whole(snapshot, demo.urls)
                down = [target for target in snapshot.targets if target.name in names(gone)]
                assert [(t.up, t.pages[0].reason) for t in down] == [(False, Reason.REFUSED)] * COUNT
                assert not any(step.open for step in snapshot.steps)
            failed = sum(n for (_, outcome), n in watch.fetcher.counts.items() if outcome == "failed")
            assert failed <= 4 * COUNT * CYCLES  # metrics, configuration, build, gossip
    row("Targets at which no process listens", f"{COUNT} beside 3 healthy processes, {CYCLES} cycles")
