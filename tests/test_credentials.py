"""No credential reaches a listener that no configuration names, whichever source of targets leads there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import Config, load_text
from exporter.sources.discovery.target_source import FoundTarget, Listing, is_no_process
from exporter.wiring import Watch
from tests.sources.wire import response

MARK = "MARKED"
SECRETS = {
    "timeout": "2s",
    "basic_auth": {"username": "prom", "password": MARK},
    "headers": {"X-Scope-OrgID": MARK, "X-Api-Key": MARK},
}
METRICS = b'# TYPE cortex_build_info gauge\ncortex_build_info{version="1.18.0"} 1\n'
SEED, OTHER = "127.0.0.1", "127.0.0.2"


@dataclass
class Listener:
    """A process at one address that notes what it is sent."""

    port: int = 0
    pages: dict[str, bytes] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.heads.append(head)
                body = self.pages.get(head.split(" ")[1])
                writer.write(response(body) if body else response(b"no", "404 Not Found"))
                await writer.drain()
        writer.close()

    def is_told_a_secret(self) -> bool:
        """Whether anything it was sent is, or may hold, a credential."""
        assert self.heads, "it was never asked"
        return any(MARK in head or "authorization:" in head.lower() for head in self.heads)


@asynccontextmanager
async def listening(host: str, port: int = 0) -> AsyncIterator[Listener]:
    listener = Listener(pages={"/metrics": METRICS})
    server = await asyncio.start_server(listener.connected, host, port)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener


def config_of(*entries: dict[str, Any]) -> str:
    return yaml.safe_dump({"interval": "5s", "http_client": SECRETS, "targets": list(entries)})


NAMED: dict[str, dict[str, Any]] = {
    "static": {"urls": ["http://127.0.0.2:1"]},
    "dns": {"name": "mimir.example", "type": "A", "port": 80},
    "file": {"paths": ["/nowhere/*.yml"]},
    "http": {"url": "http://127.0.0.1:1/sd"},
    "kubernetes": {"namespace": "mimir"},
    "gossip": {"port": 80},
}
HERE, ELSEWHERE = {"credentials_for": ["127.0.0.0/8"]}, {"credentials_for": ["10.0.0.0/8"]}
CASES = [
    *((kind, {}, kind != "gossip") for kind in NAMED),
    *((kind, HERE, True) for kind in NAMED),
    *((kind, ELSEWHERE, False) for kind in NAMED),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("kind", "more", "told"), CASES)
async def test_each_source_sends_credentials_where_the_configuration_says_so(
    kind: str, more: dict[str, Any], told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(SEED) as seed, listening(OTHER) as other:
        seeds = {"static": {"urls": [f"http://{SEED}:{seed.port}"]}}
        watch = Watch(load_text(config_of(seeds, {kind: NAMED[kind], **more})))

        async def find() -> Listing:
            return Listing((FoundTarget(OTHER, other.port),))

        monkeypatch.setattr(watch.discovery.slots[1].source, "find", find)
        async with watch:
            await watch.poller.cycle()
        assert other.is_told_a_secret() is told
        assert seed.is_told_a_secret()


@pytest.mark.asyncio
async def test_a_member_that_a_seed_lists_is_asked_without_any_credential() -> None:
    async with listening(SEED) as seed, listening(OTHER, seed.port) as other:
        members = [{"Name": "m", "Addr": OTHER, "Port": 7946, "State": 0}]
        seed.pages["/memberlist"] = json.dumps({"SortedMembers": members, "Store": {}, "Now": None}).encode()
        static = {"static": {"urls": [f"http://{SEED}:{seed.port}"]}}
        async with Watch(load_text(config_of(static, {"gossip": {"port": seed.port}}))) as watch:
            for _ in range(2):
                await watch.poller.cycle()
        assert not other.is_told_a_secret()
        assert seed.is_told_a_secret()


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["consul", "etcd", "loki"])
async def test_a_store_and_loki_get_credentials_of_their_own_and_none_of_the_processes(kind: str) -> None:
    """Before a reload that adds another entry before theirs, and after it."""
    async with listening(SEED) as seed, listening(OTHER) as asked, listening(OTHER) as further:

        def entry(listener: Listener, key: str) -> dict[str, Any]:
            url = f"http://{OTHER}:{listener.port}"
            place = {"urls": [url]} if kind == "etcd" else {"url": url}
            more = {"query": '{namespace="mimir"}'} if kind == "loki" else {}
            named = {} if kind == "loki" else {"name": key}
            return {**named, kind: {**place, **more, "http_client": {"headers": {"X-Key": key}}}}

        def config(*entries: dict[str, Any]) -> Config:
            told = yaml.safe_load(config_of({"static": {"urls": [f"http://{SEED}:{seed.port}"]}}))
            block = "rejections" if kind == "loki" else "stores"
            return load_text(yaml.safe_dump({**told, block: list(entries)}))

        async with Watch(config(entry(asked, "first"))) as watch:
            await watch.poller.cycle()
            await watch.replace(config(entry(further, "second"), entry(asked, "first")))
            before = len(asked.heads)
            await watch.poller.cycle()
        assert len(asked.heads) > before
        for listener, key, foreign in ((asked, "first", "second"), (further, "second", "first")):
            assert not listener.is_told_a_secret()
            assert all(f"X-Key: {key}" in head and foreign not in head for head in listener.heads)


@pytest.mark.asyncio
async def test_a_list_that_turns_https_into_plain_text_gets_no_credential(tmp_path: Path) -> None:
    async with listening(OTHER) as other:
        group = {"targets": [f"{OTHER}:{other.port}"], "labels": {"__scheme__": "http"}}
        (tmp_path / "sd.json").write_text(json.dumps([group]))
        entry = {"file": {"paths": [f"{tmp_path}/sd.json"], "scheme": "https"}}
        async with Watch(load_text(config_of(entry))) as watch:
            await watch.poller.cycle()
        assert not other.is_told_a_secret()


@pytest.mark.asyncio
async def test_a_redirect_to_another_listener_is_not_followed() -> None:
    async with listening(SEED) as seed, listening(OTHER, seed.port) as other:
        there = f"http://{OTHER}:{seed.port}/metrics"

        async def away(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(response(b"", "302 Found", {"Location": there}))
            writer.close()

        async with await asyncio.start_server(away, SEED) as server:
            port = server.sockets[0].getsockname()[1]
            static = {"static": {"urls": [f"http://{SEED}:{port}"]}}
            async with Watch(load_text(config_of(static))) as watch:
                await watch.poller.cycle()
        assert other.heads == []


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", sorted(NAMED.keys() - {"static"}))
async def test_no_list_makes_us_ask_a_metadata_service(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(load_text(config_of({"static": {"urls": ["http://127.0.0.1:1"]}}, {kind: NAMED[kind]})))

    async def find() -> Listing:
        return Listing(
            (
                FoundTarget("169.254.169.254", 80),
                FoundTarget("fd00:ec2::254", 80),
                FoundTarget("10.0.0.1", 80),
            )
        )

    monkeypatch.setattr(watch.discovery.slots[1].source, "find", find)
    await watch.discovery.refresh()
    assert [target.name for target in watch.targets()] == ["10.0.0.1:80", "127.0.0.1:1"]
    (status,) = watch.discovery.slots[1:]
    assert status.detail == "2 at addresses where no process can be: left out"
    assert not is_no_process("mimir.example")
