"""The way back of each migration from each phase: what it needs, and whether it is safe just now."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.derive import kv_clients
from exporter.derive.gate.advice import ADVICE
from exporter.model.facts import ClientFacts, KeyFacts, Snapshot
from exporter.model.gate import NO_WAY_KNOWN, Rollback
from exporter.model.listed import few
from exporter.model.migration import Migration
from exporter.model.pages import Phase

_WAYS = {
    Phase.EXTERNAL: "there is nothing to roll back; the external store is the primary.",
    Phase.MULTI: "roll the processes to the external store only; no client reads memberlist yet.",
    Phase.MIRRORING: "switch mirroring off, or leave it on; the external store is the primary all the while.",
    Phase.SWITCHED: "make the external store the primary again by runtime configuration, for all clients at "
    "once; it is mirrored to, so it is as good as its last comparison",
    Phase.DETACHED: "switch mirroring on again first and wait until the store has every key and "
    "member; until then the store is stale and must not be made the primary.",
    Phase.MEMBERLIST: "roll the processes to multi with memberlist as primary and mirroring on, wait "
    "until the store has every key and member, then switch. The store's present content is stale.",
}
_MIXED = (
    "some clients have memberlist as their primary and some the external store. "
    f"{ADVICE['primaries-mixed'].text}"
)
UNKNOWN = "not known, because the phase is not known."
SHOWN = 3
_STORE_LEADS = frozenset({Phase.EXTERNAL, Phase.MULTI, Phase.MIRRORING})
_STORE_STALE = frozenset({Phase.DETACHED, Phase.MEMBERLIST})


def judge_rollback(now: Snapshot, migration: Migration, max_lag: float) -> Rollback:
    """Say what going back needs in one migration. `safe` is `None` where anything is not known that it rests
    on: a process, the store that it goes back to, what is in a ring. `max_lag` is in seconds.
    """
    if not migration.is_of_clients or migration.phase is None:
        return NO_WAY_KNOWN
    targets, keys, where = now.targets, now.keys, migration.phase
    writing = [client for target in targets for client in kv_clients.writing(target.clients)]
    everybody = [client for client in writing if client.migration == migration.name]
    clients = kv_clients.under_way(everybody)
    phases = {client.phase for client in clients}
    text = _WAYS.get(where, UNKNOWN)
    if is_mixed(everybody):
        return Rollback(_MIXED, safe=False)
    if phases & _STORE_STALE:
        return Rollback(text, safe=False)
    served = {client.key for client in clients}
    used = [key for key in keys if key.key in served]
    if phases and phases <= _STORE_LEADS:
        return _leading(text, now, used, begun=migration.begun)
    if where is not Phase.SWITCHED or Phase.UNKNOWN in phases:
        return Rollback(text, safe=None)
    return _switched(text, now, used, max_lag)


def _leading(text: str, now: Snapshot, keys: list[KeyFacts], *, begun: bool) -> Rollback:
    """The way back to a store that is the primary already, and what of it is not known."""
    unknown = [f"{target.name} does not answer" for target in now.targets if not target.up]
    unknown += _stores_unread(now) if begun else [store.fault for store in now.stores if store.fault]
    unknown += [f"{key.key} was not read" for key in keys if not key.source]
    unknown += [f"{key.key} itself lost {key.lost} {key.things} at once" for key in keys if key.lost]
    if not unknown:
        return Rollback(text, safe=True)
    return Rollback(f"{text.rstrip('.')}. Not all of it is known: {_some(unknown)}.", safe=None)


def _stores_unread(now: Snapshot) -> list[str]:
    """Say why the store that the way leads back to is not known."""
    return [s.fault for s in now.stores if s.fault] if now.stores else ["the external store is not read"]


def _switched(text: str, now: Snapshot, keys: list[KeyFacts], max_lag: float) -> Rollback:
    """The way back to a store that is mirrored to, and what speaks against it."""
    stale = [said for key in keys if (said := _staleness(key, max_lag))]
    silent = [f"{target.name} does not answer" for target in now.targets if not target.up]
    unknown = [*silent, *_stores_unread(now), *(said for key in keys if (said := _doubt(key)))]
    if not keys:
        unknown.append("no ring of theirs was read")
    if stale and not silent:
        return Rollback(f"{text}, and that says: {_some([*stale, *unknown])}.", safe=False)
    if not unknown:
        return Rollback(f"{text}.", safe=True)
    return Rollback(f"{text}, and not all of it is known: {_some([*stale, *unknown])}.", safe=None)


def _some(said: list[str]) -> str:
    return few(said, SHOWN, "; ")


def is_mixed(clients: Iterable[ClientFacts]) -> bool:
    """Tell whether some writers of what is to move lead with memberlist and some with the external store."""
    moving = kv_clients.under_way(kv_clients.writing(clients))
    gossip = any(c.primary == "memberlist" or c.phase not in _STORE_LEADS | {Phase.UNKNOWN} for c in moving)
    return gossip and any(c.phase in _STORE_LEADS for c in moving)


def _staleness(key: KeyFacts, max_lag: float) -> str:
    """Say what of a ring the store lacks, "" where nothing is known to be lacking."""
    found = key.secondary
    if found is None:
        return ""
    if found.settled_missing_in:
        return f"the store lacks {key.key}"
    if lost := set(found.missing_members) & set(found.settled):
        return f"the store lacks {len(lost)} of {len(key.members) or len(lost)} members of {key.key}"
    behind = found.lag is not None and found.lag > key.settings.period + max_lag
    return f"the store is {found.lag:.0f} s behind in {key.key}" if behind else ""


def _doubt(key: KeyFacts) -> str:
    """Say why it is not known whether the store has the whole of a ring, "" where it is known."""
    if key.secondary is None:
        return f"the store's {key.key} was not compared"
    if key.secondary.unread:
        return f"{', '.join(key.secondary.unread[:SHOWN])} was not read for {key.key}"
    return f"{key.key} itself lost {key.lost} {key.things} at once" if key.lost else ""
