"""The way back from each phase: what it needs, and whether it is safe just now."""

from __future__ import annotations

from exporter.facts import KeyFacts, Snapshot
from exporter.model import Phase

_WAYS = {
    Phase.EXTERNAL: "nothing to go back from.",
    Phase.MULTI: "roll the processes to the external store alone; nothing reads memberlist yet.",
    Phase.MIRRORING: "switch mirroring off, or leave it; the external store is the primary all the while.",
    Phase.SWITCHED: "make the external store the primary again by runtime configuration, for all clients at "
    "once; it is mirrored to, so it is as fresh as its lag says.",
    Phase.DETACHED: "switch mirroring on again first and wait until the store has every key and "
    "member; until then the store is stale and must not be made the primary.",
    Phase.MEMBERLIST: "roll the processes to multi with memberlist as primary and mirroring on, wait "
    "until the store has every key and member, then switch. The store's present content is stale.",
}
UNKNOWN = "not known, because the phase is not known."


def way_back(phase: str) -> str:
    """Say what going back from a phase needs."""
    return next((text for known, text in _WAYS.items() if known.label == phase), UNKNOWN)


def is_safe(now: Snapshot, max_lag: float) -> bool | None:
    """Tell whether going back is safe at this moment; `None` where the store's freshness is not known."""
    where = now.fleet.phase
    if where in (Phase.EXTERNAL, Phase.MULTI, Phase.MIRRORING):
        return True if now.fleet.uniform else None
    if where is not Phase.SWITCHED:
        return False if where is not Phase.UNKNOWN else None
    fresh = [_is_fresh(key, max_lag) for key in now.keys if key.members or key.entries]
    if None in fresh or not fresh:
        return None
    return all(fresh)


def _is_fresh(key: KeyFacts, max_lag: float) -> bool | None:
    found = key.secondary
    if found is None or found.unread:
        return None
    behind = found.lag is not None and found.lag > max_lag
    return not (found.missing_key or found.missing_members or behind)
