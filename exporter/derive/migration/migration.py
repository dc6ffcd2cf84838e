"""All processes together: their product and releases, and their phase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from exporter.derive.migration.judged_fleet import JudgedFleet
from exporter.model.facts import Fleet, TargetFacts
from exporter.model.findings import Finding
from exporter.model.migration import Migration
from exporter.model.pages import Phase, Product


def judge_fleet(judged: JudgedFleet, lead: Migration, passing: Iterable[Finding]) -> Fleet:
    """Judge the fleet: its phase is the leading migration's. `with_migrations` adds the rest."""
    targets = judged.targets
    return Fleet(
        phase=Phase.UNKNOWN if lead.phase is None else lead.phase,
        uniform=lead.uniform,
        headline="",
        product=product_of(targets),
        versions=tuple(sorted({target.version for target in targets if target.up and target.version})),
        next_step="",
        phase_since=lead.phase_since,
        passing=tuple(passing),
    )


def product_of(targets: Iterable[TargetFacts]) -> Product:
    """The product of most processes."""
    counted = Counter(target.product for target in targets)
    del counted[Product.UNKNOWN]
    usual = counted.most_common(1)
    return usual[0][0] if usual else Product.UNKNOWN
