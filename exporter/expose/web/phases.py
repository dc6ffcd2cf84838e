"""The way from external to memberlist, with every component placed on it by its writing clients."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from exporter.expose.web.words import first
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.pages import Phase

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
