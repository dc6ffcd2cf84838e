"""All processes together: their product and releases, their migrations, and their phase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from exporter.derive.judging_rules import Rules
from exporter.derive.migration.findings import notes, with_findings
from exporter.derive.migration.migrations import migrations_of
from exporter.derive.migration.risks import with_dangers
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.migration import leading
from exporter.model.pages import Phase, Product


def usual_product(targets: Iterable[TargetFacts]) -> Product:
    """The product of most processes."""
    counted = Counter(target.product for target in targets if target.product is not Product.UNKNOWN)
    usual = counted.most_common(1)
    return usual[0][0] if usual else Product.UNKNOWN


def versions_of(targets: Iterable[TargetFacts]) -> tuple[str, ...]:
    """The releases of the processes that answer, each once."""
    return tuple(sorted({target.version for target in targets if target.up and target.version}))


def with_migrations(snapshot: Snapshot, before: Snapshot | None, rules: Rules) -> Snapshot:
    """The snapshot with its migrations, and with the phase of the leading one. The steps add the rest."""
    migrations = with_findings(migrations_of(snapshot, before, rules), snapshot)
    lead = leading(migrations)
    fleet = replace(
        snapshot.fleet,
        phase=Phase.UNKNOWN if lead.phase is None else lead.phase,
        uniform=lead.uniform,
        phase_since=lead.phase_since,
        passing=tuple(notes(snapshot)),
    )
    return replace(snapshot, fleet=fleet, migrations=with_dangers(migrations, snapshot))
