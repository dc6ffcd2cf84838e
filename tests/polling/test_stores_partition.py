"""A network that drops packets between the exporter and a real store, or inside etcd's cluster."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests import namespaces, real_servers
from tests.namespaces import Link
from tests.polling.store_gates import stage
from tests.polling.test_stores_end_to_end import PRODUCTS
from tests.real_servers import HERE, Server

pytestmark = pytest.mark.real
LAST = "decommission-store"
SOON: dict[str, Any] = {"http_client": {"timeout": "1s"}}


def inside(kind: str, folder: Path, link: Link) -> Any:
    return {"consul": real_servers.consul, "etcd": real_servers.etcd}[kind](folder, place=link.place)


def configured(kind: str, *urls: str) -> dict[str, Any]:
    return {kind: ({"url": urls[0]} if kind == "consul" else {"urls": list(urls)}) | SOON}


@pytest.mark.parametrize("kind", PRODUCTS)
def test_a_store_behind_a_network_that_drops_packets_is_not_read_and_is_the_same_one_after_it(
    kind: str, tmp_path: Path
) -> None:
    async def scenario(server: Server, link: Link) -> None:
        async with stage(kind) as made:
            await made.write(server)
            await made.finish()
            async with made.watch(configured(kind, server.url)) as watch:
                before = await made.ask(watch, LAST)
                link.cut()
                during = await made.ask(watch, LAST, looks=3)
                others = watch.poller.snapshot
                link.mend()
                after = await made.ask(watch, LAST)
        assert before.statuses[-1] == 0, before.text
        assert not during.opened
        assert f"{kind} was not read" in during.text
        assert others is not None
        assert all(target.up for target in others.targets), "it costs no process its reading"
        assert after.statuses[-1] == 0, after.text
        assert "is not the store that it was" not in after.text

    with namespaces.linked() as (link,), inside(kind, tmp_path, link) as server:
        asyncio.run(scenario(server, link))


def test_a_member_that_is_cut_off_from_its_etcd_is_not_believed(tmp_path: Path) -> None:
    async def scenario(members: tuple[Server, ...], link: Link) -> None:
        isolated, every = configured("etcd", members[2].url), [member.url for member in members]
        async with stage("etcd") as made:
            await made.write(members[0])
            await made.finish()
            async with made.watch(isolated) as alone, made.watch(configured("etcd", *every)) as whole:
                assert (await made.ask(alone, LAST)).statuses[-1] == 0
                link.cut()
                told = await made.ask(alone, LAST, looks=4)
                assert not told.opened
                assert "etcd was not read" in told.text
                majority = await made.ask(whole, LAST)
                assert majority.statuses[-1] == 0, majority.text
                link.mend()
                assert real_servers.is_whole(members[2])
                after = await made.ask(alone, LAST)
                assert after.statuses[-1] == 0, after.text

    with namespaces.linked(2) as (clients, peers):
        here = peers.host.rpartition(".")[0] + ".1"
        places = [(HERE, here), (HERE, here), (clients.place, peers.host)]
        with real_servers.etcd_cluster(tmp_path, places) as members:
            asyncio.run(scenario(members, peers))
