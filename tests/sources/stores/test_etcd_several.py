"""etcd's several endpoints and pages: one that hangs, two clusters, a compaction, pages of every size."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path

import pytest

from exporter.config import Etcd
from exporter.model.pages import Outcome, Reason
from exporter.model.stores import RawStore
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.sources.stores import etcd
from exporter.sources.stores.etcd import read_etcd
from tests import real_servers
from tests.sources.etcd_server import COMPACTED, UNKNOWN, Asked, empty_but, etcd_server, page
from tests.sources.stores.configured import etcd_at
from tests.sources.wire import Headers, always, hang, once, serve

PREFIXES = ("collectors/", "rulers/", "alertmanagers/", "ha-tracker/")
QUICK = FetchSettings(timeout=0.5)
asynchronous = pytest.mark.asyncio


async def _read(settings: Etcd, fetch: FetchSettings = QUICK) -> RawStore:
    async with Fetcher(fetch, clock=lambda: 77.0) as fetcher:
        return await read_etcd(fetcher, settings)


@asynchronous
async def test_an_endpoint_that_hangs_costs_the_others_nothing() -> None:
    alive = empty_but("collectors/", page("collectors/a"))
    async with serve(hang) as dead, serve(alive) as target:
        settings = etcd_at((dead.url, target.url), PREFIXES)
        async with Fetcher(FetchSettings(timeout=30)) as fetcher, asyncio.timeout(5):
            outcomes = [(await read_etcd(fetcher, settings)).outcome for _ in range(3)]
    assert outcomes == [Outcome.OK] * 3


@asynchronous
async def test_endpoints_of_two_clusters_are_no_store_also_when_one_has_stopped() -> None:
    answers = [always(page(cluster=cluster)) for cluster in ("1", "1", "2")]
    async with serve(answers[0]) as one, serve(answers[1]) as same, Fetcher(QUICK) as fetcher:
        healthy = await read_etcd(fetcher, etcd_at((one.url, same.url), PREFIXES))
        async with serve(answers[2]) as other:
            settings = etcd_at((other.url, one.url, same.url), PREFIXES)
            both = await read_etcd(fetcher, settings)
        stopped = await read_etcd(fetcher, settings)
    assert (healthy.outcome, healthy.cluster) == (Outcome.OK, "1")
    for got in (both, stopped):
        assert (got.outcome, got.reason, got.values) == (Outcome.FAILED, Reason.MIXED, {})
        assert got.detail == (
            f"its endpoints belong to 2 clusters: {other.name} | {one.name}, {same.name}; "
            "name those of one only"
        )


@asynchronous
async def test_each_endpoint_says_why_it_did_not_answer() -> None:
    async with serve(always(UNKNOWN)) as denying, serve(once(b"")) as closing:
        settings = etcd_at((closing.url, denying.url, "http://127.0.0.1:9"), ("collectors/",), "kvm", "x")
        async with Fetcher(QUICK) as fetcher:
            got = await read_etcd(fetcher, settings)
    assert got.reason is Reason.DENIED, "what can be mended by hand comes first"
    for part in (
        f"{denying.name}: the user kvm may not read",
        f"{closing.name}: closed",
        "127.0.0.1:9: Conn",
    ):
        assert part in got.detail


@asynchronous
async def test_a_revision_that_is_compacted_while_it_is_read_is_read_once_more() -> None:
    compacted = 0

    def answer(_path: str, ask: Asked, _headers: Headers) -> bytes:
        nonlocal compacted
        if ask.get("count_only"):
            return page(revision=40 + compacted)
        if ask["revision"] == "40":
            compacted += 1
            return COMPACTED
        return page("collectors/a")

    async with serve(etcd_server(answer)) as target:
        got = await _read(etcd_at((target.url,), ("collectors/",)))
    assert (got.outcome, got.revision, set(got.values)) == (Outcome.OK, 41, {"collectors/a"})


@pytest.mark.real
@asynchronous
@pytest.mark.parametrize("compactions", [0, 1, 99])
async def test_a_real_etcd_that_compacts_between_two_pages_is_read_whole_or_not_at_all(
    compactions: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd, "MAX_PAGE", 1)
    keys, done = [f"collectors/{n}" for n in range(8)], 0

    def put(key: str) -> int:
        body = {"key": b64encode(key.encode()).decode(), "value": b64encode(b"x").decode()}
        told = json.loads(real_servers.call("POST", f"{server.url}/v3/kv/put", body))
        return int(told["header"]["revision"])

    def decode(_key: str, value: bytes) -> bytes:
        nonlocal done
        if done < compactions:
            done += 1
            body = {"revision": put("elsewhere"), "physical": True}
            real_servers.call("POST", f"{server.url}/v3/kv/compaction", body)
        return value

    with real_servers.etcd(tmp_path) as server:
        written = [put(key) for key in keys]
        async with Fetcher(FetchSettings(timeout=20)) as fetcher:
            got = await read_etcd(fetcher, etcd_at((server.url,), ("collectors/",)), decode=decode)
    if compactions == 99:
        assert (got.outcome, got.values) == (Outcome.FAILED, {})
        assert "compacted" in got.detail
    else:
        assert (got.outcome, sorted(got.values)) == (Outcome.OK, keys)
        assert got.revision == written[-1] + compactions


@asynchronous
async def test_pages_grow_where_values_are_small_and_shrink_where_they_do_not_fit() -> None:
    small = [f"collectors/{n:05}" for n in range(3000)]
    limits: list[int] = []

    def answer(_path: str, ask: Asked, _headers: Headers) -> bytes:
        if ask.get("count_only"):
            return page()
        limits.append(int(ask["limit"]))
        rest = [key for key in small if key >= ask["key"]]
        sent = rest[: limits[-1]]
        return page(*sent, more=len(sent) < len(rest), count=len(rest))

    async with serve(etcd_server(answer)) as target:
        settings = etcd_at((target.url,), ("collectors/",))
        whole = await _read(settings, FetchSettings(timeout=5))
        assert (len(whole.values), len(limits)) == (3000, 2)
        limits.clear()
        tight = await _read(settings, FetchSettings(timeout=5, max_response_bytes=200_000))
    assert (len(tight.values), limits[1] > limits[2]) == (3000, True), limits
