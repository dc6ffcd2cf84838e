"""Pod logs through the Kubernetes API, for pods that discovery found there.

The API gives complete logs and filters nothing, so this is for small installations; Loki or files cost less.
Every line comes with its time stamp, which prevents duplicates.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from exporter.errors import FetchError
from exporter.log import logger
from exporter.model.pages import Outcome
from exporter.sources.http.failures import WIRE_ERRORS, failure_of, status_error
from exporter.sources.logs.line_scan import scan
from exporter.sources.logs.source import Count, LogSource, Take

PAGE = "pod logs"
LOOK_BACK = 300  # seconds before the start that the first reading covers
OVERLAP = 5  # seconds read again: clocks differ
MAX_BYTES = 8 * 1024 * 1024  # of one pod in one reading; the next one goes on behind them
MAX_PODS = 500
AT_ONCE = 8
SECONDS = 10.0  # for one pod's log
CHUNK = 1024 * 1024
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z ")

log = logger("kvmigration.pods")
Connect = Callable[[], AbstractAsyncContextManager[tuple[Any, str]]]


@dataclass(frozen=True, slots=True)
class Pod:
    """One container with its log."""

    namespace: str
    name: str
    container: str


@dataclass(slots=True)
class _Piece:
    """The part of one log being read: bytes not yet scanned, and the newest complete line's stamp."""

    newest: str = ""
    read: int = 0
    within: bool = False
    rest: bytes = b""
    lines: list[bytes] = field(default_factory=list)

    def feed(self, chunk: bytes, word: bytes) -> None:
        """Scan one chunk; keeps the lines that contain the word."""
        buffer = self.rest + chunk
        self.read += len(chunk)
        end = buffer.rfind(b"\n")
        if end >= 0:
            begin = buffer.rfind(b"\n", 0, end) + 1
            self.newest = stamp_of(buffer[begin : begin + 64]) or self.newest
        found = scan(buffer, word, within=self.within)
        self.lines += found.lines
        self.rest, self.within = buffer[found.consumed :], found.within


class PodLogSource(LogSource):
    """One `kubernetes` entry of `rejections`. `pods` returns the containers, `connects` an API client."""

    kind = "kubernetes"

    def __init__(
        self,
        connects: Sequence[Connect],
        pods: Callable[[], Iterable[Pod]],
        word: bytes,
        count: Count,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connects, self._pods, self._word, self._count = connects, pods, word, count
        self._clock = clock
        self._started = clock()
        self._newest: dict[Pod, str] = {}  # the stamp of the newest line that was read
        self._places = asyncio.Semaphore(AT_ONCE)
        self._failing = ""

    async def look(self, take: Take, deadline: float) -> None:
        """Pass on the lines that came since the last reading."""
        pods = sorted(set(self._pods()), key=lambda pod: (pod.namespace, pod.name, pod.container))[:MAX_PODS]
        self._newest = {pod: self._newest[pod] for pod in pods if pod in self._newest}
        outcomes: set[Outcome] = set()
        for connect in self._connects:
            try:
                async with asyncio.timeout_at(deadline), connect() as (api, namespace):
                    mine = [pod for pod in pods if pod.namespace == namespace]
                    outcomes |= set(await asyncio.gather(*(self._pod(api, pod, take) for pod in mine)))
            except (FetchError, *WIRE_ERRORS) as error:
                outcomes.add(self._failed("the Kubernetes API", error))
        outcome = Outcome.FAILED if Outcome.FAILED in outcomes else Outcome.OK if outcomes else Outcome.ABSENT
        if outcome is Outcome.OK:
            self._failing = ""
        self._count(PAGE, outcome.value)

    async def _pod(self, api: Any, pod: Pod, take: Take) -> Outcome:
        try:
            async with self._places, asyncio.timeout(SECONDS):
                piece = await self._read(api, pod)
        except (FetchError, *WIRE_ERRORS) as error:
            return self._failed(f"the log of {pod.name}", error)
        if piece is None:
            return Outcome.ABSENT
        newest = self._newest.get(pod, "")
        for line in piece.lines:
            stamp = stamp_of(line)
            if not stamp or stamp > newest:
                take(pod.name, line)
        self._newest[pod] = max(newest, piece.newest)
        return Outcome.OK

    async def _read(self, api: Any, pod: Pod) -> _Piece | None:
        """Read what one log got since its newest line; `None` while its container has not started."""
        answer: aiohttp.ClientResponse = await api.read_namespaced_pod_log(
            pod.name,
            pod.namespace,
            **({"container": pod.container} if pod.container else {}),
            since_seconds=self._since(pod),
            timestamps=True,
            limit_bytes=MAX_BYTES,
            _preload_content=False,
            _request_timeout=aiohttp.ClientTimeout(total=SECONDS),
        )
        try:
            if answer.status in {400, 404}:
                return None
            if answer.status != 200:
                raise status_error(answer.status)
            piece = _Piece()
            while piece.read < MAX_BYTES and (chunk := await answer.content.read(CHUNK)):
                piece.feed(chunk, self._word)
            return piece
        finally:
            answer.close()

    def _since(self, pod: Pod) -> int:
        """The range in seconds; the API counts integer seconds, by its own clock."""
        now, newest = self._clock(), self._newest.get(pod, "")
        begin = _seconds(newest) if newest else self._started - LOOK_BACK
        return max(1, math.ceil(now - begin) + (OVERLAP if newest else 0))

    def _failed(self, what: str, error: Exception) -> Outcome:
        words = "no answer in time" if isinstance(error, TimeoutError) else failure_of(error)[1]
        if words != self._failing:
            log.warning(f"{what} cannot be read", err=words)
        self._failing = words
        return Outcome.FAILED


def stamp_of(line: bytes) -> str:
    """A line's time stamp, so that stamps compare as text; "" where it has none."""
    found = _STAMP.match(line)
    return f"{found[1].decode()}.{(found[2] or b'').decode():0<9}" if found else ""


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp[:19]).replace(tzinfo=UTC).timestamp()
