"""Whether an external store is the store that was read before.

Another cluster behind the same address, a store that came back without its data, a restored backup: each
answers like a store. What it lacks seems deleted. etcd is recognised by its cluster id and its revision,
Consul by its index. Any other store is recognised by keys that vanish together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import Replica
from exporter.model.pages import Outcome, PartitionRing, Ring
from exporter.model.stores import StoreContent, StoreFacts, StoreIdentity
from exporter.products.ring_pages import HA_KEY

NAMED = 5  # of the keys that vanished
TOGETHER = 2  # keys that vanish between two readings: one is deleted by hand, several are lost


def identified(facts: StoreFacts, store: StoreContent, before: StoreFacts | None, now: float) -> StoreFacts:
    """Add to the facts which store this is, and since when it is another one than before. The identity of
    another address or of other prefixes does not count.
    """
    if before is None or before.identity is None:
        return replace(facts, identity=identity_of(store, now) if store.outcome is Outcome.OK else None)
    unchanged = replace(
        facts, identity=before.identity, replaced=before.replaced, replaced_at=before.replaced_at
    )
    if store.outcome is not Outcome.OK:
        return unchanged
    earlier, current = before.identity, identity_of(store, now)
    if (earlier.addresses, earlier.prefixes) != (current.addresses, current.prefixes):
        return replace(facts, identity=current)
    current = replace(current, since=earlier.since)
    since = max(before.replaced_at or now, facts.since or 0.0)
    if before.replaced and not _is_back(earlier, current, facts.moved_at, since):
        return unchanged
    why = None if before.replaced else difference(earlier, current, store)
    if why:
        return replace(unchanged, replaced=why, replaced_at=now)
    return replace(facts, identity=current)


def identity_of(store: StoreContent, since: float) -> StoreIdentity:
    """What distinguishes this store from another one. Rings are recognised by their values."""
    rings = {
        key: store.modified.get(key, 0)
        for key, value in store.values.items()
        if isinstance(value, Ring | PartitionRing)
    }
    entries = any(isinstance(value, Replica) for value in store.values.values())
    return StoreIdentity(
        cluster=store.cluster,
        revision=store.revision,
        rings=MappingProxyType(rings),
        entries=entries,
        addresses=store.addresses,
        prefixes=store.prefixes,
        since=since,
    )


def difference(identity: StoreIdentity, current: StoreIdentity, store: StoreContent) -> Culprit | None:
    """The evidence that this is another store, `None` where there is none."""
    if identity.cluster and current.cluster and identity.cluster != current.cluster:
        return Culprit(Kind.STORE_CLUSTER_OTHER, member=current.cluster, what=identity.cluster)
    if identity.revision and current.revision and current.revision < identity.revision:
        return Culprit(Kind.STORE_REVISION_FELL, value=current.revision, of=identity.revision)
    vanished = [key for key in identity.rings if key not in store.modified]
    vanished += [HA_KEY] if identity.entries and not current.entries else []
    if len(vanished) >= TOGETHER:
        of = len(identity.rings) + identity.entries
        return Culprit(Kind.STORE_KEYS_VANISHED, value=len(vanished), of=of, names=tuple(vanished[:NAMED]))
    return None


def _is_back(
    identity: StoreIdentity, current: StoreIdentity, moved_at: Mapping[str, float], since: float
) -> bool:
    """Whether it is the earlier store again. Either nothing of it is behind its earlier state, or every ring
    has been written `since`: then the processes use this one. After a restart of the exporter the first
    reading of a key shows no write.
    """
    if not identity.rings.keys() <= current.rings.keys() or identity.entries > current.entries:
        return False
    ahead = all(current.rings[key] >= index for key, index in identity.rings.items())
    same = identity.cluster == current.cluster and current.revision >= identity.revision and ahead
    written = bool(identity.rings) and all(moved_at.get(key, 0.0) > since for key in identity.rings)
    return same or written
