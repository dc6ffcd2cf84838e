"""A real SIGSTOP of the exporter, or of the cluster that it watches, as a hypervisor or a laptop does it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.running import WAIT, Exporter, exporter, written

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
MIGRATION, STEP = "rings", "switch-primary"
PAUSE = 6.0  # seconds, longer than three intervals and a little: real ones, since the clocks are the kernel's
WORDS = "demo --no-exporter --size 3 --tokens 8 --hold --start-phase mirroring"


@asynccontextmanager
async def _demo(logs: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """A demo cluster that is a process of its own, and the configuration that watches it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", *WORDS.split(), f"--log-dir={logs}"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        told = await asyncio.wait_for(process.stdout.readuntil(b"/phase/NAME"), WAIT)
        *urls, store, _ = re.findall(r"^  \S+ +(http://[^/\s]+)", told.decode(), re.MULTILINE)
        yield (
            process,
            {
                "interval": "1s",
                "gate": {"soak": "4s"},
                "targets": [{"static": {"urls": urls}}],
                "stores": {"consul": {"url": store}},
            },
        )
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        await process.wait()


async def _is_open(server: Exporter) -> bool:
    return await server.value("gate_open", migration=MIGRATION, step=STEP) == 1


async def _is_shut(server: Exporter) -> bool:
    return await server.value("gate_open", migration=MIGRATION, step=STEP) == 0


async def _says(server: Exporter, pattern: str) -> bool:
    return re.search(pattern, (await server.get(f"/api/v1/gate/{MIGRATION}/{STEP}"))[1]) is not None


async def test_nothing_counts_that_passed_before_the_exporter_was_stopped(tmp_path: Path) -> None:
    async with _demo(tmp_path) as (_, config), exporter(written(tmp_path / "k.yml", config)) as server:
        await server.until(partial(_is_open, server), "the step is open")
        os.kill(server.pid, signal.SIGSTOP)
        await asyncio.sleep(PAUSE)
        os.kill(server.pid, signal.SIGCONT)
        await server.cycles()
        assert not await _is_open(server)
        broken = r"soak was broken \d+ s ago: (no cycle ran for|one cycle took|this machine)"
        await server.until(partial(_says, server, broken), "what broke the soak is said")
        await server.until(partial(_is_open, server), "it opens after another soak")


async def test_nothing_is_open_while_the_cluster_is_stopped_nor_within_the_soak_after_it(
    tmp_path: Path,
) -> None:
    async with _demo(tmp_path) as (demo, config), exporter(written(tmp_path / "k.yml", config)) as server:
        await server.until(partial(_is_open, server), "the step is open")
        demo.send_signal(signal.SIGSTOP)
        await server.until(partial(_is_shut, server), "it closes")
        await asyncio.sleep(PAUSE)
        assert not await _is_open(server)
        demo.send_signal(signal.SIGCONT)
        await server.until(partial(_says, server, r"soak was broken \d+ s ago"), "the soak begins anew")
        await server.until(partial(_is_open, server), "it opens after another soak")
