"""What the server serves from, and where its handlers find it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from exporter.expose.exposition import Renderer
from exporter.expose.staleness import Newest
from exporter.model.facts import Snapshot
from exporter.model.planning.plan import Plan
from exporter.model.planning.timeline import Timeline


@dataclass(frozen=True, slots=True)
class PlayableFault:
    """A fault that the demo's cluster can have. `process` is the one it works on, "" for none of its own."""

    name: str
    about: str
    on: bool = False
    process: str = ""


@dataclass(frozen=True, slots=True)
class DemoPanel:
    """What the page of `kvmigration demo` may do to the simulated cluster, and nothing else has.

    `switch` raises `LookupError` for an unknown fault, and `ValueError` for one that cannot be now.
    """

    faults: Callable[[], Sequence[PlayableFault]]
    walk: Callable[[], str]
    switch: Callable[[str, bool], Awaitable[object]]
    next_step: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the server serves from. Every function is called on the loop and must be quick.

    `reload` is `None` unless `--web.enable-lifecycle` is given; it raises `ConfigError`.
    """

    newest: Newest
    config_text: Callable[[], str]
    targets: Callable[[], Sequence[Mapping[str, Any]]]
    metrics: Renderer
    version: str = ""
    reload: Callable[[], Awaitable[object]] | None = None
    plans: Callable[[Snapshot, str], tuple[Plan, ...]] = lambda _, __: ()  # of `[MIGRATION][/STEP]`
    timeline: Callable[[], Timeline] = Timeline
    interval: Callable[[], float] = lambda: 15.0  # seconds of one cycle
    panel: DemoPanel | None = None  # of the demo only
    docs: Callable[[], str] = str  # where the docs are served; "": here
    boards: str = ""  # Grafana's address; "": no page leads there

    @property
    def ready(self) -> bool:
        """Ready once the first cycle has ended; the age of the last one is a metric."""
        return self.newest() is not None


STATE: Final = web.AppKey("state", ServerState)
TELEMETRY_PATH: Final = web.AppKey("telemetry_path", str)
