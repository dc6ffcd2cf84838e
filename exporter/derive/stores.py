"""The external store as a whole: does it answer, who still writes it, what does it hold alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from exporter.derive.health import live
from exporter.external import StoreContent
from exporter.facts import StoreFacts
from exporter.model import Observation, Outcome, PartitionRing, PartitionState, Replica, Ring

MAX_GONE = 100  # keys that were deleted; the last ones tell what there is to tell


def judge_store(
    store: StoreContent,
    indexes: Mapping[str, int],
    before: StoreFacts | None,
    observed: tuple[Observation, ...],
    now: float,
) -> StoreFacts:
    """Judge one store. `indexes` are its indexes in the cycle before, by key."""
    since = before.since if before and before.since else now
    if store.outcome is not Outcome.OK:
        moved = before.moved_at if before else MappingProxyType({})
        return StoreFacts(store.kind, store.outcome, store.reason, store.detail, moved_at=moved, since=since)
    return StoreFacts(
        kind=store.kind,
        outcome=store.outcome,
        keys=len(store.modified) or len(store.values) + len(store.broken),
        moved_at=_moved(store, indexes, before, since),
        only_here=_only_here(store, observed),
        broken=store.broken,
        since=since,
        prefixes=store.prefixes,
    )


def _moved(
    store: StoreContent, indexes: Mapping[str, int], before: StoreFacts | None, since: float
) -> Mapping[str, float]:
    """When each key was last seen to be written, our clock; the first look proves nothing and counts
    as a write then. To delete a key is to write it: it stays, with the time when it was missed.
    """
    old = before.moved_at if before else {}
    at = store.asked_at or since
    gone = {key: at if key in indexes else when for key, when in old.items() if key not in store.modified}
    latest = sorted(gone.items(), key=lambda item: item[1])[-MAX_GONE:]
    return MappingProxyType(
        dict(latest)
        | {
            key: old[key] if key in old and indexes.get(key) == index else at
            for key, index in store.modified.items()
        }
    )


def _only_here(store: StoreContent, observed: tuple[Observation, ...]) -> tuple[str, ...] | None:
    """Living keys, and partitions, that no process has in its gossip; `None` where no gossip was read.

    Members are not compared: the store stands still since the clients left it, and its members of that
    day have been replaced one by one. Partitions hardly ever change, and nobody writes them again.
    """
    lists = [seen.gossip.page.value for seen in observed if seen.gossip.page.value is not None]
    if not lists:
        return None
    gossiped = {key for page in lists for key, what in page.keys.items() if not what.deleted}
    keys = [k for k, v in store.values.items() if k not in gossiped and not _is_dead(v)]
    rings = {k: v for k, v in store.values.items() if k in gossiped and isinstance(v, PartitionRing)}
    found = {key: _copied(key, observed) for key in rings}
    if None in found.values():
        return None
    partitions = [
        f"{key}: partition {number}"
        for key, ring in rings.items()
        for number, partition in ring.partitions.items()
        if partition.state is not PartitionState.DELETED and number not in (found[key] or ())
    ]
    return tuple(sorted([*keys, *partitions]))


def _copied(key: str, observed: tuple[Observation, ...]) -> frozenset[int] | None:
    """Partitions that some gossip copy has, in whatever state; `None` where none was read in this cycle."""
    copies = [seen.gossip.values[key].value for seen in observed if key in seen.gossip.values]
    rings = [copy for copy in copies if isinstance(copy, PartitionRing)]
    return frozenset(number for ring in rings for number in ring.partitions) if rings else None


def _is_dead(value: object) -> bool:
    if isinstance(value, Replica):
        return bool(value.deleted_at)
    return isinstance(value, Ring) and not live(value)
