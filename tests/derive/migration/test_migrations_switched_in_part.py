"""A switch that reached only a part of a process's clients is no rollout."""

from __future__ import annotations

from typing import Any

import pytest

from tests.derive.build import Fleet, client, migration_of

OFF: dict[str, Any] = {"mirror": False, "mirror_writes": 0.0}


@pytest.mark.parametrize(("reader", "is_rollout"), [({"mirror_writes": 0.0}, False), (OFF, True)])
def test_a_reader_that_mirrors_shows_that_the_switch_reached_its_process(
    reader: dict[str, Any], is_rollout: bool
) -> None:
    made = Fleet()
    reads = {("consul", "GET"): 9.0}
    for process in made.processes:
        watching = client("ingester-ring", requests=reads, **reader)
        process.clients = (client("compactor-lifecycler", **OFF), watching)
    made.processes[0].clients = (client("ingester-lifecycler"),)
    for _ in range(3):
        seen = made.look(beat=True)
    assert not any(one.writes for one in seen.targets[1].clients if one.name == "ingester-ring")
    rings = migration_of(seen, "rings")
    assert (rings.rollout is not None) == is_rollout
    assert any("compactor-lifecycler" in warning for warning in rings.warnings) != is_rollout
