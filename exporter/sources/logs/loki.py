"""Loki's query API as a source of lines: `query_range`, oldest first, each line once.

A range is from the end of the last one up to `DELAY` seconds ago, since lines need a moment until every
querier has them. It includes its start and not its end, as Loki defines it. Where an answer is full, the next
one starts at its last time stamp, without the lines that were passed on.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.config import Loki, shown_url
from exporter.errors import DecodeError
from exporter.log import logger
from exporter.model.pages import Answer, Outcome, Target
from exporter.sources.http import allow_list
from exporter.sources.http.fetcher import Call, Fetcher
from exporter.sources.logs.source import LogSource, Take

PATH = "/loki/api/v1/query_range"
FILTER = ' |= "with unacceptable label "'
DELAY = 10.0
LOOK_BACK = 300.0  # seconds before the start that the first query covers
MAX_RANGE = 3600.0  # seconds queried at once after an outage; Loki refuses ranges that are too long
LIMIT = 1000  # lines of one answer; Loki's own default cap is 5000
MAX_BODY = 16 * 1024 * 1024  # bytes of one answer; the lines in question have some hundred each
PAGES = 20  # answers of one reading
PROCESS_LABELS = ("pod", "instance", "host", "hostname", "node_name", "filename")
NANO = 1_000_000_000
MAX_PROCESS = 200

log = logger("kvmigration.loki")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an answer. `at` is in nanoseconds."""

    at: int
    process: str
    text: bytes

    def digest(self, stream: str) -> bytes:
        """Distinguish it from further lines of the same time stamp."""
        return hashlib.blake2b(stream.encode("utf-8", "replace") + b"\0" + self.text, digest_size=16).digest()


@dataclass(slots=True)
class _Position:
    """How far was read."""

    next: int  # the first time stamp not yet read completely, nanoseconds
    given: set[bytes] = field(default_factory=set)  # lines already given of that time stamp
    failing: str = ""  # the last message


class LokiSource(LogSource):
    """Queries once a reading, more often while answers are full. `http` is the key of its HTTP settings,
    `clock` is unix seconds.
    """

    kind = "loki"

    def __init__(
        self, fetcher: Fetcher, entry: Loki, http: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._fetcher, self._entry, self._clock = fetcher, entry, clock
        self._target = Target("loki", entry.url, http=http)
        self._at = _Position(int((clock() - LOOK_BACK) * NANO))

    def renewed(self, fetcher: Fetcher) -> LokiSource:
        """The same query through another fetcher, from the position of this one."""
        other = LokiSource(fetcher, self._entry, self._target.http, self._clock)
        other._at = self._at  # shared: this one may be reading
        return other

    async def look(self, take: Take, deadline: float) -> None:
        """Pass on the lines that came since the last reading. A failed query is repeated next time."""
        upto = int((self._clock() - DELAY) * NANO)
        for _ in range(PAGES):
            end = min(upto, self._at.next + int(MAX_RANGE * NANO))
            if self._at.next >= end:
                return
            answer = await self._ask(self._at.next, end, deadline)
            try:
                lines = await asyncio.to_thread(_lines_of, answer)
            except DecodeError as error:
                self._failed(str(error))
                return
            self._at.failing = ""
            self._give(lines, end, take)

    async def _ask(self, start: int, end: int, deadline: float) -> Answer:
        query = {
            "query": self._entry.query + FILTER,
            "start": str(start),
            "end": str(end),
            "limit": str(LIMIT),
            "direction": "forward",
        }
        path = f"{PATH}?{'&'.join(f'{key}={allow_list.encoded(value)}' for key, value in query.items())}"
        headers = {"Accept": "application/json"}
        if self._entry.tenant:
            headers["X-Scope-OrgID"] = self._entry.tenant
        call = Call(self._target, path, headers=headers, page=PATH)
        return await self._fetcher.log_call(call, deadline=deadline)

    def _give(self, lines: list[tuple[Line, str]], end: int, take: Take) -> None:
        """Pass on the new lines, then move on: behind the range, or to the last stamp of a full answer."""
        lines.sort(key=lambda entry: entry[0].at)
        place = self._at
        inside = [(line, line.digest(stream)) for line, stream in lines if place.next <= line.at < end]
        fresh = [(line, sum_) for line, sum_ in inside if line.at > place.next or sum_ not in place.given]
        for line, _ in fresh:
            take(line.process, line.text)
        if len(lines) < LIMIT or not inside:
            place.next, place.given = end, set()
            return
        last = inside[-1][0].at
        if last > place.next:
            place.next, place.given = last, {sum_ for line, sum_ in fresh if line.at == last}
        elif fresh:
            place.given |= {sum_ for _, sum_ in fresh}
        else:  # more lines of one time stamp than an answer has: the rest cannot be queried
            place.next, place.given = last + 1, set()

    def _failed(self, words: str) -> None:
        if words != self._at.failing:
            log.warning("Loki cannot be read", url=shown_url(self._entry.url), err=words)
        self._at.failing = words


def _lines_of(answer: Answer) -> list[tuple[Line, str]]:
    if len(answer.body) > MAX_BODY:
        raise DecodeError(f"query_range: more than {MAX_BODY} bytes for {LIMIT} lines")
    if answer.outcome is not Outcome.OK:
        raise DecodeError(f"{answer.reason.value}: {answer.detail}" if answer.reason else "no such page")
    return list(read_streams(answer.body))


def read_streams(body: bytes) -> Iterator[tuple[Line, str]]:
    """Lines of an answer, each with its stream as text. Raises `DecodeError`."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise DecodeError("query_range: no JSON") from None
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or answer.get("status") != "success":
        raise DecodeError("query_range: no success in the answer")
    if data.get("resultType") != "streams":
        raise DecodeError("query_range: no streams; the query must be a stream selector")
    streams = data.get("result")
    for stream in streams if isinstance(streams, list) else ():
        yield from _lines(stream)


def _lines(stream: Any) -> Iterator[tuple[Line, str]]:
    match stream:
        case {"stream": dict(labels), "values": list(values)}:
            name = json.dumps(labels, sort_keys=True)
            process = process_of(labels)
            for value in values:
                at, text = _value(value)
                yield Line(at, process, text), name
        case _:
            raise DecodeError("query_range: a stream without labels or values")


def _value(value: Any) -> tuple[int, bytes]:
    match value:
        case [str(at), str(text), *_] if at.isascii() and at.isdigit() and len(at) < 20:
            return int(at), text.encode("utf-8", "replace")
    raise DecodeError("query_range: a value is no pair of time stamp and line")


def process_of(labels: Mapping[str, Any]) -> str:
    """The process a stream belongs to: its pod, else what else names one, "" where nothing does."""
    values = (labels.get(name) for name in PROCESS_LABELS)
    found = next((value for value in values if isinstance(value, str) and value), "")
    return found.rpartition("/")[2][:MAX_PROCESS].encode("utf-8", "replace").decode()
