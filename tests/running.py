"""`kvmigration serve` as people run it: a process of its own, asked over HTTP, told by signals and files."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

WAIT = 60.0  # seconds for whatever must happen at last; a noisy machine needs some of them
_LISTENING = re.compile(r"listening.* address=(\S+)")
Labels = tuple[tuple[str, str], ...]
Samples = dict[str, dict[Labels, float]]


@dataclass
class Exporter:
    """One running exporter. `said` is what it logged so far."""

    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession
    said: list[str] = field(default_factory=list)
    address: str = ""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def get(self, path: str, **options: Any) -> tuple[int, str]:
        """Status and text of one GET."""
        async with self.session.get(f"http://{self.address}{path}", **options) as answer:
            return answer.status, await answer.text()

    async def reload(self) -> tuple[int, str]:
        """Status and text of `POST /-/reload`."""
        async with self.session.post(f"http://{self.address}/-/reload") as answer:
            return answer.status, await answer.text()

    async def samples(self, path: str = "/metrics") -> Samples:
        """Everything exposed, by name without the prefix and by labels."""
        status, text = await self.get(path)
        assert status == 200, text
        return samples_in(text)

    async def value(self, name: str, **labels: str) -> float | None:
        """The value of one series; `None` where there is none."""
        return (await self.series(name)).get(tuple(sorted(labels.items())))

    async def series(self, name: str) -> dict[Labels, float]:
        """All series of a metric, by labels. Only its lines are parsed: it is asked twenty times a second."""
        status, text = await self.get("/metrics")
        assert status == 200, text
        lines = (line for line in text.splitlines(keepends=True) if line.startswith(f"kvmigration_{name}"))
        return samples_in("".join(lines)).get(name, {})

    async def until(self, what: Callable[[], Awaitable[object]], about: str = "") -> None:
        """Wait until a question is answered with something true."""
        try:
            async with asyncio.timeout(WAIT):
                while not await what():
                    assert self.process.returncode is None, "".join(self.said)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"never happened: {about}\n{''.join(self.said[-40:])}") from None

    async def cycles(self, count: int = 1) -> None:
        """Wait until so many more snapshots have come."""
        for _ in range(count):
            before = await self.value("snapshot_timestamp_seconds")
            await self.until(partial(self._newer, before), "another cycle")

    async def _newer(self, than: float | None) -> bool:
        now = await self.value("snapshot_timestamp_seconds")
        return now is not None and now != than

    async def has_said(self, word: str) -> bool:
        """Whether a line of the log holds this."""
        return any(word in line for line in self.said)

    def refusals(self) -> int:
        """How many reloads by signal were refused so far."""
        return sum("reload refused" in line for line in self.said)

    def hang_up(self) -> None:
        """SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208 -- /proc, not a tree of files

    def resident(self) -> int:
        """Memory in use, in bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def stop(self) -> int:
        """SIGTERM, and the exit status; killed if it does not end."""
        if self.process.returncode is None:
            self.process.terminate()
        try:
            async with asyncio.timeout(WAIT / 2):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise


def samples_in(text: str) -> Samples:
    """An exposition by name without the prefix and by labels."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            found.setdefault(sample.name.removeprefix("kvmigration_"), {})[labels] = sample.value
    return found


@asynccontextmanager
async def exporter(
    config: Path,
    *flags: str,
    env: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> AsyncIterator[Exporter]:
    """Start `kvmigration serve`, wait until it listens, and stop it at the end.

    `before` runs in the new process before the exporter does, for limits.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "serve", f"--config.file={config}"),
        *("--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", *flags),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(env or {})},
        preexec_fn=before,
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT)) as session:
        running = Exporter(process, session)
        listening = asyncio.Event()
        reader = asyncio.create_task(_read(running, listening))
        try:
            await asyncio.wait_for(listening.wait(), WAIT)
            assert running.address, "".join(running.said)
            yield running
        finally:
            if process.returncode is None:
                await running.stop()
            await reader


async def _read(running: Exporter, listening: asyncio.Event) -> None:
    assert running.process.stderr is not None
    async for line in running.process.stderr:
        running.said.append(line.decode(errors="replace"))
        if not running.address and (found := _LISTENING.search(running.said[-1])):
            running.address = found[1]
            listening.set()
    listening.set()


def written(path: Path, config: Mapping[str, Any]) -> Path:
    """Write a configuration as a person's editor or a ConfigMap does it: a new file in place of the old."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(yaml.safe_dump(dict(config)))
    return beside.rename(path)
