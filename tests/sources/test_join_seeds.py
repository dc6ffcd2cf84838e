"""Names in `join_members`: the processes choose them, and no cycle waits for a zone that does not answer."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from exporter.sources.join_seeds import MAX_SEEDS, OF_ONE, Seeds, chosen

HONEST = ["gossip-ring.mimir:7946"]
TARPIT = [f"s{n:04}.evil.example:7946" for n in range(200)]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> None:
    tarpit = threading.Event()

    def answer(host: Any, *_: Any, **__: Any) -> Any:
        if "evil" in host:
            tarpit.wait(1.0)
            raise socket.gaierror(-3, "try again")
        if "gone" in host:
            raise socket.gaierror(-2, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.mark.asyncio
@pytest.mark.usefixtures("zone")
async def test_a_zone_that_does_not_answer_holds_up_neither_the_cycle_nor_the_others_names() -> None:
    seeds = Seeds()
    began = time.monotonic()
    found = await seeds.look_up([TARPIT, *([HONEST] * 9), ["gone.mimir:7946"], ["10.0.0.9:7946"]])
    assert time.monotonic() - began < 0.9
    assert found[HONEST[0]] == ""
    assert found["10.0.0.9:7946"] == ""
    assert found["gone.mimir:7946"].startswith("does not resolve")
    assert not set(TARPIT) & found.keys(), "what is unknown yet is not reported"
    await seeds.close()


@pytest.mark.asyncio
@pytest.mark.usefixtures("zone")
async def test_what_answered_later_is_known_in_a_later_cycle() -> None:
    seeds = Seeds()
    found = [await seeds.look_up([TARPIT[:1]]) for _ in range(4)]
    assert found[0] == {}
    assert found[-1][TARPIT[0]].startswith("does not resolve")
    await seeds.close()


def test_one_process_names_a_few_and_what_most_name_comes_first() -> None:
    names = chosen([TARPIT, HONEST, HONEST])
    assert names[0] == HONEST[0]
    assert len(names) == OF_ONE + 1
    assert len(chosen([[f"{n}.{m}" for m in range(OF_ONE)] for n in range(50)])) == MAX_SEEDS
