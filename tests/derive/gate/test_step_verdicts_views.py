"""Every view is read anew within minutes while a step is next that holds views against each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.gate.step_verdicts import are_views_needed
from exporter.model.pages import KVClient
from tests.derive.build import CLIENTS, Fleet, Process, client, migration_of

TRACKER = "distributor-hatracker"
ON = {
    "external": {"primary": "", "stores": (), "mirror": None, "requests": {("consul", "CAS"): 100.0}},
    "mirroring": {},
    "switched": {"primary": "memberlist"},
    "memberlist": {"primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 100.0}},
}


def _clients(rings: str, tracker: str) -> tuple[KVClient, ...]:
    found = [client(name, **ON[rings]) for name in CLIENTS]
    return (*found, client(TRACKER, **ON[tracker])) if tracker else tuple(found)


@pytest.mark.parametrize(
    ("rings", "tracker", "is_store_read", "needed"),
    [
        ("external", "", True, True),  # preflight is next
        ("mirroring", "", True, True),
        ("switched", "", False, True),
        ("memberlist", "", True, True),  # the store's end is next
        ("memberlist", "", False, False),  # nothing is
        ("memberlist", "external", False, False),  # the tracker stays on its store
        ("memberlist", "mirroring", False, True),
    ],
)
def test_views_are_needed_while_a_step_is_next_that_compares_them(
    rings: str, tracker: str, is_store_read: bool, needed: bool
) -> None:
    fleet = Fleet(processes=[Process(n, clients=_clients(rings, tracker)) for n in (1, 2, 3)])
    fleet.look(beat=True)
    snapshot = fleet.look(beat=True)
    if not is_store_read:
        snapshot = replace(snapshot, stores=())
    assert are_views_needed(snapshot) is needed
    assert migration_of(snapshot, "rings").phase is not None


def test_none_are_before_anything_was_read() -> None:
    assert not are_views_needed(None)
