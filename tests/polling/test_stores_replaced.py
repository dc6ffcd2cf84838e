"""Another store behind the address of the one that was read, with real servers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporter.demo import Demo, DemoSettings
from exporter.expose.wording import checks as wording
from exporter.model.facts import Snapshot
from exporter.model.gate import Verdict
from exporter.model.pages import Phase
from exporter.wiring import Watch
from tests.polling.test_stores_end_to_end import PRODUCTS, config, delete, put, servers, stored
from tests.real_servers import Server

pytestmark = pytest.mark.real
RESTING_ON_IT = ("store-read", "store-idle", "store-has-nothing-of-its-own")


class Door:
    """One address that leads to one server now and to another one later."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = ""
        self._open: set[asyncio.StreamWriter] = set()

    def lead_to(self, server: Server) -> None:
        self.server = server
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            listening.close()
            self.lead_to(self.server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = urlsplit(self.server.url)
        behind, answer = await asyncio.open_connection(there.hostname, there.port)
        self._open |= {writer, answer}
        await asyncio.gather(_pump(reader, answer), _pump(behind, writer), return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def verdicts(snapshot: Snapshot) -> dict[str, tuple[Verdict, str]]:
    step = next(step for step in snapshot.steps if step.name == "decommission-store")
    asked = (check for check in step.checks if check.id in RESTING_ON_IT)
    return {check.id: (check.verdict, wording.evidence(check)) for check in asked}


def fill(former: Server, other: Server, kind: str, values: Mapping[str, bytes]) -> None:
    """The same in both; the former one has come further. Consul takes an equal value as no change."""
    for number in range(30):
        put(former, kind, {"collectors/more": b"%d" % number})
    delete(former, kind, "collectors/more")
    for server in (former, other):
        put(server, kind, values)


@pytest.mark.parametrize("kind", PRODUCTS)
def test_another_store_behind_the_address_keeps_the_store_until_the_former_is_back(
    kind: str, tmp_path: Path
) -> None:
    async def scenario(former: Server, other: Server) -> None:
        shift = 0.0
        settings = DemoSettings(
            product=PRODUCTS[kind], size=3, tokens=16, start_phase=Phase.MIRRORING, hold=True, manual=True
        )
        door = Door(former)
        async with Demo(settings) as demo, door.open():
            await demo.advance(120)
            fill(former, other, kind, await stored(demo, kind))
            demo.cluster.set_phase(Phase.MEMBERLIST)
            await demo.advance(240)
            async with Watch(config(demo, kind, door.url), lambda: time.time() + shift) as watch:
                await watch.poller.cycle()
                shift = 40.0
                healthy = await watch.poller.cycle()
                door.lead_to(other)
                replaced = await watch.poller.cycle()
                shift = 400.0
                for_good = await watch.poller.cycle()
                door.lead_to(former)
                back = await watch.poller.cycle()
        seen = (healthy, replaced, for_good, back)
        assert [bool(snapshot.stores[0].replaced) for snapshot in seen] == [False, True, True, False]
        assert verdicts(healthy)["store-read"][0] is Verdict.PASSED
        for snapshot in (replaced, for_good):
            assert {verdict for verdict, _ in verdicts(snapshot).values()} == {Verdict.UNKNOWN}
            assert all("is not the store that it was" in text for _, text in verdicts(snapshot).values())
            assert "is not the store that it was" in " ".join(snapshot.fleet.warnings)
        assert any("is not the store that it was" in event.text for event in replaced.events)
        assert verdicts(back)["store-read"][0] is Verdict.PASSED

    with servers(kind, tmp_path / "former") as former, servers(kind, tmp_path / "other") as other:
        asyncio.run(scenario(former, other))
