"""One exporter and several shards beside it, on one demo and one clock; and what Prometheus makes of it.

While that clock stands still all of them would be told the same: each question goes to the demo once a look.
What the shards expose after each look becomes a series of `promtool test rules`, so that Prometheus's
own rule engine joins the parts, an evaluation a look.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from exporter.config import load_text
from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as s
from exporter.expose.collector import gather
from exporter.expose.metric import Metric
from exporter.expose.series import rows_of
from exporter.model.facts import Snapshot
from exporter.model.pages import Answer
from exporter.sources.http.fetcher import Call, Fetcher
from exporter.wiring import Watch
from tests import at_once
from tests.migration import INTERVAL, SOAK, Migration, migration

RULES = Path(__file__).parents[1] / "alerts" / "built" / "kvmigration-shards.yaml"
FLEET = {"cluster": "eu", "namespace": "mimir", "job": "kvm"}
SHARDS = 4
OPEN = f"{c.GATE_OPEN.name} == 1"
BEGUN = 4  # looks until the rules have seen a soak
SETTLED = 8  # looks until everything that an event sets off has settled
_TIMES = {c.SNAPSHOT_TIMESTAMP_SECONDS, s.SHARD_HELD_SINCE_TIMESTAMP_SECONDS}
Series = dict[str, float]


def series_of(snapshot: Snapshot, labels: dict[str, str], began: float) -> Series:
    """Everything that an exporter exposes, as Prometheus writes it; times count from `began`."""
    found: Series = {}
    own = tuple(labels.items())
    for metric, series in gather(rows_of(snapshot), 50_000).families.items():
        for values, number in series.items():
            found[_row_name(metric, values, own)] = number - began if metric in _TIMES else number
    found[named(c.SERIES_DROPPED, labels)] = 0.0
    return found


@lru_cache(maxsize=65_536)
def _row_name(metric: Metric, values: tuple[str, ...], own: tuple[tuple[str, str], ...]) -> str:
    """A row's name with the shard's own labels: it is asked for anew after every look."""
    return named(metric, dict(zip(metric.labels, values, strict=True)) | dict(own))


def named(metric: Metric | str, labels: dict[str, str]) -> str:
    """Write a series as PromQL does, to which an empty label is none."""
    name = metric if isinstance(metric, str) else metric.name
    inside = ",".join(f"{key}={_quoted(value)}" for key, value in sorted(labels.items()) if value)
    return f"{name}{{{inside}}}"


@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    return json.dumps(value)


@dataclass
class Answers:
    """What the demo told since its clock moved last. Who asks the same again is told the same."""

    told: dict[tuple[object, ...], asyncio.Task[Answer]] = field(default_factory=dict)

    def share(self, fetcher: Fetcher) -> None:
        """Let a fetcher ask only what none of the others has asked."""
        ask = fetcher._run

        async def run(call: Call, deadline: float | None) -> Answer:
            key = (call.method, call.target.url, call.path, tuple(call.headers.items()), call.body)
            if key not in self.told:
                self.told[key] = asyncio.create_task(ask(call, deadline))
            return await asyncio.shield(self.told[key])

        fetcher._run = run  # type: ignore[method-assign]  # nobody else needs a hook


@dataclass
class Sharded:
    """A demo, the one exporter of `run`, and the shards."""

    run: Migration
    shards: list[Watch]
    answers: Answers
    parts: list[list[Snapshot]] = field(default_factory=list)
    dead: set[int] = field(default_factory=set)  # shards that are not scraped any more
    replicas: dict[int, Snapshot] = field(default_factory=dict)  # by look, what a second instance shows
    frozen: set[int] = field(default_factory=set)  # shards that show what they showed

    async def look(self, times: int = 1) -> None:
        """Let time pass, look with all of them, and note what they said."""
        for _ in range(times):
            await self.run.post(f"/advance?seconds={INTERVAL}")
            self.answers.told.clear()
            living = [watch for number, watch in enumerate(self.shards) if number not in self.dead]
            seen = await asyncio.gather(self.run.watch.poller.cycle(), *map(self._looked, living))
            self.run.seen.append(seen[0])
            self.parts.append(seen[1:])

    async def _looked(self, watch: Watch) -> Snapshot:
        seen = watch.poller.snapshot
        if seen is None or watch.config.scale.shard not in self.frozen:
            seen = await watch.poller.cycle()
        return seen

    @property
    def last(self) -> int:
        """The number of the last look."""
        return len(self.parts) - 1

    def whole(self, look: int) -> Snapshot:
        """What the one exporter said at a look."""
        return self.run.seen[len(self.run.seen) - len(self.parts) + look]

    def rediscover(self, look: int, late: int, looks: int) -> None:
        """Let discovery find other processes from a look on, and one shard only so many looks later."""
        for at in range(look, len(self.parts)):
            knows = [part.part is not None and part.part.share.shard != late for part in self.parts[at]]
            self.parts[at] = [
                _rediscovered(part) if known or at >= look + looks else part
                for part, known in zip(self.parts[at], knows, strict=True)
            ]

    def inputs(self) -> list[dict[str, str]]:
        """The series of all shards, for promtool."""
        began = self.parts[0][0].at
        told: dict[str, list[str]] = {}
        for look, parts in enumerate(self.parts):
            for part in [*parts, *(self.replicas[n] for n in self.replicas if n == look)]:
                assert part.part is not None
                kind = "replica" if part is self.replicas.get(look) else "kvm"
                own = FLEET | {"instance": f"{kind}-{part.part.share.shard}:9895"}
                for name, value in series_of(part, own, began).items():
                    values = told.setdefault(name, ["_"] * len(self.parts))
                    values[look] = "NaN" if math.isnan(value) else repr(value)
        return [{"series": name, "values": " ".join(_stale(values))} for name, values in told.items()]


def _rediscovered(seen: Snapshot) -> Snapshot:
    assert seen.part is not None
    share = replace(seen.part.share, digest=seen.part.share.digest ^ 1)
    return replace(seen, part=replace(seen.part, share=share))


def _stale(values: list[str]) -> Iterator[str]:
    """A series that is gone from a scrape is stale at once, as Prometheus marks it."""
    for before, value in zip(["_", *values], values, strict=False):
        yield "stale" if value == "_" and before != "_" else value


@asynccontextmanager
async def sharded(phase: str = "external", timeout: str = "4s", **settings: Any) -> AsyncIterator[Sharded]:
    """Start a demo, one exporter of it all and four shards. Five look at the same time: that takes long."""
    async with migration(phase, timeout, **settings) as run, AsyncExitStack() as stack:
        shards, answers = [], Answers()
        answers.share(run.watch.fetcher)
        for number in range(SHARDS):
            config = run.demo.config() | {
                "interval": f"{INTERVAL:.0f}s",
                "gate": {"soak": f"{SOAK:.0f}s"},
                "http_client": {"timeout": timeout},
                "scale": {"shard": number, "shards": SHARDS},
            }
            watch = Watch(load_text(yaml.safe_dump(config)), clock=lambda: run.demo.cluster.now)
            shards.append(await stack.enter_async_context(watch))
            at_once.shorten(watch.fetcher, run.demo)
            answers.share(watch.fetcher)
            await watch.poller.cycle()  # when the one exporter looked first
        yield Sharded(run, shards, answers)


@dataclass
class Joined:
    """Questions to the rules about what the shards said; all are asked at once."""

    told: Sharded
    without: str = "\n"  # series that begin so are left out
    asked: list[tuple[int, str]] = field(default_factory=list)

    def ask(self, look: int, expr: str) -> int:
        """Ask for an expression's series at a look; gives the number of the answer."""
        self.asked.append((look, expr))
        return len(self.asked) - 1

    def run(self, where: Path) -> list[Series]:
        """Give the answers, without the fleet's labels. promtool tells what it got where it is told to
        expect what cannot be.
        """
        impossible = [{"labels": named("impossible", {}), "value": 0}]
        questions = [
            {"expr": expr, "eval_time": f"{look * INTERVAL:g}s", "exp_samples": impossible}
            for look, expr in self.asked
        ]
        inputs = [one for one in self.told.inputs() if not one["series"].startswith(self.without)]
        said = _promtool(where, inputs, questions)
        got = [line.removeprefix("got:") for line in map(str.strip, said.splitlines()) if line[:4] == "got:"]
        assert len(got) == len(questions), said[:2000]
        return [dict(map(_sample, _SAMPLE.findall(line))) for line in got]


_SAMPLE = re.compile(r'(\w*)(\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}) (\S+?)(?:,|$)')
_LABEL = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')


def _sample(found: tuple[str, str, str]) -> tuple[str, float]:
    labels = {key: json.loads(value) for key, value in _LABEL.findall(found[1])}
    name = found[0] or labels.pop("__name__", "")
    return named(name, {key: labels[key] for key in labels.keys() - FLEET.keys()}), float(found[2])


def steps_of(found: Series) -> set[str]:
    """The steps of an answer's series, each with its migration."""
    return {"/".join(label_of(label, name) for label in ("migration", "step")) for name in found}


def label_of(label: str, series: str) -> str:
    """A label of a series, "" where it has none."""
    told = re.search(rf'{label}="([^"]*)"', series)
    return told[1] if told else ""


def _promtool(where: Path, inputs: list[dict[str, str]], questions: list[dict[str, Any]]) -> str:
    every = f"{INTERVAL:g}s"
    test = {"interval": every, "input_series": inputs, "promql_expr_test": questions}
    path = where / "shards.yml"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": every, "tests": [test]}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False, timeout=240
    )
    return done.stdout + done.stderr
