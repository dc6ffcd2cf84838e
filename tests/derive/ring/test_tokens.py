"""Tokens claimed by more than one member."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exporter.derive.ring.tokens import RING_SIZE, claimants, count_conflicts, shares
from exporter.model.entry import Tokens

rings = st.lists(st.lists(st.integers(0, 60) | st.integers(0, 2**32 - 1), max_size=12), max_size=8)


def tokens_of(packed: bytes) -> Tokens:
    return Tokens(len(packed) // 4, blake2b(packed, digest_size=8).digest(), packed)


def held(tokens: list[int]) -> Tokens:
    return tokens_of(struct.pack(f"<{len(tokens)}I", *sorted(tokens)))


def named(lists: Iterable[Tokens]) -> dict[str, Tokens]:
    return {f"m-{number}": part for number, part in enumerate(lists)}


@given(rings)
def test_conflicts_are_the_values_that_more_than_one_member_claims(members: list[list[int]]) -> None:
    claims = Counter(token for tokens in members for token in set(tokens))
    expected = sum(count > 1 for count in claims.values())
    lists = named(map(held, members))
    assert count_conflicts(lists) == expected
    claiming = {name for name, own in zip(lists, members, strict=True) if any(claims[t] > 1 for t in own)}
    assert claimants(lists) == tuple(sorted(claiming))


def test_nobody_and_nothing_have_no_conflicts() -> None:
    assert (
        count_conflicts({})
        == count_conflicts(named([held([])]))
        == count_conflicts(named([held([]), held([])]))
        == 0
    )


def test_one_value_at_three_members_is_one_conflict_and_twice_at_one_is_none() -> None:
    assert count_conflicts(named([held([5]), held([5]), held([5])])) == 1
    assert count_conflicts(named([held([5, 5]), held([6])])) == 0


def test_three_thousand_members_are_searched_as_a_whole() -> None:
    everything = np.arange(3000 * 512, dtype="<u4").reshape(3000, 512)
    parts = [tokens_of(row.tobytes()) for row in everything]
    assert count_conflicts(named(parts)) == 0
    assert count_conflicts(named([*parts, held([0, 512, 3000 * 512 - 1])])) == 3


def test_a_token_owns_the_stretch_up_to_it_around_the_circle() -> None:
    quarter = RING_SIZE // 4
    owned = shares({"a": held([0, quarter]), "b": held([2 * quarter]), "c": held([])})
    assert owned == {"a": 0.75, "b": 0.25}


def test_one_token_owns_everything() -> None:
    assert shares({"a": held([7])}) == {"a": 1.0}
    assert shares({}) == {}


@given(
    st.dictionaries(
        st.text("abc", min_size=1), st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=9), min_size=1
    )
)
def test_what_everybody_owns_together_is_the_ring(members: dict[str, list[int]]) -> None:
    owned = shares({name: held(tokens) for name, tokens in members.items()})
    assert set(owned) == set(members)
    assert abs(sum(owned.values()) - 1) < 1e-9
    assert all(0 <= part <= 1 for part in owned.values())
