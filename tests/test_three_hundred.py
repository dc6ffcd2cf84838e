"""Three hundred processes, ten that hang and ten that send rubbish: the other 280 are right, in time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from exporter.config import load_text
from exporter.model.facts import Snapshot
from exporter.model.pages import Reason
from exporter.wiring import Watch
from tests.conftest import ROOT
from tests.faults.stage import evil

INTERVAL = 40.0  # a cycle with a hanging process takes nine tenths of it; the machine may be busy
HEALTHY, BAD = 280, 10
pytestmark = [pytest.mark.slow]


@pytest.fixture
def healthy() -> Iterator[list[str]]:
    """URLs of 280 processes, served by a process of its own so that it does not share the exporter's loop."""
    command = [sys.executable, "-m", "tests.static_pages", str(HEALTHY)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            yield json.loads(served.stdout.readline())
        finally:
            served.terminate()
            served.wait(30)


async def _hang(reader: Any, writer: Any) -> None:
    await reader.read()


async def _rubbish(reader: Any, writer: Any) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = b"\x00\xff<html>{[" * 100
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


@pytest.mark.asyncio
async def test_bad_processes_cost_nobody_else_anything(healthy: list[str]) -> None:
    async with evil(_hang, BAD) as hanging, evil(_rubbish, BAD) as mad:
        bad = [target.url for target in (*hanging, *mad)]
        config = load_text(
            yaml.safe_dump(
                {
                    "interval": f"{INTERVAL:.0f}s",
                    "targets": [{"static": {"urls": healthy + bad}}],
                    "http_client": {"timeout": "8s"},
                }
            )
        )
        async with Watch(config) as watch:
            for _ in range(2):
                snapshot = await watch.poller.cycle()
                _judge(snapshot, set(healthy), set(bad))
            # a page that a busy machine let wait in the first cycle has been read by now
            assert {len(t.clients) for t in snapshot.targets if t.url in healthy} == {8}


def _judge(snapshot: Snapshot, healthy: set[str], bad: set[str]) -> None:
    up = {target.url for target in snapshot.targets if target.up}
    assert up == healthy, "the 280 answer, and only they"
    assert snapshot.at - snapshot.started < INTERVAL
    reasons = {p.reason for t in snapshot.targets if t.url in bad for p in t.pages if p.name == "/metrics"}
    assert reasons <= {Reason.TIMEOUT, Reason.DECODE, Reason.DEADLINE}
    ring = next(key for key in snapshot.keys if key.key == "collectors/ring")
    assert len(ring.members) == 6
    assert not snapshot.fleet.uniform, "of twenty nobody knows the phase"
    assert not [step.name for step in snapshot.steps if step.open]
