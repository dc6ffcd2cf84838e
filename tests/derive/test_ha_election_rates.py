"""Elections before the switch against elections since: a life of a fleet of trackers."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.derive.ha_election_rates import counted, too_many
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.entry import Replica
from exporter.model.facts import ClientFacts, Elections, Snapshot, TargetFacts
from exporter.model.pages import Phase
from exporter.products.ring_pages import HA_KEY
from tests.derive.build import NOW, Fleet, client, step_of

SWITCHED: dict[str, Any] = {"primary": "memberlist"}
STEPS = {
    "disable-mirroring": SWITCHED,
    "remove-multi": {**SWITCHED, "mirror": False},
    "decommission-store": {
        "primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 9.0}
    },
}  # fmt: skip


class Life:
    """Three distributors that track; each sees every election."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.count = 0.0
        self.seen = self.live(1)

    def live(self, cycles: int, every: float = 0.0, **more: Any) -> Snapshot:
        """So many cycles of 15 s, one election each `every` seconds (0: none), the clients in this phase."""
        names = ("ingester-lifecycler", "compactor-lifecycler", "distributor-hatracker")
        for process in self.fleet.processes:
            process.clients = tuple(client(name, **more) for name in names)
        for _ in range(cycles):
            self.count += 15.0 / every if every else 0.0
            for process in self.fleet.processes:
                process.elections = {("u", "c"): self.count // 1}
            self.seen = self.fleet.look(beat=True)
        return self.seen

    def check(self, step: str) -> tuple[str, tuple[Looked | Culprit, ...]]:
        """Verdict, and what it is about."""
        migration = "" if step == "decommission-store" else "ha-tracker"
        checks = step_of(self.seen, step, migration).checks
        told = next(c for c in checks if c.id == "ha-elections-steady")
        return told.verdict.value, (*told.evidence, *told.culprits)


LIVES = [
    ("as before", 400.0, 400.0, "holds"),
    ("none before, a failover now and then", 0.0, 400.0, "holds"),
    ("often before, and often now", 30.0, 30.0, "holds"),
    ("each update elects the other replica", 400.0, 15.0, "fails"),
    ("none before, and with each update now", 0.0, 15.0, "fails"),
    ("five times as often", 120.0, 24.0, "fails"),
]


@pytest.mark.parametrize(("_", "before", "since", "verdict"), LIVES, ids=[life[0] for life in LIVES])
def test_elections_are_compared_with_those_before_the_switch(
    _: str, before: float, since: float, verdict: str
) -> None:
    life = Life()
    life.live(30, before)
    life.live(40, since, **SWITCHED)
    assert life.check("disable-mirroring")[0] == verdict


@pytest.mark.parametrize("step", STEPS)
def test_they_are_asked_for_after_the_switch(step: str) -> None:
    life = Life()
    life.live(30, 400.0)
    life.live(12, 15.0, **STEPS[step])
    assert life.check(step)[0] == "fails"


@pytest.mark.parametrize(
    ("every", "looks", "verdict", "kind"),
    [
        (400.0, 21, "holds", LookedKind.ELECTIONS_UNWATCHED),  # a failover now and then
        (
            60.0,
            21,
            "holds",
            LookedKind.ELECTIONS_UNWATCHED,
        ),  # five in five minutes: a rolling restart of Prometheus
        (15.0, 41, "fails", Kind.ELECTIONS_MANY_UNWATCHED),  # each update elects the other replica
    ],
)
def test_where_the_time_before_the_switch_was_not_watched_a_failover_an_hour_is_usual(
    every: float, looks: int, verdict: str, kind: LookedKind | Kind
) -> None:
    life = Life()
    life.fleet = Fleet()
    for process in life.fleet.processes:
        process.copies = {**process.copies, "ha-tracker/u/c": Replica("a", NOW - 1)}
    life.live(looks, every, **SWITCHED)
    told, (about,) = life.check("disable-mirroring")
    assert (told, about.kind) == (verdict, kind)


def test_elections_of_many_clusters_are_many() -> None:
    """A thousand HA clusters fail over a thousand times as often as one."""
    known = Elections(since=700.0, since_seconds=1200.0)
    assert not too_many(known, 1000)
    assert too_many(known, 100)
    assert not too_many(known, 0), "how many there are is unknown"


def test_the_numbers_are_said() -> None:
    life = Life()
    life.live(40, 100.0)
    life.live(21, 15.0, **SWITCHED)
    verdict, (many,) = life.check("disable-mirroring")
    assert (verdict, many.kind) == ("fails", Kind.ELECTIONS_MANY)
    assert isinstance(many, Culprit)
    assert (many.value, round(many.of or 0), many.limit) == (20.0, 3, 5.0)


def test_a_process_that_starts_looks_at_each_cluster_for_the_first_time() -> None:
    """Its counter begins anew, and counts an election for each HA cluster."""
    life = Life()
    life.live(25, 400.0)
    life.live(4, 400.0, **SWITCHED)
    for process in life.fleet.processes:
        process.started = life.fleet.now
    life.count = 0.0
    life.live(1, **SWITCHED)
    life.count = 20_000.0
    life.live(1, **SWITCHED)
    life.live(4, **SWITCHED)
    assert life.check("disable-mirroring")[0] == "holds"


def _tracker(at: float, count: float, phase: Phase, known: Elections | None = None) -> TargetFacts:
    one = ClientFacts("p", "distributor-hatracker", HA_KEY, phase, writes=True)
    return TargetFacts("p", "", "", up=True, clients=(one,), seen_at=at, ha_elections=count, elections=known)


def _then(known: Elections, *, seconds: float, changes: float, times: int, phase: Phase) -> Elections:
    """The same once and again: so many changes in so many seconds."""
    for _ in range(times):
        told = counted(_tracker(NOW + seconds, changes, phase), _tracker(NOW, 0.0, phase, known))
        assert told is not None
        known = told
    return known


def test_a_storm_is_forgotten_and_a_way_back_begins_anew() -> None:
    known = _then(Elections(), seconds=15, changes=0, times=30, phase=Phase.MIRRORING)
    known = _then(known, seconds=15, changes=1, times=40, phase=Phase.SWITCHED)
    assert too_many(known)
    assert not too_many(_then(known, seconds=15, changes=0, times=800, phase=Phase.SWITCHED))
    known = _then(known, seconds=15, changes=0, times=1, phase=Phase.MIRRORING)
    assert known.since_seconds == 0
    assert known.before_seconds == 31 * 15


def test_a_fleet_without_a_tracker_has_nothing_to_compare() -> None:
    seen = Fleet(now=NOW).look(beat=True)
    assert "ha-tracker" not in {one.name for one in seen.migrations}
    check = next(c for c in step_of(seen, "decommission-store").checks if c.id == "ha-elections-steady")
    assert (check.verdict.value, check.evidence) == ("holds", (Looked(LookedKind.TRACKER_NOT_SWITCHED),))
