"""A simulated cluster, the exporter and its page on one clock that only moves on call: for pictures of the
page and for its tests. And a browser to open it with.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import yaml
from aiohttp import web
from playwright.sync_api import Browser, sync_playwright

from exporter.config import load_text
from exporter.demo import Demo, DemoSettings
from exporter.derive.planning.plan import plans_of
from exporter.expose.exposition import Renderer, SelfFacts
from exporter.expose.server.listen import listening
from exporter.expose.server.routes import build
from exporter.expose.server.state import ServerState
from exporter.expose.staleness import Newest
from exporter.expose.web.routes import PAGES
from exporter.model.facts import Snapshot
from exporter.wiring import Watch

T = TypeVar("T")
CHROMIUM: Final = Path("/usr/bin/chromium")
INTERVAL: Final = 15.0
_FLAGS: Final = """
    --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --hide-scrollbars
"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a screen, in a profile of its own that goes with it."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=_FLAGS.split())
        try:
            yield started
        finally:
            started.close()


class Served:
    """The complete application on a free port of loopback, in a thread of its own, showing `snapshot`.

    `now` is its clock (unix seconds); both may be changed at will.
    """

    def __init__(
        self, snapshot: Snapshot | None = None, now: float = 0.0, interval: float = INTERVAL
    ) -> None:
        self.snapshot = snapshot
        self.now = now or (snapshot.at if snapshot else 0.0)
        self.interval = interval
        self.url = ""
        self.app: web.Application = web.Application()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self.begin())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        """Close everything, then stop what still runs: a fault of the demo never answers."""
        await self._stack.aclose()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._loop.shutdown_default_executor()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the server's thread and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def enter(self, context: Any) -> Any:
        """Keep an asynchronous context open until the end."""
        return await self._stack.enter_async_context(context)

    async def begin(self) -> None:
        """Start to serve."""
        self.app = build(self.state(lambda: self.snapshot, lambda: self.now))
        (address,) = await self.enter(listening(self.app, ["127.0.0.1:0"]))
        self.url = f"http://{address}"

    def state(self, snapshot: Callable[[], Snapshot | None], clock: Callable[[], float]) -> ServerState:
        """What the application serves from."""
        newest = Newest(snapshot, lambda: self.interval, clock)
        return ServerState(
            newest=newest,
            config_text=lambda: "",
            targets=lambda: [],
            metrics=Renderer(newest, lambda: SelfFacts("0.0.0")),
            version="0.0.0",
            plans=plans_of,
            interval=lambda: self.interval,
        )


class Stage(Served):
    """`Served`, of a demo: `demo` moves on and is read only by `look` and `cycles`."""

    demo: Demo
    watch: Watch

    def __init__(self, settings: DemoSettings, **config: Any) -> None:
        super().__init__()
        self._settings = settings
        self._config = {"gate": {"soak": "30s"}, **config}

    async def begin(self) -> None:
        """Start the cluster, then run a cycle, then serve."""
        self.demo = await self.enter(Demo(self._settings))
        settings = {**self.demo.config(), "interval": f"{INTERVAL:g}s", **self._config}
        self.watch = await self.enter(Watch(load_text(yaml.safe_dump(settings))))
        self.watch.poller.now = lambda: self.demo.cluster.now
        await super().begin()

    def advance(self, seconds: float) -> None:
        """Let the cluster's time pass, and ours with it."""
        self.run(self.demo.advance(seconds))
        self.now = self.demo.cluster.now

    def look(self) -> Snapshot:
        """Run one cycle and show it."""
        self.snapshot = self.run(self.watch.poller.cycle())
        self.now = self.demo.cluster.now
        self.app[PAGES].history.take(self.snapshot)
        return self.snapshot

    def cycles(self, number: int = 1) -> Snapshot:
        """Let an interval pass and run a cycle, so many times."""
        for _ in range(number):
            self.advance(INTERVAL)
            self.look()
        assert self.snapshot is not None
        return self.snapshot
