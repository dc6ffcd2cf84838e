"""The pictures in the documentation: every board over a migration of the demo, made with one command."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from dashboards.build import boards
from dashboards.installation_settings import Options
from dashboards.panel_specifications import Uid
from dashboards.preview.demo_migration import INTERVAL, Leg, Walk, walked
from dashboards.preview.draw import drawing
from dashboards.preview.prometheus_client import Prometheus, Window, values_of
from dashboards.preview.temporary_prometheus import backfilled, running
from exporter.expose import catalogue as c
from exporter.model.pages import Phase

HOUR = 3600.0
# Fifty minutes of an ordinary migration; a fault; time to recover; then on to the end.
LEGS = (
    Leg(Phase.EXTERNAL, 32),
    Leg(Phase.MULTI, 40),
    Leg(Phase.MIRRORING, 8, "partial-mirroring"),
    Leg(Phase.MIRRORING, 44),
    Leg(Phase.MIRRORING, 6, "crash"),
    Leg(Phase.MIRRORING, 40),
    Leg(Phase.MIRRORING, 4, "foreign-label"),
    Leg(Phase.MIRRORING, 60),
    Leg(Phase.SWITCHED, 24),
    Leg(Phase.DETACHED, 24),
    Leg(Phase.MEMBERLIST, 44),
)
FAULT = "foreign-label"


def gallery(product: str, out: Path) -> None:
    """Draw every board while nothing is wrong, and the overview amid a fault and at the end."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kvmigration-pictures-") as folder:
        where = Path(folder)
        walk = asyncio.run(walked(LEGS, where, product))
        backfilled(walk.lines, where)
        well, fault, done = moments(walk)
        every = boards(Options())
        wanted = [(uid, uid, well) for uid in every]
        wanted += [
            (Uid.OVERVIEW, f"{Uid.OVERVIEW}-fault", fault),
            (Uid.OVERVIEW, f"{Uid.OVERVIEW}-done", done),
        ]
        with running(where) as api:
            for uid, name, at in wanted:
                one = {"target": _process(api, at)} if uid == Uid.PROCESS else {}
                values = values_of(every[uid], one)
                drawing(every[uid], api, Window(at - HOUR, at, INTERVAL), values, out / f"{name}.png")


def _process(api: Prometheus, at: float) -> str:
    """The process that the board of one shows: the first by name."""
    return min(one.labels["target"] for one in api.instant(c.TARGET_UP.name, at))


def moments(walk: Walk) -> tuple[float, float, float]:
    """When nothing is wrong while it mirrors, amid the last fault, and at the end; unix seconds."""
    amid = next(stretch for stretch in walk.stretches if stretch.leg.fault == FAULT)
    after = walk.stretches[walk.stretches.index(amid) + 1]
    return after.end, amid.end, walk.stretches[-1].end
