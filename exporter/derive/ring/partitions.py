"""Partition rings: no heartbeats, hardly ever written, so seldom copied; that is what to watch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from exporter.derive.identity.member_processes import Identity
from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import PartitionState, State
from exporter.model.facts import KeyFacts, TargetFacts
from exporter.model.pages import PartitionRing
from exporter.model.rings import PartitionFacts
from exporter.products.ring_pages import PARTITION_OWNERS


def by_state(ring: PartitionRing) -> Mapping[str, int]:
    """Count partitions by state, every state of a living partition present."""
    counts = Counter(partition.state for partition in ring.partitions.values())
    return {state.value: counts[state] for state in PartitionState if state is not PartitionState.DELETED}


def listed(ring: PartitionRing) -> tuple[PartitionFacts, ...]:
    """The partitions that are not deleted, in order, without their owners' health."""
    living = (p for p in ring.partitions.values() if p.state is not PartitionState.DELETED)
    return tuple(
        PartitionFacts(p.id, p.state, tuple(sorted(p.owners))) for p in sorted(living, key=lambda p: p.id)
    )


def with_owners(
    keys: tuple[KeyFacts, ...], targets: Iterable[TargetFacts], identities: Iterable[Identity]
) -> tuple[KeyFacts, ...]:
    """Compare the owners of all partitions with the ring of their instances and with the processes."""
    recently_started = {target.name for target in targets if target.recently_started}
    names: dict[str, bool] = {}
    for identity in identities:
        names |= dict.fromkeys(identity.names, identity.target in recently_started)
    return tuple(_owned(key, keys, names) if key.owned else key for key in keys)


def _owned(key: KeyFacts, keys: tuple[KeyFacts, ...], processes: Mapping[str, bool]) -> KeyFacts:
    rings = _rings_of_owners(key, keys)
    if not rings:
        return key
    members = {member.id: member.state for ring in rings for member in ring.members}
    return replace(key, owned=tuple(_held(partition, members, processes) for partition in key.owned))


def _held(
    partition: PartitionFacts, members: Mapping[str, State], processes: Mapping[str, bool]
) -> PartitionFacts:
    """A process that has just started may not be a member yet; one that does not respond may still be."""
    ids = {owner: owner.removesuffix(f"/{partition.number}") for owner in partition.owners}
    healthy = {name for name, state in members.items() if state is not State.UNHEALTHY}
    healthy |= {name for name, recently_started in processes.items() if recently_started}
    return replace(
        partition,
        alive=tuple(owner for owner, name in ids.items() if name in healthy),
        vanished=tuple(owner for owner, name in ids.items() if name not in members and name not in processes),
    )


def _rings_of_owners(key: KeyFacts, keys: Iterable[KeyFacts]) -> list[KeyFacts]:
    """The ring of the owners, by its name, below the same prefix if there is one; else every ring."""
    read = [other for other in keys if other.kind == "ring" and other.source]
    if key.ring not in PARTITION_OWNERS:
        return read
    named = [other for other in read if other.ring == PARTITION_OWNERS[key.ring]]
    near = [other for other in named if _prefix(other.key) == _prefix(key.key)]
    return near or named


def _prefix(key: str) -> str:
    return key.rpartition("/")[0]


def corrupted(ring: PartitionRing) -> tuple[int, ...]:
    """Numbers of the partitions that the page marks as corrupted."""
    return tuple(sorted(number for number, p in ring.partitions.items() if p.corrupted))


def without_owner(key: KeyFacts) -> Iterator[Culprit]:
    """The partitions that no process consumes."""
    for partition in key.owned:
        if partition.is_ownerless:
            yield Culprit(
                _lack(partition),
                key=key.key,
                what=partition.state.value.upper(),
                value=partition.number,
                of=len(partition.owners),
                names=partition.owners,
            )


def _lack(partition: PartitionFacts) -> Kind:
    if not partition.owners:
        return Kind.PARTITION_WITHOUT_OWNER
    if partition.vanished == partition.owners:
        return Kind.PARTITION_OWNERS_VANISHED
    return Kind.PARTITION_OWNERS_UNHEALTHY


def vanished_owners(key: KeyFacts) -> Iterator[Culprit]:
    """The partitions with some owners that have ended, and some that remain."""
    for partition in key.owned:
        if partition.vanished and not partition.is_ownerless:
            yield Culprit(
                Kind.PARTITION_OWNERS_SOME_VANISHED,
                key=key.key,
                value=partition.number,
                of=len(partition.owners),
                limit=len(partition.vanished),
                names=partition.vanished,
            )
