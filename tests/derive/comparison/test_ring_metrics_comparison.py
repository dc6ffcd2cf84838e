"""What processes' metrics say of a ring, held against one another: who deviates, and when that is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from exporter.derive.comparison.page_keys import signals_by_key
from exporter.derive.comparison.ring_metrics_comparison import Counted, Signal, judge_signals
from exporter.model.pages import Product, RingSignals
from exporter.model.views import ViewFacts
from tests.derive.build import NOW

USUAL = RingSignals({"active": 3}, NOW - 4, 384)
LACKING = RingSignals({"active": 2}, NOW - 4, 256)
FOURTH = RingSignals({"active": 4}, NOW, 512)
Told = Mapping[str, RingSignals]
FOUR = {"a": USUAL, "b": USUAL, "c": USUAL}


def looks(*told: Told, young: frozenset[str] = frozenset(), pages: tuple[ViewFacts, ...] = ()) -> Counted:
    """What is found in the last of some cycles, 15 s apart."""
    found = Counted()
    for number, now in enumerate(told):
        signals = tuple(Signal(name, ring, name in young, NOW) for name, ring in now.items())
        found = judge_signals(signals, found.deviations, pages, NOW + 15 * number)
    return found


def of(found: Counted, name: str) -> ViewFacts:
    return next(view for view in found.views if view.target == name)


DIFFERENT = {
    "a member less": (LACKING, 1),
    "other tokens": (replace(USUAL, tokens=512), 0),
    "another state": (replace(USUAL, members={"active": 2, "leaving": 1}), 0),
    "a member more": (replace(USUAL, members={"active": 4}), 0),
}


@pytest.mark.parametrize(("own", "lacks"), DIFFERENT.values(), ids=DIFFERENT)
def test_who_says_something_else_is_odd_at_once_and_judged_in_the_second_cycle(
    own: RingSignals, lacks: int
) -> None:
    cycle = {**FOUR, "d": own}
    first, second = of(looks(cycle), "d"), of(looks(cycle, cycle), "d")
    assert (first.diverged, first.judged) == (True, False)
    assert (second.diverged, second.judged, second.lacks) == (True, True, lacks)
    assert looks(cycle).distinct == {"metrics": 2}
    assert not any(view.diverged for view in looks(cycle, cycle).views if view.target != "d")


FOUND = {
    "all say the same": ([{**FOUR, "d": USUAL}] * 3, frozenset[str]()),
    "one is young": ([{**FOUR, "d": LACKING}] * 3, frozenset({"d"})),
    "one is asked before a member comes, and again before the next": (
        [
            {**FOUR, "d": LACKING},
            {**dict.fromkeys("abc", FOURTH), "d": USUAL},
            {**dict.fromkeys("abc", RingSignals({"active": 5}, NOW, 640)), "d": FOURTH},
        ],
        frozenset[str](),
    ),
    "one caught up": ([{**FOUR, "d": LACKING}, {**FOUR, "d": USUAL}], frozenset[str]()),
    "one calls a member unhealthy a moment before the others": (
        [{**FOUR, "d": RingSignals({"active": 2, "unhealthy": 1}, NOW - 4, 384)}] * 3, frozenset[str](),
    ),
    "one process alone": ([{"d": LACKING}] * 3, frozenset[str]()),
}  # fmt: skip


@pytest.mark.parametrize(("cycles", "young"), FOUND.values(), ids=FOUND)
def test_nobody_is_accused_where(cycles: list[Told], young: frozenset[str]) -> None:
    found = looks(*cycles, young=young)
    assert not [view.target for view in found.views if view.judged and (view.diverged or view.lacks)]


STAY = {
    "its own count changes while the others' stays": [
        {**FOUR, "d": LACKING},
        {**FOUR, "d": replace(LACKING, tokens=1)},
    ],
    "it stands still while the others' changes": [
        {**FOUR, "d": LACKING},
        {**dict.fromkeys("abc", FOURTH), "d": LACKING},
    ],
}


@pytest.mark.parametrize("cycles", STAY.values(), ids=STAY)
def test_a_deviation_goes_on_where(cycles: list[Told]) -> None:
    assert of(looks(*cycles), "d").judged


def page(*, read_at: float, odd: bool = False) -> ViewFacts:
    return ViewFacts("ring", "d", known=True, diverged=odd, read_at=read_at)


@pytest.mark.parametrize(
    ("shown", "judged"),
    [
        (page(read_at=NOW + 20), False),
        (page(read_at=NOW - 20), True),  # before it deviated
        (page(read_at=NOW + 20, odd=True), True),
    ],
    ids=["its page agrees", "its page is an older one", "its page differs too"],
)
def test_a_process_is_believed_by_its_own_ring_page(shown: ViewFacts, judged: bool) -> None:
    cycle = {**FOUR, "d": LACKING}
    assert of(looks(cycle, cycle, pages=(shown,)), "d").judged is judged


def test_who_is_behind_is_told_against_most_others_and_one_from_the_future_makes_nobody_late() -> None:
    frozen, ahead = replace(USUAL, oldest=NOW - 64), replace(USUAL, oldest=NOW + 9_000)
    found = looks({**FOUR, "d": frozen, "e": ahead})
    assert {view.target: view.staleness for view in found.views} == {"a": 0, "b": 0, "c": 0, "d": 60, "e": 0}


NAMES = [
    (Product.MIMIR, "querier-query-scheduler-client", "collectors/query-scheduler"),
    (Product.MIMIR, "query-frontend-query-scheduler-client", "collectors/query-scheduler"),
    (Product.MIMIR, "store-gateway-client", "collectors/store-gateway"),
    (Product.MIMIR, "ingester", "collectors/ring"),
    (Product.CORTEX, "ruler", "rulers/ring"),
    (Product.LOKI, "scheduler", "collectors/scheduler"),
    (Product.LOKI, "index-gateway", "collectors/index-gateway"),
    (Product.UNKNOWN, "compactor", "collectors/compactor"),
]


@pytest.mark.parametrize(("product", "name", "key"), NAMES)
def test_a_ring_is_known_by_the_name_that_metrics_give_it(product: Product, name: str, key: str) -> None:
    assert signals_by_key({name: USUAL}, product) == {key: USUAL}


def test_of_two_watchers_of_one_ring_the_one_that_sees_less_counts() -> None:
    both = {"store-gateway": USUAL, "store-gateway-client": LACKING}
    assert signals_by_key(both, Product.CORTEX) == {"collectors/store-gateway": LACKING}
