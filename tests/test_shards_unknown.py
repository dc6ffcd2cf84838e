"""What one of four shards does not know, or what another version of it does not say: nobody makes it up."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.expose import catalogue as c
from exporter.model.migration import READ_WRITE, STORE
from tests.migration import INTERVAL, SOAK
from tests.sharded import BEGUN, OPEN, SETTLED, Joined, Sharded, label_of, sharded, steps_of

pytestmark = pytest.mark.slow
OPENED = BEGUN + 1  # the look at which the gate has been open for a while
LATEST = 10  # looks by which one shard's discovery may be late
RESTS = LATEST + SETTLED + 1  # further looks


@pytest.fixture(scope="module")
def healthy() -> Sharded:
    """A healthy cluster before the primary is switched, looked at for some minutes."""

    async def looked() -> Sharded:
        async with sharded("mirroring", size=6) as told:
            await told.look(OPENED + 1 + RESTS)
            return told

    return asyncio.run(looked())


@pytest.mark.parametrize(
    ("late", "anew"),
    [
        (0, 0),  # all find them at once
        (2, 0),  # as where discovery is refreshed by each on its own
        (LATEST, int(SOAK / INTERVAL)),  # one did not find them for long: nobody knows what it did not watch
    ],
)
def test_processes_that_come_or_go_begin_no_soak_anew(
    late: int, anew: int, healthy: Sharded, tmp_path: Path
) -> None:
    """While a shard does not know them nothing is open; then what held before counts."""
    told = replace(healthy, parts=[*healthy.parts])
    told.rediscover(OPENED + 1, late=2, looks=late)
    joined = Joined(told)
    numbers = [joined.ask(look, OPEN) for look in range(OPENED, OPENED + late + SETTLED + 2)]
    answers = joined.run(tmp_path)
    opened = ["rings/switch-primary" in steps_of(answers[number]) for number in numbers]
    assert opened == [True, *[False] * late, *[False] * anew, *[True] * (SETTLED + 1 - anew)]


def test_a_check_that_one_shard_does_not_make_is_not_known(healthy: Sharded, tmp_path: Path) -> None:
    """It may be of an older version."""
    joined = Joined(healthy, without='kvmigration_shard_check{check="lag",cluster="eu",instance="kvm-3:')
    numbers = [joined.ask(OPENED, expr) for expr in (OPEN, f"{c.GATE_CHECK.name} == 1")]
    opened, held = (joined.run(tmp_path)[number] for number in numbers)
    assert steps_of(opened) == {"rings/preflight", "ha-tracker/preflight", "labels/enforce-label"}
    assert 'check="clients-mirroring"' in str(held)
    assert 'check="lag"' not in str(held)


def test_an_old_replica_vouches_for_nobody(healthy: Sharded, tmp_path: Path) -> None:
    """Two instances of shard 2, one of which shows for ever what it showed: nothing is complete."""
    old = next(part for part in healthy.parts[OPENED] if part.part and part.part.share.shard == 2)
    later = OPENED + 6
    joined = Joined(replace(healthy, replicas={later: old}))
    expressions = (OPEN, "fleet:kvmigration_shards:complete")
    before = [joined.ask(later - 1, expr) for expr in expressions]
    with_it = [joined.ask(later, expr) for expr in expressions]
    answers = joined.run(tmp_path)
    assert "rings/switch-primary" in steps_of(answers[before[0]])
    assert list(answers[before[1]].values()) == [1.0]
    assert answers[with_it[0]] == {}
    assert list(answers[with_it[1]].values()) == [0.0]


def test_a_ring_whose_users_one_shard_does_not_meet_is_not_known(healthy: Sharded, tmp_path: Path) -> None:
    """Its copies in that shard's part cannot be judged there: nobody says how to compare them."""
    used = 'kvmigration_shard_used_key{cluster="eu",instance="kvm-1:9895",job="kvm",key="collectors/ring"'
    joined = Joined(healthy, without=used)
    of_copies = f'{c.GATE_CHECK.name}{{check=~"keys-copied|members-copied|contents-equal|lag|views-agree"}}'
    clients = f'{c.GATE_CHECK.name}{{check="clients-mirroring"}} == 1'
    numbers = [joined.ask(OPENED, expr) for expr in (OPEN, of_copies, clients)]
    opened, judged, mirroring = (joined.run(tmp_path)[number] for number in numbers)
    assert steps_of(opened) == {  # preflight of the rings asks for views too
        "labels/enforce-label",
        "ha-tracker/preflight",
        "ha-tracker/switch-primary",
    }
    known = {label_of("migration", name) for name, value in judged.items() if not math.isnan(value)}
    unknown = {label_of("migration", name) for name, value in judged.items() if math.isnan(value)}
    assert known == {"ha-tracker"}, "its clients use another key"
    assert unknown == {"rings", READ_WRITE, STORE}
    assert "rings/switch-primary" in steps_of(mirroring)
