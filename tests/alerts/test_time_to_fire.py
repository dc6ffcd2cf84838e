"""How soon each harm is told, and that a healthy change tells nothing: the demo and the exporter on one
clock, what it shows scraped once a minute as by a Prometheus left alone, and the rules as they are built.

A fault begins just after a scrape, so these are the longest times. Alertmanager's group_wait comes on top.
"""

from __future__ import annotations

import json
import math
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alerts.alertmanager import configuration
from alerts.rule import Options
from exporter.expose.series import rows_of
from exporter.model.facts import Snapshot
from tests.alerts.test_generation import BUILT
from tests.migration import INTERVAL, Migration, migration

pytestmark = pytest.mark.asyncio
SCRAPE, WARM = 60, 300  # seconds
GROUP_WAIT = int(configuration(Options())["route"]["routes"][0]["group_wait"].removesuffix("s"))
PLACE = {"cluster": "prod", "namespace": "mimir", "job": "kvmigration", "instance": "exporter-0:9895"}
LOUD = 'ALERTS{alertstate="firing",severity!="info"}'


@dataclass
class Scraped:
    """What Prometheus stores: every series, a value for each scrape, `_` where it has none."""

    scrapes: int = 0
    origin: float = 0.0  # when promtool's clock begins, by the demo's
    values: dict[str, list[str]] = field(default_factory=dict)

    def take(self, snapshot: Snapshot) -> None:
        self.origin = self.origin or snapshot.at
        shown: dict[str, float] = {"up": 1.0, 'kvmigration_build_info{version="1"}': 1.0}
        for metric, labels, value in rows_of(snapshot):
            if value is not None:
                pairs = zip(metric.labels, labels, strict=True)
                inside = ",".join(f"{name}={json.dumps(str(told))}" for name, told in pairs)
                since = (
                    self.origin if metric.name.endswith(("timestamp_seconds", "start_time_seconds")) else 0
                )
                shown[f"{metric.name}{{{inside}}}" if inside else metric.name] = float(value) - since
        for name, value in shown.items():
            past = self.values.setdefault(name, [])
            past += ["_"] * (self.scrapes - len(past))
            past.append("NaN" if math.isnan(value) else f"{value:.10g}")
        self.scrapes += 1
        for past in self.values.values():
            if len(past) < self.scrapes:
                past.append("stale" if past[-1] not in ("stale", "_") else "_")

    def series(self) -> list[dict[str, str]]:
        place = ",".join(f'{name}="{value}"' for name, value in PLACE.items())
        return [
            {
                "series": f"{name[:-1]},{place}}}" if name.endswith("}") else f"{name}{{{place}}}",
                "values": " ".join(values),
            }
            for name, values in self.values.items()
        ]


async def watched(run: Migration, scraped: Scraped, seconds: int) -> None:
    """Let time pass, a cycle each interval, a scrape each minute."""
    for at in range(int(INTERVAL), seconds + 1, int(INTERVAL)):
        snapshot = await run.look()
        if at % SCRAPE == 0:
            scraped.take(snapshot)


def answers(scraped: Scraped, where: Path, asked: list[tuple[str, int, float | None]]) -> str:
    """What promtool says of expressions at seconds, each with its answer or none."""
    checks: list[dict[str, Any]] = [
        {"expr": expr, "eval_time": f"{at}s", "exp_samples": [] if told is None else [{"value": told}]}
        for expr, at, told in asked
    ]
    test = {"interval": f"{SCRAPE}s", "input_series": scraped.series(), "promql_expr_test": checks}
    document = {
        "rule_files": [str(BUILT / "kvmigration-alerts.yaml")],
        "evaluation_interval": "15s",
        "tests": [test],
    }
    path = where / "tests.yml"
    path.write_text(json.dumps(document))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False, timeout=300
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


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
