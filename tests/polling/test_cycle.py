"""One cycle: what goes wrong in one place costs that place."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from exporter.decode.value import decode_value
from exporter.derive.judging_rules import Rules
from exporter.model.entry import State
from exporter.model.facts import Snapshot
from exporter.model.pages import Outcome, Value
from exporter.model.stores import StoreContent
from exporter.polling.cycle import Poller
from exporter.polling.poll_input import Plan
from exporter.polling.stores import decoded
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.sources.stores.bounded_entries import Collected
from tests.decode.pages import Made, stored

NOW = 1_800_000_000.0
MADE = Made("a", "10.0.0.1:9095", State.ACTIVE, "z", int(NOW), int(NOW) - 9, False, (1, 300))
GOOD, BAD = "collectors/ring", "collectors/distributor"


def test_a_bug_in_a_decoder_costs_the_stored_value_that_found_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def decode(key: str, body: bytes, **how: object) -> Value:
        if key == BAD:
            raise OverflowError("a number")
        return decode_value(key, body)

    async def read(_deadline: float, _used: frozenset[str]) -> StoreContent:
        found = Collected(partial(decoded, store="consul"))
        for key in (GOOD, BAD):
            found.add(key, stored([MADE]), 1)
        await found.finish()
        return found.ok("consul", ("collectors/",))

    async def cycle() -> Snapshot:
        async with Fetcher(FetchSettings()) as fetcher:
            return await Poller(Plan(lambda: (), fetcher, Rules(), stores=(read,)), now=lambda: NOW).cycle()

    monkeypatch.setattr("exporter.polling.stores.decode_value", decode)
    (store,) = asyncio.run(cycle()).stores
    assert store.outcome is Outcome.OK
    assert store.keys == 2
    assert dict(store.broken) == {BAD: "an error of the exporter itself; read its log"}
    (said,) = [record for record in caplog.records if record.name == "kvmigration.trouble"]
    assert vars(said)["fields"] == {"store": "consul", "key": BAD}
    assert said.exc_info
