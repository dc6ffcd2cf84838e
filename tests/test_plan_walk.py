"""The demo's clusters accept their plans: what each printed plan says brings them to the next phase."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import yaml

from exporter.demo.simulation.process import MODES
from exporter.derive.planning.plan import plans_of
from exporter.expose.plan.answers import plan_out
from exporter.expose.plan.shapes import PlanOut
from exporter.model.facts import Snapshot
from exporter.model.pages import Phase
from tests.migration import WAYS, Migration, migration

STEPS = list(WAYS.values())[:-1]


def snippets(plan: PlanOut) -> dict[str, list[dict[str, Any]]]:
    """The documents of a plan's YAML, by the part that they stand in."""
    return {
        section.id: [
            told for one in section.snippets if one.format == "yaml" for told in yaml.safe_load_all(one.text)
        ]
        for section in plan.sections
        if section.snippets
    }


def stores_in(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Every `kvstore` block of a configuration."""
    found = [node["kvstore"]] if "kvstore" in node else []
    return found + [one for inner in node.values() if isinstance(inner, dict) for one in stores_in(inner)]


def phase_meant(plan: PlanOut, external: str, now: Phase) -> Phase:
    """The phase that a process is in which has taken these lines, as a simulated process reads them."""
    told = snippets(plan)
    mode, switched, mirror = MODES[now]
    for block in (one for document in told.get("file", []) for one in stores_in(document)):
        mode = {"multi": "multi", "memberlist": "memberlist"}.get(block.get("store", ""), mode)
        multi = block.get("multi", {})
        switched = multi.get("primary", "memberlist" if switched else external) == "memberlist"
        mirror = multi.get("mirror_enabled", mirror)
    for document in told.get("runtime", []):
        switch = document["multi_kv_config"]
        switched, mirror = switch["primary"] == "memberlist", switch["mirror_enabled"]
    meant = ("memberlist", True, False) if mode == "memberlist" else (mode, switched, mirror)
    return next(phase for phase, told_ in MODES.items() if told_ == meant)


async def take(walk: Migration, snapshot: Snapshot, name: str) -> PlanOut:
    """Do what the plan of a migration's next step says."""
    (plan,) = (plan_out(plan) for plan in plans_of(snapshot, name))
    cluster = walk.demo.cluster
    cluster.set_phase(phase_meant(plan, cluster.settings.store, cluster.phase))
    return plan


@pytest.mark.parametrize("product", ["mimir", "loki", "cortex"])
def test_the_demo_goes_from_the_first_step_to_the_last_by_its_plans(product: str) -> None:
    async def walked() -> None:
        async with migration(product=product, size=6) as walk:
            taken = []
            for phase in list(Phase)[2:]:
                plan = await take(walk, walk.seen[-1], "rings")
                taken.append(plan.step)
                for _ in range(8):
                    snapshot = await walk.look()
                (rings,) = (one for one in snapshot.migrations if one.name == "rings")
                assert (rings.phase, rings.uniform) == (phase, True), plan.step
            assert taken == STEPS
            (last,) = (plan_out(plan) for plan in plans_of(snapshot, "store"))
            assert last.step == "decommission-store"

    asyncio.run(walked())


@pytest.mark.parametrize("product", ["mimir", "loki", "cortex"])
def test_without_a_runtime_configuration_it_goes_from_the_first_step_to_the_last_by_restarts(
    product: str,
) -> None:
    async def walked() -> None:
        settings = {"migration": "rings", "runtime_config": False, "restart_every": 20.0}
        async with migration(product=product, size=3, timeout="5s", **settings) as walk:
            taken = []
            for phase in list(Phase)[2:]:
                plan = await take(walk, walk.seen[-1], "rings")
                taken.append(plan.step)
                assert not plan.runtime_due
                assert {one.route for one in plan.reached} == {"restart"}
                assert await arrived(walk, phase), plan.step
            assert taken == STEPS

    asyncio.run(walked())


async def arrived(walk: Migration, phase: Phase) -> bool:
    """Whether all rings come to a phase, with a process at a time or a block at a time."""
    for _ in range(100):
        (rings,) = (one for one in (await walk.look()).migrations if one.name == "rings")
        if (rings.phase, rings.uniform, rings.rollout) == (phase, True, None):
            return True
    return False


@pytest.mark.parametrize("product", ["mimir", "loki", "cortex"])
def test_each_ring_that_moves_is_reached_by_the_plan(product: str) -> None:
    async def walked() -> None:
        async with migration("multi", product=product, size=6) as walk:
            (plan,) = (plan_out(plan) for plan in plans_of(walk.seen[-1], "rings"))
            (rings,) = (one for one in walk.seen[-1].migrations if one.name == "rings")
            assert {one.key for one in plan.reached} == set(rings.keys)
            changed = {name for change in plan.changes for name in change.settings}
            by_restart = [one for one in plan.reached if one.route == "restart"]
            assert len(changed) == len(by_restart)
            assert bool(plan.runtime) is (len(by_restart) < len(plan.reached))

    asyncio.run(walked())


@pytest.mark.parametrize("product", ["mimir", "loki", "cortex"])
def test_clients_that_a_running_switch_left_out_are_restarted(product: str) -> None:
    async def walked() -> None:
        async with migration("multi", product=product, faults=("partial-mirroring",)) as walk:
            await take(walk, walk.seen[-1], "rings")
            walk.demo.cluster.set_phase(Phase.MIRRORING)
            for _ in range(4):
                snapshot = await walk.look()
            (plan,) = (plan_out(plan) for plan in plans_of(snapshot, "rings/enable-mirroring"))
            routes = {one.ring: (one.route, one.observed) for one in plan.reached}
            assert routes.pop("ingester") == ("runtime", True)
            assert set(routes.values()) == {("restart", True)}
            assert not plan.runtime_due

    asyncio.run(walked())


def test_the_demos_tracker_goes_from_the_first_step_to_the_last_by_its_plans() -> None:
    async def walked() -> None:
        async with migration(product="mimir", size=6, migration="ha-tracker") as walk:
            taken = []
            for phase in list(Phase)[2:]:
                plan = await take(walk, walk.seen[-1], "ha-tracker")
                taken.append(plan.step)
                for _ in range(8):
                    snapshot = await walk.look()
                (tracker,) = (one for one in snapshot.migrations if one.name == "ha-tracker")
                assert (tracker.phase, tracker.uniform) == (phase, True), plan.step
                assert {one.key for one in plan.reached} == {"ha-tracker/"}
            assert taken == STEPS

    asyncio.run(walked())
