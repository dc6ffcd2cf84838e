"""The sources of `check`, `status` and `diff`: cycles of their own, or a running exporter."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from exporter import __version__
from exporter.cli.source.cluster_from_addresses import checked_url, missing_of, names_of, survey_of
from exporter.cli.source.server_api import Server, checked_server, session
from exporter.config import Config, HttpClient, load, load_as, load_text
from exporter.config.overrides import documented, unsharded
from exporter.config.units import parse_duration
from exporter.derive.planning.plan import plans_of
from exporter.derive.planning.timeline import advanced
from exporter.errors import UsageError
from exporter.expose.api import answers
from exporter.expose.api.chosen_steps import chosen, parts
from exporter.expose.api.shapes import GossipOut, RingDetailOut, RingOut, StatusOut, StepOut, TargetOut
from exporter.expose.plan.answers import plans_out
from exporter.expose.plan.shapes import PlanOut
from exporter.expose.report.history_and_report import report_out
from exporter.expose.report.shapes import ReportOut
from exporter.model.facts import Snapshot
from exporter.model.planning.timeline import Timeline
from exporter.sources.access.request_settings import ClientAccess
from exporter.wiring import Watch, rules_of


def duration(text: str) -> float:
    """Seconds of a duration as Prometheus writes it: `90s`, `10m`, `1h30m`."""
    try:
        return parse_duration(text)
    except ValueError:
        refusal = f'"{text}" is no duration; write for instance 90s, 10m or 1h30m'
        raise argparse.ArgumentTypeError(refusal) from None


def add_source(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """Add `--config.file`, `--server` and `--url`, of which exactly one is given; gives their group."""
    where = add_cluster(parser)
    where.add_argument(
        "--server", metavar="URL", help="read a running exporter, such as http://127.0.0.1:9895"
    )
    return where


def add_cluster(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """Add `--config.file` and `--url`, of which exactly one is given; gives their group."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--config.file", dest="config_file", type=Path, metavar="FILE", help="read the cluster from this host"
    )
    where.add_argument(
        "--url",
        dest="urls",
        action="append",
        metavar="URL",
        help="read the cluster without a file: one process leads to the other "
        "processes; --url itself may be left out",
    )
    add_http_config(parser)
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="print errors only; the exit status is the answer"
    )
    return where


def add_http_config(parser: argparse.ArgumentParser) -> None:
    """Add how URLs of the command line are reached; those of a file have `http_client` beside them."""
    parser.add_argument(
        "--http.config.file",
        dest="http_config",
        type=Path,
        metavar="FILE",
        help="how a URL given here is reached: TLS, credentials, a proxy, as under http_client",
    )


def client_settings(args: argparse.Namespace) -> HttpClient:
    """The settings of `--http.config.file`. Raises `ConfigError`."""
    return load_as(args.http_config, HttpClient) if args.http_config else HttpClient()


@dataclass(frozen=True, slots=True)
class Overview:
    """What `status` shows."""

    status: StatusOut
    targets: tuple[TargetOut, ...]
    rings: tuple[RingOut, ...]
    gossip: GossipOut | None
    steps: tuple[StepOut, ...]


class GateSource(Protocol):
    """One source of the gate; answers are as the API gives them. `at` is when the snapshot of the last answer
    was complete, unix seconds. `soaks`: the answers have `soaked_seconds`.
    """

    interval: float
    at: float = 0.0
    soaks: bool = True

    async def steps(self, wanted: str) -> tuple[StepOut, ...]:
        """Read a step anew, `[MIGRATION/]STEP`; without MIGRATION, of each that is at this step."""


class Source(GateSource, Protocol):
    """One source of everything. `stale` is why the last answer is stale, "" where it is not."""

    stale: str = ""

    async def overview(self) -> Overview:
        """Read everything anew."""

    async def keys(self) -> tuple[str, ...]:
        """Read anew; all keys."""

    async def key(self, key: str) -> RingDetailOut:
        """One key of the snapshot of `keys`. Raises `UsageError` where there is none."""

    async def plans(self, wanted: str) -> tuple[PlanOut, ...]:
        """Read anew; the plans of `[MIGRATION][/STEP]`, of every next step where it is ""."""

    async def report(self) -> ReportOut:
        """Read anew; everything that a report shows."""

    async def not_responding(self) -> tuple[str, ...]:
        """The processes that did not answer in the snapshot of `keys`."""


def _of(steps: Iterable[StepOut], wanted: str) -> tuple[StepOut, ...]:
    listed = tuple(steps)
    if found := chosen(listed, *parts(wanted)):
        return found
    shown = ", ".join(dict.fromkeys(step.migration for step in listed)) or "none"
    raise UsageError(f"this cluster shows no migration that has the step {wanted}; it shows: {shown}")


@asynccontextmanager
async def look_from(args: argparse.Namespace, soak: float | None = None) -> AsyncIterator[Source]:
    """Open the source that the arguments name; `soak` seconds replace the configured time."""
    if args.server:
        url = checked_server(args.server)
        access = ClientAccess(client_settings(args))
        await access.refresh()
        async with session() as asking:
            yield _Remote(url, asking, access)
        return
    config, left_out = await config_of(args)
    for line in left_out:
        sys.stderr.write(f"kvmigration: {line}\n")
    config = documented(config, getattr(args, "docs_base_url", ""))
    async with Watch(config) as watch:
        if soak is not None:
            plan, seldom = watch.poller.plan, config.gate.check_interval  # cycles, not gaps between them
            rules = replace(plan.rules, soak=soak, interval=max(plan.rules.interval, seldom))
            watch.poller.plan = replace(plan, rules=rules)
        yield _Local(watch)


async def beats(source: GateSource) -> AsyncIterator[None]:
    """One item for each cycle, until Ctrl-C."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    while not stop.is_set():
        yield
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), source.interval)


async def config_of(args: argparse.Namespace) -> tuple[Config, tuple[str, ...]]:
    """The configuration that the arguments name, and what a survey from URLs leaves out of it."""
    if args.config_file:
        return unsharded(load(args.config_file)), ()
    client = client_settings(args)
    survey = await survey_of(tuple(map(checked_url, args.urls)), client)
    names = names_of(survey)
    targets = [{"static": {"processes": {names[url]: url for url in names}}}]
    config = load_text(json.dumps({"targets": targets})).model_copy(update={"http_client": client})
    return config, tuple(missing_of(survey))


class _Local(Source):
    """Runs cycles of its own."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._last: Snapshot | None = None
        self.interval = watch.config.gate.check_interval

    async def _cycle(self) -> Snapshot:
        self._last = await self._watch.poller.cycle()
        self.at = self._last.at
        return self._last

    async def steps(self, wanted: str) -> tuple[StepOut, ...]:
        return _of(map(answers.step_out, (await self._cycle()).steps), wanted)

    async def overview(self) -> Overview:
        snapshot = await self._cycle()
        return Overview(
            answers.status_out(snapshot, __version__),
            answers.targets_out(snapshot),
            answers.rings_out(snapshot),
            answers.gossip_out(snapshot),
            tuple(answers.step_out(step) for step in snapshot.steps),
        )

    async def keys(self) -> tuple[str, ...]:
        return tuple(facts.key for facts in (await self._cycle()).keys)

    async def key(self, key: str) -> RingDetailOut:
        snapshot = self._last or await self._cycle()
        found = next((facts for facts in snapshot.keys if facts.key == key), None)
        if found is None:
            known = ", ".join(facts.key for facts in snapshot.keys) or "none"
            raise UsageError(f'no process shows the key "{key}"; the keys are: {known}')
        return answers.ring_out(found)

    async def plans(self, wanted: str) -> tuple[PlanOut, ...]:
        return plans_out(plans_of(await self._cycle(), wanted), rules_of(self._watch.config).docs_url)

    async def report(self) -> ReportOut:
        snapshot = await self._cycle()
        return report_out(snapshot, advanced(Timeline(), snapshot), __version__, self._watch.config.shown())

    async def not_responding(self) -> tuple[str, ...]:
        snapshot = self._last or await self._cycle()
        return tuple(target.name for target in snapshot.targets if not target.up)


class _Remote(Server, Source):
    """Reads the API of a running exporter."""

    interval = 5.0

    async def steps(self, wanted: str) -> tuple[StepOut, ...]:
        found = _of(await self.get("gate", tuple[StepOut, ...]), wanted)
        if any(step.answer == "open" and not step.checks for step in found):
            raise UsageError(f"{self.shown}: no answer of an exporter: {wanted} is open without a check")
        return found

    async def overview(self) -> Overview:
        return Overview(
            await self.get("status", StatusOut),
            await self.get("targets", tuple[TargetOut, ...]),
            await self.get("rings", tuple[RingOut, ...]),
            await self.get("gossip", GossipOut | None),  # type: ignore[arg-type] # a union is no type for mypy
            await self.get("gate", tuple[StepOut, ...]),
        )

    async def keys(self) -> tuple[str, ...]:
        return tuple(ring.key for ring in await self.get("rings", tuple[RingOut, ...]))

    async def key(self, key: str) -> RingDetailOut:
        return await self.get(f"rings/{quote(key)}", RingDetailOut)

    async def plans(self, wanted: str) -> tuple[PlanOut, ...]:
        return await self.get(f"plan/{quote(wanted)}" if wanted else "plan", tuple[PlanOut, ...])

    async def report(self) -> ReportOut:
        return await self.get("report", ReportOut)

    async def not_responding(self) -> tuple[str, ...]:
        targets = await self.get("targets", tuple[TargetOut, ...])
        return tuple(target.name for target in targets if not target.up)
