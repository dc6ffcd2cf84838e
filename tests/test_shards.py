"""Four shards and Prometheus's own rules give the answers of one exporter, in every scenario of the demo."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from exporter.demo import FAULTS
from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as s
from exporter.model.migration import LABELS, READ_WRITE, STORE
from tests.migration import INTERVAL, SOAK, WAYS
from tests.sharded import Joined, Series, Sharded, series_of, sharded

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
WHOLE = frozenset(metric.name for metric in (*s.JOINED, *s.WHOLE))
EVERYTHING = f'{{__name__=~"{"|".join(sorted(WHOLE))}"}}'
OPEN = f"{c.GATE_OPEN.name} == 1"
BEGUN = 4  # looks until the rules have seen a soak
SETTLED = 8  # looks until everything that an event sets off has settled
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
    unseen = {LABELS, READ_WRITE} - {_label("migration", name) for name in wanted}
    names = [n for n in sorted(found.keys() | wanted.keys()) if _label("migration", n) not in unseen]
    asked = (n for n in names if not (n.startswith(c.NEXT_STEP.name) and _label("migration", n) == LABELS))
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


def steps_of(found: Series) -> set[str]:
    """The steps of an answer's series, each with its migration."""
    return {"/".join(_label(label, name) for label in ("migration", "step")) for name in found}


def _label(label: str, series: str) -> str:
    told = re.search(rf'{label}="([^"]*)"', series)
    return told[1] if told else ""


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


@pytest.mark.parametrize("product", ["cortex", "mimir", "loki"])
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


# Every fault in the phase that is asked most of, and those of the gossip in another one.
CASES = [
    *((fault, "mirroring", ("cortex", "mimir", "loki")[at % 3]) for at, fault in enumerate(FAULTS)),
    ("split", "switched", "cortex"),
    ("crash", "multi", "mimir"),
    ("foreign-label", "detached", "cortex"),
    ("conjoined", "memberlist", "loki"),
]


@pytest.mark.parametrize(("fault", "phase", "product"), CASES)
async def test_a_fault(fault: str, phase: str, product: str, tmp_path: Path) -> None:
    timeout = "1s" if fault == "pages-hang" else "4s"
    async with sharded(phase, timeout, product=product, size=6) as told:
        await told.look(BEGUN)
        await told.run.fault(fault, on=True)
        await told.look(SETTLED)
        settled = told.last
        await told.run.fault(fault, on=False)
        await told.look(BEGUN)
        check(told, [settled], tmp_path)


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


@pytest.mark.parametrize(
    ("late", "anew"),
    [
        (0, 0),  # all find them at once
        (2, 0),  # as where discovery is refreshed by each on its own
        (10, int(SOAK / INTERVAL)),  # one did not find them for long: nobody knows what it did not watch
    ],
)
async def test_processes_that_come_or_go_begin_no_soak_anew(late: int, anew: int, tmp_path: Path) -> None:
    """While a shard does not know them nothing is open; then what held before counts."""
    async with sharded("mirroring", size=6) as told:
        await told.look(BEGUN + 2)
        first = told.last + 1
        await told.look(late + SETTLED + 1)
        told.rediscover(first, late=2, looks=late)
        joined = Joined(told)
        numbers = [joined.ask(look, OPEN) for look in range(first - 1, told.last + 1)]
        answers = joined.run(tmp_path)
        opened = ["rings/switch-primary" in steps_of(answers[number]) for number in numbers]
        assert opened == [True, *[False] * late, *[False] * anew, *[True] * (SETTLED + 1 - anew)]


async def test_a_check_that_one_shard_does_not_make_is_not_known(tmp_path: Path) -> None:
    """It may be of an older version."""
    async with sharded("mirroring", size=6) as told:
        await told.look(BEGUN + 2)
        joined = Joined(told, without='kvmigration_shard_check{check="lag",cluster="eu",instance="kvm-3:')
        numbers = [joined.ask(told.last, expr) for expr in (OPEN, f"{c.GATE_CHECK.name} == 1")]
        opened, held = (joined.run(tmp_path)[number] for number in numbers)
        assert steps_of(opened) == {"rings/preflight", "ha-tracker/preflight", "labels/enforce-label"}
        assert 'check="clients-mirroring"' in str(held)
        assert 'check="lag"' not in str(held)


async def test_an_old_replica_vouches_for_nobody(tmp_path: Path) -> None:
    """Two instances of shard 2, one of which shows for ever what it showed: nothing is complete."""
    async with sharded("mirroring", size=6) as told:
        await told.look(BEGUN + 2)
        old = next(part for part in told.parts[-1] if part.part and part.part.share.shard == 2)
        await told.look(6)
        told.replicas[told.last] = old
        joined = Joined(told)
        expressions = (OPEN, "fleet:kvmigration_shards:complete")
        before = [joined.ask(told.last - 1, expr) for expr in expressions]
        with_it = [joined.ask(told.last, expr) for expr in expressions]
        answers = joined.run(tmp_path)
        assert "rings/switch-primary" in steps_of(answers[before[0]])
        assert list(answers[before[1]].values()) == [1.0]
        assert answers[with_it[0]] == {}
        assert list(answers[with_it[1]].values()) == [0.0]


async def test_a_ring_whose_users_one_shard_does_not_meet_is_not_known(tmp_path: Path) -> None:
    """Its copies in that shard's part cannot be judged there: nobody says how to compare them."""
    async with sharded("mirroring", size=6) as told:
        await told.look(BEGUN + 2)
        used = 'kvmigration_shard_used_key{cluster="eu",instance="kvm-1:9895",job="kvm",key="collectors/ring"'
        joined = Joined(told, without=used)
        of_copies = (
            f'{c.GATE_CHECK.name}{{check=~"keys-copied|members-copied|contents-equal|lag|views-agree"}}'
        )
        clients = f'{c.GATE_CHECK.name}{{check="clients-mirroring"}} == 1'
        numbers = [joined.ask(told.last, expr) for expr in (OPEN, of_copies, clients)]
        opened, judged, mirroring = (joined.run(tmp_path)[number] for number in numbers)
        assert steps_of(opened) == {  # preflight of the rings asks for views too
            "labels/enforce-label",
            "ha-tracker/preflight",
            "ha-tracker/switch-primary",
        }
        known = {_label("migration", name) for name, value in judged.items() if not math.isnan(value)}
        unknown = {_label("migration", name) for name, value in judged.items() if math.isnan(value)}
        assert known == {"ha-tracker"}, "its clients use another key"
        assert unknown == {"rings", READ_WRITE, STORE}
        assert "rings/switch-primary" in steps_of(mirroring)
