"""In which order processes restart, and how many at a time."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from exporter.derive.planning.restarts import spares, waves
from exporter.model.entry import State
from exporter.model.facts import KeyFacts, MemberFacts, TargetFacts
from exporter.model.pages import Phase
from exporter.model.planning.plan import BlockChange, Spare
from exporter.model.settings import Replication, RingSettings

NAMES = ("ingester-a-0", "ingester-a-1", "ingester-b-0", "querier-0")
TARGETS = tuple(TargetFacts(name, f"http://{name}", name.partition("-")[0], up=True) for name in NAMES)
CHANGE = BlockChange("ingester.ring", "ingester", MappingProxyType({}), NAMES, ())


def ring(*, zones: bool, margin: int | None) -> KeyFacts:
    """The ingester ring: two members in zone a, one in zone b."""
    members = tuple(
        MemberFacts(name, "", name.split("-")[1], State.ACTIVE, None, None, 1, target=name)
        for name in NAMES
        if name.startswith("ingester")
    )
    return KeyFacts(
        "collectors/ring", "ingester", "ring", Phase.MULTI, True, "consul", "store",
        members=members, writes_by="quorum", quorum_margin=margin,
        settings=RingSettings(replication=(Replication(3, zones),), known=True),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("zones", "margin", "expected"),
    [
        (True, 1, [("querier", "", 1, False), ("ingester", "a", 2, True), ("ingester", "b", 1, True)]),
        (True, 0, [("querier", "", 1, False), ("ingester", "a", 2, False), ("ingester", "b", 1, False)]),
        (True, None, [("querier", "", 1, False), ("ingester", "a", 2, False), ("ingester", "b", 1, False)]),
        (False, 1, [("querier", "", 1, False), ("ingester", "", 3, False)]),
    ],
)
def test_members_of_a_quorum_come_last_and_a_zone_goes_together_where_one_may_be_lost(
    zones: bool, margin: int | None, expected: list[tuple[str, str, int, bool]]
) -> None:
    found = waves(TARGETS, [CHANGE], [ring(zones=zones, margin=margin)])
    assert [(w.component, w.zone, len(w.targets), w.together) for w in found] == expected


def test_a_process_that_does_not_change_does_not_restart() -> None:
    assert waves(TARGETS, [], [ring(zones=True, margin=1)]) == ()


@pytest.mark.parametrize("margin", [1, 0, None])
def test_what_may_be_lost_is_told_of_each_ring_that_has_a_member_in_a_process_that_restarts(
    margin: int | None,
) -> None:
    keys = [ring(zones=True, margin=margin)]
    assert spares(keys, TARGETS, [CHANGE]) == (Spare("collectors/ring", margin, zones=True),)
    assert spares(keys, TARGETS, []) == ()
