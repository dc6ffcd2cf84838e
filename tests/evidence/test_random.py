"""Clusters at random: a healthy one may go on and has nothing unknown; one with a fault may not go on."""

from __future__ import annotations

import os
import random

import pytest

from exporter.derive.conclude import conclude
from exporter.derive.previous_cycle import History
from exporter.model.facts import Snapshot
from exporter.model.gate import Step, Verdict
from exporter.model.migration import STORE
from exporter.model.pages import Phase
from tests.evidence.clusters import NOW, Cluster
from tests.evidence.faults import FAULTS, Fault
from tests.evidence.making import cluster

EXAMPLES = int(os.environ.get("KVMIGRATION_EXAMPLES", "24"))
NEXT = {
    Phase.EXTERNAL: "preflight",
    Phase.MULTI: "enable-mirroring",
    Phase.MIRRORING: "switch-primary",
    Phase.SWITCHED: "disable-mirroring",
    Phase.DETACHED: "remove-multi",
    Phase.MEMBERLIST: "decommission-store",
}


def moments(made: Cluster) -> list[float]:
    """When to look, seconds: the last step watches the store for two of the longest heartbeat periods."""
    return [40.0 * n for n in range(8)] if made.phase is Phase.MEMBERLIST else [0.0, 15.0]


def look(made: Cluster) -> Snapshot:
    """Some cycles; the last one's snapshot."""
    past, snapshot = History(), None
    for number, at in enumerate(moments(made), start=1):
        snapshot, past = conclude(made.read(NOW + at, number), past, made.rules)
    assert snapshot is not None
    return snapshot


def next_steps(made: Cluster, snapshot: Snapshot) -> tuple[Step, ...]:
    """The step of the phase it is in, of each migration that has it."""
    return tuple(step for step in snapshot.steps if step.name == NEXT[made.phase])


def bad(step: Step) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What does not hold, and why."""
    return {c.id: (c.verdict.value, c.culprits[:3]) for c in step.checks if c.verdict is not Verdict.PASSED}


@pytest.mark.parametrize("block", range(4))
def test_a_healthy_cluster_may_go_on_and_has_nothing_unknown(block: int) -> None:
    for seed in range(block * EXAMPLES, (block + 1) * EXAMPLES):
        made = cluster(random.Random(seed))
        snapshot = look(made)
        found = {
            f"{s.migration} {name}": why for s in next_steps(made, snapshot) for name, why in bad(s).items()
        }
        failed = {name: why for name, why in found.items() if why[0] == "fails"}
        assert not (found if made.readable else failed), (seed, found)
        assert _strange(snapshot) == {}, seed


def _strange(snapshot: Snapshot) -> dict[str, object]:
    gossip = snapshot.gossip
    keys = [key for key in snapshot.keys if key.secondary is not None and key.phase >= Phase.MIRRORING]
    told = {
        "unknown members": gossip.unknown if gossip else (),
        "unknown keys": gossip.unknown_keys if gossip else (),
        "missing keys": [key.key for key in keys if key.secondary and key.secondary.missing_key],
        "ghosts": [key.key for key in snapshot.keys if key.orphaned],
    }
    return {what: found for what, found in told.items() if found}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_cluster_with_a_fault_may_not_go_on(fault: Fault) -> None:
    tried = 0
    for seed in range(EXAMPLES * 10):
        if tried * 2 >= EXAMPLES:
            break
        chance = random.Random(f"{fault.name} {seed}")
        made = cluster(chance)
        if made.phase not in fault.phases or not fault.apply(made, chance):
            continue
        tried += 1
        asked = {step.migration: step for step in next_steps(made, look(made))}
        step = asked.get(fault.migration) or asked[STORE]
        assert step.verdict is not Verdict.PASSED, (seed, made)
    assert tried
