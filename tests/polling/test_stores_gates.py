"""The whole gate beside a real Consul or etcd: what keeps it shut is said, and its healthy twin opens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.demo.pages import config as pages
from exporter.demo.simulation.products import HA
from tests import real_servers
from tests.polling.store_gates import Stage, Told, stage
from tests.polling.test_stores_end_to_end import PRODUCTS, delete, put, servers
from tests.polling.test_stores_replaced import Door
from tests.real_servers import MASTER_TOKEN, Server

pytestmark = pytest.mark.real
LAST, SWITCH = "decommission-store", "switch-primary"
Play = Callable[[Stage], Awaitable[None]]


def run(kind: str, play: Play) -> None:
    async def scenario() -> None:
        async with stage(kind) as made:
            await play(made)

    asyncio.run(scenario())


def store(kind: str, *servers: Server | Door, **more: Any) -> dict[str, Any]:
    urls = [server.url for server in servers]
    return {kind: {"url": urls[0]} | more if kind == "consul" else {"urls": urls} | more}


def shut(told: Told, *words: str) -> None:
    assert not told.opened, told
    for part in words:
        assert part in told.text


def opened(told: Told) -> None:
    assert told.statuses[-1] == 0, told.text


# 1. Every used prefix is covered, or unknown.


@pytest.mark.parametrize("kind", PRODUCTS)
def test_a_key_below_a_prefix_that_is_not_read_keeps_the_store(kind: str, tmp_path: Path) -> None:
    async def play(made: Stage) -> None:
        await made.write(server)
        await made.finish()
        async with made.watch(store(kind, server)) as watch:
            opened(await made.ask(watch, LAST))
        quiet = {"ha-tracker/acme/quiet": b"x", "collectors/ring-of-old": b"x"}
        put(server, kind, quiet)
        async with made.watch(store(kind, server, prefixes=["other/"])) as watch:
            told = await made.ask(watch, LAST)
        shut(told, "collectors/", "is used or configured, and not read in")

    with servers(kind, tmp_path) as server:
        run(kind, play)


def test_a_tracker_entry_in_a_consul_of_which_the_rings_alone_are_read_keeps_it(tmp_path: Path) -> None:
    async def play(made: Stage) -> None:
        made.lost = lambda key: key.startswith("ha-tracker/")
        await made.write(server)
        await made.finish()
        put(server, "consul", {"ha-tracker/acme/quiet": b"x"})
        async with made.watch(store("consul", server, prefixes=["collectors/", "rulers/"])) as watch:
            told = await made.ask(watch, LAST)
        shut(told, "ha-tracker/", "is used or configured, and not read in consul")

    with servers("consul", tmp_path) as server:
        run("consul", play)


# 2. The same store as before.


def test_two_clusters_in_urls_keep_the_store_also_when_one_of_them_stops(tmp_path: Path) -> None:
    async def play(made: Stage) -> None:
        await made.write(one, other)
        await made.finish()
        async with made.watch(
            {"etcd": {"urls": [one.url, one.url.replace("127.0.0.1", "localhost")]}}
        ) as watch:
            opened(await made.ask(watch, LAST))
        async with made.watch(store("etcd", one, other)) as watch:
            shut(await made.ask(watch, LAST), "its endpoints belong to 2 clusters")
            one.stop()
            shut(await made.ask(watch, LAST), "its endpoints belong to 2 clusters")

    with servers("etcd", tmp_path / "one") as one, servers("etcd", tmp_path / "other") as other:
        run("etcd", play)


@pytest.mark.parametrize("kind", PRODUCTS)
def test_a_store_that_was_replaced_while_the_exporter_was_down_keeps_it(kind: str, tmp_path: Path) -> None:
    async def play(made: Stage) -> None:
        door = Door(former)
        async with door.open():
            told = {"stores": store(kind, door), "state_file": str(tmp_path / "history.json")}
            for number in range(30):
                put(former, kind, {"collectors/more": b"%d" % number})
            await made.write(former, other)
            delete(former, kind, "collectors/more")
            await made.finish()
            async with made.watch(**told) as watch:
                opened(await made.ask(watch, LAST))
            async with made.watch(**told) as watch:
                opened(await made.ask(watch, LAST))
            door.lead_to(other)
            async with made.watch(**told) as watch:
                shut(await made.ask(watch, LAST), "is not the store that it was")
            async with made.watch(told["stores"]) as watch:
                opened(await made.ask(watch, LAST))
            door.lead_to(former)
            async with made.watch(**told) as watch:
                opened(await made.ask(watch, LAST))

    with servers(kind, tmp_path / "former") as former, servers(kind, tmp_path / "other") as other:
        run(kind, play)


@pytest.mark.parametrize("kind", PRODUCTS)
def test_a_store_without_a_key_keeps_it(kind: str, tmp_path: Path) -> None:
    async def play(made: Stage) -> None:
        await made.finish()
        async with made.watch(store(kind, server)) as watch:
            shut(await made.ask(watch, LAST), "no key is in it below collectors/")

    with servers(kind, tmp_path) as server:
        run(kind, play)


# 3. The store of the processes.


def test_tracker_entries_that_pages_show_and_the_read_consul_lacks_keep_the_primary(tmp_path: Path) -> None:
    async def play(made: Stage) -> None:
        async with made.watch(store("consul", server)) as watch:
            opened(await made.ask(watch, SWITCH, server))
        for key in [key for key in keys_of(server) if key.startswith("ha-tracker/")]:
            delete(server, "consul", key)
        made.lost = lambda key: key.startswith("ha-tracker/")
        async with made.watch(store("consul", server)) as watch:
            told = await made.ask(watch, SWITCH, server)
        shut(told, "ha-tracker/: consul lacks", "HA clusters, which a process shows")

    with servers("consul", tmp_path) as server:
        run("consul", play)


def test_a_policy_that_hides_the_tracker_keeps_the_primary(tmp_path: Path) -> None:
    whole = 'key_prefix "" { policy = "read" }'
    hidden = whole + ' key_prefix "ha-tracker/" { policy = "deny" }'

    async def play(made: Stage) -> None:
        made.headers = {"X-Consul-Token": MASTER_TOKEN}
        for name, rules in (("whole", whole), ("hidden", hidden)):
            file = tmp_path / name
            file.write_text(token(server, name, rules))
            async with made.watch(store("consul", server, token_file=str(file))) as watch:
                told = await made.ask(watch, SWITCH, server)
            if name == "whole":
                opened(told)
            else:
                shut(told, "the policy of the token in token_file hides ha-tracker/")

    with real_servers.consul(tmp_path, acl=True) as server:
        run("consul", play)


def test_a_tracker_in_a_second_consul_that_is_not_read_keeps_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kvstore = pages.kvstore

    def elsewhere(cluster: Any, process: Any, key: str) -> Any:
        block = kvstore(cluster, process, key)
        if key == HA:
            block["consul"]["host"] = "consul-ha:8500"
        return block

    monkeypatch.setattr(pages, "kvstore", elsewhere)

    async def play(made: Stage) -> None:
        file = str(tmp_path / "history.json")
        async with made.watch(store("consul", rings), state_file=file) as watch:
            await made.ask(watch, LAST, rings, tracker)
            await made.finish()
            words = "ha-tracker/ (in consul-ha:8500) is used or configured, and not read in consul"
            shut(await made.ask(watch, LAST), words)
        async with made.watch(store("consul", rings), state_file=file) as watch:
            shut(await made.ask(watch, LAST), words)
        both = [
            {"name": "rings"} | store("consul", rings, known_as=["127.0.0.1:8500"]),
            {"name": "tracker"} | store("consul", tracker, known_as=["consul-ha:8500"]),
        ]
        async with made.watch(both, state_file=file) as watch:
            opened(await made.ask(watch, LAST))

    with servers("consul", tmp_path / "rings") as rings, servers("consul", tmp_path / "tracker") as tracker:
        run("consul", play)


# 4. An empty primary proves nothing.


@pytest.mark.parametrize("kind", PRODUCTS)
def test_an_empty_primary_keeps_it_and_blames_no_cluster(kind: str, tmp_path: Path) -> None:
    async def play(made: Stage) -> None:
        async with made.watch(store(kind, server)) as watch:
            told = await made.ask(watch, SWITCH)
        shut(told, f"collectors/ring: {kind} lacks", "which a process shows")
        assert "margin -" not in told.text
        assert "unknown" in told.text
        async with made.watch(store(kind, server)) as watch:
            opened(await made.ask(watch, SWITCH, server))

    with servers(kind, tmp_path) as server:
        run(kind, play)


def keys_of(server: Server) -> list[str]:
    told: list[str] = json.loads(real_servers.call("GET", f"{server.url}/v1/kv/?keys"))
    return told


def token(server: Server, name: str, rules: str) -> str:
    """A Consul token for a policy with these rules."""
    url, master = f"{server.url}/v1/acl", {"X-Consul-Token": MASTER_TOKEN}
    real_servers.call("PUT", f"{url}/policy", {"Name": name, "Rules": rules}, master)
    made = json.loads(real_servers.call("PUT", f"{url}/token", {"Policies": [{"Name": name}]}, master))
    return str(made["SecretID"])
