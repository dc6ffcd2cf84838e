"""A process that excludes zones from its ring shows fewer members, and only those of these zones may lack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.comparison.excluded_zones import with_excluded
from exporter.derive.comparison.key_input import KeyInput, view
from exporter.derive.comparison.ring_metrics_comparison import Signal
from exporter.derive.ring.agreed_settings import Claim
from exporter.model.pages import RingConfig, RingSignals
from tests.derive.build import (
    CLIENTS,
    INGESTER,
    NOW,
    PAGES,
    Fleet,
    Process,
    client,
    key_of,
    member,
    ring,
    verdicts,
)

ZONES = {1: "zone-a", 2: "zone-b", 3: "zone-c", 4: "zone-default"}
SETTINGS = RingConfig("multi", "", 60.0, 15.0, 3, zone_awareness=True)
IN_MEMBERLIST: dict[str, Any] = {"primary": "memberlist", "mirror": False}


def _ring(*numbers: int) -> Any:
    return ring([member(f"p-{n}", zone=ZONES[n]) for n in numbers], NOW)


def _fleet(excluding: Iterable[int], shown: tuple[int, ...] = (1, 2, 3), *zones: str, **told: Any) -> Fleet:
    """Four processes in zones of their own. Some exclude `zones`, and have these members on their page."""
    fleet = Fleet(processes=[Process(n, sees=tuple(ZONES)) for n in ZONES])
    settings = dict.fromkeys(PAGES, SETTINGS)
    excluded = replace(SETTINGS, excluded_zones=frozenset(zones or ("zone-default",)))
    fleet.store[INGESTER] = _ring(*ZONES)
    for process in fleet.processes:
        leaves_out = process.number in set(excluding)
        process.clients = tuple(client(name, **told) for name in CLIENTS)
        process.copies[INGESTER] = _ring(*ZONES)
        process.pages[INGESTER] = _ring(*(shown if leaves_out else ZONES))
        process.config = {"rings": settings | ({INGESTER: excluded} if leaves_out else {})}
    return fleet


@pytest.mark.parametrize("excluding", [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)])
def test_members_of_zones_that_a_process_excludes_are_no_difference(excluding: tuple[int, ...]) -> None:
    seen = _fleet(excluding).look()
    assert verdicts(seen, "switch-primary") == {}
    assert len(key_of(seen, INGESTER).members) == 4
    seen = _fleet(excluding, **IN_MEMBERLIST).look()
    assert {"views-agree", "writers-are-members"}.isdisjoint(verdicts(seen, "remove-multi"))
    assert len(key_of(seen, INGESTER).members) == 4


def test_a_member_of_another_zone_is_missed_as_ever() -> None:
    seen = _fleet((1,), (1, 2)).look()
    assert verdicts(seen, "switch-primary") == {"views-agree": "fails"}
    lacking = {v.target: v.missing for v in key_of(seen, INGESTER).views if v.missing}
    assert lacking == {"10.0.0.1:80": ("p-3",)}


def test_a_process_without_the_setting_or_with_an_unread_one_is_excused_from_nothing() -> None:
    fleet = _fleet((1,))
    fleet.processes[1].pages[INGESTER] = _ring(1, 2, 3)
    seen = fleet.look()
    assert verdicts(seen, "switch-primary") == {"views-agree": "fails"}
    assert {v.target for v in key_of(seen, INGESTER).views if v.missing} == {"10.0.0.2:80"}
    fleet = _fleet((1,))
    fleet.processes[0].lost = frozenset({"config"})
    assert verdicts(fleet.look(), "switch-primary")["views-agree"] == "fails"


@pytest.mark.parametrize(("zones", "margin"), [(("zone-default",), 1), (("zone-c", "zone-default"), 0)])
def test_a_zone_that_some_process_excludes_takes_none_of_its_writes(
    zones: tuple[str, ...], margin: int
) -> None:
    kept = tuple(n for n, zone in ZONES.items() if zone not in zones)
    assert key_of(_fleet((1,), kept, *zones).look(), INGESTER).quorum_margin == margin


def _counted(tokens: int | None) -> Iterable[RingSignals]:
    """What the metrics of two processes count, the first of which excludes a zone of one member."""
    counts = RingSignals({"active": 3}, NOW, tokens), RingSignals({"active": 4}, NOW, 8)
    claims = (
        Claim(replace(SETTINGS, excluded_zones=frozenset({"zone-default"})), "a"),
        Claim(SETTINGS, "b"),
    )
    inputs = KeyInput(
        INGESTER,
        pages=(view("b", _ring(*ZONES)),),
        configs=claims,
        signals=tuple(Signal(name, counted) for name, counted in zip("ab", counts, strict=True)),
    )
    return (signal.signals for signal in with_excluded(inputs).signals)


def test_metrics_count_the_members_of_excluded_zones_too() -> None:
    own, other = _counted(6)
    assert own == other
    own, other = _counted(4)
    assert own != other
    own, _ = _counted(None)
    assert (own.size, own.tokens) == (4, None)
