"""The way back of each migration from each phase: what it needs, and whether it is safe just now."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.derive import kv_clients
from exporter.derive.gate.cause_advice import ADVICE
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import ClientFacts, KeyFacts, Snapshot
from exporter.model.findings import ROLLBACK_UNKNOWN, Rollback, Way
from exporter.model.migration import Migration
from exporter.model.pages import Phase
from exporter.model.stores import faults_of

_STORE_LEADS = frozenset({Phase.EXTERNAL, Phase.MULTI, Phase.MIRRORING})
_STORE_STALE = frozenset({Phase.DETACHED, Phase.MEMBERLIST})


def judge_rollback(now: Snapshot, migration: Migration, max_lag: float) -> Rollback:
    """What the way back needs in one migration. `safe` is `None` where any input is unknown: a process, the
    store that it returns to, the content of a ring. `max_lag` is in seconds.
    """
    if not migration.is_of_clients or migration.phase is None:
        return ROLLBACK_UNKNOWN
    targets, keys, where = now.targets, now.keys, migration.phase
    writing = [client for target in targets for client in kv_clients.writing(target.clients)]
    all_clients = [client for client in writing if client.migration == migration.name]
    clients = kv_clients.under_way(all_clients)
    phases = {client.phase for client in clients}
    way = Way.PHASE_UNKNOWN if where is Phase.UNKNOWN else Way(where.label)
    if is_mixed(all_clients):
        advice = Culprit(Kind.VERBATIM, what=ADVICE["primaries-mixed"].text)
        return Rollback(Way.MIXED, safe=False, against=(advice,))
    if phases & _STORE_STALE and where is not Phase.SWITCHED:
        return Rollback(way, safe=False)
    served = {client.key for client in clients}
    used = [key for key in keys if key.key in served]
    if phases and phases <= _STORE_LEADS:
        if way is Way.MULTI and any(c.phase > Phase.MIRRORING for c in writing):
            way = Way.MULTI_BESIDE
        return _leading(way, now, used, begun=migration.begun)
    if where is not Phase.SWITCHED or Phase.UNKNOWN in phases:
        return Rollback(way, safe=None)
    readers = (client for target in targets for client in target.clients)
    return _switched(way, now, used, max_lag, _unwritten(writing, readers))


def _unwritten(writing: list[ClientFacts], clients: Iterable[ClientFacts]) -> tuple[Culprit, ...]:
    """The rings, of any migration, that clients would read from the store after the way back, and that a
    writer no longer writes there. In the store such a ring is empty, or parts of it stand still.
    """
    stale = {client.key for client in writing if client.phase in _STORE_STALE}
    returning = {client.key for client in clients if client.phase is Phase.SWITCHED}
    return tuple(Culprit(Kind.STORE_NOT_WRITTEN, key=key) for key in sorted(stale & returning))


def _leading(way: Way, now: Snapshot, keys: list[KeyFacts], *, begun: bool) -> Rollback:
    """The way back to a store that is the primary already, and what of it is unknown."""
    unknown = [*_not_responding(now), *(_stores_unread(now) if begun else faults_of(now.stores))]
    unknown += [Culprit(Kind.KEY_NOT_READ, key=key.key) for key in keys if not key.source]
    unknown += [_lost(key) for key in keys if key.lost]
    return Rollback(way, safe=None if unknown else True, unknown=tuple(unknown))


def _not_responding(now: Snapshot) -> list[Culprit]:
    return [Culprit(Kind.PROCESS_DOWN, target.name) for target in now.targets if not target.up]


def _stores_unread(now: Snapshot) -> tuple[Culprit, ...]:
    """Why the store at the end of the way back is unknown."""
    return faults_of(now.stores) if now.stores else (Culprit(Kind.STORE_NOT_READ),)


def _lost(key: KeyFacts) -> Culprit:
    return Culprit(Kind.KEY_LOST, key=key.key, what=key.entry_noun, value=key.lost)


def _switched(
    way: Way, now: Snapshot, keys: list[KeyFacts], max_lag: float, unwritten: tuple[Culprit, ...]
) -> Rollback:
    """The way back to a store that is mirrored to, and the reasons against it."""
    stale = (*unwritten, *(found for key in keys if (found := _staleness(key, max_lag))))
    not_responding = _not_responding(now)
    unknown = [*not_responding, *_stores_unread(now), *(found for key in keys if (found := _doubt(key)))]
    if not keys:
        unknown.append(Culprit(Kind.NO_RING_READ))
    safe = False if stale and not not_responding else None if unknown else True
    return Rollback(way, safe, against=stale, unknown=tuple(unknown))


def is_mixed(clients: Iterable[ClientFacts]) -> bool:
    """Whether some writers of what is to move have memberlist as primary and some the external store."""
    moving = kv_clients.under_way(kv_clients.writing(clients))
    gossip = any(c.primary == "memberlist" or c.phase not in _STORE_LEADS | {Phase.UNKNOWN} for c in moving)
    return gossip and any(c.phase in _STORE_LEADS for c in moving)


def _staleness(key: KeyFacts, max_lag: float) -> Culprit | None:
    """What the store lacks of a ring, `None` where it seems to lack nothing."""
    found = key.secondary
    if found is None:
        return None
    if found.settled_missing_in:
        return Culprit(Kind.STORE_LACKS_KEY, key=key.key)
    if lost := set(found.missing_members) & set(found.settled):
        count = len(lost)
        return Culprit(Kind.STORE_LACKS_MEMBERS, key=key.key, value=count, of=len(key.members) or count)
    behind = found.lag is not None and found.lag > key.settings.period + max_lag
    return Culprit(Kind.STORE_BEHIND, key=key.key, value=found.lag) if behind else None


def _doubt(key: KeyFacts) -> Culprit | None:
    """Why the store's ring may be incomplete, `None` where it is certain."""
    if key.secondary is None:
        return Culprit(Kind.STORE_KEY_NOT_COMPARED, key=key.key)
    if key.secondary.unread:
        return Culprit(Kind.VIEWS_NOT_READ, key=key.key, names=tuple(key.secondary.unread))
    return _lost(key) if key.lost else None
