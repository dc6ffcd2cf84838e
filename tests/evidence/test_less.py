"""Less evidence opens nothing: whatever is taken out of what was read, no closed step becomes open."""

from __future__ import annotations

import os
import random
import zlib
from collections import defaultdict

import pytest

from exporter.derive.conclude import conclude
from exporter.derive.previous_cycle import History
from exporter.model.facts import Snapshot
from exporter.model.gate import Verdict
from tests.conftest import free_base_port
from tests.evidence.capture import capture, names
from tests.evidence.changes import Spot, later, spots, without

EXAMPLES = int(os.environ.get("KVMIGRATION_EXAMPLES", "12"))
WAYS = ("failed", "absent", "older")


def passed(snapshot: Snapshot) -> set[str]:
    """The steps all of whose checks pass."""
    return {step.title for step in snapshot.steps if step.verdict is Verdict.PASSED}


def choose(found: list[Spot], chance: random.Random) -> list[Spot]:
    """One page, a few, or one kind of page on every process: that is what proxies and policies take."""
    kinds: dict[tuple[str, str], list[Spot]] = defaultdict(list)
    for spot in found:
        kinds[spot.what, spot.key].append(spot)
    way = chance.random()
    if way < 0.4:
        return [chance.choice(found)]
    if way < 0.6:
        return chance.sample(found, min(len(found), chance.randint(2, 8)))
    some = chance.sample(sorted(kinds), min(len(kinds), chance.randint(1, 3)))
    return [spot for kind in some for spot in kinds[kind]]


@pytest.mark.parametrize("name", names())
def test_less_evidence_opens_nothing(name: str) -> None:
    first, rules = capture(name, free_base_port())
    _, past = conclude(first, History(), rules)
    whole = later(first)
    allowed = passed(conclude(whole, past, rules)[0])
    found, chance = list(spots(whole)), random.Random(zlib.crc32(name.encode()))
    for _ in range(EXAMPLES):
        taken, how = choose(found, chance), chance.choice(WAYS)
        opened = passed(conclude(without(whole, first, taken, how), past, rules)[0]) - allowed
        assert not opened, f"{how}: {taken[:5]} opens {sorted(opened)}"
