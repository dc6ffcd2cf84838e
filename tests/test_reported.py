"""What users have reported of their rings, played on a small cluster: the metric that shows each.

The page docs/ring-health.md lists them; its names are held here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.expose import catalogue
from exporter.model.entry import Member, Partition, PartitionState, State, Tokens
from exporter.model.pages import GossipMember, PartitionRing
from tests.derive.build import INGESTER, Fleet, Process, member, ring, tokens
from tests.recorded import Seen, seen_in

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ring-health.md").read_text(encoding="utf-8")
Wrong = dict[str, float]
Play = Callable[[], Seen]


def everywhere(fleet: Fleet, *extra: Member) -> None:
    """The ring with some more members, in the store, on every page and in every copy."""
    mine = [member(p.name, fleet.now) for p in fleet.processes]
    value = ring([*mine, *extra], fleet.now)
    fleet.store[INGESTER] = value
    for process in fleet.processes:
        process.pages[INGESTER] = process.copies[INGESTER] = value


def dead(number: int) -> Member:
    return member(f"old-{number}", Fleet().now - 600.0)


def unhealthy(count: int) -> Seen:
    fleet = Fleet()
    everywhere(fleet, *(dead(n) for n in range(10, 10 + count)))
    return seen_in(fleet.look(1.0))


def returned() -> Seen:
    fleet = Fleet()
    ghost = member("old-9", fleet.now - 30)
    everywhere(fleet, ghost)
    fleet.look(1.0)
    fleet.look(15.0, beat=True)
    fleet.now += 3600
    everywhere(fleet, ghost)
    return seen_in(fleet.look(1.0))


def forgotten_on_one() -> Seen:
    fleet = Fleet()
    everywhere(fleet, dead(9))
    buried = replace(dead(9), state=State.LEFT, time=fleet.now)
    alive = [member(p.name, fleet.now) for p in fleet.processes]
    fleet.processes[0].pages[INGESTER] = ring(alive, fleet.now)
    fleet.processes[0].copies[INGESTER] = ring([*alive, buried], fleet.now)
    return seen_in(fleet.look(1.0))


def stuck_leaving() -> Seen:
    fleet = Fleet()
    for _ in range(3):
        fleet.now += 1800
        fleet.beat()
        everywhere(fleet, member("p-9", fleet.now, State.LEAVING))
        seen = fleet.look(1.0)
    return seen_in(seen)


def conflict() -> Seen:
    fleet = Fleet()
    everywhere(fleet, member("p-8", fleet.now, tokens=tokens(1, 102)))
    return seen_in(fleet.look(1.0))


def without_tokens() -> Seen:
    fleet = Fleet()
    bare = [member(p.name, fleet.now, tokens=Tokens(0)) for p in fleet.processes]
    fleet.store[INGESTER] = ring(bare, fleet.now)
    return seen_in(fleet.look(1.0))


def overwritten() -> Seen:
    fleet = Fleet()
    fleet.look()
    fleet.store[INGESTER] = ring([member("p-1", fleet.now)], fleet.now)
    return seen_in(fleet.look())


INGESTERS = {"key": INGESTER}
REPORTS: list[tuple[str, Play, str, dict[str, str], float]] = [
    ("cortex#1521", lambda: unhealthy(1), "ring_members", INGESTERS | {"state": "unhealthy"}, 1),
    ("cortex#1521 age", lambda: unhealthy(1), "ring_oldest_heartbeat_age_seconds", INGESTERS, 601),
    ("cortex#4591", lambda: unhealthy(3300), "ring_members", INGESTERS | {"state": "unhealthy"}, 3300),
    ("cortex#4591 ghosts", lambda: unhealthy(3300), "ring_ghost_members", INGESTERS, 3300),
    ("mimir#2869", lambda: unhealthy(1), "ring_quorum_margin", INGESTERS, 0),
    ("loki#3360", lambda: unhealthy(2), "ring_quorum_margin", INGESTERS, -1),
    ("mimir#13810", lambda: unhealthy(1), "ring_ghost_members", INGESTERS, 1),
    ("mimir#11275", returned, "ring_members_returned_total", INGESTERS, 1),
    ("mimir#3340 pages", forgotten_on_one, "ring_views", INGESTERS | {"view": "ring"}, 2),
    ("mimir#3340 gossip", forgotten_on_one, "ring_views", INGESTERS | {"view": "gossip"}, 2),
    ("mimir#3801", stuck_leaving, "ring_longest_transition_seconds", INGESTERS, 3602),
    ("mimir#3801 margin", stuck_leaving, "ring_quorum_margin", INGESTERS, 0),
    ("dskit#438", conflict, "ring_token_conflicts", INGESTERS, 2),
    ("cortex#954", without_tokens, "ring_members_without_tokens", INGESTERS, 3),
    ("an overwritten store", overwritten, "ring_shrunk_members", INGESTERS, 2),
]


@pytest.mark.parametrize(
    ("play", "metric", "labels", "value"), [r[1:] for r in REPORTS], ids=[r[0] for r in REPORTS]
)
def test_what_was_reported_shows(play: Play, metric: str, labels: dict[str, str], value: float) -> None:
    assert play().value(metric, **labels) == pytest.approx(value, abs=0.9)


def test_a_view_that_still_has_the_forgotten_says_so() -> None:
    seen = forgotten_on_one()
    extra = {view.target: view.extra for view in seen.key(INGESTER).views if view.kind == "gossip"}
    assert extra == {"10.0.0.1:80": (), "10.0.0.2:80": ("old-9",), "10.0.0.3:80": ("old-9",)}


@pytest.mark.parametrize(
    "metric", ["ring_shrunk_members", "ring_members_returned_total", "ring_token_conflicts"]
)
def test_an_ordinary_rolling_restart_shows_nothing(metric: str) -> None:
    """Each process in turn leaves, is gone, and is back with another gossip name."""
    fleet = Fleet()
    for number in (1, 2, 3):
        mine = fleet.processes[number - 1]
        for away in (True, False):
            fleet.now += 10.0
            fleet.beat()
            alive = [member(p.name, fleet.now) for p in fleet.processes if not (away and p is mine)]
            mine.started = fleet.now
            for process in fleet.processes:
                process.pages[INGESTER] = process.copies[INGESTER] = ring(alive, fleet.now)
            fleet.store[INGESTER] = ring(alive, fleet.now)
            assert set(seen_in(fleet.look(1.0)).values(metric, "key").values()) == {0.0}


def test_an_ordinary_scale_down_shows_nothing() -> None:
    fleet = Fleet(processes=[Process(n) for n in range(1, 7)])
    fleet.look(beat=True)
    del fleet.processes[3:]
    seen = seen_in(fleet.look(beat=True))
    assert seen.value("ring_shrunk_members", key=INGESTER) == 0
    assert seen.value("ring_ghost_members", key=INGESTER) == 0


def test_a_pod_that_inherited_an_address_does_not_hide_whom_it_had_it_from() -> None:
    fleet = Fleet()
    everywhere(fleet, member("old-9", fleet.now - 600, address="10.0.0.1:9095"))
    assert seen_in(fleet.look(1.0)).value("ring_ghost_members", key=INGESTER) == 1


def test_a_stranger_in_the_gossip_is_no_ghost_of_the_ring() -> None:
    fleet = Fleet()
    fleet.processes[0].strangers = (GossipMember("old-9-00000009", "10.9.9.9", 7946),)
    everywhere(fleet, dead(9))
    assert seen_in(fleet.look(1.0)).value("ring_ghost_members", key=INGESTER) == 0


def test_corrupted_partitions_are_counted_and_a_partition_ring_has_no_members() -> None:
    fleet = Fleet()
    key = "collectors/ingester-partitions"
    fleet.store[key] = PartitionRing({1: Partition(1, PartitionState.ACTIVE, corrupted=True)})
    seen = seen_in(fleet.look())
    assert seen.value("ring_corrupted_partitions", key=key) == 1
    assert seen.value("ring_partitions", key=key, state="active") == 1
    assert not seen.values("ring_members", "state", "member_zone", "group", key=key)


def test_the_page_names_only_what_there_is() -> None:
    metrics = set(re.findall(r"kvmigration_[a-z_]+", PAGE))
    assert metrics <= {metric.name for metric in catalogue.ALL}
    named = set(re.findall(r"\bKVMigration[A-Za-z]+", PAGE))
    assert named <= {path.stem for path in (ROOT / "alerts" / "runbooks").glob("*.md")}
    checks = set(re.findall(r"checks? `([a-z-]+)`", PAGE))
    told = {check.id for step in Fleet().look().steps for check in step.checks}
    assert checks <= told


def test_every_report_of_the_page_is_one_that_users_made(shared: Path) -> None:
    """Rows A3 and A4: each is on the page."""
    told = (shared / "USERS.md").read_text(encoding="utf-8")
    rows = told.split("### A3")[1].split("### A5")[0]
    wanted = set(re.findall(r"https://github\.com/\S+?/(?:issues|pull)/\d+", rows))
    assert wanted
    assert wanted <= set(re.findall(r"https://github\.com/[^)]+", PAGE))
