"""Processes and their pages."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case

DOWN, PAGES, SKEW, NOBODY = (
    "KVMigrationTargetsDown",
    "KVMigrationPagesFailing",
    "KVMigrationClockSkew",
    "KVMigrationNoTargets",
)
BLIND = "KVMigrationDiscoveryFailing"


def up(target: int, values: str) -> dict[str, str]:
    return {f'target_up{{target="ingester-{target}",component="ingester"}}': values}


def page(target: int, values: str, name: str = "/ingester/ring") -> dict[str, str]:
    return {f'page_up{{target="ingester-{target}",page="{name}"}}': values}


def skew(target: int, values: str) -> dict[str, str]:
    return {f'target_clock_skew_seconds{{target="ingester-{target}"}}': values}


CASES = (
    Case(
        DOWN,
        FIRES,
        "two processes stop answering",
        up(1, "1x9 0x100") | up(2, "1x9 0x100"),
        at=19,
        says="2 process(es) of <fleet> have answered nothing for 8m: ingester-1, ingester-2. What"
        " they show is not judged meanwhile.",
    ),
    Case(
        DOWN,
        FIRES,
        "thirty shards' processes: ten are named, all are counted",
        {
            f'target_up{{target="querier-{n:02}",instance="exporter-{n % 3}:9895"}}': "1x9 0x100"
            for n in range(30)
        },
        at=19,
        says="30 process(es) of <fleet> have answered nothing for 8m: querier-00, querier-01, "
        "querier-02, querier-03, querier-04, querier-05, querier-06, querier-07, querier-08, "
        "querier-09 and more. What they show is not judged meanwhile.",
    ),
    Case(DOWN, THRESHOLD, "back within its time", up(1, "1x9 0x8 1x100")),
    Case(
        DOWN,
        LOOKALIKE,
        "a rolling restart: always one is down, none for long",
        up(0, "0x7 1x100") | up(1, "1x9 0x7 1x100") | up(2, "1x19 0x7 1x100"),
    ),
    Case(
        DOWN,
        LOOKALIKE,
        "new processes that have never answered come and are judged later",
        {f'target_up{{target="querier-{n}",component="querier"}}': f"_x{n * 10} 0x7 1x100" for n in range(3)},
    ),
    Case(DOWN, LOOKALIKE, "a scale-down: down for a while, then gone", up(2, "1x9 0x5 stale")),
    Case(
        DOWN,
        LOOKALIKE,
        "one of two replicas of the exporter cannot reach it",
        up(2, "0x200")
        | {'target_up{target="ingester-2",component="ingester",instance="exporter-1:9895"}': "1x200"},
    ),
    Case(DOWN, LOOKALIKE, "the exporter restarts", up(1, "1x9 0x5 stale _x5 1x100")),
    Case(
        PAGES,
        FIRES,
        "one page is refused",
        page(1, "1x9 0x200"),
        at=41,
        says="1 page(s) of <fleet> have failed for 30m: ingester-1 /ingester/ring. Gate checks "
        "that need them stay closed.",
    ),
    Case(PAGES, THRESHOLD, "read again within its time", page(1, "1x9 0x30 1x100"), until=60),
    Case(
        PAGES,
        LOOKALIKE,
        "the whole process is down: another alert",
        page(1, "0x200") | up(1, "0x200"),
        until=60,
        also=(DOWN,),
    ),
    Case(
        PAGES,
        LOOKALIKE,
        "a page that fails every other cycle",
        page(1, "1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1x100"),
        until=60,
    ),
    Case(
        PAGES,
        LOOKALIKE,
        "the module is switched off: an absent page has no series",
        page(1, "1x9 stale"),
        until=60,
    ),
    Case(
        SKEW,
        FIRES,
        "a clock is a minute slow",
        skew(2, "0x9 -61x100"),
        at=20,
        severity="info",
        says="Clocks of processes of <fleet> differ from the exporter's by up to 1m 1s: ingester-2"
        " (1m 1s). If a clock is slow, the heartbeats of its process appear late.",
    ),
    Case(SKEW, THRESHOLD, "exactly ten seconds", skew(2, "10x100")),
    Case(SKEW, LOOKALIKE, "time synchronisation steps in after a start", skew(2, "300x9 0x100")),
    Case(SKEW, LOOKALIKE, "the time is not said", {}, without=("target_clock",)),
    Case(
        BLIND,
        FIRES,
        "the list of targets of one of two shards cannot be read any more",
        {'discovery_failing_sources{instance="exporter-1:9895"}': "0x9 1x100"},
        at=20,
        says="1 source(s) of targets of <fleet> fail: exporter-1:9895. Processes that only they list are not "
        "watched, and each gate that needs an answer from all processes stays closed.",
    ),
    Case(
        BLIND,
        THRESHOLD,
        "it is read again one step before its time",
        {"discovery_failing_sources": "0x9 1x9 0x100"},
    ),
    Case(BLIND, LOOKALIKE, "an exporter of before this was told", {}, without=("discovery_failing",)),
    Case(
        NOBODY,
        FIRES,
        "discovery finds nobody any more",
        {'discovered_targets{source="static"}': "3x9 0x100"},
        at=15,
        severity="critical",
        says=(
            "Discovery of <fleet> finds no process at all. The exporter observes no process: no other "
            "alert can fire."
        ),
    ),
    Case(
        NOBODY,
        FIRES,
        "none of those that are found answers",
        up(0, "1x9 0x100") | up(1, "1x9 0x100") | up(2, "1x9 0x100"),
        at=15,
        severity="critical",
        says=(
            "3 process(es) of <fleet> are found and none answers. The exporter observes no process: no "
            "other alert can fire."
        ),
    ),
    Case(
        NOBODY,
        THRESHOLD,
        "one of them answers again one step before its time",
        up(0, "0x4 1x100") | up(1, "0x6 1x100") | up(2, "0x6 1x100"),
    ),
    Case(
        NOBODY,
        THRESHOLD,
        "found again one step before its time",
        {'discovered_targets{source="static"}': "0x4 3x100"},
    ),
    Case(
        NOBODY,
        LOOKALIKE,
        "one of two kinds of discovery finds nobody",
        {'discovered_targets{source="dns"}': "0x200"},
    ),
    Case(
        NOBODY, LOOKALIKE, "a scale-down to one process", {'discovered_targets{source="static"}': "3x9 1x100"}
    ),
)
