"""The external store as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.store.external_store import MAX_DELETED, Around, freshly_written, judge_store
from exporter.model.entry import Partition, PartitionState, Replica, State
from exporter.model.facts import Fleet, Snapshot
from exporter.model.pages import Outcome, Page, PartitionRing, Reason, Ring, Value
from exporter.model.stores import StoreContent, StoreFacts
from tests.derive.build import COMPACTOR, INGESTER, NOW, Process, member, ring

OLD, FULL = NOW - 60, ring([member("m-1")])


def store(values: Mapping[str, Value], index: int = 1, **more: Any) -> StoreContent:
    return StoreContent(
        "consul", Outcome.OK, values=values, modified=dict.fromkeys(values, index), asked_at=NOW, **more
    )


def before(**moved: float) -> StoreFacts:
    return StoreFacts("consul", Outcome.OK, moved_at={"a": OLD, **moved}, since=OLD)


def judge(read: StoreContent, *copies: dict[str, Value | None], **more: Any) -> StoreFacts:
    observed = tuple(Process(n + 1, copies=dict(copy)).read(NOW) for n, copy in enumerate(copies))
    told: dict[str, Any] = {"indexes": {}, "before": None} | more
    return judge_store(read, told["indexes"], told["before"], Around(NOW, observed))


def test_the_first_look_counts_as_a_write() -> None:
    found = judge(store({"a": FULL}))
    assert (found.moved_at, found.since, found.keys) == ({"a": NOW}, NOW, 1)


def test_a_first_look_shows_no_write_and_a_later_change_does() -> None:
    first = judge(store({"a": FULL}))
    same = judge(store({"a": FULL}), indexes={"a": 1}, before=replace(first, moved_at={"a": OLD}, since=OLD))
    moved = judge(store({"a": FULL}, 2), indexes={"a": 1}, before=replace(first, since=OLD))
    new = judge(store({"a": FULL, "b": FULL}), indexes={"a": 1}, before=before())
    assert [found.last_write for found in (first, same, moved, new)] == [None, None, NOW, NOW]


def test_to_delete_a_key_is_to_write_it() -> None:
    gone = judge(store({"a": FULL}), indexes={"a": 1, "b": 1}, before=before(b=OLD))
    assert gone.moved_at == {"a": OLD, "b": NOW}
    later = judge(store({"a": FULL}), indexes={"a": 1}, before=replace(gone, moved_at={"a": OLD, "b": OLD}))
    assert later.moved_at == {"a": OLD, "b": OLD}, "it is gone once"


def test_the_memory_of_deleted_keys_is_bounded() -> None:
    many = {f"k{n}": OLD + n / 1000 for n in range(MAX_DELETED + 50)}
    found = judge(store({"a": FULL}), before=before(**many))
    assert len(found.moved_at) == MAX_DELETED + 1
    assert "k0" not in found.moved_at


@pytest.mark.parametrize(("index", "moved"), [(1, OLD), (2, NOW)], ids=["stood still", "moved"])
def test_a_key_was_written_when_its_index_moved(index: int, moved: float) -> None:
    found = judge(store({"a": FULL}, index), indexes={"a": 1}, before=before())
    assert found.moved_at == {"a": moved}


def test_a_failure_keeps_what_was_known_and_counts_no_keys() -> None:
    failed = StoreContent("consul", Outcome.FAILED, Reason.DENIED, "403", asked_at=NOW)
    found = judge(failed, indexes={"a": 1}, before=before())
    assert (found.keys, found.only_here) == (None, None)
    assert (found.moved_at, found.since) == ({"a": OLD}, OLD)
    assert judge(store({"a": FULL}), indexes={"a": 1}, before=found).moved_at == {"a": OLD}


@pytest.mark.parametrize("fails", [False, True])
def test_a_clock_that_was_set_back_makes_no_write_recent_and_no_watch_begin_later(fails: bool) -> None:
    """Our clock was an hour ahead while a key was written, and no key has been written since."""
    read = StoreContent("consul", Outcome.FAILED, asked_at=NOW) if fails else store({"a": FULL, "b": FULL})
    ahead = StoreFacts("consul", Outcome.OK, moved_at={"a": NOW + 3000, "b": NOW + 3600}, since=NOW + 3000)
    found = judge(read, indexes={"a": 1, "b": 1}, before=ahead)
    assert (found.moved_at, found.since) == ({"a": NOW, "b": NOW}, NOW)
    now = Snapshot(at=NOW + 1, started=NOW, cycle=2, fleet=Fleet())
    assert not freshly_written(found, now)
    written = judge(
        store({"a": FULL, "b": FULL}, 2), indexes={"a": 1, "b": 1}, before=replace(found, since=OLD)
    )
    assert freshly_written(written, now) == ["a", "b"]


ALONE = [
    ("nobody gossips", {INGESTER: FULL}, [], None),
    ("one process has it", {INGESTER: FULL}, [{INGESTER: FULL}, {}], ()),
    ("nobody has it", {INGESTER: FULL, COMPACTOR: FULL}, [{INGESTER: FULL}, {}], (COMPACTOR,)),
    ("only tombstones", {COMPACTOR: ring([member("m-1", state=State.LEFT)])}, [{INGESTER: FULL}], ()),
    ("a deleted election", {"ha-tracker/u/c": Replica("a", OLD, deleted_at=OLD)}, [{}], ()),
    ("an election", {"ha-tracker/u/c": Replica("a", OLD)}, [{}], ("ha-tracker/u/c",)),
    ("an empty ring", {INGESTER: Ring({})}, [{}], ()),
    ("a partition ring", {"collectors/p": PartitionRing({})}, [{}], ("collectors/p",)),
]


@pytest.mark.parametrize(("values", "copies", "only"), [c[1:] for c in ALONE], ids=[c[0] for c in ALONE])
def test_living_keys_that_no_gossip_has(
    values: dict[str, Value], copies: list[dict[str, Value | None]], only: tuple[str, ...] | None
) -> None:
    assert judge(store(values), *copies).only_here == only


VOTES = [
    ("one of three lists it and has no value", [FULL, None, None], [0], (COMPACTOR,)),
    ("all list it, and none has a value", [FULL, FULL, FULL], [0, 1, 2], (COMPACTOR,)),
    ("one of three has it", [FULL, None, None], [], (COMPACTOR,)),
    ("two of three have it", [FULL, FULL, None], [], ()),
]


@pytest.mark.parametrize(("copies", "without", "only"), [c[1:] for c in VOTES], ids=[c[0] for c in VOTES])
def test_a_key_is_in_the_gossip_where_its_value_was_read(
    copies: list[Value | None], without: list[int], only: tuple[str, ...]
) -> None:
    seen = [Process(n + 1, copies={COMPACTOR: copy}).read(NOW) for n, copy in enumerate(copies)]
    gone: Any = {COMPACTOR: Page("/memberlist?downloadKey", Outcome.ABSENT)}
    for at in without:
        seen[at] = replace(seen[at], gossip=replace(seen[at].gossip, values=gone))
    assert judge_store(store({COMPACTOR: FULL}), {}, None, Around(NOW, tuple(seen))).only_here == only


def test_a_key_is_alive_while_somebody_keeps_it_fresh() -> None:
    values: dict[str, Value] = {
        INGESTER: FULL,
        COMPACTOR: ring([member("m-1", NOW - 4000)]),
        "collectors/p": PartitionRing({}),
        "ha-tracker/u/c": Replica("a", NOW),
        "ha-tracker/u/d": Replica("a", NOW, deleted_at=NOW),
    }
    found = judge(store(values), {})
    assert found.alive == {INGESTER, "ha-tracker/"}
    assert found.entries == {"ha-tracker/u/c", "ha-tracker/u/d"}


def parts(*numbers: int, state: PartitionState = PartitionState.ACTIVE) -> PartitionRing:
    return PartitionRing({n: Partition(n, state) for n in numbers})


P = "collectors/p"
PARTS: list[tuple[str, Value, list[dict[str, Value | None]], tuple[tuple[str, int], ...]]] = [
    ("gossip has all", parts(1, 2), [{P: parts(1)}, {P: parts(2)}], ()),
    ("gossip has more", parts(1), [{P: parts(1, 2)}], ()),
    ("gossip lacks one", parts(1, 2), [{P: parts(1)}], ((P, 2),)),
    ("gossip has its tombstone", parts(1), [{P: parts(1, state=PartitionState.DELETED)}], ()),
    ("the store's is a tombstone", parts(1, state=PartitionState.DELETED), [{P: parts()}], ()),
    ("a member that left since", ring([member("m-1"), member("m-2")]), [{P: FULL}], ()),
]


@pytest.mark.parametrize(("value", "copies", "only"), [c[1:] for c in PARTS], ids=[c[0] for c in PARTS])
def test_partitions_are_compared_and_members_are_not(
    value: Value, copies: list[dict[str, Value | None]], only: tuple[tuple[str, int], ...]
) -> None:
    found = judge(store({P: value}), *copies)
    assert (found.only_here, found.only_partitions) == ((), only)


def test_without_any_copy_of_a_partition_ring_nothing_is_known() -> None:
    seen = Process(1, copies={P: parts(1)}, lost=frozenset({P})).read(NOW)
    assert judge_store(store({P: parts(1)}), {}, None, Around(NOW, (seen,))).only_here is None


def test_broken_values_are_counted_as_keys_and_named() -> None:
    found = judge(
        StoreContent("consul", Outcome.OK, values={"a": FULL}, broken={"b": "no ring"}, asked_at=NOW)
    )
    assert (found.keys, found.broken) == (2, {"b": "no ring"})
