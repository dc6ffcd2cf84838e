"""An HA tracker that has written nothing yet counts: its metrics do not show it, and a gate waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.expose.wording.migrations import line_of
from exporter.model.pages import Phase, RingConfig
from tests.derive.build import Fleet, client, migration_of

TRACKER = "distributor-hatracker"
NAMES = ("10.0.0.2:80", "10.0.0.3:80")


def fleet(store: str = "consul", **config: Any) -> Fleet:
    """Three processes: the tracker of the first one mirrors, and those of the others have written nothing."""
    made = Fleet()
    for process in made.processes:
        kvstore = "multi" if process.number == 1 else store
        ring = RingConfig(kvstore, "ha-tracker/", default_key="ha-tracker/", primary="consul",
                          secondary="memberlist", mirror_enabled=True)  # fmt: skip
        process.config = {"ha_tracker": True, "target": "all", "rings": {"ha-tracker/": ring}, **config}
        if process.number == 1:
            process.clients = (*process.clients, client(TRACKER))
    return made


def trackers(made: Fleet) -> dict[str, tuple[Phase, ...]]:
    """The phase of each tracker, by process."""
    return {
        target.name: tuple(c.phase for c in target.clients if c.key == "ha-tracker/")
        for target in made.look().targets
    }


def test_a_tracker_on_the_external_store_alone_holds_its_migration_back() -> None:
    made = fleet()
    assert trackers(made) == {"10.0.0.1:80": (Phase.MIRRORING,), **dict.fromkeys(NAMES, (Phase.EXTERNAL,))}
    found = migration_of(made.look(), "ha-tracker")
    assert (found.phase, found.next_step) == (Phase.EXTERNAL, "preflight")
    assert found.rollout is not None
    assert found.rollout.left == NAMES
    assert "rolling out into mirroring: 1 of 3 processes" in line_of(found)


QUIET = [
    ("its store is multi, which shows gauges", "multi", {}),
    ("it has memberlist alone", "memberlist", {}),
    ("it is off", "consul", {"ha_tracker": False}),
    ("it is unknown whether it is on", "consul", {"ha_tracker": None}),
    ("the process runs no distributor", "consul", {"target": "ingester,querier"}),
    ("the page names no tracker", "consul", {"rings": {}}),
]


@pytest.mark.parametrize(("store", "config"), [one[1:] for one in QUIET], ids=[one[0] for one in QUIET])
def test_no_other_process_gets_a_tracker(store: str, config: dict[str, Any]) -> None:
    made = fleet(store, **config)
    assert trackers(made) == {"10.0.0.1:80": (Phase.MIRRORING,), **dict.fromkeys(NAMES, ())}


@pytest.mark.parametrize("lost", ["config", "metrics"])
def test_a_process_of_which_a_page_is_missing_gets_none(lost: str) -> None:
    made = fleet()
    made.processes[1].lost = frozenset({lost})
    assert trackers(made)["10.0.0.2:80"] == ()


def test_a_tracker_that_shows_itself_is_counted_once() -> None:
    made = fleet()
    for process in made.processes[1:]:
        process.clients = (*process.clients, client(TRACKER, primary="", stores=(), mirror=None,
                                                    requests={("consul", "CAS"): 1.0}))  # fmt: skip
    assert trackers(made) == {"10.0.0.1:80": (Phase.MIRRORING,), **dict.fromkeys(NAMES, (Phase.EXTERNAL,))}
