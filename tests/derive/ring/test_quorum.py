"""How many members may be lost before writes fail, by the products' own rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.ring import quorum
from exporter.model.entry import State
from exporter.model.facts import MemberFacts
from exporter.model.pages import Product
from exporter.model.settings import Replication
from tests.derive.build import INGESTER, NOW, Fleet

THREE = Replication(3, zones=False)
ZONED = Replication(3, zones=True)


def fleet(active: int, ill: int = 0, zones: int = 0, **others: State) -> list[MemberFacts]:
    """Members by state, each at its own address; zones are given out in turn."""
    states = [State.ACTIVE] * active + [State.UNHEALTHY] * ill + list(others.values())
    return [
        MemberFacts(
            f"m-{n}", f"10.0.0.{n}:9095", f"z-{n % zones}" if zones else "", state, NOW, 0.0, tokens=4
        )
        for n, state in enumerate(states)
    ]


def but(members: list[MemberFacts], number: int, **more: Any) -> list[MemberFacts]:
    """The same members, one of them changed."""
    return [replace(m, **more) if n == number else m for n, m in enumerate(members)]


def at_one(members: list[MemberFacts]) -> list[MemberFacts]:
    return [replace(member, address="127.0.0.1:9095") for member in members]


MARGINS = [
    ("three of three", fleet(3), THREE, 1),
    ("three of a hundred ill", fleet(97, 3), THREE, -2),
    ("one ill", fleet(9, 1), THREE, 0),
    ("two ill may own one token", fleet(8, 2), THREE, -1),
    ("two members", fleet(2), THREE, 0),
    ("one member", fleet(1), THREE, -1),
    ("nobody", [], THREE, -2),
    ("one leaves: it takes no writes", fleet(3, a=State.LEAVING), THREE, 0),
    ("one joins with tokens", fleet(3, a=State.JOINING), THREE, 0),
    ("one without tokens of three", but(fleet(3), 0, tokens=0), THREE, 0),
    ("one without tokens of four", but(fleet(4), 0, tokens=0), THREE, 1),
    ("an unhealthy one without tokens", but(fleet(3, 1), 3, tokens=0), THREE, 1),
    ("no tokens at all", [replace(m, tokens=0) for m in fleet(3)], THREE, -2),
    ("read-only members stand in nobody's way", fleet(3, a=State.READ_ONLY, b=State.READ_ONLY), THREE, 1),
    ("a read-only one that is unhealthy", but(fleet(3, 1), 3, read_only=True), THREE, 1),
    ("only read-only spares", but(fleet(3), 0, state=State.READ_ONLY), THREE, 0),
    ("three zones", fleet(9, zones=3), ZONED, 1),
    ("two ill in one zone", [*fleet(9, zones=3)[:-1], *fleet(0, 1, zones=3)], ZONED, 0),
    ("ill in two zones", fleet(7, 2, zones=3), ZONED, -1),
    ("two zones", fleet(8, zones=2), ZONED, 0),
    ("zones that no member has", fleet(3), ZONED, 1),
    ("one ill, zones that no member has", fleet(3, 1), ZONED, 0),
    ("one member without a zone", but(fleet(3, zones=3), 2, zone=""), ZONED, 1),
    ("two zones and one member without", but(fleet(3, zones=2), 2, zone=""), ZONED, 1),
    ("nobody tells whether zones count", fleet(8, zones=2), Replication(3, None), 0),
    ("nobody tells, and there are none", fleet(3), Replication(3, None), 1),
    ("one address for all", at_one(fleet(3)), THREE, 0),
    ("one address for two of three", at_one(fleet(3))[:2] + fleet(3)[2:], THREE, 0),
    ("one address for two of five", at_one(fleet(5))[:2] + fleet(5)[2:], Replication(5, zones=False), 1),
    ("one address in one zone", but(fleet(9, zones=3), 3, address="10.0.0.0:1"), ZONED, 1),
    ("a factor of one", fleet(3), Replication(1, zones=False), 0),
    ("a factor of one, one ill", fleet(3, 1), Replication(1, zones=False), -1),
    ("a factor of two", fleet(3), Replication(2, zones=False), 0),
    ("a factor of two, one ill", fleet(3, 1), Replication(2, zones=False), -1),
]  # fmt: skip


@pytest.mark.parametrize(("members", "told", "margin"), [c[1:] for c in MARGINS], ids=[c[0] for c in MARGINS])
def test_how_many_may_be_lost_before_writes_fail(
    members: list[MemberFacts], told: Replication, margin: int
) -> None:
    assert quorum.margin(members, [told]) == margin


def test_a_pending_member_without_tokens_owns_nothing() -> None:
    pending = replace(fleet(0, a=State.PENDING)[0], tokens=0)
    assert quorum.margin([*fleet(3), pending], [THREE]) == 1


def test_one_healthy_owner_is_enough_for_rings_that_ignore_the_ill() -> None:
    assert quorum.margin(fleet(1, 2), [THREE], by_quorum=False) == 0
    assert quorum.margin(fleet(3, a=State.LEAVING), [THREE], by_quorum=False) == 2


def test_tempo_writes_to_one_of_two_and_to_two_of_three() -> None:
    assert quorum.margin(fleet(2), [Replication(2, zones=False)], Product.TEMPO) == 1
    assert quorum.margin(fleet(3), [THREE], Product.TEMPO) == 1
    assert quorum.margin(but(fleet(3, zones=3), 2, zone=""), [ZONED], Product.TEMPO) == 1


def test_of_several_replications_the_smallest_margin_counts() -> None:
    assert quorum.margin(fleet(4, 1), [THREE, Replication(5, zones=False)]) == 0
    assert quorum.margin(fleet(5), [THREE, Replication(1, zones=False)]) == 0


def test_no_margin_is_known_without_a_replication_factor() -> None:
    assert quorum.margin(fleet(3), []) is None


SPARE = [
    (1, Product.MIMIR, 0),
    (2, Product.LOKI, 0),
    (2, Product.TEMPO, 1),
    (3, Product.CORTEX, 1),
    (5, Product.MIMIR, 2),
]


@pytest.mark.parametrize(("factor", "product", "spare"), SPARE)
def test_what_a_replication_factor_allows(factor: int, product: Product, spare: int) -> None:
    assert quorum.spare([Replication(factor)], product) == spare


@pytest.mark.parametrize(
    ("told", "by"),
    [
        ((True, None, None), "quorum"),
        ((True, False, None), "quorum"),
        ((None, None, None), "quorum"),
        ((False, False, True), "quorum"),
        ((True, True, None), "partitions"),
    ],
)
def test_most_configurations_tell_whether_partitions_have_the_say(
    told: tuple[bool | None, ...], by: str
) -> None:
    """One that claims ingest storage would take the ring's quorum out of every step."""
    fleet = Fleet()
    for process, on in zip(fleet.processes, told, strict=True):
        process.config = {"ingest_storage": on}
    assert {key.writes_by for key in fleet.look().keys if key.key == INGESTER} == {by}
