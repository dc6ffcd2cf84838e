"""`kvmigration check --prometheus URL`: the gate as Prometheus has it, of one exporter or all shards.

Where there are shards the rules of `alerts/built/kvmigration-shards.yaml` have joined them. Unknown is what
Prometheus does not have, has only old samples of, or has of some shards only. It opens nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from exporter.cli.source.snapshot_source import GateSource, client_settings
from exporter.config import shown_url
from exporter.decode.prometheus import VectorSample, decode_vector
from exporter.derive.gate.step_table import STEPS
from exporter.derive.gate.step_verdicts import blank, place_of
from exporter.errors import DecodeError, UsageError
from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as s
from exporter.expose.api.chosen_steps import parts
from exporter.expose.api.shapes import CheckOut, StepOut
from exporter.expose.staleness import stale_after
from exporter.expose.wording import headlines
from exporter.expose.wording.lists import counted
from exporter.model.gate import Check, GateAnswer
from exporter.model.migration import RINGS
from exporter.model.pages import Outcome, Phase
from exporter.sources.access.request_settings import ClientAccess
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.sources.prometheus_query import query

MAX_AGE = 180.0  # seconds, of an exporter without a metric for its interval
LATE = 60.0  # seconds: a scrape a minute, and as much by which Mimir evaluates rules late
MEMORY = "10m"  # an exporter with a scrape since then but none now was stopped or crashed
MAX_AHEAD = 30.0  # seconds; a snapshot from the future would hide that no new one comes
FLEET = ("cluster", "namespace", "job")
CULPRITS = {
    "gossip-no-strangers": s.UNKNOWN_MEMBERS,
    "gossip-complete": s.ABSENT,
    "gossip-port-reachable": s.ABSENT,
    **dict.fromkeys(("keys-copied", "members-copied", "contents-equal", "lag", "views-agree"), s.UNMET),
    "no-ghosts": s.ORPHANED_MEMBERS,
}
NOTHING = (
    "Unknown: Prometheus has no kvmigration_gate_check of this step. Does it scrape the exporter? "
    "Are the recording rules of its shards loaded?"
)
ANSWERS = {0.0: "failed there", 1.0: "unknown there"}
PASSED, FAILED, UNKNOWN = "holds", "fails", "unknown"
Vector = tuple[VectorSample, ...]


def add_prometheus(where: argparse._MutuallyExclusiveGroup, parser: argparse.ArgumentParser) -> None:
    """Add `--prometheus` to the sources, with the options that belong to it."""
    where.add_argument(
        "--prometheus", metavar="URL", help="query Prometheus or Mimir, which have the series of all shards"
    )
    parser.add_argument(
        "--selector",
        default="",
        metavar="MATCHERS",
        help='with --prometheus, which fleet, where it has several: %(metavar)s is such as job="kvm"',
    )


@asynccontextmanager
async def joined_from(args: argparse.Namespace) -> AsyncIterator[Joined]:
    """Open the way to Prometheus that the arguments name."""
    client = client_settings(args)
    access = ClientAccess(client)
    await access.refresh()
    settings = FetchSettings(timeout=client.timeout, for_target=lambda target: access.to(target.url))
    async with Fetcher(settings) as fetcher:
        yield Joined(fetcher, args.prometheus.rstrip("/"), args.selector.strip().strip("{}"))


@dataclass(frozen=True, slots=True)
class StepSamples:
    """What Prometheus has of one step."""

    checks: Vector
    gates: Vector
    ages: Vector  # of the samples and of the cycles behind them, seconds
    held: Vector  # since when every check has passed, unix seconds; 0 where one has not
    now: Vector
    soaks: Vector
    parts: Vector  # checks of each shard that have not passed
    shards: Vector
    complete: Vector
    culprits: Vector
    phases: Vector
    ups: Vector = ()  # whether each exporter's last scrape succeeded, where Prometheus scrapes them
    intervals: Vector = ()  # of the exporters' cycles, seconds
    following: Vector = ()  # migrations with this step as their next one


class Joined(GateSource):
    """Queries Prometheus; an answer has the form of an exporter's API."""

    interval = 15.0
    soaks = False

    def __init__(self, fetcher: Fetcher, url: str, selector: str) -> None:
        self._fetcher = fetcher
        self._url = url
        self._selector = selector

    async def steps(self, wanted: str) -> tuple[StepOut, ...]:
        """Query one step of the gate anew. Raises `UsageError` where Prometheus does not answer."""
        migration, name = parts(wanted)
        one = ",".join([f'step="{name}"', *([f'migration="{migration}"'] if migration else [])])
        checks, gates = self._series(c.GATE_CHECK.name, one), self._series(c.GATE_OPEN.name, one)
        cycles = f"time() - {self._series(c.SNAPSHOT_TIMESTAMP_SECONDS.name)}"
        questions = (
            checks,
            gates,
            f"time() - timestamp({checks}) or time() - timestamp({gates}) or {cycles}",
            self._series(s.HELD, one),
            "vector(time())",
            self._series(s.SHARD_SOAK_SECONDS.name),
            f"{self._series(s.SHARD_CHECK.name, one)} < 2",
            self._series(s.SHARDS.name),
            self._series(s.COMPLETE),
            self._series("", '__name__=~"(member|key):kvmigration_shard_.+"'),
            f"{self._series(c.PHASE.name)} == 1",
            f"{self._series('up')} and on (job, instance) max_over_time("
            f"{self._series(c.SNAPSHOT_TIMESTAMP_SECONDS.name)}[{MEMORY}])",
            self._series(c.INTERVAL_SECONDS.name),
            f"{self._series(c.NEXT_STEP.name, one)} == 1",
        )
        samples = StepSamples(*await self._ask_all(questions))
        _one_fleet(samples.checks, shown_url(self._url))
        self.at, self.soaks = _only(samples.now) - _oldest(samples), bool(samples.held)
        return tuple(step_of(name, one, _only_of(samples, one)) for one in _chosen(name, migration, samples))

    async def _ask_all(self, questions: Iterable[str]) -> list[Vector]:
        """All answers; or the first error, once no query is running any more."""
        answers = await asyncio.gather(*map(self._ask, questions), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    def _series(self, name: str, *matchers: str) -> str:
        return f"{name}{{{','.join(part for part in (*matchers, self._selector) if part)}}}"

    async def _ask(self, expr: str) -> Vector:
        answer = await query(self._fetcher, self._url, expr)
        url = shown_url(self._url)
        try:
            found = decode_vector(answer.body) if answer.body else ()
        except DecodeError as error:
            raise UsageError(f"{url}: {error}") from None
        if answer.outcome is not Outcome.OK:
            why = (
                f"{answer.reason.value}: {answer.detail}" if answer.reason else "no query API below this URL"
            )
            raise UsageError(f"{url}: {why}")
        return found


def _one_fleet(checks: Vector, url: str) -> None:
    fleets = sorted({tuple((n, sample.labels[n]) for n in FLEET if n in sample.labels) for sample in checks})
    if len(fleets) > 1:
        listed = "; ".join(",".join(f'{name}="{value}"' for name, value in fleet) for fleet in fleets[:10])
        raise UsageError(f"{url} has several fleets: choose one with --selector, of: {listed}")


def _chosen(name: str, migration: str, samples: StepSamples) -> tuple[str, ...]:
    """The migration that is named, those with this step as their next one, else the first that has it."""
    if migration:
        return (migration,)
    if due := sorted({sample.labels.get("migration", "") for sample in samples.following}):
        return tuple(due)
    having = {sample.labels.get("migration", "") for sample in (*samples.checks, *samples.gates)}
    rule = next(rule for rule in STEPS if rule.name == name)
    usual = rule.migration or RINGS
    return (usual,) if usual in having or not having else (min(having),)


def _only_of(samples: StepSamples, migration: str) -> StepSamples:
    """What Prometheus has of the step of one migration."""

    def mine(vector: Vector) -> Vector:
        return tuple(s for s in vector if s.labels.get("migration", migration) == migration)

    by_migration = ("checks", "gates", "held", "parts", "phases")
    return replace(samples, **{name: mine(getattr(samples, name)) for name in by_migration})


def step_of(name: str, migration: str, samples: StepSamples) -> StepOut:
    """Weigh what Prometheus has of one step."""
    checks = tuple(_check(check, samples) for check in blank(name, migration).checks)
    doubt = _doubt(samples)
    held = max((sample.value for sample in samples.held), default=0.0)
    soaked = max(0.0, _only(samples.now) - held) if held > 0 and not doubt else 0.0
    soak = max((sample.value for sample in samples.soaks), default=0.0)
    answer = _answer(checks, samples, doubt)
    return StepOut(
        migration=migration,
        step=name,
        answer=answer,
        place=_place(name, samples),
        headline=doubt or _headline(answer, checks, soaked, soak),
        soak_seconds=soak,
        soaked_seconds=soaked,
        open_since=None,
        checks=checks,
    )


def _answer(checks: Iterable[CheckOut], samples: StepSamples, doubt: str) -> GateAnswer:
    verdicts = {check.verdict for check in checks}
    if FAILED in verdicts:
        return "closed"
    if doubt or verdicts != {PASSED} or not samples.gates:
        return "unknown"
    return "open" if all(sample.value == 1 for sample in samples.gates) else "closed"


def _doubt(samples: StepSamples) -> str:
    """What makes all of it unknown, "" where nothing does."""
    if down := sorted(sample.labels.get("instance", "?") for sample in samples.ups if sample.value != 1):
        return f"Unknown: Prometheus cannot scrape the exporter at {', '.join(down[:5])}."
    if not samples.checks:
        return NOTHING
    if any(sample.value != 1 for sample in samples.complete):
        there = len({sample.labels.get("shard", "") for sample in samples.shards})
        wanted = max((sample.value for sample in samples.shards), default=0.0)
        return (
            f"Unknown: of {wanted:.0f} shards {there} are in Prometheus, and not all of these are "
            "up to date, or they do not watch the same fleet by the same rules."
        )
    newest = min((sample.value for sample in samples.ages), default=math.inf)
    if newest < -MAX_AHEAD:
        return f"Unknown: an exporter's clock is {-newest:.0f} s ahead of Prometheus's."
    oldest = _oldest(samples)
    if not oldest <= max_age(samples):
        return f"Unknown: what Prometheus has is {oldest:.0f} s old."
    return ""


def max_age(samples: StepSamples) -> float:
    """Seconds above which what Prometheus has is stale: the exporter's own limit and one scrape, with shards
    another minute.
    """
    longest = max((sample.value for sample in samples.intervals), default=math.nan)
    return MAX_AGE if math.isnan(longest) else stale_after(longest) + LATE * (1 + bool(samples.shards))


def _oldest(samples: StepSamples) -> float:
    """The age of the oldest sample or cycle, seconds; NaN where one age is NaN."""
    ages = [sample.value for sample in samples.ages]
    return math.nan if any(map(math.isnan, ages)) else max(ages, default=math.inf)


def _check(check: Check, samples: StepSamples) -> CheckOut:
    values = [sample.value for sample in samples.checks if sample.labels.get("check") == check.id]
    verdict = FAILED if 0.0 in values else PASSED if values and set(values) == {1.0} else UNKNOWN
    culprits = () if verdict == PASSED else (*_names(check.id, samples), *_parts(check.id, samples))
    words = {PASSED: _everywhere(samples), FAILED: "It failed.", UNKNOWN: "Unknown."}[verdict]
    return CheckOut(
        id=check.id,
        sentence=check.sentence,
        verdict=verdict,  # type: ignore[arg-type] # one of the three words
        evidence=counted(culprits) or words,
        culprits=culprits,
        remedy=check.cure if verdict == FAILED else check.remedy,
        doc=check.doc,
        holds_since=None,
    )


def _everywhere(samples: StepSamples) -> str:
    count = len({sample.labels.get("shard", "") for sample in samples.shards})
    return f"In all {count} shards." if count else "As Prometheus has it."


def _names(check: str, samples: StepSamples) -> tuple[str, ...]:
    """The members that belong to no process in any shard."""
    wanted = CULPRITS.get(check)
    found = [sample.labels for sample in samples.culprits if sample.labels.get("__name__") == wanted]
    return tuple(sorted(_member(labels) for labels in found))


def _member(labels: Mapping[str, str]) -> str:
    key, member = labels.get("key", ""), labels.get("member", "")
    if not member:
        return f"{key}: some shard watches no process that uses it; name the components under targets"
    return f"{member}{f' in {key}' if key else ''}"


def _parts(check: str, samples: StepSamples) -> tuple[str, ...]:
    """The shards in which the check has not passed; all other shards have read their part."""
    numbers = {sample.labels.get("instance", ""): sample.labels.get("shard", "") for sample in samples.shards}
    found = [sample for sample in samples.parts if sample.labels.get("check") == check]
    return tuple(sorted(_part(sample.labels.get("instance", ""), numbers, sample.value) for sample in found))


def _part(instance: str, numbers: Mapping[str, str], value: float) -> str:
    return f"shard {numbers.get(instance, '?')} at {instance}: {ANSWERS.get(value, 'unknown there')}"


def _headline(answer: GateAnswer, checks: tuple[CheckOut, ...], soaked: float, soak: float) -> str:
    verdicts: Counter[str] = Counter(check.verdict for check in checks)
    failed, unknown = verdicts[FAILED], verdicts[UNKNOWN]
    if answer == "open":
        return headlines.OPEN
    if failed or unknown:
        return headlines.bad(answer, failed, unknown, len(checks))
    if answer == "unknown":
        return "Unknown: Prometheus has no kvmigration_gate_open of this step."
    return headlines.soaking(soaked, soak)


def _place(name: str, samples: StepSamples) -> str:
    labels = {sample.labels.get("phase", "") for sample in samples.phases}
    where = next((phase for phase in Phase if {phase.label} == labels), Phase.UNKNOWN)
    return place_of(next(rule for rule in STEPS if rule.name == name), where)


def _only(vector: Vector) -> float:
    return vector[0].value if vector else 0.0
