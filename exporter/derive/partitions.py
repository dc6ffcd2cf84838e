"""Partition rings: no heartbeats, hardly ever written, so seldom copied; that is what to watch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from exporter.model import PartitionRing, PartitionState


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
