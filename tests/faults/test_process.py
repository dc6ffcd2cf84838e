"""The exporter itself is hurt: killed at any moment, out of descriptors, a full disk, an hour of churn."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import time
from functools import partial
from pathlib import Path

import pytest

from exporter.demo import Demo
from exporter.model.pages import Phase
from exporter.sources.http.fetcher import FetchSettings
from tests.faults.stage import cluster, config_of, evil, names, row
from tests.running import Exporter, exporter, written
from tests.sources import wire

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
LINE = 'level=error msg="discarding stream with unacceptable label \\"other\\": from=127.0.0.1:{port}"\n'
KILLS = 4
ENDLESS = resource.RLIM_INFINITY
MOST_SECONDS = 60.0  # a busy machine runs fewer cycles, and the table says how many
HOURLY_CYCLES = 240  # an hour at the usual interval of 15 s
WALK = (Phase.SWITCHED, Phase.MIRRORING, Phase.DETACHED, Phase.MULTI)


async def rejections(server: Exporter) -> float:
    return sum((await server.series("foreign_label_rejections_total")).values())


async def counted(server: Exporter, wanted: float) -> bool:
    return await rejections(server) == wanted


def quick(demo: Demo, tmp_path: Path) -> Path:
    """Short cycles, one log that is followed, and a state file."""
    files = {"paths": [str(tmp_path / "process.log")], "state_file": str(tmp_path / "state.json")}
    config = config_of(demo, interval="100ms", http_client={}, rejections=[{"file": files}])
    return written(tmp_path / "kvmigration.yml", config)


async def test_killed_at_any_moment_and_started_again_it_counts_every_line_once(tmp_path: Path) -> None:
    log, lines = tmp_path / "process.log", 0
    log.write_text("")
    async with cluster(size=1) as demo:
        path = quick(demo, tmp_path)
        for number in range(KILLS + 1):
            async with exporter(path) as server:
                lines += write(log, 50)
                if number == KILLS:
                    await server.until(partial(counted, server, lines), f"{lines} lines counted once")
                    await server.cycles(2)
                    assert await rejections(server) == lines
                else:
                    await asyncio.sleep(random.uniform(0.0, 0.6))
                    lines += write(log, 50)
                    server.process.kill()
                    await server.process.wait()
            lines += write(log, 50)  # while nobody looks
            lines -= 50 if number == KILLS else 0
    row(
        "The exporter killed (SIGKILL) at any moment, and started again",
        f"{KILLS}; {lines} log lines",
    )


def write(log: Path, count: int) -> int:
    with log.open("a") as file:
        file.writelines(LINE.format(port=1000 + number) for number in range(count))
    return count


async def test_a_full_disk_keeps_the_old_state_whole_and_the_counts_going(tmp_path: Path) -> None:
    log, state = tmp_path / "process.log", tmp_path / "state.json"
    log.write_text("")
    async with cluster(size=1) as demo:
        path = quick(demo, tmp_path)
        async with exporter(path) as server:
            write(log, 10)
            await server.until(partial(counted, server, 10), "10 lines")
            await server.until(partial(kept, state, 10), "10 lines kept")
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (16, ENDLESS))
            write(log, 15)
            await server.until(partial(counted, server, 25), "the counter goes on")
            await server.cycles(2)
            assert await kept(state, 10), "the old state is whole"
            assert [found.name for found in tmp_path.glob(".state*")] == []
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (ENDLESS, ENDLESS))
            write(log, 5)
            await server.until(partial(kept, state, 30), "the state is written again")
        async with exporter(path) as server:
            await server.until(partial(counted, server, 30), "30 lines after a restart")
    row("A full disk under the state file, and room again", "1, 30 log lines")


async def kept(state: Path, wanted: int) -> bool:
    try:
        told = json.loads(state.read_text())
    except FileNotFoundError:
        return False
    return bool(sum(count for _, _, count in told["counts"]) == wanted)


async def test_out_of_descriptors_it_lives_on_and_recovers(tmp_path: Path) -> None:
    """Forty descriptors for sixty processes that keep their connections open."""
    async with cluster() as demo, evil(wire.hang, 60) as silent:
        targets = tmp_path / "targets.json"
        everybody = [url.removeprefix("http://") for url in demo.urls]
        targets.write_text(json.dumps([{"targets": [*everybody, *(t.name for t in silent)]}]))
        source = {"file": {"paths": [str(targets)], "refresh": "1s"}}
        config = config_of(demo, interval="1s", targets=[source])
        path = written(tmp_path / "kvmigration.yml", config)
        limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (40, 40))
        async with exporter(path, before=limit) as server:
            await server.until(partial(many_down, server, 60), "sixty that do not answer")
            assert server.process.returncode is None
            beside = targets.with_suffix(".new")
            beside.write_text(json.dumps([{"targets": everybody}]))
            beside.replace(targets)
            await server.until(partial(all_up, server, names(demo.urls)), "all well again")
            assert await server.stop() == 0
    row("Out of file descriptors (40 for 63 targets), and enough again", "1")


async def many_down(server: Exporter, count: int) -> bool:
    try:
        up = await server.series("target_up")
    except OSError:  # no descriptor to answer us either
        return False
    return sum(value == 0 for value in up.values()) >= count


async def all_up(server: Exporter, wanted: set[str]) -> bool:
    up = await server.series("target_up")
    return (
        {dict(labels)["target"] for labels, value in up.items() if value}
        == wanted
        == {dict(labels)["target"] for labels in up}
    )


async def test_an_hour_of_churn_grows_nothing(tmp_path: Path) -> None:
    """An hour's cycles at high speed: processes come, go, hang, talk rubbish and change; reloads between.

    Measured after a quarter of them, when everything has happened once, and at the end, in the same phase.
    """
    faults = ("pages-hang", "crash", "pages-rubbish", "split", "store-down", "foreign-label")
    async with cluster(phase_duration=1.0) as demo:
        path = quick(demo, tmp_path)
        (tmp_path / "process.log").write_text("")
        async with exporter(path) as server:
            await server.cycles()
            await rounds(server, demo, tmp_path, faults, until=HOURLY_CYCLES // 4)
            await quiet(server, demo)
            memory, files, series = server.resident(), server.descriptors(), await size(server)
            await rounds(server, demo, tmp_path, faults, until=HOURLY_CYCLES)
            await quiet(server, demo)
            cycles = await cycle_number(server)
            assert server.resident() <= memory * 1.1, f"{memory} grew to {server.resident()}"
            assert server.descriptors() <= files + kept_open(demo)
            assert await size(server) <= series * 1.1
            growth = 100 * (server.resident() / memory - 1)
            told = f"{cycles} cycles; memory {growth:+.1f} % ({server.resident() >> 20} MiB)"
    row("An hour's cycles at high speed, with faults and reloads", told)


def kept_open(demo: Demo) -> int:
    """As many connections as one moment may have more than another: those that are kept for the next cycle,
    of each process and of the store. A busy machine needs few of them in some cycles, and all in others.
    """
    return FetchSettings().per_target * (len(demo.urls) + 1)


async def rounds(server: Exporter, demo: Demo, tmp_path: Path, faults: tuple[str, ...], until: int) -> None:
    """Play faults in turn, and reload in between, for so many cycles or as long as there is time."""
    number, last = 0, time.monotonic() + MOST_SECONDS
    while await cycle_number(server) < until and time.monotonic() < last:
        turn, which = divmod(number, len(faults))
        fault = faults[which]
        if which == 0:
            demo.cluster.set_phase(WALK[turn % len(WALK)])
        demo.cluster.set_fault(fault, on=True)
        await demo.sync()
        write(tmp_path / "process.log", 5)
        await server.cycles(2)
        if number % 3 == 0:
            assert (await server.reload())[0] == 200
        demo.cluster.set_fault(fault, on=False)
        await demo.sync()
        await server.cycles(1)
        number += 1


async def cycle_number(server: Exporter) -> int:
    return int(json.loads((await server.get("/api/v1/status"))[1])["data"]["cycle"])


async def quiet(server: Exporter, demo: Demo) -> None:
    """No fault, everybody answers in the phase that it began with, and two cycles of that."""
    demo.cluster.set_phase(Phase.MIRRORING)
    await demo.sync()
    await server.until(partial(all_up, server, names(demo.urls)), "all well")
    await server.until(partial(is_in, server, Phase.MIRRORING), "everybody mirrors")
    await server.cycles(2)


async def is_in(server: Exporter, phase: Phase) -> bool:
    """Whether every client of every process is in a phase."""
    clients = await server.series("client_phase")
    return set(clients.values()) == {float(phase)}


async def size(server: Exporter) -> int:
    """The most series of a few cycles: in one of them a busy machine may not come to every page."""
    found = []
    for _ in range(5):
        found.append(sum(len(series) for series in (await server.samples()).values()))
        await server.cycles(1)
    return max(found)
