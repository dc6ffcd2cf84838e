"""A reload takes a configuration whole or not at all, and loses nothing: shown on the program itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exporter.config import load
from exporter.demo import Demo, DemoSettings
from exporter.model.pages import Phase
from exporter.wiring import one_cycle
from tests.faults.stage import row
from tests.running import Exporter, exporter, written
from tests.sources import wire

BAD = sorted((Path(__file__).parent / "config" / "bad").glob("*.yml"))
OK = "config_last_reload_successful"
CYCLE = 0.5


@asynccontextmanager
async def running(tmp_path: Path, **settings: Any) -> AsyncIterator[tuple[Exporter, Demo, Path]]:
    """A demo that stands still, and an exporter that watches it."""
    told = {"size": 3, "tokens": 8, "hold": True, "start_phase": Phase.MIRRORING} | settings
    async with Demo(DemoSettings(**told)) as demo:
        path = written(tmp_path / "kvmigration.yml", quick(demo))
        async with exporter(path) as server:
            await server.cycles()
            yield server, demo, path


def quick(demo: Demo, **more: Any) -> dict[str, Any]:
    """The demo's configuration with short cycles."""
    return {**demo.config(), "interval": f"{int(CYCLE * 1000)}ms", "gate": {"soak": "1h"}, **more}


async def refused_more(server: Exporter, than: int) -> bool:
    return server.refusals() > than


@pytest.mark.asyncio
@pytest.mark.slow
async def test_each_bad_file_keeps_the_running_configuration_by_post_and_by_signal(tmp_path: Path) -> None:
    assert len(BAD) > 20
    async with running(tmp_path) as (server, _, path):
        good, before = path.read_bytes(), await server.get("/config")
        targets = len(await server.series("target_up"))
        for number, bad in enumerate(BAD):
            path.write_bytes(bad.read_bytes())
            status, told = await server.reload()
            assert (bad.stem, status) == (bad.stem, 500)
            assert "failed to reload config" in told
            assert "hunter2" not in told
            assert (bad.stem, await server.value(OK)) == (bad.stem, 0)
            refused = server.refusals()
            server.hang_up()
            await server.until(partial(refused_more, server, refused), f"{bad.stem} by SIGHUP")
            assert (bad.stem, await server.get("/config")) == (bad.stem, before)
            if number % 8 == 0:
                path.write_bytes(good)
                assert (await server.reload())[0] == 200
                assert (bad.stem, await server.value(OK)) == (bad.stem, 1)
        path.write_bytes(good)
        assert (await server.reload())[0] == 200
        assert await server.value(OK) == 1
        await server.cycles()
        up = await server.series("target_up")
        assert (len(up), set(up.values())) == (targets, {1.0})
        assert "hunter2" not in "".join(server.said)
    row("A reload with a bad file, by POST and by SIGHUP", f"{len(BAD)} files")


@pytest.mark.asyncio
async def test_a_file_that_is_gone_keeps_the_running_configuration(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, _, path):
        before = await server.get("/config")
        path.unlink()
        status, told = await server.reload()
        assert status == 500
        assert "no such file or directory" in told
        assert await server.get("/config") == before
        await server.cycles()


@pytest.mark.asyncio
async def test_a_good_reload_keeps_the_past(tmp_path: Path) -> None:
    """When the phase began, since when checks hold (the soak), and every counter."""
    async with running(tmp_path) as (server, demo, path):
        written(path, quick(demo, interval="3s"))  # nobody is called silent on a busy machine
        assert (await server.reload())[0] == 200
        await server.cycles(2)
        before, counted = await remembered(server), await server.samples()
        written(path, quick(demo, interval="3s", product="cortex"))
        assert (await server.reload())[0] == 200
        await server.cycles(2)
        now = await server.samples()
        assert await remembered(server) == before
        for name in ("fetches_total", "mirror_writes_total", "ring_members_returned_total"):
            for labels, value in counted[name].items():
                assert now[name].get(labels, -1) >= value, (name, labels)
        loaded = "config_last_reload_success_timestamp_seconds"
        assert now[loaded] != counted[loaded]


async def remembered(server: Exporter) -> tuple[object, ...]:
    """Since when the phase is what it is, and since when a steady check holds."""
    status = json.loads((await server.get("/api/v1/status"))[1])["data"]
    step = json.loads((await server.get("/api/v1/gate/switch-primary"))[1])["data"]
    (since,) = (check["holds_since"] for check in step["checks"] if check["id"] == "targets-answer")
    assert status["phase_since"]
    assert since
    return status["phase"], status["phase_since"], since


@pytest.mark.asyncio
async def test_targets_stores_and_interval_change(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, demo, path):
        all_urls, first = demo.urls, demo.urls[0].removeprefix("http://")
        assert await server.value("store_up", store="consul") == 1
        config = quick(demo, targets=[{"static": {"urls": [all_urls[0]]}}])
        del config["stores"]
        written(path, config)
        assert (await server.reload())[0] == 200
        await server.until(partial(seen_alone, server, first), "one target alone")
        assert "store_up" not in await server.samples()
        written(path, quick(demo, interval="700ms"))
        assert (await server.reload())[0] == 200
        await server.until(partial(server.value, "store_up", store="consul"), "the store is back")
        assert len(await server.series("target_up")) == len(all_urls)
        assert "interval: 700ms" in (await server.get("/config"))[1]


async def seen_alone(server: Exporter, name: str) -> bool:
    up = await server.series("target_up")
    return len(up) == 1 and any(name in dict(labels)["target"] for labels in up)


@pytest.mark.asyncio
async def test_no_gate_is_open_until_a_cycle_has_ended_with_the_new_configuration(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async with running(tmp_path) as (server, demo, path):
        written(path, quick(demo, gate={"soak": "1s"}))
        assert (await server.reload())[0] == 200
        await server.until(partial(strictly, server, 200), "the gate is open")
        assert (await server.reload())[0] == 200
        assert await strictly(server, 200), "the same configuration is no other one"
        config = quick(demo, gate={"soak": "1s"}, interval="60s")
        config["targets"].append({"static": {"urls": [f"http://127.0.0.1:{free_port()}"]}})
        written(path, config)
        assert (await server.reload())[0] == 200
        assert not await strictly(server, 200)
        await server.until(partial(strictly, server, 409), "a cycle with it, long before the next one is due")


async def strictly(server: Exporter, status: int) -> bool:
    return (await server.get("/api/v1/gate/switch-primary?strict=1"))[0] == status


@pytest.mark.asyncio
async def test_many_reloads_at_once_end_with_the_newest_file(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, demo, path):
        asked = []
        for number in range(1, 9):
            written(path, quick(demo, gate={"soak": f"{number}m"}))
            server.hang_up()
            asked.append(asyncio.create_task(server.reload()))
            await asyncio.sleep(0)
        assert {status for status, _ in await asyncio.gather(*asked)} == {200}
        assert "8m" in (await server.get("/config"))[1]
        await server.cycles()
        assert await server.value(OK) == 1
    row("Reloads at once, by POST and by SIGHUP", "8 of each")


@pytest.mark.asyncio
async def test_a_reload_while_a_cycle_hangs_is_taken_and_the_cycle_ends(tmp_path: Path) -> None:
    async with Demo(DemoSettings(size=3, tokens=8, hold=True)) as demo, wire.serve(wire.hang) as hanging:
        config = quick(demo)
        config["targets"].append({"static": {"urls": [hanging.url]}})
        path = written(tmp_path / "kvmigration.yml", config)
        async with exporter(path) as server:
            await server.until(partial(has_series, server, "target_up"), "a cycle")
            written(path, quick(demo))
            assert (await server.reload())[0] == 200
            await server.until(partial(is_gone, server, hanging.name), "the hanging target is gone")


async def has_series(server: Exporter, name: str) -> bool:
    return bool(await server.series(name))


async def is_gone(server: Exporter, name: str) -> bool:
    up = await server.series("target_up")
    return bool(up) and not any(dict(labels)["target"] == name for labels in up)


@pytest.mark.asyncio
@pytest.mark.slow
async def test_fifty_reloads_leave_no_connection_task_or_file_behind(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, demo, path):
        for number in range(5):  # whatever is opened once and kept, is
            await changed(server, demo, path, number)
        await server.cycles(2)
        before = server.descriptors()
        for number in range(50):
            await changed(server, demo, path, number)
        await server.cycles(2)
        await server.until(partial(no_more_than, server, before + 5), f"about {before} descriptors again")
        assert await server.value(OK) == 1
        assert await server.stop() == 0
        assert not any("never" in line or "Unclosed" in line for line in server.said), server.said
    row("Reloads that make new sessions and sources", "50")


async def changed(server: Exporter, demo: Demo, path: Path, number: int) -> None:
    """Reload something that makes new sessions and new sources."""
    headers = {"X-Scope-OrgID": f"tenant-{number}"}
    written(path, quick(demo, http_client={"headers": headers, "timeout": "400ms"}))
    assert (await server.reload())[0] == 200


async def no_more_than(server: Exporter, count: int) -> bool:
    return server.descriptors() <= count


@pytest.mark.asyncio
async def test_serve_keeps_its_history_where_the_file_says_and_a_single_look_keeps_none(
    tmp_path: Path,
) -> None:
    files = [tmp_path / f"{number}.json" for number in range(3)]

    async def is_there(file: Path) -> bool:
        return file.exists()

    async with running(tmp_path) as (server, demo, path):
        for file in files[:2]:
            written(path, quick(demo, state_file=str(file)))
            assert (await server.reload())[0] == 200
            await server.until(partial(is_there, file), f"{file} is written")
        assert await server.stop() == 0
        before = json.loads(files[1].read_text())["stores"]["consul"]["identity"]
        async with exporter(path) as again:
            await again.cycles(2)
        after = json.loads(files[1].read_text())["stores"]["consul"]["identity"]
        assert (after["since"], after["cluster"]) == (before["since"], before["cluster"])
        written(path, quick(demo, state_file=str(files[2])))
        await one_cycle(load(path))
        assert not files[2].exists()
