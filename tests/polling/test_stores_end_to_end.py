"""A real Consul and a real etcd beside a demo cluster: compared rightly, and missed without harm."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from exporter.config import load_text
from exporter.demo import Demo, DemoSettings
from exporter.model.pages import Phase, Reason
from exporter.model.stores import RawStore
from exporter.model.views import Place
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.sources.stores.consul import read_consul
from exporter.sources.stores.etcd import read_etcd
from exporter.wiring import Watch
from tests import real_servers
from tests.real_servers import Server
from tests.recorded import Seen, seen_in
from tests.sources.stores.configured import consul_at, etcd_at

pytestmark = pytest.mark.real
PREFIXES = ("collectors/", "rulers/", "alertmanagers/", "ha-tracker/")
PRODUCTS = {"consul": "cortex", "etcd": "loki"}
EMPTY: Mapping[str, str] = MappingProxyType({})
PATIENCE = "20s"  # for a page, where every server answers; on a busy machine some take seconds
Look = Callable[[], Awaitable[Seen]]
Play = Callable[[Server, Look], Awaitable[None]]


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def put(server: Server, kind: str, values: Mapping[str, bytes], headers: Mapping[str, str] = EMPTY) -> None:
    for key, value in values.items():
        if kind == "consul":
            real_servers.call("PUT", f"{server.url}/v1/kv/{key}", value, dict(headers))
        else:
            body = {"key": text(key.encode()), "value": text(value)}
            real_servers.call("POST", f"{server.url}/v3/kv/put", body)


def delete(server: Server, kind: str, key: str) -> None:
    if kind == "consul":
        real_servers.call("DELETE", f"{server.url}/v1/kv/{key}")
    else:
        real_servers.call("POST", f"{server.url}/v3/kv/deleterange", {"key": text(key.encode())})


async def stored(demo: Demo, kind: str) -> Mapping[str, bytes]:
    """What the demo's own store holds, as bytes."""
    async with Fetcher(FetchSettings()) as fetcher:
        read: RawStore
        if kind == "consul":
            read = await read_consul(fetcher, consul_at(demo.store_url, PREFIXES))
        else:
            read = await read_etcd(fetcher, etcd_at((demo.store_url,), PREFIXES))
    assert read.values, read.detail
    return read.values


def config(demo: Demo, kind: str, url: str, timeout: str = PATIENCE) -> Any:
    place = {"url": url} if kind == "consul" else {"urls": [url]}
    told = {
        "targets": [{"static": {"urls": list(demo.urls)}}],
        "stores": {kind: place},
        "http_client": {"timeout": timeout},
        "interval": "60s",
    }
    return load_text(yaml.safe_dump(told))


def run(kind: str, phase: Phase, server: Server, play: Play, timeout: str = PATIENCE) -> None:
    """A demo held in a phase, its values in the real server, and `play` with both."""

    async def scenario() -> None:
        settings = DemoSettings(
            product=PRODUCTS[kind], size=3, tokens=16, start_phase=phase, hold=True, manual=True
        )
        async with Demo(settings) as demo:
            await demo.advance(120)
            put(server, kind, await stored(demo, kind))
            async with Watch(config(demo, kind, server.url, timeout)) as watch:

                async def look() -> Seen:
                    return seen_in(await watch.poller.cycle())

                await play(server, look)

    asyncio.run(scenario())


def servers(kind: str, folder: Path) -> Any:
    return real_servers.consul(folder) if kind == "consul" else real_servers.etcd(folder)


def lines(seen: Seen, metric: str, *labels: str) -> set[float]:
    return set(seen.values(metric, *labels).values())


def is_whole(seen: Seen) -> bool:
    """Whether everything but the store was read and judged as ever."""
    up = lines(seen, "target_up", "target") == {1.0}
    states = seen.values("ring_members", "key", "state", "member_zone", "group")
    active = {key.split()[0] for key, count in states.items() if " active" in key and count}
    return up and len(active) >= 3 and lines(seen, "gossip_clusters") == {1.0}


@pytest.mark.parametrize("kind", PRODUCTS)
def test_a_store_as_primary(kind: str, tmp_path: Path) -> None:
    async def play(server: Server, look: Look) -> None:
        seen = await look()
        assert seen.value("store_up", store=kind) == 1
        assert {key.source.place for key in seen.snapshot.keys if key.members} == {"store"}
        assert lines(seen, "secondary_key_missing", "key") == {0.0}
        assert lines(seen, "secondary_missing_members", "key") == {0.0}
        assert lines(seen, "secondary_mismatched_members", "key", "field") == {0.0}
        assert is_whole(seen)
        delete(server, kind, "collectors/ring")
        lost = await look()
        assert lost.value("ring_shrunk_members", key="collectors/ring") == 3
        assert lost.value("secondary_extra_members", key="collectors/ring") == 3

    with servers(kind, tmp_path) as server:
        run(kind, Phase.MIRRORING, server, play)


@pytest.mark.parametrize("kind", PRODUCTS)
def test_a_store_as_secondary(kind: str, tmp_path: Path) -> None:
    async def play(server: Server, look: Look) -> None:
        seen = await look()
        assert {key.source.place for key in seen.snapshot.keys if key.members} == {Place.RING_PAGE}
        assert {key.secondary.store for key in seen.snapshot.keys if key.secondary} == {kind}
        assert lines(seen, "secondary_key_missing", "key") == {0.0}
        assert lines(seen, "secondary_missing_members", "key") == {0.0}
        delete(server, kind, "collectors/compactor")
        missing = (await look()).values("secondary_key_missing", "key")
        assert {key for key, value in missing.items() if value} == {"collectors/compactor"}

    with servers(kind, tmp_path) as server:
        run(kind, Phase.SWITCHED, server, play)


@pytest.mark.parametrize("kind", PRODUCTS)
def test_a_primary_that_freezes_comes_back_and_stops(kind: str, tmp_path: Path) -> None:
    async def play(server: Server, look: Look) -> None:
        before = await look()
        server.freeze()
        frozen = await look()
        assert frozen.value("store_up", store=kind) == 0
        assert frozen.snapshot.stores[0].reason in {Reason.TIMEOUT, Reason.DEADLINE}
        assert not frozen.values("store_keys", "store")
        for metric in ("secondary_key_missing", "secondary_missing_members", "ring_shrunk_members"):
            assert lines(frozen, metric, "key") == lines(before, metric, "key") == {0.0}
        assert is_whole(frozen)
        server.thaw()
        assert (await look()).value("store_up", store=kind) == 1
        server.stop()
        stopped = await look()
        assert stopped.value("store_up", store=kind) == 0
        assert stopped.snapshot.stores[0].reason is Reason.REFUSED
        assert lines(stopped, "secondary_key_missing", "key") == {0.0}, "the ring pages know the primary"
        assert is_whole(stopped)

    with servers(kind, tmp_path) as server:
        run(kind, Phase.MIRRORING, server, play, timeout="5s")


@pytest.mark.parametrize("kind", PRODUCTS)
def test_a_secondary_that_stops_is_neither_equal_nor_missing(kind: str, tmp_path: Path) -> None:
    async def play(server: Server, look: Look) -> None:
        assert (await look()).values("secondary_key_missing", "key")
        server.stop()
        seen = await look()
        assert seen.value("store_up", store=kind) == 0
        for metric in ("key_missing", "lag_seconds", "missing_members", "extra_members"):
            assert not seen.values(f"secondary_{metric}", "key"), "nobody knows"
        assert not seen.values("secondary_mismatched_members", "key", "field")
        assert is_whole(seen)

    with servers(kind, tmp_path) as server:
        run(kind, Phase.SWITCHED, server, play)


def test_a_store_that_denies_is_not_an_empty_store(tmp_path: Path) -> None:
    async def denied() -> None:
        settings = DemoSettings(
            product="cortex", size=3, tokens=16, start_phase=Phase.MIRRORING, hold=True, manual=True
        )
        async with Demo(settings) as demo:
            await demo.advance(120)
            async with Watch(config(demo, "consul", server.url)) as watch:
                seen = seen_in(await watch.poller.cycle())
        assert seen.value("store_up", store="consul") == 0
        assert seen.snapshot.stores[0].reason is Reason.DENIED
        assert lines(seen, "secondary_key_missing", "key") == {0.0}
        assert is_whole(seen)

    with real_servers.consul(tmp_path, acl=True) as server:
        asyncio.run(denied())
