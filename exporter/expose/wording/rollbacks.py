"""The way back in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exporter.expose.wording import culprits
from exporter.expose.wording.lists import few
from exporter.model.culprits import Culprit
from exporter.model.findings import Rollback, Way

SHOWN: Final = 3
WAYS: Final[Mapping[Way, str]] = {
    Way.EXTERNAL: "there is nothing to roll back; the external store is the primary",
    Way.MULTI: "roll the processes to the external store only; no client reads memberlist yet",
    Way.MULTI_BESIDE: (
        "set the clients of this migration to the external store only, and restart their processes; none "
        "of these clients reads memberlist yet. Leave the clients of the other migrations as they are"
    ),
    Way.MIRRORING: ("switch mirroring off, or leave it on; the external store is the primary all the while"),
    Way.SWITCHED: (
        "make the external store the primary again for all clients at once, by runtime configuration "
        "where it reaches them; it is mirrored to, so it is as good as its last comparison"
    ),
    Way.DETACHED: (
        "switch mirroring on again first and wait until the store has every key and member; until then "
        "the store is stale and must not be made the primary"
    ),
    Way.MEMBERLIST: (
        "roll the processes to multi with memberlist as primary and mirroring on, wait until the store "
        "has every key and member, then switch. The store's present content is stale"
    ),
    Way.MIXED: "some clients have memberlist as their primary and some the external store",
    Way.PHASE_UNKNOWN: "unknown, because the phase is unknown",
    Way.UNKNOWN: "unknown",
}


def text(rollback: Rollback) -> str:
    """What the rollback needs, what makes it unsafe, and what of it is unknown."""
    way = WAYS[rollback.way]
    if rollback.way is Way.MIXED:
        return f"{way}. {_some(rollback.against)}"
    reasons = _some((*rollback.against, *rollback.unknown))
    if rollback.way is not Way.SWITCHED:
        return f"{way}. Part of it is unknown: {reasons}." if reasons else f"{way}."
    if rollback.safe is False:
        return f"{way}. Do not do this now, for these reasons: {reasons}."
    return f"{way}, and part of it is unknown: {reasons}." if reasons else f"{way}."


def _some(found: tuple[Culprit, ...]) -> str:
    return few(map(culprits.name, found), SHOWN, "; ")
