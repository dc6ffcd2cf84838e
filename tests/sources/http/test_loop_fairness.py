"""Work on the loop is spread over its rounds, and nobody waits for nothing."""

from __future__ import annotations

import asyncio

import pytest

from exporter.sources.http.loop_fairness import ROUND, Pace

pytestmark = pytest.mark.asyncio


class Rounds:
    """Counts the loop's rounds, and has a clock that only work moves."""

    def __init__(self) -> None:
        self.clock, self.number, self.worked_in = 0.0, 0, list[int]()
        self.pace = Pace(lambda: self.clock)

    async def work(self, seconds: float, *, body: bool = False) -> None:
        await (self.pace.wait_with_body() if body else self.pace.wait())
        self.clock += seconds
        self.worked_in.append(self.number)

    async def count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.number += 1


async def worked(*seconds: float) -> list[int]:
    """In which round each piece of work was done."""
    rounds = Rounds()
    counting = asyncio.create_task(rounds.count())
    await asyncio.gather(*(rounds.work(each) for each in seconds))
    counting.cancel()
    return rounds.worked_in


async def test_what_fits_into_one_round_is_done_in_one() -> None:
    assert len(set(await worked(*[ROUND / 10] * 9))) == 1


async def test_much_work_takes_many_rounds_each_of_which_is_short() -> None:
    found = await worked(*[ROUND / 2] * 20)
    assert len(found) == 20
    assert max(found.count(number) for number in found) <= 4  # the count goes on in the midst of a round


async def test_one_piece_that_is_too_long_is_done_all_the_same() -> None:
    assert len(await worked(3 * ROUND, 3 * ROUND, 3 * ROUND)) == 3


async def test_who_holds_a_body_goes_first_and_the_others_follow() -> None:
    rounds, done = Rounds(), list[bool]()

    async def work(*, body: bool) -> None:
        await rounds.work(ROUND, body=body)
        done.append(body)

    await rounds.pace.wait()
    rounds.clock += ROUND  # this round is used up
    await asyncio.gather(*(work(body=number % 3 == 0) for number in range(12)))
    assert done == [True] * 4 + [False] * 8


async def test_who_gives_up_with_a_body_keeps_nobody_waiting() -> None:
    rounds = Rounds()
    await rounds.pace.wait()
    rounds.clock += ROUND
    holding = asyncio.create_task(rounds.pace.wait_with_body())
    await asyncio.sleep(0)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    await asyncio.wait_for(rounds.work(ROUND), 1)


async def test_one_after_another_never_waits_long() -> None:
    rounds = Rounds()
    for _ in range(5):
        await asyncio.wait_for(rounds.work(ROUND), 1)
