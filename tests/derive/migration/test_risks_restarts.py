"""What a restart harms by a process's own settings is told before it."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.model.pages import RingConfig
from tests.derive.build import COMPACTOR, INGESTER, Fleet, client, member, migration_of, ring
from tests.derive.migration.test_runtime_config_differences import PHASES

PHASE = {**PHASES, "detached": {"primary": "memberlist", "mirror": False}}
KINDS = {"join-aborts", "tokens-hasty"}


def fleet(phase: str, abort: bool | None = None, **settings: Any) -> Fleet:
    """Three processes in a phase, with these settings of their ingester ring."""
    made = Fleet()
    for process in made.processes:
        process.clients = tuple(client(name, **PHASE[phase]) for name in ("ingester", "compactor"))
        common = RingConfig("multi", "", 60.0, 5.0, 3, zone_awareness=False)
        own = RingConfig("multi", "", 60.0, 5.0, 3, zone_awareness=False, **settings)
        process.config = {"rings": {INGESTER: own, COMPACTOR: common}, "abort_if_join_fails": abort}
    return made


def told(made: Fleet) -> list[str]:
    """The kinds of these risks."""
    return [one.kind.value for one in migration_of(made.look(), "rings").dangers if one.kind.value in KINDS]


ABORTS = [
    ("before multi is rolled out", "external", True, ["join-aborts"]),
    ("before multi is taken out", "detached", True, ["join-aborts"]),
    ("while no restart is due", "mirroring", True, []),
    ("it is off", "external", False, []),
    ("it is unknown", "external", None, []),
]


@pytest.mark.parametrize("case", ABORTS, ids=[case[0] for case in ABORTS])
def test_a_process_that_ends_itself_where_it_cannot_join_is_named_before_a_restart(
    case: tuple[str, str, bool | None, list[str]],
) -> None:
    _, phase, abort, kinds = case
    assert told(fleet(phase, abort)) == kinds


HASTY = [
    ("no wait at all", {"join_after": 0.0, "observe_period": 0.0}, "detached", ["tokens-hasty"]),
    ("no wait, of a release with one setting", {"observe_period": 0.0}, "switched", ["tokens-hasty"]),
    ("as the guide has it", {"join_after": 60.0, "observe_period": 10.0}, "detached", []),
    ("a file keeps the tokens", {"observe_period": 0.0, "tokens_file": "/data/tokens"}, "detached", []),
    ("the external store has the ring", {"join_after": 0.0}, "mirroring", []),
    ("a ring without these settings", {}, "detached", []),
]


@pytest.mark.parametrize("case", HASTY, ids=[case[0] for case in HASTY])
def test_a_process_that_chooses_tokens_before_it_has_the_ring_is_named(
    case: tuple[str, dict[str, Any], str, list[str]],
) -> None:
    _, settings, phase, kinds = case
    assert told(fleet(phase, **settings)) == kinds


@pytest.mark.parametrize(("behind", "kinds"), [(30.0, ["tokens-hasty"]), (4.0, []), (90.0, [])])
def test_a_wait_is_held_against_the_time_that_gossip_took_here(behind: float, kinds: list[str]) -> None:
    made = fleet("detached", join_after=10.0)
    slow = ring([member(f"p-{n}", made.now - behind) for n in (1, 2, 3)])
    made.processes[2].copies[INGESTER] = slow
    assert told(made) == kinds
    made.beat()
    assert told(made) == kinds  # it is remembered for some minutes


def test_the_sentence_has_the_measured_time() -> None:
    (risk,) = (
        text
        for text in migration_of(fleet("detached", join_after=0.0).look(), "rings").risks
        if "tokens" in text
    )
    assert risk == (
        "3 of 3 processes choose tokens in collectors/ring 0 s after a restart: 10.0.0.1:80, 10.0.0.2:80, "
        "10.0.0.3:80. Gossip copies were up to 1 s behind. Set join_after and "
        "observe_period, or a file for the tokens."
    )
