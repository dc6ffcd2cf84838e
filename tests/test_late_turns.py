"""A process that goes on alone keeps its turn: many are late on a busy machine, none costs more for it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from exporter.polling.cycle import Poller
from exporter.polling.poll_input import Plan

NOW = 1_000.0


class Late:
    """What `Poller` does with a late process, noted."""

    def __init__(self, read_at: float, since: float) -> None:
        self.memory = SimpleNamespace(
            rings_read_at=read_at, values_read_at=read_at, since=since, not_responding=False
        )
        self.target = SimpleNamespace(name="late")
        self.metrics = SimpleNamespace(reason=None)
        self.did: list[str] = []

    async def read_rings(self) -> None:
        self.did.append("rings")

    def put_off_rings(self) -> None:
        self.did.append("put off")

    async def read_gossip(self) -> None:
        self.did.append("gossip")

    async def read_values(self, chosen: Any) -> None:
        self.did.append("values")


@pytest.mark.parametrize(
    ("sweep", "read_at", "since", "did"),
    [
        (15.0, NOW - 15, NOW - 60, {"rings", "gossip", "values"}),  # everything is read in every cycle
        (300.0, NOW - 30, NOW - 60, {"put off", "gossip"}),
        (300.0, NOW - 299, NOW - 600, {"rings", "gossip", "values"}),
        (300.0, 0.0, NOW - 30, {"put off", "gossip"}),  # seen a moment ago, never read: not all at once
        (300.0, 0.0, NOW - 299, {"rings", "gossip", "values"}),
        (None, 0.0, NOW, {"rings", "gossip", "values"}),  # the first cycle
        (0.0, 0.0, NOW, {"rings", "gossip", "values"}),  # no process is prompt
    ],
)
def test_a_late_process_is_read_in_full_when_its_turn_comes(
    sweep: float | None, read_at: float, since: float, did: set[str]
) -> None:
    poller = Poller(Plan(targets=tuple, fetcher=cast(Any, None), rules=cast(Any, None)), now=lambda: NOW)
    poller.snapshot = None if sweep is None else cast(Any, SimpleNamespace(sweep_seconds=sweep))
    poller._memories = {"late": cast(Any, None)}
    late = Late(read_at, since)
    asyncio.run(poller._rest(cast(Any, late)))
    assert set(late.did) == did
