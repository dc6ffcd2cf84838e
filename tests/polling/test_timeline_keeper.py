"""The history of a running exporter: taken up again after a restart, and never in the way."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from exporter.model.planning.timeline import Track
from exporter.polling.timeline_keeper import TimelineKeeper, keeping
from tests.derive.build import Fleet


def test_a_restart_goes_on_where_the_last_run_ended(tmp_path: Path) -> None:
    fleet, file = Fleet(), tmp_path / "h.db"

    async def run() -> TimelineKeeper:
        keeper = TimelineKeeper(file)
        async with keeping(keeper):
            keeper.take(fleet.look(beat=True))
        return keeper

    first, second = asyncio.run(run()), asyncio.run(run())
    phase = Track.PHASE, "rings"
    assert second.timeline.lasting[phase] == first.timeline.lasting[phase]


def test_without_a_path_it_is_kept_in_memory(tmp_path: Path) -> None:
    async def run() -> TimelineKeeper:
        keeper = TimelineKeeper()
        async with keeping(keeper):
            keeper.take(Fleet().look())
        return keeper

    assert asyncio.run(run()).timeline.lasting
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("there", [True, False])
def test_a_file_that_cannot_be_used_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, there: bool
) -> None:
    file = tmp_path / "folder" / "h.db"
    if there:
        file.parent.mkdir()
        file.write_bytes(b"something else" * 100)
    fleet = Fleet()

    async def run() -> TimelineKeeper:
        keeper = TimelineKeeper(file)
        async with keeping(keeper):
            for _ in range(3):
                keeper.take(fleet.look(beat=True))
                await asyncio.sleep(0)
                await keeper.close()
        return keeper

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(run()).timeline.lasting
    assert len([one for one in caplog.records if "kept in memory only" in one.getMessage()]) == 1
