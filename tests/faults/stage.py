"""What the fault suite shares: a cluster that must not suffer, evil neighbours, the table of losses."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from exporter.config import load_text
from exporter.demo import Demo, DemoSettings
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.pages import Outcome, Phase, Target
from exporter.wiring import Watch
from tests.sources import wire

TABLE = "KVMIGRATION_FAULTS_TABLE"  # a file that `python -m tests.faults` reads the rows from


def row(what: str, count: str, lost: str = "nothing") -> None:
    """One row of the table: written only when a test has shown it."""
    print(f"{what} | {count} | {lost}")
    if path := os.environ.get(TABLE):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps([what, count, lost]) + "\n")


async def patiently(play: Callable[[int], Awaitable[None]]) -> None:
    """Play with times made for a quiet machine, and, where something was lost, with longer ones.

    What a busy machine loses comes back with more time; what a mistake of ours loses does not.
    """
    for factor in (1, 5):
        with suppress(AssertionError, TimeoutError):
            return await play(factor)
    return await play(15)


def times(factor: int, interval: float = 2.0, timeout: float = 0.4) -> dict[str, Any]:
    """Interval and timeout, so many times as long."""
    return {
        "interval": f"{int(1000 * interval * factor)}ms",
        "http_client": {"timeout": f"{int(1000 * timeout * factor)}ms"},
    }


@asynccontextmanager
async def cluster(**settings: Any) -> AsyncIterator[Demo]:
    """A small demo that stands still in the middle of a migration."""
    told = {"size": 3, "tokens": 8, "hold": True, "start_phase": Phase.MIRRORING} | settings
    async with Demo(DemoSettings(start_time=time.time() - 20, **told)) as demo:
        await demo.advance(20)  # everybody has written his heartbeat, and the mirror has it
        yield demo


def config_of(demo: Demo, *, more: Sequence[str] = (), **changed: Any) -> dict[str, Any]:
    """The demo's configuration with short times, and `more` addresses beside its own."""
    config: dict[str, Any] = {
        **demo.config(),
        "interval": "2s",
        "http_client": {"timeout": "400ms"},
        "gate": {"soak": "0s"},
    }
    if more:
        config["targets"] = [*config["targets"], {"static": {"urls": list(more)}}]
    return config | changed


@asynccontextmanager
async def watching(config: dict[str, Any]) -> AsyncIterator[Watch]:
    """A configuration at work in this process; the test runs the cycles."""
    async with Watch(load_text(yaml.safe_dump(config))) as watch:
        yield watch


@asynccontextmanager
async def evil(handler: wire.Handler, count: int) -> AsyncIterator[list[Target]]:
    """So many targets that behave like this."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(wire.serve(handler)) for _ in range(count)]


def names(urls: Iterable[str]) -> set[str]:
    """Targets' names by their URLs."""
    return {url.split("//")[-1] for url in urls}


def facts(snapshot: Snapshot, wanted: set[str]) -> list[TargetFacts]:
    """What was found of these, in a fixed order."""
    found = [target for target in snapshot.targets if target.name in wanted]
    assert {target.name for target in found} == wanted
    return found


def is_whole(snapshot: Snapshot, healthy: set[str]) -> bool:
    """Every page of every healthy process was read, or is one it does not have."""
    return all(
        target.up and all(page.outcome is not Outcome.FAILED for page in target.pages)
        for target in facts(snapshot, healthy)
    )


def failed_pages(snapshot: Snapshot, wanted: set[str]) -> list[tuple[str, str, str]]:
    """(target, page, reason) of what failed, for a message."""
    return [
        (target.name, page.name, f"{page.reason}: {page.detail}")
        for target in facts(snapshot, wanted)
        for page in target.pages
        if page.outcome is Outcome.FAILED
    ]
