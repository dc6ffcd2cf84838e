"""The external store as a whole: does it answer, who still writes it, what does it hold alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from exporter.derive.health import live
from exporter.facts import StoreFacts
from exporter.model import Observation, Outcome, Replica, Ring, StoreContent


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
    )


def _moved(
    store: StoreContent, indexes: Mapping[str, int], before: StoreFacts | None, since: float
) -> Mapping[str, float]:
    """When each key was last seen to be written, our clock; the first look proves nothing and counts
    as a write then.
    """
    old = before.moved_at if before else {}
    at = store.asked_at or since
    return MappingProxyType(
        {
            key: old[key] if key in old and indexes.get(key) == index else at
            for key, index in store.modified.items()
        }
    )


def _only_here(store: StoreContent, observed: tuple[Observation, ...]) -> tuple[str, ...] | None:
    """Living keys that no process has in its gossip; `None` where no gossip was read."""
    lists = [seen.gossip.page.value for seen in observed if seen.gossip.page.value is not None]
    if not lists:
        return None
    gossiped = {key for page in lists for key, what in page.keys.items() if not what.deleted}
    return tuple(sorted(k for k, v in store.values.items() if k not in gossiped and not _is_dead(v)))


def _is_dead(value: object) -> bool:
    if isinstance(value, Replica):
        return bool(value.deleted_at)
    return isinstance(value, Ring) and not live(value)
