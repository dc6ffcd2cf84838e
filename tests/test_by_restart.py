"""A migration without a runtime configuration file: each phase by the static configuration and restarts, one
process after the other. Where processes may be in two phases, the number done is right at each moment and
nothing is told; the switch of the primary is no such rollout, and each moment of it is a fault.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from exporter.demo import DemoSettings
from exporter.demo.simulation.phase_changes import BLOCK_EVERY
from exporter.demo.simulation.process import MODES, Process
from exporter.demo.simulation.products import HA
from exporter.derive.planning.plan import plans_of
from exporter.expose.plan.answers import plan_out
from exporter.model.facts import Snapshot
from exporter.model.migration import Migration as Moving
from exporter.model.pages import Phase
from tests.alerts.scraped import LOUD, SCRAPE, Scraped, answers
from tests.migration import WAYS, Migration, migration

SIZE, GAP, LOOK = 6, 20.0, 5.0
LOOKS = int(SIZE * GAP / LOOK) + 6
BLOCK = (*(1.0,) * 12, *((BLOCK_EVERY - 12) / 6,) * 6)  # seconds between looks: closely while it restarts
WITHIN, BY_KEY = "Primaries are mixed: ", "Primaries are mixed by key: "
PRODUCTS = ("cortex", "loki", "mimir")


def phases_of(process: Process) -> dict[str, Phase]:
    """The phase of each key that a process writes for its rings, as the model has it."""
    by_mode = {told: phase for phase, told in MODES.items()}
    found = {}
    for client in process.clients.values():
        inner = (client.primary == "memberlist", client.mirror)
        alone = {"external": (False, False), "memberlist": (True, False)}
        if client.spec.period and client.spec.key != HA:
            found[client.spec.key] = by_mode[client.mode, *alone.get(client.mode, inner)]
    return found


def arrived(run: Migration, phase: Phase) -> set[str]:
    """The processes that are up and wholly in a phase, by the exporter's names."""
    up = [process for process in run.demo.cluster.processes if process.up]
    return {run.name_of(one.name) for one in up if {*phases_of(one).values()} == {phase}}


def rings_of(seen: Snapshot) -> Moving:
    (rings,) = (one for one in seen.migrations if one.name == "rings")
    return rings


def judge(run: Migration, phase: Phase) -> None:
    """Hold what the last look says against the model."""
    seen, there = run.seen[-1], arrived(run, phase)
    rings = rings_of(seen)
    assert seen.fleet.warnings == ()
    if rings.rollout is None:
        assert (rings.phase, len(there)) in ((Phase(phase - 1), 0), (phase, SIZE))
        return
    names = {target.name for target in seen.targets}
    assert (rings.rollout.into, rings.rollout.processes) == (phase, SIZE)
    assert (rings.rollout.done, {*rings.rollout.left}) == (len(there), names - there)


async def rolled(run: Migration, phase: Phase, scraped: Scraped) -> None:
    """Restart all processes into a phase, and wait until the gate of the next step is open."""
    counts = set()
    await run.post(f"/phase/{phase.label}")
    for look in range(1, LOOKS + 1):
        seen = await run.look(LOOK)
        judge(run, phase)
        counts.add(len(arrived(run, phase)))
        if look % (SCRAPE / LOOK) == 0:
            scraped.take(seen)
    assert counts == set(range(1, SIZE + 1))
    if WAYS[phase.label] != "decommission-store":  # an HA tracker may stay
        assert await run.until_open(WAYS[phase.label]) > 0, run.wrong(WAYS[phase.label])


def mixture(run: Migration) -> str:
    """How the primaries are mixed just now, by the model: within a key, by key, or not."""
    found: dict[str, set[bool]] = {}
    for process in run.demo.cluster.processes:
        for key, phase in phases_of(process).items() if process.up else ():
            found.setdefault(key, set()).add(phase >= Phase.SWITCHED)
    within = any(len(primaries) > 1 for primaries in found.values())
    if within or len({*map(frozenset, found.values())}) == 1:
        return WITHIN if within else ""
    return BY_KEY


async def switched(run: Migration) -> set[str]:
    """Switch as the plan says, one block after another: every mixture is told, and after each block the rings
    are complete again.
    """
    (plan,) = (plan_out(one) for one in plans_of(run.seen[-1], "rings/switch-primary"))
    told = " ".join(sentence for section in plan.sections for sentence in section.sentences)
    assert plan.at_once
    assert not plan.runtime_due
    assert "Change one block after another: restart all its processes quickly" in told
    whole = {key.key: key.size for key in run.seen[-1].keys}
    await run.post("/phase/switched")
    mixtures = set()
    while rings_of(run.seen[-1]).phase is not Phase.SWITCHED:
        for seconds in BLOCK:
            seen = await run.look(seconds)
            mixtures.add(mixture(run))
            assert seen.fleet.headline.startswith(mixture(run))
            assert bool(seen.fleet.warnings) is bool(mixture(run))
        calm = run.seen[-2]  # the last look may meet the next block's first restart
        assert {key.key: key.size for key in calm.keys} == whole
    return mixtures


@pytest.mark.slow
@pytest.mark.parametrize("product", PRODUCTS)
def test_each_phase_by_restarts_counts_the_processes_and_the_switch_is_a_fault_while_it_lasts(
    product: str, tmp_path: Path
) -> None:
    async def walked() -> None:
        settings = {"migration": "rings", "runtime_config": False, "restart_every": GAP, "size": SIZE}
        async with migration(product=product, timeout="5s", **settings) as run:
            before, after = Scraped(), Scraped()
            for phase in (Phase.MULTI, Phase.MIRRORING):
                await rolled(run, phase, before)
            mixtures = await switched(run)
            assert WITHIN in mixtures
            assert (BY_KEY in mixtures) is (product != "loki")  # whose rings have one block
            assert await run.until_open("disable-mirroring") > 0
            for phase in (Phase.DETACHED, Phase.MEMBERLIST):
                await rolled(run, phase, after)
            for scraped in (before, after):
                lasted = scraped.scrapes * SCRAPE
                assert not answers(scraped, tmp_path, [(f"count_over_time({LOUD}[2h])", lasted, None)])

    asyncio.run(walked())


def test_a_fault_of_the_runtime_configuration_is_refused_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="partial-mirroring"):
        DemoSettings(runtime_config=False, faults=("partial-mirroring",))
    assert "partial-mirroring" in DemoSettings(faults=("partial-mirroring",)).known_faults
