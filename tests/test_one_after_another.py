"""All migrations of one cluster, one after another until the store can go: each gate opens in its turn. The
read-write migration that follows has its own tests.
"""

from __future__ import annotations

import pytest

from exporter.model.facts import Snapshot
from tests.migration import Migration, migration

pytestmark = pytest.mark.asyncio
GATES = (
    "rings/enable-mirroring", "rings/switch-primary", "rings/disable-mirroring", "rings/remove-multi", "",
    "labels/set-label", "labels/enforce-label", "ha-tracker/preflight", "ha-tracker/enable-mirroring",
    "ha-tracker/switch-primary", "ha-tracker/disable-mirroring", "ha-tracker/remove-multi",
    "store/decommission-store",
)  # fmt: skip
"""What opens in each step. The rings arrive without a label; the gates after that one need it."""
PASSED = {"preflight", "set-label", "enforce-label"}  # what may stay open behind: it is true still


def opened(seen: Snapshot) -> set[str]:
    return {f"{one.name}/{step.name}" for one in seen.migrations for step in one.steps if step.open}


async def until_open(run: Migration, gate: str) -> None:
    for _ in range(8):
        if gate in opened(await run.look(30.0)):
            return
    pytest.fail(f"{gate}: {run.wrong(gate.rpartition('/')[2])}")


async def test_each_gate_opens_in_its_turn_until_the_store_can_go() -> None:
    async with migration(product="mimir", migration="all", tokens=4, timeout="5s", soak=15.0) as run:
        for number, gate in enumerate(GATES):
            if gate:
                await until_open(run, gate)
            else:
                await run.look(60.0)
            ahead = {other for other in GATES[number + 1 :] if other.rpartition("/")[2] not in PASSED}
            assert not ahead & opened(run.seen[-1]), gate
            await run.post("/next")
        assert run.demo.cluster.walk()["read-write"] == "read-up"
        for name in ("rings", "ha-tracker"):
            told = [one.phase for seen in run.seen for one in seen.migrations if one.name == name]
            phases = [phase for phase in told if phase is not None and phase >= 0]
            assert phases == sorted(phases), name
        assert [seen.fleet.warnings for seen in run.seen if seen.fleet.warnings] == []
