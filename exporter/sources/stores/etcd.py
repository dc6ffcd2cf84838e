"""etcd, read directly over its JSON gateway: `POST /v3/kv/range`, etcd 3.4 and later.

Each endpoint must return its cluster's id first. All pages of all prefixes are then read from one endpoint,
at one revision, so that they are consistent. Range requests are linearizable: an isolated member fails and
gives no outdated answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from exporter.config import Etcd
from exporter.errors import FetchError
from exporter.model.listed import grouped
from exporter.model.pages import Reason, Target
from exporter.model.stores import Decode, StoreRead
from exporter.sources.http.failures import plain
from exporter.sources.http.fetcher import Fetcher
from exporter.sources.stores.bounded_entries import Collected, as_it_is
from exporter.sources.stores.etcd_endpoint import (
    KIND,
    Endpoint,
    Header,
    KeyValue,
    Range,
    Session,
    end_of,
)
from exporter.sources.stores.refusals import COMPACTED, at_once

FIRST_PAGE = 1  # keys, of any size: the largest rings have 8 MB, and memory is bounded
MAX_PAGE = 10_000  # keys
PAGE_BYTES = 8 * 1024 * 1024  # of values, estimated from the last page
GRACE = 1.0  # seconds that the other endpoints have when the content is there
Sessions = dict[str, Session]
_SESSIONS: WeakKeyDictionary[Fetcher, dict[tuple[tuple[str, ...], str], Sessions]] = WeakKeyDictionary()


async def read_etcd(
    fetcher: Fetcher,
    store: Etcd,
    deadline: float | None = None,
    _used: Iterable[str] = (),
    decode: Decode = as_it_is,
    *,
    http: str = "",
) -> StoreRead[Any]:
    """All keys below the prefixes, from the first endpoint that gives all of them, or a failure of all.
    Endpoints of different clusters, now or at their last answer, are a failure too. Sessions are kept as long
    as the fetcher. `http` is the key of the store's HTTP settings.
    """
    if not store.urls:
        return Collected().failed(KIND, FetchError(Reason.REFUSED, "no endpoint is configured"))
    sessions = _SESSIONS.setdefault(fetcher, {}).setdefault((store.urls, store.username), {})
    endpoints = [
        Endpoint(
            fetcher,
            store,
            Target(KIND, url.rstrip("/"), source="store", http=http),
            sessions.setdefault(url, Session()),
            deadline,
        )
        for url in store.urls
    ]
    read = await _from_one_of(endpoints, store, decode)
    several = _clusters(endpoints)
    if len(several) > 1:
        parts = " | ".join(f"{', '.join(hosts)}" for hosts in several.values())
        text = f"its endpoints belong to {len(several)} clusters: {parts}; name those of one only"
        return _failed(endpoints, FetchError(Reason.MIXED, plain(text)))
    return read if isinstance(read, StoreRead) else _failed(endpoints, read)


async def _from_one_of(endpoints: list[Endpoint], store: Etcd, decode: Decode) -> StoreRead[Any] | FetchError:
    """The content from the endpoint that returns its revision first, else from the next one."""
    if not all(store.prefixes):
        return FetchError(Reason.FORBIDDEN, "only a configured prefix is read, never everything")
    errors: dict[str, FetchError] = {}
    started = time.monotonic()
    async with _headers(endpoints, store.prefixes[0]) as headers:
        async for endpoint, header in _answered(headers, errors):
            try:
                content = await _complete(endpoint, store, header, decode)
            except FetchError as error:
                errors[_host(endpoint)] = error
                continue
            unheard = [
                task for task, other in headers.items() if not task.done() and not other.session.cluster
            ]
            if unheard:
                await asyncio.wait(unheard, timeout=min(GRACE, time.monotonic() - started))
            return content
    return _none_of(errors)


@asynccontextmanager
async def _headers(
    endpoints: list[Endpoint], prefix: str
) -> AsyncIterator[dict[asyncio.Task[Header], Endpoint]]:
    tasks = {asyncio.create_task(endpoint.header(prefix)): endpoint for endpoint in endpoints}
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answered(
    tasks: dict[asyncio.Task[Header], Endpoint], errors: dict[str, FetchError]
) -> AsyncIterator[tuple[Endpoint, Header]]:
    """The endpoints that answer, in that order; `errors` gets the failures."""
    pending = set(tasks)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in (task for task in tasks if task in done):  # in the order of the configuration
            try:
                yield tasks[task], task.result()
            except FetchError as error:
                errors[_host(tasks[task])] = error


async def _complete(endpoint: Endpoint, store: Etcd, header: Header, decode: Decode) -> StoreRead[Any]:
    """Every prefix at one revision. Where that revision is compacted meanwhile, once more at a new one."""
    for again in (True, False):
        found = Collected(decode)
        try:
            await at_once(_read_prefix(endpoint, prefix, header.revision, found) for prefix in store.prefixes)
        except FetchError as error:
            if not (again and COMPACTED in error.detail):
                raise
            header = await endpoint.header(store.prefixes[0])
        else:
            break
    if endpoint.first is not None:
        found.witness(endpoint.first)
    await found.finish()
    return found.ok(KIND, store.prefixes, header.cluster_id, header.revision)


async def _read_prefix(endpoint: Endpoint, prefix: str, revision: int, collected: Collected) -> None:
    start, end = prefix.encode(), end_of(prefix.encode())
    limit = FIRST_PAGE
    while start:
        try:
            page = await endpoint.range(start, end, prefix, limit=str(limit), revision=str(revision))
        except FetchError as error:
            if error.reason is not Reason.TOO_LARGE or limit == 1:
                raise
            limit = max(1, limit // 8)
            continue
        start, limit = _taken(page, start, end, collected)
        del page
        await collected.settle()


def _taken(page: Range, start: bytes, end: bytes, collected: Collected) -> tuple[bytes, int]:
    """Take the keys of a page; returns where the next page begins, or nothing, and its number of keys."""
    for entry in _in_order(page.kvs, start, end):
        collected.add(entry.key.decode("utf-8", "backslashreplace"), entry.value, entry.mod_revision)
    # `count` is of all the rest. A server that ignores `limit` sends it at once; the count detects a server
    # that truncates its answer without `more`.
    if not page.more and page.count <= len(page.kvs):
        return b"", 0
    if not page.kvs:
        raise FetchError(Reason.DECODE, "fewer keys than announced")
    return page.kvs[-1].key + b"\0", _next_limit(page)


def _next_limit(page: Range) -> int:
    """As many keys as fill a page of `PAGE_BYTES`, estimated from this page."""
    mean = sum(len(entry.value) + len(entry.key) for entry in page.kvs) / len(page.kvs)
    return max(1, min(MAX_PAGE, int(PAGE_BYTES / max(mean, 1.0))))


def _in_order(entries: list[KeyValue], start: bytes, end: bytes) -> Iterator[KeyValue]:
    """The entries; raises `FetchError` where they leave the requested range or do not go forward."""
    last = None
    for entry in entries:
        if not start <= entry.key < end or (last is not None and entry.key <= last):
            raise FetchError(Reason.DECODE, "keys that were not requested")
        last = entry.key
        yield entry


def _clusters(endpoints: list[Endpoint]) -> dict[str, list[str]]:
    """Hosts by the cluster that they named, now or at their last answer."""
    return grouped((each.session.cluster, _host(each)) for each in endpoints if each.session.cluster)


def _none_of(errors: dict[str, FetchError]) -> FetchError:
    """Why no endpoint gave all: each reason with its endpoints; those to be mended by hand first."""
    if len(errors) == 1:
        return next(iter(errors.values()))
    alike = grouped(((error.reason, error.detail), host) for host, error in errors.items())
    order = sorted(alike, key=lambda refusal: refusal[0] not in (Reason.DENIED, Reason.TLS))
    text = "; ".join(f"{', '.join(alike[refusal])}: {refusal[1]}" for refusal in order)
    return FetchError(order[0][0], plain(text))


def _failed(endpoints: list[Endpoint], error: FetchError) -> StoreRead[Any]:
    found = Collected()
    first = next((endpoint.first for endpoint in endpoints if endpoint.first is not None), None)
    if first is not None:
        found.witness(first)
    return found.failed(KIND, error)


def _host(endpoint: Endpoint) -> str:
    return endpoint.url.partition("://")[2]
