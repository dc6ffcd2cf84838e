"""Four shards and Prometheus's own rules give the answers of one exporter, in every scenario of the demo."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from exporter.demo import FAULTS
from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as s
from exporter.model.migration import LABELS, READ_WRITE
from tests.migration import WAYS
from tests.sharded import (
    BEGUN,
    OPEN,
    SETTLED,
    Joined,
    Series,
    Sharded,
    label_of,
    series_of,
    sharded,
    steps_of,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
PRODUCTS = ("cortex", "mimir", "loki")
WHOLE = frozenset(metric.name for metric in (*s.JOINED, *s.JUDGED_ANEW))
EVERYTHING = f'{{__name__=~"{"|".join(sorted(WHOLE))}"}}'
# Which view is the primary's, and so what it is compared with, is each shard's own choice.
AT_LEAST = frozenset(
    metric.name
    for metric in (
        c.SECONDARY_LAG_SECONDS,
        c.RING_OLDEST_HEARTBEAT_AGE_SECONDS,
        c.RING_LONGEST_TRANSITION_SECONDS,
    )
)
# Two shards may each see one other part of three, or one other member that is missing.
SOME = frozenset(
    metric.name for metric in (c.SECONDARY_MISSING_MEMBERS, c.SECONDARY_EXTRA_MEMBERS, c.RING_SHRUNK_MEMBERS)
)
NEAR = 10.0  # seconds between clocks and heartbeats of two processes that are read


def expected(told: Sharded, look: int) -> Series:
    """What one exporter says of the whole."""
    series = series_of(told.whole(look), {}, told.parts[0][0].at)
    return {name: value for name, value in series.items() if name.partition("{")[0] in WHOLE}


def different(found: Series, wanted: Series) -> dict[str, tuple[float | None, float | None]]:
    """What differs, as (the shards' value, the one exporter's). The joined gate has labels and read-write
    whether or not a part shows them, and does not say which step of the labels is next.
    """
    unseen = {LABELS, READ_WRITE} - {label_of("migration", name) for name in wanted}
    names = [n for n in sorted(found.keys() | wanted.keys()) if label_of("migration", n) not in unseen]
    asked = (n for n in names if not (n.startswith(c.NEXT_STEP.name) and label_of("migration", n) == LABELS))
    return {n: (found.get(n), wanted.get(n)) for n in asked if not _same(n, found.get(n), wanted.get(n))}


def _same(name: str, found: float | None, wanted: float | None) -> bool:
    family = name.partition("{")[0]
    if family == c.KEY_PHASE.name and found is None:
        return wanted == -1  # nobody writes it: no shard has a phase to tell
    if found is None or wanted is None:
        return found is wanted
    if family == c.GOSSIP_CLUSTERS.name:
        return (found > 1) == (wanted > 1)
    if family in SOME:
        return (found > 0) == (wanted > 0)
    if family in AT_LEAST and found >= wanted - NEAR:
        return True
    return math.isclose(found, wanted, abs_tol=1e-3) or (math.isnan(found) and math.isnan(wanted))


def check(told: Sharded, settled: list[int], where: Path) -> None:
    """The shards' answers are the one exporter's wherever everything has settled, and they never open
    a gate that is closed to it.
    """
    joined = Joined(told)
    numbers = [joined.ask(look, EVERYTHING) for look in settled]
    gates = [joined.ask(look, OPEN) for look in range(told.last + 1)]
    answers = joined.run(where)
    assert all(len(answers[number]) > 150 for number in numbers), "nothing was compared"
    for look, number in zip(settled, numbers, strict=True):
        assert different(answers[number], expected(told, look)) == {}, f"at look {look}"
    for look, number in enumerate(gates):
        allowed = {step.title for step in told.whole(look).steps if step.open}
        assert steps_of(answers[number]) <= allowed, f"at look {look}"


@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_whole_migration(product: str, tmp_path: Path) -> None:
    """Every step opens, when it opens to one exporter."""
    async with sharded(product=product, size=6) as told:
        settled = []
        for phase in WAYS:
            await told.run.post(f"/phase/{phase}")
            await told.look(SETTLED + BEGUN)
            settled.append(told.last)
            opened = {step.name for step in told.whole(told.last).steps if step.open}
            assert WAYS[phase] in opened, "the one exporter's gate is not open: nothing to compare"
        check(told, settled, tmp_path)


def turns(at: int) -> tuple[str, ...]:
    """A third of the faults. The members that `conjoined` brings stay: it is the last one."""
    return tuple(sorted([*FAULTS][at::3], key=lambda fault: fault == "conjoined"))


# Every fault in the phase that is asked most of, and those of the gossip in another one.
CASES = [
    *((turns(at), "mirroring", product) for at, product in enumerate(PRODUCTS)),
    (("split",), "switched", "cortex"),
    (("crash",), "multi", "mimir"),
    (("foreign-label",), "detached", "cortex"),
    (("conjoined",), "memberlist", "loki"),
]


@pytest.mark.parametrize(
    ("faults", "phase", "product"), CASES, ids=lambda told: told if isinstance(told, str) else "-".join(told)
)
async def test_faults(faults: tuple[str, ...], phase: str, product: str, tmp_path: Path) -> None:
    """One after another."""
    async with sharded(phase, product=product, size=6) as told:
        await told.look(BEGUN)
        settled = []
        for fault in faults:
            await told.run.fault(fault, on=True)
            await told.look(SETTLED)
            settled.append(told.last)
            await told.run.fault(fault, on=False)
            await told.look(BEGUN)
        check(told, settled, tmp_path)


@pytest.mark.parametrize("how", ["dead", "frozen"])
async def test_without_one_of_the_shards_no_gate_is_open_and_nobody_is_a_stranger(
    how: str, tmp_path: Path
) -> None:
    """Its processes are nobody's then: that is unknown, and no reason to wake anybody."""
    async with sharded("mirroring", size=6) as told:
        await told.look(BEGUN + 2)
        joined = Joined(told)
        before = joined.ask(told.last, OPEN)
        getattr(told, how).add(2)
        await told.look(5)
        during = [joined.ask(told.last, OPEN), joined.ask(told.last, c.GOSSIP_UNKNOWN_MEMBERS.name)]
        checks = joined.ask(told.last, f"{c.GATE_CHECK.name} == 1")
        complete = joined.ask(told.last, s.COMPLETE)
        getattr(told, how).clear()
        await told.look(BEGUN + 2)
        after = [joined.ask(told.last, OPEN), joined.ask(told.last, c.GOSSIP_UNKNOWN_MEMBERS.name)]
        answers = joined.run(tmp_path)
        assert "rings/switch-primary" in steps_of(answers[before])
        assert [answers[number] for number in during] == [{}, {}]
        assert answers[checks] == {}
        assert list(answers[complete].values()) == [0.0], (
            "absent is what KVMigrationShardsIncomplete cannot see"
        )
        assert "rings/switch-primary" in steps_of(answers[after[0]])
        assert list(answers[after[1]].values()) == [0.0]
