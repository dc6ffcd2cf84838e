"""The whole way, and every fault on it: the gate is open exactly when it should be."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from exporter.demo import FAULTS
from exporter.expose.wording import checks as wording
from exporter.expose.wording import migrations as migration_lines
from exporter.polling.visit import READ_CONFIG_AGAIN
from tests import migration as stage
from tests.migration import INTERVAL, SOAK, WAYS, Migration, step_of

migration = partial(stage.migration, wire=True)  # what others ask past the sockets
pytestmark = pytest.mark.asyncio
SOAKED = int(SOAK / INTERVAL) + 1  # looks until a check that holds has held for the soak
REREAD_LOOKS = math.ceil(1.2 * READ_CONFIG_AGAIN / INTERVAL)  # until /config is read again without a restart


@pytest.mark.parametrize(("product", "moves"), [("cortex", ""), ("mimir", "rings"), ("loki", "")])
async def test_the_gate_is_open_when_its_phase_is_there_and_soaked(product: str, moves: str) -> None:
    """Polled all along: no step of another phase opens, the next one opens once and stays open. A Mimir
    before 2.17 leaves its HA tracker on the store, which is then in use at the end.
    """
    async with migration(product=product, migration=moves, size=6, timeout="5s") as run:
        for phase, step in WAYS.items():
            await run.post(f"/phase/{phase}")
            if moves and step == "decommission-store":
                assert await run.until_open(step, 6) == -1
                break
            opened = await run.until_open(step)
            assert opened >= SOAKED - (phase == "external"), (phase, run.wrong(step))
            for _ in range(4):
                await run.look()
                assert step_of(run.seen[-1], step).open, (phase, run.wrong(step))
            assert run.seen[-1].fleet.phase.label == phase
            assert run.seen[-1].fleet.next_step == step
        for seen in run.seen:
            others = {s.name for s in seen.steps if s.open} & set(WAYS.values()) - {"preflight"}
            assert others <= {seen.fleet.next_step}
        trackers = {
            migration_lines.line_of(one)
            for seen in run.seen
            for one in seen.migrations
            if moves and one.name == "ha-tracker"
        }
        at_rest = {"ha-tracker: not begun, on the external store; next step preflight: closed."}
        assert trackers == (at_rest if moves else set())


@dataclass(frozen=True)
class Case:
    """A fault, the step that it closes, the check that fails, and what its culprits name."""

    fault: str
    step: str
    check: str
    culprit: str = ""  # with {victim} for the process's name
    longest: int = 12  # looks until it is closed
    back: int = 14  # looks until it is open again
    phase: str = "mirroring"
    first_line: str = ""
    more: tuple[str, ...] = field(default=())


CASES = [
    Case("partial-mirroring", "switch-primary", "clients-mirroring", "ruler on 3 of 3 processes is multi", 1),
    Case("lag", "switch-primary", "lag", "collectors/ring is"),
    Case("crash", "switch-primary", "targets-answer", "{victim}", 1),
    Case("crash", "enable-mirroring", "targets-answer", "{victim}", 1, phase="multi"),
    Case("crash", "disable-mirroring", "targets-answer", "{victim}", 1, phase="switched"),
    Case("foreign-label", "switch-primary", "labels-agree", '"other" on {victim}', 1),
    Case("foreign-label", "enable-mirroring", "labels-agree", '"other" on {victim}', 1, phase="multi"),
    Case("foreign-label", "remove-multi", "gossip-one-cluster", "{victim}", phase="detached"),
    Case(
        "conjoined",
        "switch-primary",
        "gossip-no-strangers",
        "tempo-ingester-0",
        1,
        first_line="2 foreign members in the gossip",
    ),
    Case("split", "switch-primary", "gossip-one-cluster", first_line="Gossip is split into 2 clusters"),
    Case("split", "enable-mirroring", "gossip-one-cluster", phase="multi"),
    Case("split", "disable-mirroring", "gossip-one-cluster", phase="switched"),
    Case("token-conflict", "switch-primary", "no-token-conflicts", "collectors/ring: ", 1),
    Case("store-down", "switch-primary", "keys-copied", "consul was not read", 1),
    Case(
        "clobber",
        "switch-primary",
        "clients-mirroring",
        "ruler on 1 of 3 processes ({victim}) is switched",
        1,
        back=60,  # the mirror errors that it made stay in the window of five to ten minutes
        first_line="Primaries are mixed: memberlist on {victim}",
    ),
    Case("pages-hang", "switch-primary", "targets-answer", "{victim}", 1),
    Case("pages-rubbish", "switch-primary", "targets-answer", "{victim}", 1),
    Case("clock-skew", "switch-primary", "clocks-agree", "{victim} is 90 s ahead", 1, back=60),
    Case("mirror-errors", "switch-primary", "mirror-errors", "on {victim}: ", back=60),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{c.fault} {c.step}" for c in CASES])
async def test_a_fault_closes_the_gate_names_the_culprit_and_opens_it_when_gone(case: Case) -> None:
    async with migration(case.phase) as run:
        assert await run.until_open(case.step) > 0, run.wrong(case.step)
        await run.fault(case.fault, on=True)
        victim = run.demo.cluster.victims.get(case.fault, "")
        told = {"victim": run.name_of(victim) if victim else ""}
        assert await run.until_closed(case.step, case.longest) > 0
        await _until(run, lambda: run.check(case.step, case.check).verdict.value != "holds", 12)
        found = run.check(case.step, case.check)
        assert case.culprit.format(**told) in " | ".join(wording.culprits(found))
        if case.first_line:
            await _until(run, lambda: _first(run).startswith(case.first_line.format(**told)), 4)
            assert step_of(run.seen[-1], case.step).headline == _first(run)
        for _ in range(2):  # two cycles without a page break no soak, the third one does
            await run.look()
        await run.fault(case.fault, on=False)
        opened = await run.until_open(case.step, case.back)
        assert opened >= SOAKED, run.wrong(case.step)


async def test_every_fault_has_its_gate() -> None:
    assert {case.fault for case in CASES} | {"verification-off"} == set(FAULTS)


async def test_verification_that_is_off_opens_set_label_and_closes_nothing() -> None:
    async with migration("mirroring") as run:
        assert await run.until_open("switch-primary") > 0
        assert not step_of(run.seen[-1], "set-label").open
        await run.fault("verification-off", on=True)
        assert await run.until_open("set-label") >= SOAKED
        assert step_of(run.seen[-1], "switch-primary").open
        await run.fault("verification-off", on=False)
        assert 1 <= await run.until_closed("set-label") <= REREAD_LOOKS
        assert "verification-off" in run.wrong("set-label")


async def test_somebody_who_still_writes_keeps_the_store() -> None:
    """Nobody of ours has a client for it; only the store's own index tells."""
    async with migration("switched") as run:
        await _finish(run)
        store = run.demo.cluster.store
        key = sorted(store.entries)[0]
        for _ in range(3):
            store.cas(key, lambda value: value)
            await run.look()
            assert set(run.wrong("decommission-store")) == {"store-idle"}
            assert key in run.wrong("decommission-store")["store-idle"]
        assert await run.until_open("decommission-store") > SOAKED


async def test_a_store_that_falls_silent_cannot_be_taken_down() -> None:
    async with migration("switched") as run:
        await _finish(run)
        await run.fault("store-down", on=True)
        assert await run.until_closed("decommission-store") == 1
        assert "consul was not read" in run.wrong("decommission-store")["store-read"]
        await run.look()  # one cycle without it alone breaks no soak
        await run.fault("store-down", on=False)
        assert await run.until_open("decommission-store") >= SOAKED


async def test_a_key_that_only_the_store_has_is_named() -> None:
    async with migration("switched") as run:
        await _finish(run)
        store = run.demo.cluster.store
        store.cas("collectors/forgotten", lambda _: store.get("collectors/ring"))
        assert await run.until_open("decommission-store", 6) == -1
        assert run.wrong("decommission-store") == {"store-has-nothing-of-its-own": "collectors/forgotten"}


async def test_the_way_back_is_safe_until_mirroring_ends() -> None:
    async with migration() as run:
        safe = {}
        for phase, step in WAYS.items():
            await run.post(f"/phase/{phase}")
            assert await run.until_open(step) > 0
            safe[phase] = run.seen[-1].fleet.rollback.safe
    assert safe == {
        "external": True,
        "multi": True,
        "mirroring": True,
        "switched": True,
        "detached": False,
        "memberlist": False,
    }


async def test_the_way_back_is_not_known_while_the_store_does_not_answer() -> None:
    async with migration("switched") as run:
        assert await run.until_open("disable-mirroring") > 0
        assert run.seen[-1].fleet.rollback.safe
        await run.fault("store-down", on=True)
        await run.look()
        assert run.seen[-1].fleet.rollback.safe is not True


async def test_who_would_write_a_small_view_is_told_before_the_step() -> None:
    async with migration("mirroring") as run:
        assert await run.until_open("switch-primary") > 0
        assert run.seen[-1].fleet.risks == ()
        await run.fault("split", on=True)
        await _until(run, lambda: bool(run.seen[-1].fleet.risks), 4)
        assert "lists 1 of 3 gossip members" in run.seen[-1].fleet.risks[0]


async def test_a_phase_keeps_its_beginning() -> None:
    async with migration("multi") as run:
        began = run.seen[0].at
        for _ in range(3):
            await run.look()
        assert run.seen[-1].fleet.phase_since == began
        assert {key.phase_since for key in run.seen[-1].keys} == {began}
        assert {target.phase_since for target in run.seen[-1].targets} == {began}
        await run.post("/phase/mirroring")
        changed = (await run.look()).at
        await run.look()
        assert {target.phase_since for target in run.seen[-1].targets} == {changed}


async def _finish(run: Migration) -> None:
    """Take the last steps, each when its gate is open."""
    for phase in ("detached", "memberlist"):
        await run.post(f"/phase/{phase}")
        assert await run.until_open(WAYS[phase]) > 0, run.wrong(WAYS[phase])


async def _until(run: Migration, true: Callable[[], bool], most: int) -> None:
    for _ in range(most):
        if true():
            return
        await run.look()
    assert true(), run.seen[-1].fleet


def _first(run: Migration) -> str:
    return run.seen[-1].fleet.headline
