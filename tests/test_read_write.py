"""The read-write migration in the demo, as the guide has it, both ways: each gate opens in its turn, and each
check fails on its own mistake.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from exporter.model.migration import READ_WRITE
from tests.migration import Migration, migration, step_of

pytestmark = pytest.mark.asyncio
READ_PATH, WRITE_PATH, FINISH = "retire-read-path", "retire-write-path", "finish-read-write"
GATES = {READ_PATH, WRITE_PATH, FINISH}
OPENS = {
    "old-group-only": "",
    "read-up": "",
    "backend-up": READ_PATH,
    "read-path-retired": "",
    "write-up": WRITE_PATH,
    "first-zone-retired": WRITE_PATH,
    "second-zone-retired": WRITE_PATH,
    "third-zone-retired": FINISH,
}
"""The stages of the walk, each with the one gate that opens in it."""
SOAK = 15.0


@dataclass(frozen=True)
class Mistake:
    """A fault in a stage: the gate that it closes, the check that fails alone, and whom it names."""

    fault: str
    stage: str
    check: str
    names: str


MISTAKES = (
    Mistake("store-gateways-stay", "backend-up", "store-gateways-unregister", "mimir-store-gateway-zone-a-0"),
    Mistake("unshipped-blocks", "write-up", "old-ingesters-shipped", "mimir-ingester-zone-a-0"),
    Mistake("zone-too-soon", "write-up", "one-zone-at-a-time", "mimir-ingester-zone-b-0"),
    Mistake("remote-evaluation-on", "third-zone-retired", "remote-evaluation-off", "mimir-backend-zone-a-0"),
)


def opened(run: Migration) -> set[str]:
    """The gates of the read-write migration that are open at the last look."""
    return {step.name for step in run.seen[-1].steps if step.open} & GATES


async def entered(run: Migration, stage: str) -> None:
    """Take the next step of the walk, and look until its gate is open; nothing is wrong meanwhile."""
    before = len(run.seen)
    if stage != "old-group-only":
        state = await run.post("/next")
        assert state["walk"] == {READ_WRITE: stage}
    if OPENS[stage]:
        assert await run.until_open(OPENS[stage], 10) > 0, (stage, run.wrong(OPENS[stage]))
    else:
        await run.look(60.0)
    assert [seen.fleet.warnings for seen in run.seen[before:] if seen.fleet.warnings] == []


async def play(run: Migration, mistake: Mistake) -> None:
    """Make a mistake and mend it: the gate closes for one reason, and opens again."""
    gate = OPENS[mistake.stage]
    await run.fault(mistake.fault, on=True)
    for _ in range(10):
        await run.look()
        failed = {c.id for c in step_of(run.seen[-1], gate).checks if c.verdict.value == "fails"}
        if failed == {mistake.check}:
            break
    assert failed == {mistake.check}, (mistake, run.wrong(gate))
    assert mistake.names in run.wrong(gate)[mistake.check]
    assert not step_of(run.seen[-1], gate).open
    await run.fault(mistake.fault, on=False)
    assert await run.until_open(gate, 12) > 0, (mistake, run.wrong(gate))


@pytest.mark.parametrize("way", ["read-write", "read-write-back"])
async def test_each_gate_opens_in_its_turn_and_closes_on_its_own_mistake(way: str) -> None:
    """Back, the settings that read-write mode alone needs are not asked for: one walk has the mistakes."""
    async with migration(product="mimir", migration=way, tokens=4, timeout="5s", soak=SOAK) as run:
        for stage, gate in OPENS.items():
            await entered(run, stage)
            assert opened(run) == ({gate} if gate else set()), stage
            for mistake in MISTAKES if way == "read-write" else ():
                if mistake.stage == stage:
                    await play(run, mistake)
        for seen in run.seen:
            assert len({step.name for step in seen.steps if step.open} & GATES) <= 1
        groups = {target.group for target in run.seen[-1].targets}
        assert groups == {"read-write" if way == "read-write" else "microservices"}
