"""A deviation of one process shows within two cycles at any size, by name within three; where all is well
nobody is suspected.
"""

from __future__ import annotations

import pytest

from bench.deviations import DEVIATIONS, VIEWS, cycles_until_shown

pytestmark = [pytest.mark.asyncio]
SIZES = [pytest.param(size, marks=[pytest.mark.slow] if size > 300 else []) for size in VIEWS]


@pytest.mark.parametrize("what", DEVIATIONS)
@pytest.mark.parametrize("size", SIZES)
async def test_one_that_deviates_shows_within_two_cycles_and_its_members_within_three(
    size: int, what: str
) -> None:
    shown, known = await cycles_until_shown(size, what)
    assert 1 <= shown <= 2
    assert 1 <= known <= 3


@pytest.mark.parametrize("size", SIZES)
async def test_nobody_is_suspected_where_all_is_well(size: int) -> None:
    assert await cycles_until_shown(size, "") == (0, 0)
