"""What the server serves from, and where its handlers find it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from exporter.expose.render import Renderer
from exporter.facts import Snapshot

STALE_INTERVALS: Final = 3


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the server serves from. Every function is called on the loop and must be quick.

    `reload` is `None` unless `--web.enable-lifecycle` is given; it raises `ConfigError`.
    """

    snapshot: Callable[[], Snapshot | None]
    config_text: Callable[[], str]
    targets: Callable[[], Sequence[Mapping[str, Any]]]
    metrics: Renderer
    version: str = ""
    reload: Callable[[], Awaitable[object]] | None = None
    interval: Callable[[], float] = lambda: 15.0  # seconds of one cycle, for whoever judges an age
    clock: Callable[[], float] = time.time

    def age(self, snapshot: Snapshot) -> float:
        """Seconds since a snapshot's cycle ended, or until then, where the clock was set back: nobody sees
        how long such a one stands still, so it is as bad.
        """
        return abs(self.clock() - snapshot.at)

    @property
    def oldest(self) -> float:
        """Seconds after which a snapshot is too old to judge by."""
        return STALE_INTERVALS * self.interval()

    @property
    def ready(self) -> bool:
        """Ready from the first cycle on; how old the last one is, is a metric."""
        return self.snapshot() is not None


STATE: Final = web.AppKey("state", ServerState)
TELEMETRY_PATH: Final = web.AppKey("telemetry_path", str)
