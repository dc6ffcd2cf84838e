"""A demo cluster beside a real Consul or etcd, on the demo's clock, and what `check STEP` says of it."""

from __future__ import annotations

import io
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml

from exporter.cli import check
from exporter.config import load_text
from exporter.demo import Demo, DemoSettings
from exporter.expose.api import answers
from exporter.model.pages import Phase
from exporter.wiring import Watch
from tests.polling.test_stores_end_to_end import EMPTY, PRODUCTS, put, stored
from tests.real_servers import Server

INTERVAL = 15.0
LOOKS = 6  # more than any check needs before it holds


@dataclass(frozen=True)
class Told:
    """How `check` ended at each look, and the text of the last one in one line."""

    statuses: tuple[int, ...]
    text: str

    @property
    def opened(self) -> bool:
        """Whether any look found the gate open."""
        return 0 in self.statuses


@dataclass
class Stage:
    """A demo that moves only when it is told. Its members write `server` in the phases in which they write
    the external store, but for the keys that are `lost`.
    """

    demo: Demo
    kind: str
    lost: Callable[[str], bool] = lambda _: False
    headers: Mapping[str, str] = field(default_factory=lambda: EMPTY)

    async def write(self, *to: Server) -> None:
        """Write what the processes have in the store now."""
        values = await stored(self.demo, self.kind)
        for server in to:
            there = {key: value for key, value in values.items() if not self.lost(key)}
            put(server, self.kind, there, self.headers)

    async def finish(self) -> None:
        """Let every process be on memberlist alone, for a while."""
        self.demo.cluster.set_phase(Phase.MEMBERLIST)
        await self.demo.advance(240)

    @asynccontextmanager
    async def watch(self, stores: Any, **more: Any) -> AsyncIterator[Watch]:
        """An exporter with these stores."""
        told = {
            "targets": [{"static": {"urls": list(self.demo.urls)}}],
            "stores": stores,
            "gate": {"soak": 0},
            **more,
        }
        async with Watch(load_text(yaml.safe_dump(told)), lambda: self.demo.cluster.now, keeps=True) as watch:
            yield watch

    async def ask(self, watch: Watch, step: str, *written: Server, looks: int = LOOKS) -> Told:
        """Look some times, the members writing these servers, and ask the gate."""
        statuses, text = [], ""
        for _ in range(looks):
            await self.demo.advance(INTERVAL)
            await self.write(*written)
            snapshot = await watch.poller.cycle()
            found = [answers.step_out(one) for one in snapshot.steps if one.name == step]
            out = io.StringIO()
            statuses.append(check._show(found, Namespace(format="text", verbose=True), out))
            text = " ".join(out.getvalue().split())
        return Told(tuple(statuses), text)


@asynccontextmanager
async def stage(kind: str, **settings: Any) -> AsyncIterator[Stage]:
    """A cluster that mirrors."""
    told = {"size": 3, "tokens": 16, "hold": True, "manual": True, **settings}
    async with Demo(DemoSettings(product=PRODUCTS[kind], start_phase=Phase.MIRRORING, **told)) as demo:
        await demo.advance(120)
        yield Stage(demo, kind)
