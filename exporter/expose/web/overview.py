"""Everything the first page shows, made of a snapshot; nothing is concluded here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from exporter.expose.lag_history import LagHistory
from exporter.expose.web.go_no_go import answer_of, check_rows, next_step_of, word_of
from exporter.expose.web.key_rows import SHOWN as KEYS
from exporter.expose.web.key_rows import blamed, copy, key_rows, not_copied, views
from exporter.expose.web.words import Excerpt, first, span
from exporter.expose.wording.migrations import line_of
from exporter.model.facts import PageFacts, Snapshot, TargetFacts
from exporter.model.findings import FindingKind, Rollback
from exporter.model.migration import Migration
from exporter.model.pages import Outcome, Phase
from exporter.products.ring_pages import HA_KEY

CHIPS: Final = 12
CLUSTERS: Final = 4
UNKNOWN_MEMBERS: Final = 5
NOT_RESPONDING: Final = 8
EVENTS: Final = 8
WARNINGS: Final = 4
RISKS: Final = 2
WAY: Final = tuple(phase for phase in Phase if phase is not Phase.UNKNOWN)
MEANINGS: Final = {
    Phase.EXTERNAL: "store only",
    Phase.MULTI: "both configured, store is primary",
    Phase.MIRRORING: "store leads, copied",
    Phase.SWITCHED: "memberlist leads, copied",
    Phase.DETACHED: "memberlist is the only primary",
    Phase.MEMBERLIST: "memberlist only",
    Phase.UNKNOWN: "no gauge shows it",
}
SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class StepLink:
    """One gate in the list of all gates."""

    name: str
    place: str
    tone: str
    word: str


def _way_back(migration: Migration) -> Rollback | None:
    """None for a migration that has moved nothing."""
    return migration.rollback if migration.begun and migration.is_of_clients else None


def overview(snapshot: Snapshot, history: LagHistory, interval: float) -> dict[str, Any]:
    """The values of the first page's template."""
    following = next_step_of(snapshot)
    bad, passed = check_rows(following, part=snapshot.part is not None) if following else ((), ())
    down = [target for target in snapshot.targets if not target.up]
    partial = [target for target in snapshot.targets if target.up and _failed(target)]
    return {
        "answer": answer_of(snapshot),
        "warnings": first(snapshot.fleet.warnings, WARNINGS),
        "risks": first(snapshot.fleet.risks, RISKS),
        "open_checks": bad,
        "passed_checks": passed,
        "stations": stations(snapshot),
        "migrations": [(line_of(one), _way_back(one)) for one in snapshot.migrations],
        "steps": step_links(snapshot),
        "rows": first(key_rows(snapshot, history, interval), KEYS),
        "gossip": _gossip(snapshot),
        "tracker": _tracker(snapshot),
        "not_responding": first(((target, _failed(target)) for target in down), NOT_RESPONDING),
        "partial": first(((target, _failed(target)) for target in partial), NOT_RESPONDING),
        "up": len(snapshot.targets) - len(down),
        "events": snapshot.events[-EVENTS:][::-1],
        "lasts": lasts(snapshot),
    }


def lasts(snapshot: Snapshot) -> str:
    """For how long the phase has lasted; at least so long, where the first cycle had it already."""
    began = snapshot.fleet.phase_since
    if began is None:
        return "unknown"
    duration = span(snapshot.at - began)
    watched = next(
        (e.at for e in snapshot.events if e.found and e.found.kind is FindingKind.FIRST_CYCLE), None
    )
    return f"at least {duration}" if watched is not None and began <= watched else duration


def step_links(snapshot: Snapshot) -> tuple[StepLink, ...]:
    """Every gate with its word."""
    return tuple(StepLink(s.title, s.place, *word_of(s)) for s in snapshot.steps)


def _failed(target: TargetFacts) -> PageFacts | None:
    return next((page for page in target.pages if page.outcome is Outcome.FAILED), None)


def _gossip(snapshot: Snapshot) -> dict[str, Any] | None:
    facts = snapshot.gossip
    if facts is None:
        return None
    counted = ((label, len(names)) for label, names in facts.labels.items())
    return {
        "facts": facts,
        "clusters": first((first(names, CHIPS) for names in facts.clusters), CLUSTERS),
        "unknown": first(facts.unknown, UNKNOWN_MEMBERS),
        "labels": sorted(counted, key=lambda pair: -pair[1]),
        "rejected": sum(rejection.count for rejection in snapshot.rejections),
    }


def _tracker(snapshot: Snapshot) -> dict[str, Any] | None:
    """The HA tracker at a glance. `elections` are counted since the processes started."""
    key = next((key for key in snapshot.keys if key.key == HA_KEY), None)
    if key is None:
        return None
    counts = [target.ha_elections for target in snapshot.targets if target.ha_elections is not None]
    return {
        "key": key,
        "secondary": copy(key, not_copied(key, snapshot), late=blamed(key, "lag", snapshot)),
        "views": views(key),
        "elections": sum(counts) if counts else None,
    }


@dataclass(frozen=True, slots=True)
class Placed:
    """One component at one phase: so many of its writing clients. `exact` where all of them are here."""

    component: str
    clients: int
    of: int

    @property
    def exact(self) -> bool:
        return self.clients == self.of


@dataclass(frozen=True, slots=True)
class Station:
    """One phase on the line. `place` is behind, here or ahead of the fleet's phase."""

    phase: str
    meaning: str
    place: str
    components: Excerpt[Placed]


def stations(snapshot: Snapshot) -> tuple[Station, ...]:
    """The six phases in order; a seventh place, "unknown", only where a component stands there."""
    counted = _counted(snapshot.targets)
    wanted = [*WAY, *([Phase.UNKNOWN] if any(Phase.UNKNOWN in c for c in counted.values()) else [])]
    return tuple(_station(phase, snapshot.fleet.phase, counted) for phase in wanted)


def _counted(targets: Iterable[TargetFacts]) -> dict[str, Counter[Phase]]:
    """Writing clients by component and phase; a process that shows none counts once, as unknown."""
    found: dict[str, Counter[Phase]] = defaultdict(Counter)
    for target in targets:
        writing = [client.phase for client in target.clients if client.writes] if target.up else []
        if not target.up or (not writing and not target.clients):
            writing = [Phase.UNKNOWN]
        found[target.component or "?"].update(writing)
    return found


def _station(phase: Phase, fleet: Phase, counted: dict[str, Counter[Phase]]) -> Station:
    placed = [Placed(name, c[phase], c.total()) for name, c in sorted(counted.items()) if c[phase]]
    place = "here" if phase is fleet else "behind" if Phase.UNKNOWN < phase < fleet else "ahead"
    return Station(phase.label, MEANINGS[phase], place, first(placed, SHOWN))
