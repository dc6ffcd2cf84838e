"""Healthy changes of a cluster, and a lost node, tell nothing: lives in simulated time, what the exporter
shows scraped once a minute, and the rules as they are built.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.alerts.scraped import LOUD, SCRAPE, Scraped, answers
from tests.evidence.clusters import Running
from tests.evidence.lives import Life
from tests.evidence.living import living

SIZE, WARM, AFTER = 15, 360, 20 * 60  # processes, seconds
STEPS = ("enable-mirroring", "switch-primary", "decommission-store")


def watched(life: Life, scraped: Scraped, seconds: int) -> None:
    """Let time pass, a cycle each interval, a scrape each minute."""
    for at in range(15, seconds + 1, 15):
        life.look()
        if at % SCRAPE == 0 and life.past.snapshot is not None:
            scraped.take(life.past.snapshot)


def roles_of(life: Life) -> list[str]:
    """A role for each third process, the newest ones: what an autoscaler or a new replica count changes."""
    return [next(iter(one.roles)) for one in life.made.running[::3]]


def scaled_up(life: Life, scraped: Scraped) -> None:
    for role in roles_of(life):
        life.come(role)
        watched(life, scraped, SCRAPE)


def scaled_down(life: Life, scraped: Scraped) -> None:
    for role in roles_of(life):
        if sum(one.roles == {role} for one in life.made.running) > 3:
            life.go(role)
            watched(life, scraped, SCRAPE)


def _moved(one: Running, number: int, now: float) -> None:
    one.host, one.suffix, one.started = f"10.77.0.{number + 1}", f"{number + 77:08x}", now


def rescheduled(life: Life, scraped: Scraped) -> None:
    """A node is lost with a process of each kind that is there more than twice; they come back elsewhere."""
    kinds: dict[str, Running] = {}
    for one in life.made.running:
        role = next(iter(one.roles))
        if sum(other.roles == {role} for other in life.made.running) > 2:
            kinds.setdefault(role, one)
    for one in kinds.values():
        life.crash(one)
    watched(life, scraped, 5 * SCRAPE)  # a node that does not answer is given up after five minutes
    for number, one in enumerate(kinds.values()):
        _moved(one, number, life.now)


def crashed(life: Life, scraped: Scraped) -> None:
    """The other side of it: a process of each kind is lost for good."""
    for one in life.made.running[::3]:
        life.crash(one)


def played(step: str, change: Callable[[Life, Scraped], None]) -> tuple[Scraped, int]:
    """A life with a change, and how long it lasted."""
    found = (living(f"{step} {number}", step, SIZE) for number in itertools.count())
    made = next(made for made in found if made.factor >= 3)  # else each lost ingester is a lost quorum
    life, scraped = Life(made, step, "told"), Scraped()
    began = life.now
    watched(life, scraped, WARM)
    change(life, scraped)
    watched(life, scraped, AFTER)
    return scraped, int(life.now - began) // SCRAPE * SCRAPE


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("change", [scaled_up, scaled_down, rescheduled], ids=lambda one: str(one.__name__))
def test_a_healthy_change_tells_nothing(
    change: Callable[[Life, Scraped], None], step: str, tmp_path: Path
) -> None:
    scraped, lasted = played(step, change)
    assert not answers(scraped, tmp_path, [(f"count_over_time({LOUD}[2h])", lasted, None)])


def test_processes_that_are_lost_for_good_are_told(tmp_path: Path) -> None:
    scraped, lasted = played("switch-primary", crashed)
    told = f'count(count_over_time({LOUD[:-1]},alertname="KVMigrationTargetsDown"}}[2h]))'
    assert not answers(scraped, tmp_path, [(told, lasted, 1.0)])
