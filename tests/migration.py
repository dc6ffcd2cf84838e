"""The demo and the exporter on one clock: a migration of many minutes in a few seconds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yaml

from exporter.config import load_text
from exporter.demo import Demo, DemoSettings
from exporter.expose.wording import checks as wording
from exporter.model.facts import Snapshot
from exporter.model.gate import Check, Step
from exporter.model.pages import Phase
from exporter.wiring import Watch
from tests import at_once

INTERVAL = 15.0
SOAK = 45.0  # as many intervals as a gate asks looks
WAYS = {
    "external": "preflight",
    "multi": "enable-mirroring",
    "mirroring": "switch-primary",
    "switched": "disable-mirroring",
    "detached": "remove-multi",
    "memberlist": "decommission-store",
}


@dataclass
class Migration:
    """A demo that moves only when it is told, and the exporter that watches it."""

    demo: Demo
    watch: Watch
    session: aiohttp.ClientSession
    seen: list[Snapshot] = field(default_factory=list)

    async def look(self, seconds: float = INTERVAL) -> Snapshot:
        """Let time pass by `POST /advance`, then run one cycle."""
        await self.post(f"/advance?seconds={seconds}")
        await self.watch.discovery.refresh()
        self.seen.append(await self.watch.poller.cycle())
        return self.seen[-1]

    async def until_open(self, name: str, most: int = 12) -> int:
        """Look until a step is open; give the number of looks, -1 where it stays closed."""
        for count in range(1, most + 1):
            if step_of(await self.look(), name).open:
                return count
        return -1

    async def until_closed(self, name: str, most: int = 12) -> int:
        """Look until a step is closed; give the number of looks, -1 where it stays open."""
        for count in range(1, most + 1):
            if not step_of(await self.look(), name).open:
                return count
        return -1

    async def post(self, path: str, body: str = "") -> dict[str, Any]:
        """Tell the demo something."""
        async with self.session.post(f"{self.demo.control_url}{path}", data=body) as answer:
            assert answer.status == 200, await answer.text()
            state: dict[str, Any] = await answer.json()
            return state

    async def fault(self, name: str, *, on: bool) -> None:
        """Switch a fault on or off."""
        await self.post(f"/fault/{name}", "on" if on else "off")

    def name_of(self, process: str) -> str:
        """The name that the exporter gives a process of the demo."""
        names = [found.name for found in self.demo.cluster.processes]
        return self.demo.urls[names.index(process)].removeprefix("http://")

    def wrong(self, step: str) -> dict[str, str]:
        """What does not hold, with its evidence."""
        bad = (c for c in step_of(self.seen[-1], step).checks if c.verdict.value != "holds")
        return {check.id: wording.evidence(check) for check in bad}

    def check(self, step: str, check: str) -> Check:
        """One check of the last look."""
        return next(c for c in step_of(self.seen[-1], step).checks if c.id == check)


def step_of(snapshot: Snapshot, name: str) -> Step:
    """One step of the gate."""
    return next(step for step in snapshot.steps if step.name == name)


@asynccontextmanager
async def migration(
    phase: str = "external", timeout: str = "1s", soak: float = SOAK, *, wire: bool = False, **settings: Any
) -> AsyncIterator[Migration]:
    """Start a demo in a phase and look at it once; over the wire, or past the sockets."""
    told = {"size": 3, "tokens": 16, "hold": True, "manual": True, **settings}
    async with Demo(DemoSettings(start_phase=Phase[phase.upper()], **told)) as demo:
        config = demo.config() | {
            "interval": f"{INTERVAL:.0f}s",
            "gate": {"soak": f"{soak:.0f}s"},
            "http_client": {"timeout": timeout},
        }
        async with (
            Watch(load_text(yaml.safe_dump(config)), clock=lambda: demo.cluster.now) as watch,
            aiohttp.ClientSession() as session,
        ):
            if not wire:
                at_once.shorten(watch.fetcher, demo)
            started = Migration(demo, watch, session)
            await started.look(60.0)
            yield started
