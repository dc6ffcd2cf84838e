"""`/probe?target=…`: one process, read while Prometheus waits, where Prometheus owns discovery.

::

    GET /probe?target=mimir-write-0.mimir:8080
    kvmigration_target_up{target="mimir-write-0.mimir:8080",component="ingester"} 1.0
    …

The answer has the series of this one process only: nothing of the fleet, of the gate, or of the exporter
itself. Only processes that `--web.probe-allow` names are read.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from exporter.expose.collector import gather
from exporter.expose.exposition import text_of
from exporter.expose.series import target_rows
from exporter.model.facts import Snapshot
from exporter.model.pages import Target

DEFAULT_TIMEOUT: Final = 10.0  # seconds, where the request has no timeout; Prometheus's own default
LONGEST: Final = 60.0
SHORTEST: Final = 0.1
OFFSET: Final = 0.5  # seconds kept for our answer's way back, as blackbox_exporter keeps them
MAX_PROBES: Final = 20
MAX_SERIES: Final = 5_000  # of one process
MAX_TARGET: Final = 270  # characters: a host name, a port and a scheme
_HEADER: Final = "X-Prometheus-Scrape-Timeout-Seconds"
_TARGET = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)
Look = Callable[[Target, float], Awaitable[Snapshot]]


@dataclass(slots=True)
class Prober:
    """Which processes may be read, and how. `look(target, seconds)` ends in time and raises for no target.

    `allowed` are patterns of a complete `host:port`, in lower case; without any, no target is allowed.
    """

    look: Look
    allowed: tuple[re.Pattern[str], ...] = ()
    most: int = MAX_PROBES
    under_way: int = 0

    def target(self, given: str) -> Target:
        """The process that is meant. Raises `HTTPBadRequest` or `HTTPForbidden`."""
        found = _TARGET.fullmatch(given) if len(given) <= MAX_TARGET else None
        if found is None:
            raise web.HTTPBadRequest(text="target is host:port or http://host:port, and nothing more\n")
        scheme = found["scheme"] or "http"
        port = int(found["port"] or {"http": 80, "https": 443}[scheme])
        if not 1 <= port <= 65_535:
            raise web.HTTPBadRequest(text="target: a port is from 1 to 65535\n")
        name = f"{found['host'].lower()}:{port}"
        if not any(pattern.fullmatch(name) for pattern in self.allowed):
            raise web.HTTPForbidden(text="target: no --web.probe-allow matches this host and port\n")
        return Target(name, f"{scheme}://{name}", source="probe")

    async def snapshot(self, target: Target, seconds: float) -> Snapshot:
        """Read the target, unless too many probes are under way: then raises `HTTPServiceUnavailable`."""
        if self.under_way >= self.most:
            raise web.HTTPServiceUnavailable(text=f"{self.most} probes are under way\n")
        self.under_way += 1
        try:
            return await self.look(target, seconds)
        finally:
            self.under_way -= 1


PROBER: Final = web.AppKey("prober", Prober)


def add_probe(app: web.Application, prober: Prober) -> None:
    """Serve `/probe`. Without this call there is no such page."""
    app[PROBER] = prober
    app.router.add_get("/probe", _probe, allow_head=False)


async def _probe(request: web.Request) -> web.Response:
    if set(request.query) != {"target"} or len(request.query) != 1:
        raise web.HTTPBadRequest(text="one parameter is needed, target, once\n")
    prober = request.app[PROBER]
    target = prober.target(request.query["target"])
    snapshot = await prober.snapshot(target, seconds_of(request.headers.get(_HEADER, "")))
    body = await asyncio.to_thread(_text, snapshot)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def seconds_of(header: str) -> float:
    """How long a probe may take, from Prometheus's header. Raises `HTTPBadRequest`."""
    try:
        waits = float(header) if header else DEFAULT_TIMEOUT
    except ValueError:
        waits = math.nan
    if not math.isfinite(waits) or waits <= 0:
        raise web.HTTPBadRequest(text=f"{_HEADER} is no number of seconds\n")
    return min(LONGEST, max(SHORTEST, waits - OFFSET if waits > 2 * OFFSET else waits / 2))


def _text(snapshot: Snapshot) -> bytes:
    families = gather(target_rows(snapshot), MAX_SERIES).families
    return text_of(((metric, series) for metric, series in families.items() if series), openmetrics=False)
