"""A random walk over lives, for every step of the gate, in simulated time.

While a fault of a step is there, and until the soak after it has passed, the step is closed. In a healthy
life, with autoscaling and one read in a hundred lost, it is open for at least nine tenths of the time.
`KVMIGRATION_EXAMPLES` says how many lives each step has, and how long healthy ones last.
"""

from __future__ import annotations

import os
import random

import pytest

from exporter.derive.gate.step_table import NAMES
from exporter.model.migration import HA_TRACKER
from exporter.model.pages import Product
from tests.evidence.faults import OF_TRACKER
from tests.evidence.lives import ALWAYS, Episode, Life, wrong_openings
from tests.evidence.living import STEPS, harmful, living

EXAMPLES = int(os.environ.get("KVMIGRATION_EXAMPLES", "1"))
LOOKS = 20
SOAK = 45.0
LEAST_OPEN = 0.9
AFTER_SWITCH = ("disable-mirroring", "remove-multi", "decommission-store")


def _episodes(life: Life, chance: random.Random) -> list[Episode]:
    """One or two faults, of any period; the first is not there at the beginning."""
    found = harmful(life.made, life.step)
    period = chance.choice([ALWAYS, chance.uniform(5, 60), chance.uniform(60, 400)])
    share, starts = chance.uniform(0.1, 0.9), chance.uniform(0, 200)
    chosen = chance.sample(found, chance.choice([1, 1, 2]))
    if chosen[0].migration == HA_TRACKER:
        life.migration = HA_TRACKER  # the rings' own step may open beside it
    return [
        Episode(fault, f"{life.seed} {fault.name}", period, share, starts)
        for fault in chosen
        if fault.migration == chosen[0].migration
    ]


def _grows(life: Life) -> str:
    """The role that is scaled up and down: one that no quorum is made of."""
    return "distributor" if life.made.product is Product.PYROSCOPE else "querier"


def _mishap(life: Life, chance: random.Random) -> None:
    """What happens to the exporter, or to one process, between two looks."""
    everybody = life.made.running
    down = [one for one in everybody if one.is_down(life.now)]
    chance.choice(
        [
            lambda: life.sleep(chance.choice([40.0, 400.0])),
            lambda: life.stop_exporter(chance.choice([5.0, 60.0, 400.0])),
            lambda: life.set_clock(chance.choice([-3600.0, -40.0, 40.0, 3600.0])),
            life.fail_a_cycle,
            lambda: life.come(_grows(life)),
            lambda: life.restart(chance.choice(down)) if down else life.crash(chance.choice(everybody)),
        ]
    )()


@pytest.mark.parametrize(
    ("name", "step"),
    [
        *(("a member stays joining", step) for step in STEPS),
        ("a client still writes the store", "decommission-store"),
        *(("the trackers contend", step) for step in AFTER_SWITCH),
        *(("a tracker has another replica", step) for step in ("switch-primary", "disable-mirroring")),
    ],
)
def test_a_step_opens_until_a_fault_comes_that_no_life_may_meet_by_chance(name: str, step: str) -> None:
    made = living(f"{step} 0", step, 10, soak=SOAK, tracks="tracker" in name)
    made.period = min(made.period, 15.0)  # the store is watched for two of them
    life = Life(made, step, f"{step} {name}", migration="ha-tracker" if "tracker" in name else "")
    fault = next(fault for fault in (*OF_TRACKER, *harmful(made, step)) if fault.name == name)
    life.episodes = [Episode(fault, life.seed, starts=100.0)]
    opened = [life.look().step.open for _ in range(18)]
    assert opened[5]
    assert any(name in seen.faults for seen in life.looks)
    assert not opened[-1], life.looks[-1].step.headline
    assert not list(wrong_openings(life))


def test_a_clock_that_is_set_back_makes_no_transition_young() -> None:
    made = living("disable-mirroring 0", "disable-mirroring", 10, soak=60.0)  # a transition may last as long
    life = Life(made, "disable-mirroring", "joins")
    fault = next(fault for fault in harmful(made, life.step) if fault.name == "a member stays joining")
    life.episodes = [Episode(fault, life.seed)]
    life.look()
    life.set_clock(-3600.0)
    assert not any(life.look().step.open for _ in range(12))


@pytest.mark.parametrize("step", STEPS)
def test_no_life_opens_a_step_while_a_fault_of_it_is_there_or_was_within_the_soak(step: str) -> None:
    for number in range(EXAMPLES):
        seed = f"{step} {number}"
        chance = random.Random(seed)
        life = Life(living(seed, step, 10, soak=SOAK), step, seed)
        life.episodes = _episodes(life, chance)
        life.lost_reads = chance.choice([0.0, 0.01])
        for _ in range(LOOKS):
            if chance.random() < 0.08:
                _mishap(life, chance)
            life.look(length=chance.choice([0.0] * 9 + [70.0]))
        assert not list(wrong_openings(life)), (seed, [e.fault.name for e in life.episodes])


@pytest.mark.parametrize("step", ("switch-primary", *AFTER_SWITCH))
def test_failovers_of_every_ha_cluster_close_no_step(step: str) -> None:
    """All first replicas are restarted, one day, and the others are elected: on half of the distributors."""
    made = living(f"{step} ha", step, 10, soak=SOAK, tracks=True)
    made.period = 5.0
    life = Life(made, step, step, migration="ha-tracker")
    for number in range(40):
        if number in {10, 25}:
            life.fail_over()
        life.look()
    assert all(seen.step.open for seen in life.looks[6:]), [
        seen.step.headline for seen in life.looks[6:] if not seen.step.open
    ]


def test_every_step_has_its_lives() -> None:
    assert set(STEPS) == set(NAMES)


BY_HAND = EXAMPLES > 1
HEALTHY = [  # how many processes, and which steps, of how many looks
    (10, STEPS if BY_HAND else STEPS[2:4], 60.0, 40 * EXAMPLES),
    (100, STEPS if BY_HAND else ("switch-primary",), 45.0, 12 * EXAMPLES),
    (1000, STEPS if BY_HAND else ("preflight",), 30.0, 4 * EXAMPLES),
]


@pytest.mark.parametrize(
    ("size", "step", "soak", "looks"),
    [(size, step, soak, looks) for size, steps, soak, looks in HEALTHY for step in steps],
)
def test_a_healthy_life_has_its_next_step_open(size: int, step: str, soak: float, looks: int) -> None:
    made = living(f"{step} 0", step, size, soak=soak)
    made.period = min(made.period, 15.0)
    life = Life(made, step, f"{step} {size}", lost_reads=0.01)
    for _ in range(3 + made.turns + int(soak / made.rules.interval)):
        life.look()
    opened = 0
    for number in range(looks):
        if number % 40 == 20:  # every ten minutes; a new one is recently started for two cycles
            (life.come if number % 80 == 20 else life.go)(_grows(life))
        opened += life.look().step.open
    assert opened >= LEAST_OPEN * looks, [seen.step.headline for seen in life.looks if not seen.step.open]
