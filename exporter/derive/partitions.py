"""Partition rings: no heartbeats, hardly ever written, so seldom copied; that is what to watch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.derive.history import RingHistory, Watched, stands
from exporter.model import Partition, PartitionRing, PartitionState


def by_state(ring: PartitionRing) -> Mapping[str, int]:
    """Count partitions by state, every state of a living partition present."""
    counts = Counter(partition.state for partition in ring.partitions.values())
    return {state.value: counts[state] for state in PartitionState if state is not PartitionState.DELETED}


def owners(ring: PartitionRing) -> tuple[str, ...]:
    """Names of the owners of living partitions."""
    living = [p for p in ring.partitions.values() if p.state is not PartitionState.DELETED]
    return tuple(sorted({owner for partition in living for owner in partition.owners}))


def corrupted(ring: PartitionRing) -> tuple[int, ...]:
    """Numbers of the partitions that the page marks as corrupted."""
    return tuple(sorted(number for number, p in ring.partitions.items() if p.corrupted))


def advanced(
    past: RingHistory, ring: PartitionRing, now: float, watched: Watched, processes: Mapping[str, str]
) -> RingHistory:
    """Carry a partition ring's past over one cycle; `processes` are by the names of owners. Whoever takes
    a partition away makes it inactive first: half of the active ones gone at once were overwritten.
    """
    here = {str(number): partition for number, partition in ring.partitions.items()}
    active = {
        number: _process(partition, processes)
        for number, partition in here.items()
        if partition.state is PartitionState.ACTIVE
    }
    kept = {
        number: loss
        for number, loss in past.lost.items()
        if number not in here and stands(*loss, now, watched.writing)
    }
    fresh = past.active.keys() - here.keys()
    if kept or 2 * len(fresh) >= len(past.active):
        kept |= {number: (now, past.active[number]) for number in fresh}
    return replace(past, active=MappingProxyType(active), lost=MappingProxyType(kept), at=now)


def _process(partition: Partition, processes: Mapping[str, str]) -> str:
    return next((processes[owner] for owner in partition.owners if owner in processes), "")
