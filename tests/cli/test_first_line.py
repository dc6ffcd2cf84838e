"""The first line of `status` names the cause of each fault of the demo; without one it warns of nothing."""

from __future__ import annotations

import re

import pytest

from exporter import __version__
from exporter.cli.source.snapshot_source import Overview
from exporter.cli.status import text_of
from exporter.demo import FAULTS
from exporter.expose.api import answers
from exporter.model.facts import Snapshot
from exporter.model.pages import Phase
from tests.migration import Migration, migration

pytestmark = pytest.mark.asyncio
READ_ANEW = 600.0  # seconds: /config is not read in every cycle, and no restart takes as long
LASTING = {"verification-off", "crash", "pages-hang"}

# what the first line says, by fault; VICTIM stands for the process that the demo chooses
CAUSES = {
    "partial-mirroring": "compactor-lifecycler on 4 of 4 processes still has mirroring off",
    "lag": "The secondary lags: collectors/ring is 6",
    "crash": "1 of 4 processes do not answer: VICTIM (refused)",
    "foreign-label": 'Different labels split the gossip: .*"other" on VICTIM',
    "conjoined": "2 foreign members in the gossip: tempo-ingester-0",
    "split": "Gossip is split into 2 clusters",
    "token-conflict": "Two members claim the same tokens: collectors/ring: 3 tokens",
    "store-down": "The external store consul was not read .*",
    "clobber": "Primaries are mixed: memberlist on VICTIM; .* VICTIM lists no other gossip member",
    "pages-hang": "1 of 4 processes do not answer: VICTIM (timeout)",
    "pages-rubbish": "1 of 4 processes do not answer: VICTIM (decode)",
    "clock-skew": "Clocks differ: VICTIM is 90 s ahead",
    "verification-off": "Risk: Label verification is switched off on 4 of 4 processes",
    "mirror-errors": "Mirror writes fail: .* on VICTIM",
}
RUNS = [
    *((fault, "mirroring") for fault in FAULTS),
    *((fault, "memberlist") for fault in ("foreign-label", "split", "clock-skew", "verification-off")),
    *((fault, "external") for fault in ("crash", "store-down", "clock-skew")),
]


def first_line(snapshot: Snapshot) -> str:
    """The first paragraph of the screen, on one line."""
    gossip = answers.gossip_out(snapshot)
    steps = tuple(map(answers.step_out, snapshot.steps))
    status = answers.status_out(snapshot, __version__)
    seen = Overview(status, answers.targets_out(snapshot), answers.rings_out(snapshot), gossip, steps)
    first, *rest = text_of(seen, snapshot.at).splitlines()
    for line in rest:
        if not line.startswith("   "):
            break
        first += f" {line.strip()}"
    return first


async def faulty(told: Migration, fault: str) -> Snapshot:
    """Switch a fault on and look until it can be seen."""
    await told.look()
    await told.fault(fault, on=True)
    if fault == "partial-mirroring":
        told.demo.cluster.set_phase(Phase.MIRRORING)
    for _ in range(4):
        await told.look()
    return await told.look(READ_ANEW if fault in LASTING else 15.0)


async def test_every_fault_of_the_demo_has_its_cause_here() -> None:
    assert CAUSES.keys() == FAULTS.keys()


@pytest.mark.parametrize(("fault", "phase"), RUNS)
async def test_the_first_line_of_status_names_the_cause(fault: str, phase: str) -> None:
    start = "multi" if fault == "partial-mirroring" else phase
    async with migration(start, size=4) as told:
        seen = await faulty(told, fault)
        victim = told.demo.cluster.victims.get(fault)
        name = told.name_of(victim) if victim else ""
    pattern = re.sub(r"[()]", r"\\\g<0>", CAUSES[fault]).replace("VICTIM", re.escape(name))
    assert re.search(pattern, first_line(seen)), first_line(seen)


@pytest.mark.parametrize("phase", ["external", "mirroring", "memberlist"])
async def test_without_a_fault_the_first_line_says_where_we_are(phase: str) -> None:
    async with migration(phase, size=4) as told:
        for _ in range(4):
            seen = await told.look()
    assert first_line(seen).startswith("cortex 1.21.0: phase ")


HARM = [
    ("split", "gossip-split", "mirroring", True),
    ("split", "gossip-split", "memberlist", False),
    ("clobber", "primaries-mixed", "mirroring", False),
    ("store-down", "store-unread", "external", None),
    ("store-down", "store-unread", "mirroring", None),
    ("store-down", "store-unread", "switched", None),
]


@pytest.mark.parametrize(("fault", "cause", "phase", "safe"), HARM)
async def test_effects_are_given_the_remedy_of_the_cause_and_no_way_back_is_safe_that_rests_on_it(
    fault: str, cause: str, phase: str, safe: bool | None
) -> None:
    async with migration(phase, size=4) as told:
        seen = await faulty(told, fault)
    assert seen.fleet.causes[0] == cause
    for step in seen.steps:
        failing = [c for c in step.checks if c.verdict.value == "fails"]
        if any(check.cause for check in failing):
            assert {check.cause for check in failing if check.cause} == {cause}
    assert seen.fleet.rollback.safe is safe
