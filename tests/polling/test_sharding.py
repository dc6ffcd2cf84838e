"""Which shard watches which process: all shards come to the same answer, and it hardly ever changes."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.pages import Target
from exporter.polling.sharding import COMMON, MOST_COMMON, digest_of, shard_of, share_out

NAMES = st.text(st.characters(), min_size=1, max_size=30)  # half surrogates too: discovery may say anything
COUNTS = st.integers(1, 40)
THOUSAND = tuple(f"mimir-ingester-zone-{'abc'[n % 3]}-{n}:8080" for n in range(1000))


@st.composite
def fleets(draw: st.DrawFn, most: int = 40, components: int = 25) -> tuple[Target, ...]:
    """Processes of different names."""
    names = draw(st.lists(NAMES, unique=True, min_size=1, max_size=most))
    of = st.integers(0, components).map("component-{}".format)
    return tuple(target(name, draw(of)) for name in names)


def target(name: str, component: str = "ingester", host: str = "10.0.0.1") -> Target:
    return Target(name, f"http://{host}:8080", component=component)


def common_of(fleet: tuple[Target, ...]) -> frozenset[str]:
    return share_out(fleet, 0, 4)[1].common


@pytest.mark.parametrize(
    ("name", "shards"),
    [
        ("mimir-ingester-0", {2: 1, 4: 2, 100: 99}),
        ("10.0.0.7:8080", {2: 1, 4: 3, 100: 62}),
        ("größe", {2: 1, 4: 1, 100: 56}),
        ("\ud800", {2: 0, 4: 3, 100: 11}),
        ("", {2: 0, 4: 2, 100: 62}),
    ],
)
def test_the_hash_is_the_same_in_every_release(name: str, shards: dict[int, int]) -> None:
    """Shards of two releases run side by side while they are rolled out."""
    assert {count: shard_of(name, count) for count in shards} == shards
    assert shard_of(name, 1) == 0


def test_the_digest_is_the_same_in_every_release_and_order() -> None:
    assert digest_of(["b", "a"]) == digest_of(["a", "b"]) == 184090518279521
    assert digest_of(["a"]) != digest_of(["b"]) != digest_of([])


@given(st.lists(NAMES, unique=True))
def test_a_digest_is_held_exactly_by_a_sample(names: list[str]) -> None:
    digest = digest_of(names)
    assert int(float(digest)) == digest < 2**48


@given(NAMES, COUNTS)
def test_one_shard_more_moves_a_process_to_itself_or_not_at_all(name: str, shards: int) -> None:
    before, after = shard_of(name, shards), shard_of(name, shards + 1)
    assert 0 <= before < shards
    assert after in (before, shards)


@pytest.mark.parametrize("shards", [1, 3, 7])
def test_one_shard_more_moves_its_part_and_no_more(shards: int) -> None:
    moved = sum(shard_of(name, shards) != shard_of(name, shards + 1) for name in THOUSAND)
    assert moved / len(THOUSAND) == pytest.approx(1 / (shards + 1), abs=0.05)


def test_every_shard_has_about_as_many() -> None:
    counts = Counter(shard_of(name, 4) for name in THOUSAND)
    assert all(count == pytest.approx(250, abs=50) for count in counts.values())
    assert len(counts) == 4


@given(fleets(), st.integers(2, 12))
def test_every_process_is_reported_by_one_shard_and_the_common_ones_are_watched_by_all(
    fleet: tuple[Target, ...], shards: int
) -> None:
    parts = [share_out(fleet, shard, shards) for shard in range(shards)]
    assert len({share.digest for _, share in parts}) == len({share.common for _, share in parts}) == 1
    reported = Counter(t.name for watched, share in parts for t in watched if t.name not in share.borrowed)
    assert reported == Counter(t.name for t in fleet)
    for watched, share in parts:
        assert share.borrowed <= share.common <= {t.name for t in watched}
        assert [t for t in fleet if t in watched] == list(watched), "in the order of discovery"


@given(fleets(), st.randoms(use_true_random=False))
def test_the_common_processes_are_one_of_each_component(fleet: tuple[Target, ...], chance: Random) -> None:
    common = common_of(fleet)
    components = {t.component for t in fleet}
    told = Counter(t.component for t in fleet if t.name in common)
    assert len(common) == min(len(fleet), max(COMMON, min(MOST_COMMON, len(components))))
    if COMMON <= len(components) <= MOST_COMMON:
        assert told == Counter(components)
    shuffled = list(fleet)
    chance.shuffle(shuffled)
    assert common_of(tuple(shuffled)) == common


@given(fleets(most=12), fleets(most=4))
def test_whoever_comes_takes_the_place_of_one_at_most(
    fleet: tuple[Target, ...], comers: tuple[Target, ...]
) -> None:
    """Of a component whose common process stays, no other one becomes common for somebody else's sake."""
    known = {t.name for t in fleet}
    for comer in comers:
        if comer.name not in known:
            before, after = common_of(fleet), common_of((*fleet, comer))
            assert len(before - after) <= 1
            assert len(after - before) <= 1 or len(fleet) < COMMON


@given(fleets())
def test_who_goes_takes_no_other_along(fleet: tuple[Target, ...]) -> None:
    common = common_of(fleet)
    for gone in fleet:
        if gone.name not in common:
            assert common_of(tuple(t for t in fleet if t is not gone)) == common


def test_hosts_of_processes_that_only_others_watch_are_crowded() -> None:
    fleet = tuple(target(f"p-{n}", host=f"10.0.0.{n % 3}") for n in range(30))
    for shard in range(4):
        watched, share = share_out(fleet, shard, 4)
        assert share.crowded == {f"10.0.0.{n % 3}" for n in range(30) if fleet[n] not in watched}
