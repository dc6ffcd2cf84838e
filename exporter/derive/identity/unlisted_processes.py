"""Processes that a source of targets no longer lists, though they run. A list that loses half of itself at
once may have been read in part. A process that left it and still answers is read as before.
"""

from __future__ import annotations

from collections.abc import Iterable

from exporter.derive.identity.member_processes import answers
from exporter.derive.identity.restart_loops import SAME
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.pages import Observation


def still_there(observed: tuple[Observation, ...], before: Snapshot | None) -> tuple[Observation, ...]:
    """Leave out what is unlisted, unless it answers as the same process: its address may be reused."""
    earlier = {target.name: target for target in before.targets if target.up} if before else {}
    return tuple(
        observation
        for observation in observed
        if observation.target.listed or _is_it(observation, earlier.get(observation.target.name))
    )


def _is_it(observation: Observation, before: TargetFacts | None) -> bool:
    now = observation.metrics.value.start_time if observation.metrics.value else None
    if not answers(observation) or before is None or before.started is None or now is None:
        return False
    return abs(now - before.started) <= SAME


def unlisted(targets: Iterable[TargetFacts]) -> list[Culprit]:
    """The processes that left a list and run."""
    return [Culprit(Kind.PROCESS_UNLISTED, t.name, what=t.source) for t in targets if not t.listed]
