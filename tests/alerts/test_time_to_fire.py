"""How soon each harm is told, and that a healthy change tells nothing: the demo and the exporter on one
clock, what it shows scraped once a minute as by a Prometheus left alone, and the rules as they are built.

A fault begins just after a scrape, so these are the longest times. Alertmanager's group_wait comes on top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from alerts.alertmanager import configuration
from alerts.rule import Options
from tests.alerts.scraped import LOUD, SCRAPE, Scraped, answers, opened_after
from tests.migration import INTERVAL, Migration, migration

pytestmark = pytest.mark.asyncio
WARM = 300  # seconds
GROUP_WAIT = int(configuration(Options())["route"]["routes"][0]["group_wait"].removesuffix("s"))


async def watched(run: Migration, scraped: Scraped, seconds: int) -> None:
    """Let time pass, a cycle each interval, a scrape each minute."""
    for at in range(int(INTERVAL), seconds + 1, int(INTERVAL)):
        snapshot = await run.look()
        if at % SCRAPE == 0:
            scraped.take(snapshot)


@dataclass(frozen=True)
class Harm:
    """A fault, the alert that is told first, and after how many seconds at the latest."""

    fault: str
    phase: str
    alert: str
    within: int
    size: int = 6


HARMS = (
    Harm("conjoined", "switched", "KVMigrationRingForeignMembers", 180),
    Harm("conjoined", "mirroring", "KVMigrationGossipForeignMembers", 180),
    Harm("clobber", "mirroring", "KVMigrationPrimariesMixed", 180),
    Harm("store-down", "mirroring", "KVMigrationStoreUnreachable", 180),
    Harm("split", "memberlist", "KVMigrationGossipSplit", 300),
    Harm("split", "mirroring", "KVMigrationGossipSplit", 300),
    Harm("foreign-label", "memberlist", "KVMigrationLabelsDisagree", 300),
    Harm("partial-mirroring", "mirroring", "KVMigrationMirroringPartial", 300),
)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: f"{harm.fault} in {harm.phase}")
async def test_harm_is_told_in_time_and_no_effect_before_its_cause(harm: Harm, tmp_path: Path) -> None:
    scraped = Scraped()
    async with migration(harm.phase, product="mimir", size=harm.size) as run:
        scraped.take(run.seen[-1])
        await watched(run, scraped, WARM)
        await run.fault(harm.fault, on=True)
        await watched(run, scraped, harm.within + SCRAPE)
    latest = WARM + harm.within - GROUP_WAIT
    own = f'{LOUD[:-1]},alertname="{harm.alert}"}}'
    first, every = (f"min_over_time(timestamp({one})[1h:15s])" for one in (own, LOUD))
    told = [
        (f"count({own})", latest, 1.0),
        (f"{every} < on () group_left () {first}", latest, None),
        (f"count_over_time({LOUD}[1h])", WARM, None),
    ]
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


ENDS = [
    pytest.param("conjoined", "switched", id="conjoined in switched"),
    pytest.param("conjoined", "mirroring", id="conjoined in mirroring", marks=pytest.mark.slow),
    pytest.param("split", "mirroring", id="split in mirroring", marks=pytest.mark.slow),
    pytest.param("clobber", "mirroring", id="clobber in mirroring", marks=pytest.mark.slow),
    pytest.param("store-down", "switched", id="store-down in switched", marks=pytest.mark.slow),
    pytest.param("partial-mirroring", "mirroring", id="partial-mirroring", marks=pytest.mark.slow),
    pytest.param("crash", "mirroring", id="crash", marks=pytest.mark.slow),
]
LASTS, AFTER = 16 * 60, 20 * 60  # seconds


@pytest.mark.parametrize(("fault", "phase"), ENDS)
async def test_no_notification_is_opened_after_the_end_of_a_fault(
    fault: str, phase: str, tmp_path: Path
) -> None:
    scraped = Scraped()
    async with migration(phase, product="mimir", size=6) as run:
        scraped.take(run.seen[-1])
        await watched(run, scraped, WARM)
        await run.fault(fault, on=True)
        await watched(run, scraped, LASTS)
        await run.fault(fault, on=False)
        await watched(run, scraped, AFTER)
    end = WARM + LASTS
    told = [*opened_after(end, end + AFTER), (f"count(count_over_time({LOUD}[1h]) > 0) > bool 0", end, 1.0)]
    assert not answers(scraped, tmp_path, told)
