"""The way back from each phase: what it needs, and whether it is safe just now."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.derive import phase
from exporter.facts import ClientFacts, KeyFacts, TargetFacts
from exporter.model import Phase
from exporter.steps import Rollback

_WAYS = {
    Phase.EXTERNAL: "there is nothing to go back from; the external store is the primary.",
    Phase.MULTI: "roll the processes to the external store alone; nothing reads memberlist yet.",
    Phase.MIRRORING: "switch mirroring off, or leave it on; the external store is the primary all the while.",
    Phase.SWITCHED: "make the external store the primary again by runtime configuration, for all clients at "
    "once; it is mirrored to, so it is as good as its last comparison.",
    Phase.DETACHED: "switch mirroring on again first and wait until the store has every key and "
    "member; until then the store is stale and must not be made the primary.",
    Phase.MEMBERLIST: "roll the processes to multi with memberlist as primary and mirroring on, wait "
    "until the store has every key and member, then switch. The store's present content is stale.",
}
_MIXED = (
    "some clients have memberlist as their primary and some the external store. Bring all to one of the two "
    "at once, by runtime configuration; look at the size of every ring before and after."
)
UNKNOWN = "not known, because the phase is not known."
_STORE_LEADS = frozenset({Phase.EXTERNAL, Phase.MULTI, Phase.MIRRORING})
_STORE_STALE = frozenset({Phase.DETACHED, Phase.MEMBERLIST})


def judge_rollback(
    targets: tuple[TargetFacts, ...], keys: tuple[KeyFacts, ...], where: Phase, max_lag: float
) -> Rollback:
    """Say what going back needs; `safe` is `None` where a process or the store's freshness is not known."""
    everybody = [client for target in targets for client in phase.writing(target.clients)]
    clients = phase.moving(everybody)
    phases = {client.phase for client in clients}
    text = _WAYS.get(where, UNKNOWN)
    if is_mixed(everybody):
        return Rollback(_MIXED, safe=False)
    if phases & _STORE_STALE:
        return Rollback(text, safe=False)
    if not phases or Phase.UNKNOWN in phases or not all(target.up for target in targets):
        return Rollback(text, safe=None)
    if phases <= _STORE_LEADS:
        return Rollback(text, safe=True)
    served = {client.key for client in clients}
    return Rollback(text, safe=_all_fresh([key for key in keys if key.key in served], max_lag))


def is_mixed(clients: Iterable[ClientFacts]) -> bool:
    """Tell whether some writers of what is to move lead with memberlist and some with the external store."""
    moving = phase.moving(phase.writing(clients))
    gossip = any(c.primary == "memberlist" or c.phase not in _STORE_LEADS | {Phase.UNKNOWN} for c in moving)
    return gossip and any(c.phase in _STORE_LEADS for c in moving)


def _all_fresh(keys: list[KeyFacts], max_lag: float) -> bool | None:
    fresh = [_is_fresh(key, max_lag) for key in keys]
    if False in fresh:
        return False
    return True if fresh and None not in fresh else None


def _is_fresh(key: KeyFacts, max_lag: float) -> bool | None:
    found = key.secondary
    if found is None:
        return None
    lost = set(found.missing_members) & set(found.settled)
    if found.settled_missing_in or lost or (found.lag is not None and found.lag > max_lag):
        return False
    return None if found.unread or key.lost else True
