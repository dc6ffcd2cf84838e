"""Whether a store is the one that was read before: another cluster, a lower revision, keys that vanish."""

from __future__ import annotations

import pytest

from exporter.derive.store.store_identity import identified
from exporter.expose.wording import culprits
from exporter.model.entry import Replica
from exporter.model.pages import Outcome, Reason, Value
from exporter.model.stores import StoreContent, StoreFacts
from tests.derive.build import member, ring

OLD, NOW, LATER = 1000.0, 1015.0, 1030.0
FULL = ring([member("m-1")])
NAMES = ("collectors/ring", "collectors/compactor", "rulers/ring")


def read(
    names: tuple[str, ...] = NAMES,
    *,
    cluster: str = "7",
    revision: int = 50,
    index: int = 40,
    entries: bool = False,
    address: str = "etcd:2379",
) -> StoreContent:
    values: dict[str, Value] = dict.fromkeys(names, FULL)
    if entries:
        values["ha-tracker/u/c"] = Replica("a", OLD)
    return StoreContent(
        "etcd",
        Outcome.OK,
        values=values,
        modified=dict.fromkeys(values, index),
        cluster=cluster,
        revision=revision,
        addresses=(address,),
    )


FAILED = StoreContent("etcd", Outcome.FAILED, Reason.TIMEOUT)


def judge(*looks: StoreContent, moved_at: dict[str, float] | None = None) -> StoreFacts:
    """The facts after these looks, 15 s apart; `moved_at` are those of the last one."""
    facts: StoreFacts | None = None
    for number, look in enumerate(looks):
        moved = moved_at if moved_at and look is looks[-1] else {}
        facts = identified(StoreFacts("etcd", look.outcome, moved_at=moved), look, facts, OLD + 15 * number)
    assert facts is not None
    return facts


SAME = {
    "the first look, also at an empty one": [read(())],
    "a quiet store": [read(), read()],
    "a store that is written": [read(), read(revision=60, index=59)],
    "a store that does not answer for a while": [read(), FAILED, FAILED, read(revision=51)],
    "one key that was deleted": [read(), read(NAMES[1:], revision=51)],
    "keys deleted one after another": [read(), read(NAMES[1:], revision=51), read(NAMES[2:], revision=52)],
    "HA entries that are no more": [read(entries=True), read(revision=55)],
    "another address by configuration": [read(), read((), cluster="8", revision=1, address="other:2379")],
    "a Consul whose index is unknown": [read(cluster="", revision=0)] * 2,
}
REPLACED = {
    "another cluster id": ([read(), read(cluster="8", revision=60)], "its cluster id is 8, and was 7"),
    "a revision that went back": ([read(), read(revision=4)], "its revision decreased from 50 to 4"),
    "the same, not read in between": ([read(), FAILED, read(revision=4)], "its revision decreased"),
    "several keys at once": (
        [read(), read(NAMES[2:], revision=60)],
        "2 of 3 keys vanished together: collectors/ring, collectors/compactor",
    ),
    "a ring and every HA entry": ([read(entries=True), read(NAMES[1:], revision=60)], "2 of 4 keys vanished"),
    "all of it, and no index to tell": (
        [read(cluster="", revision=0), read((), cluster="", revision=0)],
        "3 of 3",
    ),
    "for as long as nothing is written": (
        [read(), read(revision=4), *[read(revision=5)] * 5],
        "from 50 to 4",
    ),
    "also while it does not answer": ([read(), read(revision=4), FAILED], "from 50 to 4"),
    "also when its own revision has caught up": (
        [read(), read(revision=4), read(revision=90, index=9)],
        "50 to 4",
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_store(case: str) -> None:
    facts = judge(*SAME[case])
    assert (facts.replaced, facts.replaced_at) == (None, None)


@pytest.mark.parametrize("case", REPLACED)
def test_not_the_store_that_it_was(case: str) -> None:
    looks, words = REPLACED[case]
    facts = judge(*looks)
    assert facts.replaced is not None
    assert words in culprits.name(facts.replaced)
    assert facts.replaced_at is not None
    assert facts.fault


BACK = {
    "the former one answers again": read(revision=52, index=41),
    "the former one, untouched": read(),
}


@pytest.mark.parametrize("case", BACK)
def test_it_is_the_store_that_it_was_when(case: str) -> None:
    assert judge(read(), read((), revision=4), BACK[case]).fault is None


@pytest.mark.parametrize(
    ("written", "replaced"), [(NAMES, False), (NAMES[1:], True)], ids=["every ring", "all rings but one"]
)
def test_a_new_store_is_the_store_when_the_processes_have_written_it_since(
    written: tuple[str, ...], replaced: bool
) -> None:
    moved = dict.fromkeys(written, LATER)
    facts = judge(read(), read(cluster="8", revision=9), read(cluster="8", revision=12), moved_at=moved)
    assert bool(facts.replaced) is replaced


@pytest.mark.parametrize(("moved", "replaced"), [(LATER, True), (LATER + 15, False)])
def test_the_first_reading_after_a_restart_of_the_exporter_shows_no_write(
    moved: float, replaced: bool
) -> None:
    """A store that was restored from a backup keeps its rings, and no process needs to write them."""
    kept = judge(read(), read(revision=4))
    facts = StoreFacts("etcd", Outcome.OK, moved_at=dict.fromkeys(NAMES, moved), since=LATER)
    assert bool(identified(facts, read(revision=5), kept, LATER + 15).replaced) is replaced
