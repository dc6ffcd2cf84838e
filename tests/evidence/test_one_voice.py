"""One voice opens nothing: what a fault keeps closed stays closed, whatever another process answers. And no
process that lies looks healthy: what it says against all others is held against it, by name.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from exporter.derive.conclude import conclude
from exporter.derive.gossip.gossip_clusters import SPREADS
from exporter.derive.previous_cycle import History
from exporter.model.facts import Snapshot
from exporter.model.gate import Verdict
from exporter.model.pages import Phase
from tests.evidence.clusters import NOW, Cluster
from tests.evidence.complaints import complaints
from tests.evidence.contradictions import contradictions
from tests.evidence.faults import FAULTS, Fault
from tests.evidence.lies import lie, victims
from tests.evidence.making import cluster
from tests.evidence.test_random import bad, look, moments, next_steps

EXAMPLES = int(os.environ.get("KVMIGRATION_EXAMPLES", "24"))


def look_at_liars(made: Cluster, liars: list[int], seed: str, at: list[float] | None = None) -> Snapshot:
    """Some cycles in each of which the liars answer otherwise; the same lie every time."""
    past, snapshot = History(), None
    for number, later in enumerate(at or moments(made), start=1):
        cycle = made.read(NOW + later, number)
        honest = cycle.observed
        told = list(honest)
        for liar in liars:
            told[liar] = lie(honest[liar], honest, random.Random(f"{seed} {liar}"))
        snapshot, past = conclude(replace(cycle, observed=tuple(told)), past, made.rules)
    assert snapshot is not None
    return snapshot


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_liar_opens_no_gate_that_another_process_keeps_closed(fault: Fault) -> None:
    for seed in range(EXAMPLES // 2):
        chance = random.Random(f"{fault.name} {seed}")
        made = cluster(chance)
        healthy = cluster(random.Random(f"{fault.name} {seed}"))
        if made.phase not in fault.phases or not fault.apply(made, chance):
            continue
        honest = look(made)
        closed = {step.title: bad(step) for step in honest.steps if step.verdict is not Verdict.PASSED}
        if not {step.title for step in next_steps(made, honest)} & closed.keys():
            continue  # what a fault alone must do is another test's
        hit = victims(made, healthy)
        free = [at for at, one in enumerate(made.running) if one.name not in hit]
        if len(made.running) < 4 or not free:
            continue
        count = 2 if len(made.running) > 9 and chance.random() < 0.3 else 1
        liars = chance.sample(free, min(count, len(free)))
        told = look_at_liars(made, liars, f"{fault.name} {seed}")
        opened = {
            step.title: closed[step.title]
            for step in told.steps
            if step.verdict is Verdict.PASSED and step.title in closed
        }
        assert not opened, (seed, liars, made.phase, made.product, opened)


def against(made: Cluster, liar: int, snapshot: Snapshot) -> set[str]:
    """What the snapshot says against one process of a cluster."""
    one = made.running[liar]
    name = made.read(NOW, 1).observed[liar].target.name
    return {
        said for step in next_steps(made, snapshot) for said in complaints(snapshot, step, name, (one.name,))
    }


@pytest.mark.parametrize("block", range(2))
def test_no_process_looks_healthy_that_says_what_no_other_one_says(block: int) -> None:
    lies = 0
    for seed in range(block * EXAMPLES, (block + 1) * EXAMPLES):
        made = cluster(random.Random(f"liar {seed}"))
        liar, text = random.Random(f"which {seed}").randrange(len(made.running)), f"lies {seed}"
        at = moments(made) if made.phase is Phase.MEMBERLIST else [0.0, SPREADS + 15.0]
        honest = made.read(NOW + at[-1], len(at)).observed
        told = lie(honest[liar], honest, random.Random(f"{text} {liar}"))
        subjects = contradictions(made, liar, told, honest)
        if not subjects:
            continue  # it looks like an honest process, and so it is none that anybody can know
        lies += 1
        usual = against(made, liar, look(made))
        found = against(made, liar, look_at_liars(made, [liar], text, at))
        assert found - usual, (seed, made.running[liar].name, made.phase, made.product, subjects)
    assert lies
