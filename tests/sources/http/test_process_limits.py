"""What one process may cost in one cycle, and that large bodies are in memory one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from exporter.errors import FetchError
from exporter.model.pages import Outcome, Reason
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.sources.http.process_limits import Allowance, Spending, allowance_of
from exporter.sources.http.reply import LARGE
from tests.sources.wire import always, response, serve

SMALL = Allowance(requests=3, bytes=100, members=10, tokens=50, cpu=1.0)
BEYOND: list[Callable[[Spending], None]] = [
    lambda spending: spending.take_bytes(101),
    lambda spending: spending.take_members(11),
    lambda spending: spending.take_members(1, 51),
]


@pytest.mark.parametrize("spend", BEYOND)
def test_what_exceeds_its_share_is_refused_and_nothing_more_is_asked(
    spend: Callable[[Spending], None],
) -> None:
    spending = Spending(SMALL)
    spending.take_request()
    with pytest.raises(FetchError) as exceeded:
        spend(spending)
    assert exceeded.value.reason is Reason.TOO_LARGE
    with pytest.raises(FetchError) as refused:
        spending.take_request()
    assert refused.value.reason is Reason.BUDGET


def test_what_stays_within_its_share_is_let_pass() -> None:
    spending = Spending(SMALL)
    for _ in range(3):
        spending.take_request()
        spending.take_bytes(33)
        spending.take_members(3, 16)
    with pytest.raises(FetchError, match="3 requests"):
        spending.take_request()


def test_work_that_takes_the_whole_share_is_told_as_too_large_and_many_small_pieces_are_not() -> None:
    times = iter([0.0, 0.6, 1.0, 1.6, 2.0, 3.1])
    spending = Spending(SMALL, lambda: next(times))
    assert [spending.timed(lambda: "done") for _ in range(2)] == ["done", "done"]
    assert spending.cpu == pytest.approx(1.2)
    with pytest.raises(FetchError, match="1 seconds of CPU"):
        spending.timed(lambda: "done")


def test_the_share_grows_with_the_interval_and_has_room_for_the_largest_answers() -> None:
    assert allowance_of(15.0, 1).cpu == pytest.approx(1.5)
    assert allowance_of(1.0, 1).cpu == pytest.approx(0.5)
    assert allowance_of(15.0, 10**9).bytes == 2 * 10**9


@pytest.mark.asyncio
async def test_a_large_body_keeps_its_place_until_it_is_decoded_and_a_small_one_needs_none() -> None:
    large, small = response(bytes(LARGE + 1)), response(b"small")
    async with (
        serve(always(large)) as big,
        serve(always(small)) as other,
        Fetcher(FetchSettings(timeout=5.0)) as fetcher,
    ):
        first, second = Spending(), Spending()
        held = await fetcher.get(big, "/ring", spending=first)
        waiting = asyncio.create_task(fetcher.get(big, "/metrics", spending=second))
        assert (await fetcher.get(other, "/ring")).outcome is Outcome.OK
        assert not waiting.done()
        first.let_go(b"another body")
        await asyncio.sleep(0.05)
        assert not waiting.done()
        first.let_go(held.body)
        assert (await waiting).outcome is Outcome.OK
        second.let_go()
        assert (await fetcher.get(big, "/ring")).outcome is Outcome.OK


@pytest.mark.asyncio
async def test_a_body_that_fails_says_how_much_of_it_came_and_gives_its_place_back() -> None:
    cut = response(bytes(LARGE + 10), length=LARGE + 20)
    async with (
        serve(always(cut)) as target,
        Fetcher(FetchSettings(timeout=0.5)) as fetcher,
    ):
        for _ in range(2):
            answer = await fetcher.get(target, "/ring", spending=Spending())
            assert (answer.reason, answer.received) == (Reason.TIMEOUT, LARGE + 10)
