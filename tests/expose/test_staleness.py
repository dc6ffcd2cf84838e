"""At any age of the newest snapshot metrics, API, page and command line give one answer."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace

import aiohttp
import pytest

from exporter.cli.arguments import run
from exporter.expose.server.listen import listening
from exporter.expose.server.routes import build
from exporter.expose.staleness import Newest, stale_after
from tests.expose import snapshots
from tests.expose.conftest import World

# interval, age of the newest snapshot, whether its gate may still be shown
AGES = [
    (15.0, 10.0, True),
    (15.0, 45.0, True),
    (15.0, 46.0, False),
    (15.0, -44.0, True),
    (15.0, -46.0, False),  # the clock was set back
    (5.0, 20.0, True),
    (5.0, 30.0, True),
    (5.0, 31.0, False),
    (0.5, 29.0, True),  # a cycle takes several short intervals
    (0.5, 31.0, False),
    (60.0, 100.0, True),
    (60.0, 181.0, False),
]


def of_metrics(text: str) -> bool:
    told = re.search(r'^kvmigration_gate_open\{[^}]*step="preflight"[^}]*\} (\S+)$', text, re.MULTILINE)
    assert told is not None
    return told[1] in ("1", "1.0")


@pytest.mark.asyncio
@pytest.mark.parametrize(("interval", "age", "open_"), AGES)
async def test_all_four_outputs_agree_at_every_age(
    interval: float, age: float, open_: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(now=snapshots.NOW + age, interval=interval)
    async with listening(build(world.state()), ["127.0.0.1:0"]) as (address,), aiohttp.ClientSession() as web:

        async def text(path: str) -> str:
            async with web.get(f"http://{address}{path}") as answer:
                return await answer.text()

        step = json.loads(await text("/api/v1/gate/preflight"))
        status = json.loads(await text("/api/v1/status"))
        page = await text("/gate/preflight")
        command = await asyncio.to_thread(run, ["check", "preflight", "--server", f"http://{address}"])
        said = {
            "metrics": of_metrics(await text("/metrics")),
            "api": step["data"]["answer"] == "open",
            "api's flag": not step["stale"] and not status["stale"],
            "page": "UNKNOWN" not in page,
            "command": command == 0,
        }
    assert said == dict.fromkeys(said, open_)
    assert ("the last cycle ended more than" in capsys.readouterr().out) is not open_
    assert (status["data"]["rollback"]["safe"] is None) or open_


def test_what_is_withheld_is_made_once_and_keeps_its_date() -> None:
    snapshot = snapshots.rich()
    newest = Newest(lambda: snapshot, lambda: 15.0, lambda: snapshots.NOW + 100)
    shown = newest()
    assert shown is not None
    assert (shown.is_withheld, shown.at) == (True, snapshots.NOW)
    assert newest() is shown
    snapshot = replace(snapshot, at=snapshots.NOW + 99)
    assert newest() is snapshot


def test_before_the_first_cycle_there_is_none() -> None:
    aged = Newest(lambda: None, lambda: 15.0, lambda: 0.0).aged()
    assert (aged.snapshot, aged.age, aged.is_stale) == (None, None, False)


def test_the_limit_is_three_intervals_and_at_least_as_long_as_a_slow_cycle() -> None:
    assert [stale_after(interval) for interval in (0.5, 5.0, 15.0, 60.0)] == [30.0, 30.0, 45.0, 180.0]
