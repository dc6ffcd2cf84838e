"""All that was judged of the parts, from which the migrations and the fleet are judged."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporter.model.facts import GossipFacts, KeyFacts, TargetFacts
from exporter.model.pages import Unwatched
from exporter.model.stores import StoreFacts


@dataclass(frozen=True, slots=True)
class JudgedFleet:
    """All that was judged of the parts. `part` is set for one shard's."""

    targets: tuple[TargetFacts, ...]
    keys: tuple[KeyFacts, ...] = ()
    gossip: GossipFacts | None = None
    stores: tuple[StoreFacts, ...] = ()
    unsure: Unwatched = field(default_factory=Unwatched)
    part: bool = False
