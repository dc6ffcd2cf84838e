"""Everything the first page shows, made of a snapshot; nothing is concluded here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from exporter.expose.lag_history import LagHistory
from exporter.expose.web.go_no_go import CheckRow, GoNoGo, answer_of, check_rows, next_step_of, word_of
from exporter.expose.web.key_rows import SHOWN as KEYS
from exporter.expose.web.key_rows import Judged, KeyRow, blamed, copy, key_rows, not_copied, views
from exporter.expose.web.words import first, span
from exporter.expose.wording.migrations import line_of
from exporter.model.facts import Event, GossipFacts, KeyFacts, PageFacts, Snapshot, TargetFacts
from exporter.model.findings import FindingKind, Rollback
from exporter.model.migration import Migration
from exporter.model.pages import Outcome, Phase
from exporter.model.rings import UnknownMember
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


@dataclass(frozen=True, slots=True)
class Cluster:
    """One gossip cluster, some of its processes by name."""

    names: tuple[str, ...]
    more: int
    size: int


@dataclass(frozen=True, slots=True)
class Gossip:
    """The gossip at a glance."""

    facts: GossipFacts
    clusters: tuple[Cluster, ...]
    more_clusters: int
    unknown: tuple[UnknownMember, ...]
    more_unknown: int
    labels: tuple[tuple[str, int], ...]
    rejected: int


@dataclass(frozen=True, slots=True)
class Tracker:
    """The HA tracker at a glance. `elections` are counted since the processes started."""

    key: KeyFacts
    copy: Judged
    views: Judged
    elections: float | None


@dataclass(frozen=True, slots=True)
class FailedTarget:
    """A process that does not answer, or one with a failed page."""

    target: TargetFacts
    failed: PageFacts | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page."""

    snapshot: Snapshot
    answer: GoNoGo
    warnings: tuple[str, ...]
    more_warnings: int
    risks: tuple[str, ...]
    more_risks: int
    open_checks: tuple[CheckRow, ...]
    passed_checks: tuple[CheckRow, ...]
    stations: tuple[Station, ...]
    migrations: tuple[tuple[str, Rollback | None], ...]
    steps: tuple[StepLink, ...]
    keys: tuple[KeyRow, ...]
    more_keys: int
    gossip: Gossip | None
    tracker: Tracker | None
    not_responding: tuple[FailedTarget, ...]
    more_not_responding: int
    partial: tuple[FailedTarget, ...]
    more_partial: int
    up: int
    events: tuple[Event, ...]
    lasts: str


def _way_back(migration: Migration) -> Rollback | None:
    """None for a migration that has moved nothing."""
    return migration.rollback if migration.begun and migration.is_of_clients else None


def overview(snapshot: Snapshot, history: LagHistory, interval: float) -> Overview:
    """Put the first page together."""
    answer = answer_of(snapshot)
    following = next_step_of(snapshot)
    bad, passed = check_rows(following, part=snapshot.part is not None) if following else ((), ())
    keys, more_keys = first(key_rows(snapshot, history, interval), KEYS)
    warnings, more_warnings = first(snapshot.fleet.warnings, WARNINGS)
    risks, more_risks = first(snapshot.fleet.risks, RISKS)
    not_responding, more_not_responding = first(
        (_failed_target(t) for t in snapshot.targets if not t.up), NOT_RESPONDING
    )
    partial, more_partial = first(
        (_failed_target(t) for t in snapshot.targets if t.up and _failed(t)), NOT_RESPONDING
    )
    return Overview(
        snapshot=snapshot,
        answer=answer,
        warnings=warnings,
        more_warnings=more_warnings,
        risks=risks,
        more_risks=more_risks,
        open_checks=bad,
        passed_checks=passed,
        stations=stations(snapshot),
        migrations=tuple((line_of(one), _way_back(one)) for one in snapshot.migrations),
        steps=step_links(snapshot),
        keys=keys,
        more_keys=more_keys,
        gossip=_gossip(snapshot),
        tracker=_tracker(snapshot),
        not_responding=not_responding,
        more_not_responding=more_not_responding,
        partial=partial,
        more_partial=more_partial,
        up=sum(1 for target in snapshot.targets if target.up),
        events=tuple(reversed(snapshot.events[-EVENTS:])),
        lasts=lasts(snapshot),
    )


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


def _failed_target(target: TargetFacts) -> FailedTarget:
    return FailedTarget(target, _failed(target))


def _gossip(snapshot: Snapshot) -> Gossip | None:
    facts = snapshot.gossip
    if facts is None:
        return None
    clusters, more_clusters = first(facts.clusters, CLUSTERS)
    unknown, more_unknown = first(facts.unknown, UNKNOWN_MEMBERS)
    counted = ((label, len(names)) for label, names in facts.labels.items())
    return Gossip(
        facts=facts,
        clusters=tuple(Cluster(*first(names, CHIPS), len(names)) for names in clusters),
        more_clusters=more_clusters,
        unknown=unknown,
        more_unknown=more_unknown,
        labels=tuple(sorted(counted, key=lambda pair: -pair[1])),
        rejected=sum(rejection.count for rejection in snapshot.rejections),
    )


def _tracker(snapshot: Snapshot) -> Tracker | None:
    key = next((key for key in snapshot.keys if key.key == HA_KEY), None)
    if key is None:
        return None
    counts = [target.ha_elections for target in snapshot.targets if target.ha_elections is not None]
    return Tracker(
        key,
        copy(key, not_copied(key, snapshot), late=blamed(key, "lag", snapshot)),
        views(key),
        sum(counts) if counts else None,
    )


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
    components: tuple[Placed, ...]
    more: int


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
    listed, more = first(placed, SHOWN)
    place = "here" if phase is fleet else "behind" if Phase.UNKNOWN < phase < fleet else "ahead"
    return Station(phase.label, MEANINGS[phase], place, listed, more)
