"""How soon each harm is told, and that a healthy change tells nothing: the demo and the exporter on one
clock, what it shows scraped once a minute as by a Prometheus left alone, and the rules as they are built.

A fault begins just after a scrape, so these are the longest times. Alertmanager's group_wait comes on top.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alerts.alertmanager import configuration
from alerts.rule import Options
from tests.alerts.scraped import LOUD, SCRAPE, Scraped, answers, opened_after
from tests.migration import INTERVAL, Migration, migration

pytestmark = pytest.mark.asyncio
WARM, LASTS, AFTER = 300, 16 * 60, 20 * 60  # seconds
GROUP_WAIT = int(configuration(Options())["route"]["routes"][0]["group_wait"].removesuffix("s"))


async def watched(run: Migration, scraped: Scraped, seconds: int) -> None:
    """Let time pass, a cycle each interval, a scrape each minute."""
    for at in range(int(INTERVAL), seconds + 1, int(INTERVAL)):
        snapshot = await run.look()
        if at % SCRAPE == 0:
            scraped.take(snapshot)


@dataclass(frozen=True)
class Harm:
    """A fault, the alert that is told first and after how many seconds at the latest, and whether it ends."""

    fault: str
    phase: str
    alert: str = ""
    within: int = 0
    ends: bool = False

    @property
    def lasts(self) -> int:
        return LASTS if self.ends else self.within + SCRAPE

    def told_first(self) -> Iterator[tuple[str, int, float | None]]:
        """Its alert fires in time, and none before it."""
        latest = WARM + self.within - GROUP_WAIT
        own = f'{LOUD[:-1]},alertname="{self.alert}"}}'
        first, every = (f"min_over_time(timestamp({one})[1h:15s])" for one in (own, LOUD))
        yield f"count({own})", latest, 1.0
        yield f"{every} < on () group_left () {first}", latest, None
        yield f"count_over_time({LOUD}[1h])", WARM, None

    def told_last(self) -> Iterator[tuple[str, int, float | None]]:
        """Something has fired, and nothing is sent anew after the end."""
        end = WARM + LASTS
        yield from opened_after(end, end + AFTER)
        yield f"count(count_over_time({LOUD}[1h]) > 0) > bool 0", end, 1.0


HARMS = (
    Harm("conjoined", "switched", "KVMigrationRingForeignMembers", 180, ends=True),
    Harm("conjoined", "mirroring", "KVMigrationGossipForeignMembers", 180, ends=True),
    Harm("clobber", "mirroring", "KVMigrationPrimariesMixed", 180, ends=True),
    Harm("store-down", "mirroring", "KVMigrationStoreUnreachable", 180),
    Harm("store-down", "switched", ends=True),
    Harm("split", "memberlist", "KVMigrationGossipSplit", 300),
    Harm("split", "mirroring", "KVMigrationGossipSplit", 300, ends=True),
    Harm("foreign-label", "memberlist", "KVMigrationLabelsDisagree", 300),
    Harm("partial-mirroring", "mirroring", "KVMigrationMirroringPartial", 300, ends=True),
    Harm("crash", "mirroring", ends=True),
)


@pytest.mark.parametrize(
    "harm",
    [pytest.param(one, marks=[pytest.mark.slow] if one.ends else []) for one in HARMS],
    ids=lambda one: f"{one.fault} in {one.phase}",
)
async def test_harm_is_told_in_time_no_effect_before_its_cause_and_nothing_after_its_end(
    harm: Harm, tmp_path: Path
) -> None:
    scraped = Scraped()
    async with migration(harm.phase, product="mimir", size=6) as run:
        scraped.take(run.seen[-1])
        await watched(run, scraped, WARM)
        await run.fault(harm.fault, on=True)
        await watched(run, scraped, harm.lasts)
        if harm.ends:
            await run.fault(harm.fault, on=False)
            await watched(run, scraped, AFTER)
    told = [*(harm.told_first() if harm.alert else ()), *(harm.told_last() if harm.ends else ())]
    assert not answers(scraped, tmp_path, told)


# 100 processes are more than promtool's 10,000 samples a query: `python -m bench.time_to_page` has them.
HEALTHY = (
    pytest.param("external", "multi", 6, id="multi is rolled out to 6"),
    pytest.param("external", "multi", 18, id="multi is rolled out to 18", marks=pytest.mark.slow),
    pytest.param("multi", "mirroring", 6, id="mirroring is switched on"),
    pytest.param("mirroring", "switched", 6, id="the primary is switched"),
    pytest.param("switched", "detached", 6, id="mirroring is switched off"),
    pytest.param("detached", "memberlist", 6, id="memberlist alone is rolled out to 6"),
    pytest.param(
        "detached", "memberlist", 18, id="memberlist alone is rolled out to 18", marks=pytest.mark.slow
    ),
)


@pytest.mark.parametrize(("phase", "to", "size"), HEALTHY)
async def test_a_healthy_step_tells_nothing(phase: str, to: str, size: int, tmp_path: Path) -> None:
    """Rollouts take 20 s a process; after that there is time for every wait of minutes."""
    scraped = Scraped()
    async with migration(phase, product="mimir", size=size, restart_every=20.0, timeout="5s") as run:
        scraped.take(run.seen[-1])
        await watched(run, scraped, WARM)
        await run.post(f"/phase/{to}")
        lasts = math.ceil((20 * size + 20 * SCRAPE) / SCRAPE) * SCRAPE
        await watched(run, scraped, lasts)
        assert run.seen[-1].fleet.phase.label == to
    assert not answers(scraped, tmp_path, [(f"count_over_time({LOUD}[2h])", WARM + lasts, None)])
