"""Each process's copy of the ring."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case
from tests.alerts.fleet import COMPACTOR, RING, TARGETS, period

DIVERGED, STALE = "KVMigrationRingViewsDiverged", "KVMigrationRingViewStale"


def views(kind: str, values: str, key: str = RING) -> dict[str, str]:
    return {f'ring_views{{{key},view="{kind}"}}': values}


def behind(kind: str, target: int, values: str, key: str = RING) -> dict[str, str]:
    return {f'ring_view_staleness_seconds{{{key},view="{kind}",target="ingester-{target}"}}': values}


def lacking(target: int, values: str) -> dict[str, str]:
    return {f'ring_view_missing_members{{{RING},view="ring",target="ingester-{target}"}}': values}


CASES = (
    Case(
        DIVERGED,
        FIRES,
        "processes see two rings, and one of them lacks members",
        views("ring", "1x9 2x100") | lacking(2, "0x9 1x100"),
        at=25,
        phase=5,
        says="1 ring(s) of <fleet> differ from process to process: collectors/ring ring (2"
        " views). Views that lack members: ingester-2 collectors/ring.",
    ),
    Case(
        DIVERGED,
        FIRES,
        "gossip copies differ once they are mirrored to",
        views("gossip", "1x9 3x100", COMPACTOR),
        at=25,
        says="1 ring(s) of <fleet> differ from process to process: collectors/compactor "
        "gossip (3 views). Views that lack members: none.",
    ),
    Case(DIVERGED, THRESHOLD, "agreed one step before its time", views("ring", "2x14 1x100")),
    Case(
        DIVERGED,
        LOOKALIKE,
        "a rolling restart: views follow within a minute",
        views("ring", "1x3 2 1x3 3 1x3 2 1x100"),
    ),
    Case(DIVERGED, LOOKALIKE, "old gossip copies before anybody mirrors", views("gossip", "3x100"), phase=1),
    Case(DIVERGED, LOOKALIKE, "no view could be read", {}, without=("ring_view",)),
    Case(
        STALE,
        FIRES,
        "one process's watch has died",
        behind("ring", 1, "0+60x220"),
        at=12,
        says="Views of <fleet> are up to 12m 0s behind the latest view: ingester-1 ring (12m 0s). "
        "For such a process, healthy members appear unhealthy.",
    ),
    Case(
        STALE,
        FIRES,
        "in three rings of one process: named once, by the worst",
        behind("gossip", 0, "100x200")
        | behind("gossip", 0, "90x200", COMPACTOR)
        | behind("ring", 0, "80x200"),
        at=10,
        phase=5,
        says="Views of <fleet> are up to 1m 40s behind the latest view: ingester-0 gossip (1m 40s), "
        "ingester-0 ring (1m 20s). For such a process, healthy members appear unhealthy.",
    ),
    Case(
        STALE,
        FIRES,
        "one view of a ring that beats every 2 min stands still",
        behind("ring", 1, "0+30x220") | period(RING, 120),
        at=17,
        says="Views of <fleet> are up to 8m 30s behind the latest view: ingester-1 ring (8m 30s). "
        "For such a process, healthy members appear unhealthy.",
    ),
    Case(STALE, THRESHOLD, "exactly one heartbeat timeout and a period", behind("ring", 1, "75x200")),
    Case(STALE, LOOKALIKE, "a ring that beats every 2 min", behind("ring", 1, "120x200") | period(RING, 120)),
    Case(STALE, LOOKALIKE, "a busy start: nine minutes", behind("ring", 1, "500x8 0x100")),
    Case(
        STALE, LOOKALIKE, "old gossip copies before anybody mirrors", behind("gossip", 1, "5000x200"), phase=0
    ),
    Case(
        STALE,
        LOOKALIKE,
        "the whole fleet restarts, each view is old for four minutes",
        behind("ring", 0, "90x3 0x100")
        | behind("ring", 1, "0x4 90x3 0x100")
        | behind("ring", 2, "0x9 90x3 0x100"),
    ),
    Case(
        STALE,
        LOOKALIKE,
        "a process is scaled down",
        {f'ring_view_staleness_seconds{{{RING},view="ring",target="{TARGETS[2]}"}}': "0x4 200x5 stale"},
    ),
)
