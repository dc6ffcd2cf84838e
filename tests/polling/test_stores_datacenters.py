"""Two Consul datacenters with a WAN join: the processes use the second, an agent of the first is asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests import real_servers
from tests.polling.store_gates import stage
from tests.real_servers import Server

pytestmark = pytest.mark.real
LAST, SWITCH = "decommission-store", "switch-primary"


def join(first: Server, second: Server) -> None:
    """Join the second datacenter, and wait until the first one reaches its store."""
    told = json.loads(real_servers.call("GET", f"{second.url}/v1/agent/self"))
    port = told["DebugConfig"]["SerfPortWAN"]
    real_servers.call("PUT", f"{first.url}/v1/agent/join/127.0.0.1:{port}?wan=1")
    real_servers.call("PUT", f"{second.url}/v1/kv/joined", b"x")
    assert real_servers.becomes_ready(
        first, lambda url: bool(real_servers.call("GET", f"{url}/v1/kv/joined?dc=dc2"))
    )


def store(server: Server, datacenter: str) -> dict[str, Any]:
    return {"consul": {"url": server.url, "datacenter": datacenter}}


def test_the_datacenter_that_the_processes_do_not_use_and_one_that_is_down_keep_every_gate(
    tmp_path: Path,
) -> None:
    async def scenario(first: Server, second: Server) -> None:
        async with stage("consul") as made:
            async with made.watch(store(first, "dc1")) as watch:
                other = await made.ask(watch, SWITCH, second)
            async with made.watch(store(first, "dc2")) as watch:
                theirs = await made.ask(watch, SWITCH, second)
            await made.finish()
            async with made.watch(store(first, "dc1")) as watch:
                without = await made.ask(watch, LAST)
            async with made.watch(store(first, "dc2")) as watch:
                idle = await made.ask(watch, LAST)
                second.stop()
                down = await made.ask(watch, LAST)
        assert not other.opened
        assert "collectors/ring: consul lacks" in other.text
        assert not without.opened
        assert "no key is in it below collectors/" in without.text
        for told in (theirs, idle):
            assert told.statuses[-1] == 0, told.text
        assert down.statuses[-1] != 0
        assert "Consul reaches no server of datacenter dc2" in down.text

    dc2: dict[str, object] = {"datacenter": "dc2"}
    with (
        real_servers.consul(tmp_path / "dc1") as first,
        real_servers.consul(tmp_path / "dc2", more=dc2) as second,
    ):
        join(first, second)
        asyncio.run(scenario(first, second))
