"""The HA tracker."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case
from tests.alerts.cases.mirroring import tracker
from tests.alerts.fleet import HA, TARGETS

DIFFER, FLAPPING = "KVMigrationHATrackerElectionsDiffer", "KVMigrationHATrackerFlapping"
REPLICA = f'secondary_mismatched_members{{{HA},field="replica"}}'


def elections(values: str) -> dict[str, str]:
    """Each distributor counts every change."""
    return {f'ha_tracker_elections_total{{target="{target}"}}': values for target in TARGETS}


def slower(target: int, values: str) -> dict[str, str]:
    return {f'ha_tracker_elections_total{{target="ingester-{target}"}}': values}


CASES = (
    Case(
        DIFFER,
        FIRES,
        "another replica is elected in the secondary",
        {REPLICA: "0x9 3x100"},
        at=15,
        says="For 3 HA cluster(s) of <fleet> the secondary names another elected replica than the "
        "primary. After a switch, distributors would accept samples of the wrong replica until the "
        "next election.",
    ),
    Case(
        DIFFER,
        FIRES,
        "the tracker is mirrored by itself, the rings are done",
        {REPLICA: "0x9 1x100"} | {tracker(target): "2x200" for target in range(3)},
        phase=5,
        at=15,
        says="For 1 HA cluster(s) of <fleet> the secondary names another elected replica than the "
        "primary. After a switch, distributors would accept samples of the wrong replica until the "
        "next election.",
    ),
    Case(DIFFER, THRESHOLD, "equal again one step before its time", {REPLICA: "3x4 0x100"}),
    Case(
        DIFFER,
        LOOKALIKE,
        "an election reaches the other side in a minute, again and again",
        {REPLICA: "0x3 1 0x3 2 0x3 1 0x100"},
    ),
    Case(DIFFER, LOOKALIKE, "nobody mirrors", {REPLICA: "9x200"}, phase=1),
    Case(DIFFER, LOOKALIKE, "the old store is left behind", {REPLICA: "9x200"}, phase=5),
    Case(
        FLAPPING,
        FIRES,
        "forty pairs fail over again and again after the switch",
        elections("4x9 4+6x100") | slower(1, "4x9 4+5x100") | slower(2, "4x9 4+4x100"),
        phase=3,
        at=34,
        says="The HA tracker of <fleet> changed elected replicas 60 times in 10m, as counted by "
        "ingester-0 (60), ingester-1 (50), ingester-2 (40). Each change is a gap and "
        "duplicates.",
    ),
    Case(
        FLAPPING, THRESHOLD, "exactly one change for two pairs in ten minutes", elections("4+2x200"), phase=5
    ),
    Case(
        FLAPPING,
        LOOKALIKE,
        "all senders restart within ten minutes: each pair changes once",
        elections("4x9 4+4x10 44x100"),
        phase=5,
    ),
    Case(
        FLAPPING,
        LOOKALIKE,
        "few pairs, few changes",
        elections("4+1x200") | {"ha_tracker_entries": "4x200"},
        phase=5,
    ),
    Case(FLAPPING, LOOKALIKE, "the distributors restart and count anew", elections("900x9 0x100"), phase=5),
    Case(FLAPPING, LOOKALIKE, "there is no HA tracker", {}, phase=5, without=("ha_tracker",)),
)
