"""Tokens claimed by more than one member."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exporter.derive.ring.tokens import RING_SIZE, count_conflicts, shares

rings = st.lists(st.lists(st.integers(0, 60) | st.integers(0, 2**32 - 1), max_size=12), max_size=8)


def packed(tokens: list[int]) -> bytes:
    return struct.pack(f"<{len(tokens)}I", *sorted(tokens))


def named(lists: Iterable[bytes]) -> dict[str, bytes]:
    return {f"m-{number}": part for number, part in enumerate(lists)}


@given(rings)
def test_conflicts_are_the_values_that_more_than_one_member_claims(members: list[list[int]]) -> None:
    claims = Counter(token for tokens in members for token in set(tokens))
    expected = sum(count > 1 for count in claims.values())
    assert count_conflicts(named(map(packed, members))) == expected


def test_nobody_and_nothing_have_no_conflicts() -> None:
    assert count_conflicts({}) == count_conflicts(named([b""])) == count_conflicts(named([b"", b""])) == 0


def test_one_value_at_three_members_is_one_conflict_and_twice_at_one_is_none() -> None:
    assert count_conflicts(named([packed([5]), packed([5]), packed([5])])) == 1
    assert count_conflicts(named([packed([5, 5]), packed([6])])) == 0


def test_three_thousand_members_are_searched_as_a_whole() -> None:
    everything = np.arange(3000 * 512, dtype="<u4").reshape(3000, 512)
    parts = [row.tobytes() for row in everything]
    assert count_conflicts(named(parts)) == 0
    assert count_conflicts(named([*parts, packed([0, 512, 3000 * 512 - 1])])) == 3


def test_a_token_owns_the_stretch_up_to_it_around_the_circle() -> None:
    quarter = RING_SIZE // 4
    owned = shares({"a": packed([0, quarter]), "b": packed([2 * quarter]), "c": b""})
    assert owned == {"a": 0.75, "b": 0.25}


def test_one_token_owns_everything() -> None:
    assert shares({"a": packed([7])}) == {"a": 1.0}
    assert shares({}) == {}


@given(
    st.dictionaries(
        st.text("abc", min_size=1), st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=9), min_size=1
    )
)
def test_what_everybody_owns_together_is_the_ring(members: dict[str, list[int]]) -> None:
    owned = shares({name: packed(tokens) for name, tokens in members.items()})
    assert set(owned) == set(members)
    assert abs(sum(owned.values()) - 1) < 1e-9
    assert all(0 <= part <= 1 for part in owned.values())
