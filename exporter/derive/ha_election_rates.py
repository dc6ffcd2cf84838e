"""How often the HA tracker elects another replica: before its primary was switched, and since.

An election is a failover of a Prometheus, and there are few. After the switch a clock that is ahead, or a
process that misses gossip, makes two distributors elect against each other with every update.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from exporter.model.facts import Elections, TargetFacts
from exporter.model.pages import Phase
from exporter.products.ring_pages import HA_KEY

WINDOW = 1200.0  # seconds since the switch that count in full; what is older counts half, then a quarter
LEAST = 300.0  # seconds that a baseline takes
OFTEN, SOME = 3.0, 5.0  # times the baseline, and a few failovers on top of it
UNWATCHED = 3600.0  # seconds from failover to failover of an HA cluster, where the rate before is unknown
_STORE_LEADS = frozenset({Phase.EXTERNAL, Phase.MULTI, Phase.MIRRORING})
_GOSSIP_LEADS = frozenset({Phase.SWITCHED, Phase.DETACHED, Phase.MEMBERLIST})


def tracker_phase(target: TargetFacts) -> Phase | None:
    """The phase of a process's HA tracker, `None` where it has none."""
    return min((c.phase for c in target.clients if c.key == HA_KEY and c.writes), default=None)


def counted(now: TargetFacts, before: TargetFacts | None) -> Elections | None:
    """Add what a process counted since the previous cycle. Its counts during its start are its first reading
    of each HA cluster. A counter that fell, and a time in which it was not read, add nothing.
    """
    where, earlier = tracker_phase(now), before.elections if before else None
    if where is None:
        return earlier
    elections = earlier or Elections()
    if where in _STORE_LEADS:
        elections = replace(elections, since=0.0, since_seconds=0.0)
    if (
        before is None
        or now.recently_started
        or before.recently_started
        or tracker_phase(before) is not where
    ):
        return elections
    seconds = (now.seen_at or 0.0) - (before.seen_at or 0.0)
    changes = (now.ha_elections or 0.0) - (before.ha_elections or 0.0)
    return _added(elections, where, changes, seconds) if seconds > 0 and changes >= 0 else elections


def _added(elections: Elections, where: Phase, changes: float, seconds: float) -> Elections:
    if where in _STORE_LEADS:
        return replace(
            elections, before=elections.before + changes, before_seconds=elections.before_seconds + seconds
        )
    if where not in _GOSSIP_LEADS:
        return elections
    share = 0.5 if elections.since_seconds > 2 * WINDOW else 1.0
    since, lasted = elections.since + changes, elections.since_seconds + seconds
    return replace(elections, since=share * since, since_seconds=share * lasted)


def averaged(targets: Iterable[TargetFacts]) -> Elections:
    """The mean over the processes with a tracker: each of them counts every election."""
    counts = [t.elections for t in targets if t.elections is not None and tracker_phase(t) is not None]
    count = len(counts) or 1
    return Elections(
        before=sum(one.before for one in counts) / count,
        before_seconds=sum(one.before_seconds for one in counts) / count,
        since=sum(one.since for one in counts) / count,
        since_seconds=sum(one.since_seconds for one in counts) / count,
    )


def expected(elections: Elections) -> float | None:
    """The elections since the switch at the earlier rate; `None` where that was not observed."""
    if elections.before_seconds < LEAST:
        return None
    return elections.before / elections.before_seconds * elections.since_seconds


def too_many(elections: Elections, clusters: int = 0) -> bool:
    """Whether elections are more frequent than before, by more than a few failovers explain. Where the time
    before was not observed, a failover an hour of each of so many HA clusters counts as usual.
    """
    usual = expected(elections)
    if usual is None and clusters:
        usual = clusters * elections.since_seconds / UNWATCHED
    return usual is not None and elections.since > OFTEN * usual + SOME
