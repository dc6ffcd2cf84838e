"""The external store: does it answer, which clients still write it, which keys has only it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from exporter.derive.identity.key_product import (
    configs_of,
    is_foreign,
    label,
    mostly_named,
    named_prefixes,
    uncovered,
)
from exporter.derive.judging_rules import DEFAULT_PERIOD, DEFAULT_TIMEOUT
from exporter.derive.ring.agreed_settings import period_of
from exporter.derive.ring.reference_clock import store_clock
from exporter.derive.store.store_choice import Places
from exporter.derive.store.store_identity import identified
from exporter.model.entry import PartitionState, Replica
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.pages import Observation, Outcome, PartitionRing, Ring, Value
from exporter.model.stores import StoreContent, StoreFacts
from exporter.products.ha_keys import HaKeys
from exporter.products.ring_pages import HA_KEY, known_keys

LONGEST_TIMEOUT = 600.0  # seconds; the longest heartbeat timeout that a real cluster has (Mimir's jsonnet)
MAX_DELETED = 100  # keys that were deleted; the last of them suffice


@dataclass(frozen=True, slots=True)
class Around:
    """The context of a store: our clock, the processes as read and as judged, and how HA entries are
    recognised. `skew` is how far the processes' clocks are ahead of ours, seconds.
    """

    now: float
    observed: tuple[Observation, ...]
    targets: tuple[TargetFacts, ...] = ()
    ha: HaKeys = field(default_factory=HaKeys)
    skew: float | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is kept of the stores, by title: the facts and the indexes of the previous cycle, and from before
    a restart what identifies them.
    """

    facts: Mapping[str, StoreFacts]
    indexes: Mapping[str, Mapping[str, int]]
    identities: Mapping[str, StoreFacts]


def judge_stores(
    stores: tuple[StoreContent, ...], places: Places, history: Earlier, around: Around
) -> tuple[StoreFacts, ...]:
    """Judge the stores, each with what is kept of it from earlier cycles."""
    return tuple(_identified(store, places, history, around) for store in stores)


def _identified(store: StoreContent, places: Places, history: Earlier, around: Around) -> StoreFacts:
    old = history.facts.get(store.title)
    judged = judge_store(store, history.indexes.get(store.title, MappingProxyType({})), old, around)
    uncovered = (*judged.uncovered, *places.elsewhere(store))
    judged = replace(judged, name=store.name, addresses=store.addresses, uncovered=uncovered)
    return identified(judged, store, old or history.identities.get(store.title), around.now)


def judge_store(
    store: StoreContent,
    indexes: Mapping[str, int],
    before: StoreFacts | None,
    around: Around,
) -> StoreFacts:
    """Judge one store. `indexes` are its indexes in the cycle before, by key."""
    before = None if before is None else _not_later(before, around.now)
    since = before.since if before and before.since else around.now
    if store.outcome is not Outcome.OK:
        moved = before.moved_at if before else MappingProxyType({})
        return StoreFacts(store.kind, store.outcome, store.reason, store.detail, moved_at=moved, since=since)
    moved = _moved(store, indexes, before, since)
    used = {client.key for target in around.targets for client in target.clients if client.key}
    only_here, partitions = _only_here(store, around)
    return StoreFacts(
        kind=store.kind,
        outcome=store.outcome,
        keys=len(store.modified) or len(store.values) + len(store.broken),
        moved_at=moved,
        only_here=only_here,
        only_partitions=partitions,
        renewed=_renewed(store, only_here or (), before, around),
        broken=store.broken,
        since=since,
        prefixes=store.prefixes,
        uncovered=uncovered(store.prefixes, around.targets, used),
        alive=_alive(store, around),
        entries=frozenset(key for key in (*store.values, *store.broken, *moved) if around.ha.entry(key)),
    )


def _not_later(before: StoreFacts, now: float) -> StoreFacts:
    """The facts without times in the future: our clock was set back. Until then a write would count as a
    moment ago, and the store as not watched yet.
    """
    since = before.since if before.since is None else min(before.since, now)
    if since == before.since and max(before.moved_at.values(), default=now) <= now:
        return before  # nearly always
    moved = {key: min(at, now) for key, at in before.moved_at.items()}
    return replace(before, since=since, moved_at=MappingProxyType(moved))


def _alive(store: StoreContent, around: Around) -> frozenset[str]:
    """Keys that some process renews: with a member or an HA entry within its limit, in the members' time.
    Partitions have no heartbeats: there only an index that moves shows it.
    """
    clock, configs = store_clock(store, around.skew), configs_of(around.targets)
    timeouts = (ring.heartbeat_timeout for config in configs for ring in config.rings.values())
    limit = min(max((seconds for seconds in timeouts if seconds), default=DEFAULT_TIMEOUT), LONGEST_TIMEOUT)
    limit = max(limit, DEFAULT_TIMEOUT)
    return frozenset(
        around.ha.canonical(key) for key, value in store.values.items() if clock - _newest(value) <= limit
    )


def _renewed(
    store: StoreContent, only_here: Iterable[str], before: StoreFacts | None, around: Around
) -> frozenset[str]:
    """HA entries that a tracker renews and that were only in this store in the previous cycle too. A new one
    may be in the store a moment before the gossip has spread it.
    """
    earlier = frozenset(before.only_here or () if before else ())
    clock = store_clock(store, around.skew)
    found = ((key, store.values[key]) for key in only_here if key in earlier and key in store.values)
    return frozenset(
        key
        for key, value in found
        if isinstance(value, Replica) and clock - (value.time or 0.0) <= DEFAULT_TIMEOUT
    )


def _newest(value: Value) -> float:
    if isinstance(value, Ring):
        return max((member.time or 0.0 for member in value.without_tombstones().values()), default=0.0)
    return (value.time or 0.0) if isinstance(value, Replica) and not value.is_tombstone else 0.0


def _moved(
    store: StoreContent, indexes: Mapping[str, int], before: StoreFacts | None, since: float
) -> Mapping[str, float]:
    """When each key was last observed to be written, our clock; the first reading proves nothing and counts
    as a write then. To delete a key is to write it: it stays, with the time when it was missed.
    """
    old = before.moved_at if before else {}
    at = store.asked_at or since
    deleted = {key: at if key in indexes else when for key, when in old.items() if key not in store.modified}
    latest = sorted(deleted.items(), key=lambda item: item[1])[-MAX_DELETED:]
    return MappingProxyType(
        dict(latest)
        | {
            key: old[key] if key in old and indexes.get(key) == index else at
            for key, index in store.modified.items()
        }
    )


Partitions = tuple[tuple[str, int], ...]  # their keys and numbers


def _only_here(store: StoreContent, around: Around) -> tuple[tuple[str, ...] | None, Partitions]:
    """Keys in use, and partitions, that the gossip lacks; `None` where no gossip was read.

    Members are not compared: the store stands still since the clients left it, and its members of that day
    have been replaced one by one. Partitions hardly ever change, and no process writes them again.
    """
    recently_started = {target.name for target in around.targets if target.recently_started}
    having = tuple(each for each in around.observed if each.gossip.page.value is not None)
    having = tuple(each for each in having if each.target.name not in recently_started) or having
    if not having:
        return None, ()
    gossiped = {
        key: _is_gossiped(key, having) for key, value in store.values.items() if not _is_deleted(value)
    }
    keys = [key for key, there in gossiped.items() if there is False]
    rings = {k: v for k, v in store.values.items() if gossiped.get(k) and isinstance(v, PartitionRing)}
    found = {key: _copied(key, around.observed) for key in rings}
    if None in found.values() or None in gossiped.values():
        return None, ()
    partitions = (
        (key, number)
        for key, ring in rings.items()
        for number, partition in ring.partitions.items()
        if partition.state is not PartitionState.DELETED and number not in (found[key] or ())
    )
    return tuple(sorted(keys)), tuple(sorted(partitions))


def _is_gossiped(key: str, having: tuple[Observation, ...]) -> bool | None:
    """Whether the processes have a key: most of those that were read for it gave its value. A list by itself
    proves nothing. An HA entry that was not due counts as on most lists; `None` where each copy failed.
    """
    there = lacking = listed = failed = 0
    for observation in having:
        page, what = observation.gossip.page.value, observation.gossip.values.get(key)
        entry = page.keys.get(key) if page is not None else None
        if entry is None or entry.deleted or (what is not None and what.outcome is Outcome.ABSENT):
            lacking += 1
        elif what is None:
            listed += 1
        elif what.value is not None:
            there += 1
        else:
            failed += 1
    if not there and not listed and failed > lacking:
        return None
    return (there or listed) >= max(lacking, 1)


def _copied(key: str, observed: tuple[Observation, ...]) -> frozenset[int] | None:
    """Partitions that some gossip copy has, in whatever state; `None` where none was read in this cycle."""
    copies = [
        observation.gossip.values[key].value for observation in observed if key in observation.gossip.values
    ]
    rings = [copy for copy in copies if isinstance(copy, PartitionRing)]
    return frozenset(number for ring in rings for number in ring.partitions) if rings else None


def _is_deleted(value: object) -> bool:
    if isinstance(value, Replica):
        return bool(value.is_tombstone)
    return isinstance(value, Ring) and not value.without_tombstones()


def freshly_written(store: StoreFacts, now: Snapshot) -> list[str]:
    """Keys with an index that moved recently, and not only at our first reading."""
    if not store.moved_at:
        return []
    first, quiet = store.since or now.at, quiet_for(now)
    return [key for key, at in store.moved_at.items() if now.at - at < quiet and at > first]


def quiet_for(now: Snapshot) -> float:
    """Seconds for which a store must not have been written: two of the longest heartbeat periods of any
    process's rings. A last writer renews its member no faster.
    """
    periods = (period_of(target.clients, target.config) for target in now.targets)
    return 2 * max((*periods, DEFAULT_PERIOD))


def unattended(now: Snapshot, used: Collection[str]) -> Mapping[str, str]:
    """Our keys in use in a store that are not among the `used` keys, with the store. They are below a prefix
    in a configuration, or have a name of the product's and not only of another product's.
    """
    product = now.fleet.product
    left = {key: store.kind for store in now.stores for key in sorted(_living(store, now) - set(used))}
    if not left:
        return {}  # nearly always
    prefixes = tuple(named_prefixes(now.targets) - {""})
    expected = known_keys(product) | mostly_named(now.targets) | {HA_KEY}
    ours = {key: kind for key, kind in left.items() if key in expected or key.startswith(prefixes)}
    return {key: kind for key, kind in ours.items() if not is_foreign(key, product)}


def _living(store: StoreFacts, now: Snapshot) -> frozenset[str]:
    return store.alive | {label(store, key) for key in freshly_written(store, now)}
