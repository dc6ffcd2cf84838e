"""Who may ask now."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from exporter.model.pages import Answer, Outcome, Reason
from exporter.sources.http import concurrency
from exporter.sources.http.concurrency import Places

pytestmark = pytest.mark.asyncio
HUNG = Answer(Outcome.FAILED, Reason.TIMEOUT)
FINE = Answer(Outcome.OK)


async def _how_many_get_in(room: Places, url: str, wanted: int) -> int:
    """Try to stand in `wanted` places of one target at once; all are left again."""
    async with AsyncExitStack() as stack:
        for count in range(wanted):
            try:
                await asyncio.wait_for(stack.enter_async_context(room.place(url)), 0.05)
            except TimeoutError:
                return count
        return wanted


async def test_a_target_has_its_own_places_and_one_only_after_silence() -> None:
    room = Places(common=10, per_target=3)
    assert await _how_many_get_in(room, "a", 5) == 3
    room.learn("a", HUNG)
    assert await _how_many_get_in(room, "a", 5) == 1
    assert await _how_many_get_in(room, "b", 5) == 3
    room.learn("a", FINE)
    assert await _how_many_get_in(room, "a", 5) == 3


async def test_a_refused_connection_is_an_answer_and_no_silence() -> None:
    room = Places(common=10, per_target=3)
    room.learn("a", Answer(Outcome.FAILED, Reason.REFUSED))
    assert await _how_many_get_in(room, "a", 5) == 3


async def test_waiting_for_a_silent_server_gives_the_place_to_another_and_takes_one_back_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concurrency, "PATIENCE", 0.01)
    room = Places(common=1, per_target=1)
    async with asyncio.timeout(20), room.place("silent") as first:
        first.wait_for_server()
        async with room.place("healthy"):  # only because the first one gave up its place
            await first.take()  # the late have a room of their own
    assert await _how_many_get_in(room, "silent", 1) == 1


async def test_a_server_that_answers_in_time_keeps_its_place() -> None:
    room = Places(common=1, per_target=1)
    async with room.place("quick") as place:
        place.wait_for_server()
        await place.take()
        assert await _how_many_get_in(room, "other", 1) == 0
    assert await _how_many_get_in(room, "other", 1) == 1


async def test_no_target_is_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_MAX_SUSPECTS", 2)
    room = Places(common=10, per_target=2)
    for url in ("a", "b", "c"):
        room.learn(url, HUNG)
    assert await _how_many_get_in(room, "a", 2) == 2
    assert await _how_many_get_in(room, "c", 2) == 1
