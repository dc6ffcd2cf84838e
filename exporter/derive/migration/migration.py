"""The whole fleet in a few words: the first thing an operator reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from exporter.derive.migration.whole import Whole
from exporter.model.facts import Fleet, TargetFacts
from exporter.model.gate import Step
from exporter.model.listed import first
from exporter.model.migration import STORE, Migration
from exporter.model.pages import Phase, Product

_AGREED = {True: "", False: ", clients in different phases", None: ", not known for every process"}


def judge_fleet(whole: Whole, lead: Migration) -> Fleet:
    """Judge the fleet: where it stands is where the migration stands that leads. `with_migrations` puts in
    what all of them say together.
    """
    targets = whole.targets
    return Fleet(
        phase=Phase.UNKNOWN if lead.phase is None else lead.phase,
        uniform=lead.uniform,
        headline="",
        product=product_of(targets),
        versions=tuple(sorted({target.version for target in targets if target.up and target.version})),
        next_step="",
        phase_since=lead.phase_since,
    )


def product_of(targets: Iterable[TargetFacts]) -> Product:
    """Name what most processes are."""
    counted = Counter(target.product for target in targets)
    del counted[Product.UNKNOWN]
    usual = counted.most_common(1)
    return usual[0][0] if usual else Product.UNKNOWN


def headline(fleet: Fleet, steps: Iterable[Step], lead: Migration) -> str:
    """Say in one line where we are and what comes next; danger comes before everything."""
    if fleet.warnings:
        return fleet.warnings[0]
    named, agreed = f"Phase {fleet.phase.label}", _AGREED[fleet.uniform]
    if fleet.phase is Phase.UNKNOWN:
        named, agreed = "The phase is not known", ""
    done = f" Beside keys on memberlist already: {', '.join(few(lead.arrived, 4))}." if lead.arrived else ""
    agreed = f"{'' if lead.rollout else agreed}.{done}"
    here = {lead.name, STORE}
    following = next((s for s in steps if s.name == fleet.next_step and s.migration in here), None)
    if following is None:
        return f"{named}{agreed}"
    return f"{named}{agreed} Next step {following.name}: {'open' if following.open else 'closed'}."


def few(names: Iterable[str], limit: int = 10) -> list[str]:
    """Cut a list of names: at most `limit`, then "and 31 more"."""
    shown, more = first(names, limit)
    return [*shown, *([more] if more else [])]
