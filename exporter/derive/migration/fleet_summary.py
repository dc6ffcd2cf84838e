"""All processes together: what was judged of them, their product and releases, and their phase."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from exporter.derive.process_judgement import usual_product
from exporter.model.facts import Fleet, GossipFacts, KeyFacts, TargetFacts
from exporter.model.findings import Finding
from exporter.model.migration import Migration
from exporter.model.pages import Phase, Product, Unwatched
from exporter.model.shard import Part
from exporter.model.stores import StoreFacts


@dataclass(frozen=True)  # not slots: the product is counted once
class JudgedFleet:
    """All that was judged of the parts. `part` is set for one shard."""

    targets: tuple[TargetFacts, ...]
    keys: tuple[KeyFacts, ...] = ()
    gossip: GossipFacts | None = None
    stores: tuple[StoreFacts, ...] = ()
    unsure: Unwatched = field(default_factory=Unwatched)
    part: Part | None = None

    @cached_property
    def product(self) -> Product:
        """The product of most processes."""
        return usual_product(self.targets)


def judge_fleet(judged: JudgedFleet, lead: Migration, passing: Iterable[Finding]) -> Fleet:
    """Judge the fleet: its phase is the leading migration's. The steps add the rest."""
    targets = judged.targets
    return Fleet(
        phase=Phase.UNKNOWN if lead.phase is None else lead.phase,
        uniform=lead.uniform,
        headline="",
        product=judged.product,
        versions=tuple(sorted({target.version for target in targets if target.up and target.version})),
        next_step="",
        phase_since=lead.phase_since,
        passing=tuple(passing),
    )
