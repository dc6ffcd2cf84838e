"""A complete migration of the demo, watched by the exporter, in the demo's own time: an hour in a minute.

Everything is real but the clock. The demo serves its pages on loopback, the exporter reads and judges them
cycle by cycle, and its exposition is kept with the demo's time. Nothing waits for a wall clock.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml

from dashboards.component_metrics import ANY_PREFIX, EXACT
from exporter import __version__
from exporter.config import load
from exporter.demo import Demo, DemoSettings
from exporter.expose.exposition import Renderer, SelfFacts
from exporter.model.pages import Phase
from exporter.wiring import Watch

INTERVAL = 15.0
OURS = {"cluster": "demo", "namespace": "demo", "job": "kvmigration", "instance": "kvmigration:9895"}
_THEIRS = re.compile(rf"(?:\w+_)?(?:{'|'.join(ANY_PREFIX)})|{'|'.join(EXACT)}")
# The one value by the wall's clock.
_START_TIME = re.compile(r"^process_start_time_seconds .*$", re.MULTILINE)
_CLASH = re.compile(r"\b(cluster|namespace|job|instance|pod)=")  # what a scrape does to a label it adds
_LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of the migration: so many cycles in a phase, with a fault or none."""

    phase: Phase
    cycles: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A leg that was played: from its first cycle to its last, unix seconds of the demo."""

    leg: Leg
    start: float
    end: float


@dataclass(slots=True)
class Walk:
    """What came of it: samples with times by metric name, and the legs as they were played."""

    began: float = 0.0
    lines: dict[str, list[str]] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)

    def add(self, text: str, at: float, labels: dict[str, str], only: re.Pattern[str] | None = None) -> None:
        """Keep a scrape: every sample, or those of some metrics."""
        ours = ",".join(f'{name}="{value}"' for name, value in labels.items())
        for line in text.splitlines():
            found = _LINE.fullmatch(line)
            if found is None or (only and not only.fullmatch(found[1])):
                continue
            theirs = _CLASH.sub(r"exported_\1=", (found[2] or "").rstrip(","))
            inner = ",".join(part for part in (ours, theirs) if part)
            self.lines.setdefault(found[1], []).append(f"{found[1]}{{{inner}}} {found[3]} {at:.3f}")


async def walked(legs: Sequence[Leg], folder: Path, product: str = "cortex") -> Walk:
    """Play the legs: the demo advances a cycle's time, the exporter reads, its exposition is kept."""
    cycles = sum(leg.cycles for leg in legs)
    start = time.time() // 60 * 60 - (cycles + 2) * INTERVAL
    settings = DemoSettings(product=product, manual=True, hold=True, start_time=start)
    made = Walk(start)
    async with Demo(settings) as demo, aiohttp.ClientSession() as session:
        file = folder / "kvmigration.yml"
        file.write_text(yaml.safe_dump(_config(demo)), encoding="utf-8")
        async with Watch(load(file)) as watch:
            watch.poller.now = lambda: demo.cluster.now
            watch.fetcher._clock = watch.poller.now  # a Watch takes no clock: it is made for the real time
            for leg in legs:
                await _walk(leg, demo, watch, session, made)
    return made


def _config(demo: Demo) -> dict[str, object]:
    return {**demo.config(), "interval": f"{INTERVAL:g}s", "gate": {"soak": "1m"}}


async def _walk(leg: Leg, demo: Demo, watch: Watch, session: aiohttp.ClientSession, made: Walk) -> None:
    if demo.cluster.phase is not leg.phase:
        demo.cluster.set_phase(leg.phase)
    if leg.fault:
        demo.cluster.set_fault(leg.fault, on=True)
    await demo.sync()
    start = demo.cluster.now
    for _ in range(leg.cycles):
        await demo.advance(INTERVAL)
        await _scrape(demo, watch, session, made)
    made.stretches.append(Stretch(leg, start, demo.cluster.now))
    if leg.fault:
        demo.cluster.set_fault(leg.fault, on=False)
        await demo.sync()


async def _scrape(demo: Demo, watch: Watch, session: aiohttp.ClientSession, made: Walk) -> None:
    snapshot = await watch.poller.cycle()
    at = demo.cluster.now
    renderer = Renderer(lambda: snapshot, lambda: SelfFacts(__version__, config_loaded_at=at))
    body = (await renderer.render()).body.decode()
    body = _START_TIME.sub(f"process_start_time_seconds {made.began}", body)
    made.add(f"{body}\nscrape_samples_scraped {body.count(chr(10))}\nscrape_duration_seconds 0.01", at, OURS)
    for process, url in zip(demo.cluster.processes, demo.urls, strict=True):
        try:
            async with session.get(f"{url}/metrics", timeout=aiohttp.ClientTimeout(2)) as answer:
                text = (await answer.read()).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError):
            continue
        labels = {"cluster": "demo", "namespace": "demo", "job": "demo", "pod": process.name}
        made.add(text, at, {**labels, "instance": f"{process.name}:8080"}, _THEIRS)
