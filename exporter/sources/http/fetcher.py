"""The one wrapper around every call to a process or a store.

::

    async with Fetcher(FetchSettings()) as fetcher:
        answer = await fetcher.get(target, "/ingester/ring", accept="application/json")

Every call has a time limit (connecting included), a cap on its body after decompression, a place in two
concurrency limits and a path that is on the allow-list. It ends as an `Answer`: ok, absent (404), or failed
with a `Reason`.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self, TypeVar

import aiohttp
from yarl import URL

from exporter.errors import FetchError
from exporter.model.pages import EMPTY, Answer, Outcome, Reason, Target
from exporter.sources.http import allow_list
from exporter.sources.http.concurrency import Places, Slot
from exporter.sources.http.failures import WIRE_ERRORS, failure_of
from exporter.sources.http.loop_fairness import Pace
from exporter.sources.http.parse_time_limit import Connector, CostlyAnswerError
from exporter.sources.http.process_limits import Spending
from exporter.sources.http.reply import Reply
from exporter.sources.name_resolution import Resolver

T = TypeVar("T")
MAX_PORT = 65_535
MAX_REDIRECTS = 3
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
_BASE = re.compile(rf"https?://{_HOST}(?P<prefix>/.*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class TargetAccess:
    """How one target is reached: `ssl` as aiohttp takes it, headers with the credentials in them. Its limits,
    if given, replace the common limits.
    """

    ssl: ssl.SSLContext | bool = True
    headers: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    server_hostname: str | None = None
    proxy: str | None = field(default=None, repr=False)
    proxy_headers: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    timeout: float | None = None
    max_response_bytes: int | None = None
    follow_redirects: bool | None = None


Access = Callable[[Target], TargetAccess]


def _plain_access(_target: Target) -> TargetAccess:
    return TargetAccess()


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """Limits of every call. `for_target` is called for each, so that rotated secrets take effect; it may
    raise `FetchError` or `OSError` where a secret cannot be read.
    """

    timeout: float = 5.0  # seconds, connecting included
    max_response_bytes: int = 64 * 1024 * 1024  # after decompression
    max_concurrency: int = 64
    per_target: int = 4
    follow_redirects: bool = True
    ring_pages: frozenset[str] = frozenset()  # paths named in the configuration, for `allow.is_ring_page`
    for_target: Access = _plain_access


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `path` is as it goes over the wire, below the target's own prefix."""

    target: Target
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    body: bytes | None = field(default=None, repr=False)
    index_header: str = ""  # a header with a number that the answer is to keep
    hiding_header: str = ""  # an answer with this header set to "true" is incomplete
    page: str = ""  # the label it is counted under, where that is not its path
    spending: Spending | None = None  # what the process that it goes to has cost in this cycle


class Fetcher:
    """All calls to processes and stores; an asynchronous context manager around one session.

    `counts` is the calls since start by (page, outcome).
    """

    def __init__(self, settings: FetchSettings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._places = Places(settings.max_concurrency, settings.per_target)
        self._session: aiohttp.ClientSession | None = None
        self.counts: Counter[tuple[str, str]] = Counter()
        self.pace = Pace()
        self._large = asyncio.Semaphore(1)

    @property
    def max_response_bytes(self) -> int:
        """The common cap on one answer."""
        return self._settings.max_response_bytes

    async def __aenter__(self) -> Self:
        connector = Connector(
            limit=0,  # our own limits come first; a second queue would only hide waiting
            limit_per_host=0,
            resolver=Resolver(),
            ttl_dns_cache=30,
            keepalive_timeout=75,  # longer than any sane interval, shorter than the servers' own
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=256 * 1024,
            headers={"User-Agent": "kvmigration-exporter", "Accept-Encoding": "gzip"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(  # noqa: PLR0913 - the request, and its bounds
        self,
        target: Target,
        path: str,
        *,
        accept: str = "*/*",
        query: Mapping[str, str] | None = None,
        deadline: float | None = None,
        spending: Spending | None = None,
    ) -> Answer:
        """One page of one process. `query` has plain values, `deadline` is a time of the running loop. Call
        `let_go` of `spending` when the body is no longer needed.
        """
        if query:
            path = f"{path}?{'&'.join(f'{key}={allow_list.encoded(value)}' for key, value in query.items())}"
        call = Call(
            target, path, headers={"Accept": accept}, page=allow_list.page_name(path), spending=spending
        )
        if not allow_list.is_allowed(path, self._settings.ring_pages):
            return self._counted("other", self._refused("this path is not on the allow-list"))
        return self._counted(call.page, await self._run(call, deadline))

    async def store_call(self, call: Call, *, deadline: float | None = None) -> Answer:
        """One call to Consul or etcd, for the store readers."""
        page = call.page or call.path.partition("?")[0]
        if not allow_list.is_store_call_allowed(call.method, call.path):
            return self._counted("other", self._refused("this call is not one that reads a store"))
        return self._counted(page, await self._run(call, deadline))

    async def log_call(self, call: Call, *, deadline: float | None = None) -> Answer:
        """One question to Loki's query API, for the reader of rejections."""
        if not allow_list.is_log_call_allowed(call.method, call.path):
            return self._counted("other", self._refused("this call is not one that reads logs"))
        return self._counted(call.page, await self._run(call, deadline))

    async def query_call(self, call: Call, *, deadline: float | None = None) -> Answer:
        """One question to Prometheus's query API, for the gate of several shards."""
        if not allow_list.is_metrics_query_allowed(call.method, call.path):
            return self._counted("other", self._refused("this call is not one that reads a value"))
        return self._counted(call.page, await self._run(call, deadline))

    def _counted(self, page: str, answer: Answer) -> Answer:
        self.counts[page, answer.outcome.value] += 1
        return answer

    def _refused(self, detail: str) -> Answer:
        return Answer(Outcome.FAILED, Reason.FORBIDDEN, detail, asked_at=self._clock())

    async def _run(self, call: Call, deadline: float | None) -> Answer:
        """Wait for a place, then send; every failure on the wire becomes an answer."""
        asked_at, started = self._clock(), time.monotonic()
        if deadline is not None and asyncio.get_running_loop().time() >= deadline:
            return _timed(_too_late(0.0, cycle_ended=True), asked_at, 0.0, 0)
        limit = 0.0  # seconds from the start of the call
        reply = Reply(self.pace, self._large, call.spending)
        left = asyncio.timeout_at(deadline)
        try:
            async with left, self._places.place(call.target.url) as place:
                asked_at, started, limit = self._clock(), time.monotonic(), self._settings.timeout
                access = _access(self._settings.for_target, call.target)
                limit = _given(access.timeout, limit)
                _end_by(left, asyncio.get_running_loop().time() + limit)
                answer = await self._follow(call, access, place, reply)
        except TimeoutError:
            answer = _too_late(limit, cycle_ended=left.expired() and left.when() == deadline)
        except (FetchError, *WIRE_ERRORS) as error:
            answer = Answer(Outcome.FAILED, *failure_of(error))
            if call.spending is not None and isinstance(error, CostlyAnswerError):
                call.spending.exhaust()
        if limit:
            self._places.learn(call.target.url, answer)
        return _timed(answer, asked_at, time.monotonic() - started, reply.received)

    async def _follow(self, call: Call, access: TargetAccess, place: Slot, reply: Reply) -> Answer:
        base, prefix = _base(call.target.url)
        follow = _given(access.follow_redirects, self._settings.follow_redirects)
        url = URL(base + prefix + call.path, encoded=True)
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._exchange(call, url, access, place, reply)
            if not isinstance(answer, str):
                return answer
            if call.method != "GET" or not follow:
                raise FetchError(Reason.REDIRECT, "it answers with a redirect")
            url = self._next_url(url, answer, prefix)
        raise FetchError(Reason.REDIRECT, f"more than {MAX_REDIRECTS} redirects")

    def _next_url(self, url: URL, location: str, prefix: str) -> URL:
        """Where a redirect may lead: the same scheme, host and port, and a path on the allow-list."""
        if not location or not location.isascii() or not location.isprintable() or len(location) > 2048:
            raise FetchError(Reason.REDIRECT, "it redirects to no plain URL")
        try:
            there = url.join(URL(location, encoded=True))
            same = there.origin() == url.origin() and there.raw_user is None
            server = f"{there.scheme}://{there.raw_host}"  # no path, no query: they may carry secrets
        except ValueError:
            raise FetchError(Reason.REDIRECT, "it redirects to no plain URL") from None
        if not same:
            raise FetchError(Reason.REDIRECT, f"it redirects to another scheme, host or port: {server}")
        path = there.raw_path_qs
        if not path.startswith(prefix) or not allow_list.is_allowed(
            path[len(prefix) :], self._settings.ring_pages
        ):
            where = _beginning(there.raw_path)
            raise FetchError(
                Reason.REDIRECT, f"it redirects to a path that is not on the allow-list: {where}"
            )
        return there

    async def _exchange(
        self, call: Call, url: URL, access: TargetAccess, place: Slot, reply: Reply
    ) -> Answer | str:
        """One request: the answer, or where it sends us instead."""
        if call.spending is not None:
            call.spending.take_request()
        if self._session is None:
            raise RuntimeError("the fetcher is not open: use it as `async with Fetcher(...)`")
        await self.pace.wait()
        place.wait_for_server()
        async with self._session.request(
            call.method,
            url,
            data=call.body,
            headers=_together(access.headers, call.headers),
            allow_redirects=False,
            ssl=access.ssl,
            server_hostname=access.server_hostname,
            proxy=access.proxy,
            proxy_headers=dict(access.proxy_headers) or None,
        ) as response:
            try:
                await place.take()
                if response.status in _REDIRECTS:
                    return response.headers.get("Location", "")
                if call.hiding_header and response.headers.get(call.hiding_header) == "true":
                    raise FetchError(Reason.DENIED, "the token may not read all keys")
                cap = _given(access.max_response_bytes, self._settings.max_response_bytes)
                return await reply.answer(response, cap, call.index_header)
            finally:
                if not response.content.at_eof():
                    response.close()  # never drain what a server goes on sending


def _beginning(path: str) -> str:
    """The first part of a path where it is a plain word, such as `/login`: the rest may carry secrets."""
    found = re.match(r"/[a-zA-Z_-]{0,20}(?=/|$)", path)
    return found[0] if found else "/…"


def _timed(answer: Answer, asked_at: float, duration: float, received: int) -> Answer:
    """As `dataclasses.replace` does it, in a third of the time."""
    return Answer(
        answer.outcome, answer.reason, answer.detail, answer.status, answer.body, answer.content_type,
        answer.date, asked_at, duration, answer.index, received,
    )  # fmt: skip


def _end_by(left: asyncio.Timeout, ends: float) -> None:
    """Shorten the time that is left."""
    when = left.when()
    if when is None or ends < when:
        left.reschedule(ends)


def _too_late(limit: float, *, cycle_ended: bool) -> Answer:
    if cycle_ended:
        return Answer(Outcome.FAILED, Reason.DEADLINE, "the cycle ended first")
    return Answer(Outcome.FAILED, Reason.TIMEOUT, f"no complete answer within {limit:g}s")


@lru_cache(maxsize=16_384)
def _base(target_url: str) -> tuple[str, str]:
    """A target's scheme, host and port, and its path prefix; raises `FetchError` for invalid URLs."""
    url = target_url.rstrip("/")
    match = _BASE.fullmatch(url)
    prefix = (match["prefix"] or "") if match else ""
    if match is None or not allow_list.is_prefix(prefix) or int(match["port"] or 80) > MAX_PORT:
        raise FetchError(Reason.FORBIDDEN, "a target's URL is scheme, host, port and a plain path prefix")
    return url[: len(url) - len(prefix)], prefix


def _access(hook: Access, target: Target) -> TargetAccess:
    try:
        return hook(target)
    except OSError:
        raise FetchError(Reason.DENIED, "its credentials or certificates could not be read") from None


def _given(own: T | None, common: T) -> T:
    return common if own is None else own


def _together(*parts: Mapping[str, str]) -> dict[str, str]:
    """All headers; a line break in one, from a file of secrets perhaps, is refused before it is sent."""
    headers = {name: value for part in parts for name, value in part.items()}
    for name, value in headers.items():
        if _CONTROL.search(name) or _CONTROL.search(value):
            raise FetchError(Reason.FORBIDDEN, "a configured header has a control character in it")
    return headers
