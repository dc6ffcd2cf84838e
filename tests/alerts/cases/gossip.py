"""Members of the gossip."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case
from tests.alerts.fleet import RING, period, phases

SPLIT, STRANGERS, ABSENT, ISOLATED, KEYS, ILL = (
    "KVMigrationGossipSplit",
    "KVMigrationGossipUnknownMembers",
    "KVMigrationGossipAbsentMembers",
    "KVMigrationGossipProcessIsolated",
    "KVMigrationGossipUnknownKeys",
    "KVMigrationGossipUnhealthy",
)
FOREIGN = "KVMigrationGossipForeignMembers"
FOREIGNERS = {"gossip_foreign_members": "0x9 2x100"} | {
    f'foreign_member_info{{key="",member="{name}"}}': "_x9 1x100"
    for name in ("loki-1-5f0e8c1a", "loki-2-77aa01bc")
}


def sees(target: int, members: str) -> dict[str, str]:
    return {f'gossip_members{{target="ingester-{target}",state="alive"}}': members}


def hears(target: int, age: str) -> dict[str, str]:
    return {f'gossip_heartbeat_age_seconds{{target="ingester-{target}"}}': age}


def score(target: int, values: str) -> dict[str, str]:
    return {f'gossip_health_score{{target="ingester-{target}"}}': values}


SPLIT_SAYS = (
    "The processes of <fleet> form 2 gossip clusters without contact. One process of each, and "
    "how many are with it: ingester-0 (2), ingester-2 (1)."
)
STRANGE_SAYS = (
    "4 gossip member(s) of <fleet> are no target and match no gossip.expected_members. The exporter lists "
    "them under /api/v1/gossip. Another cluster may have joined."
)
SIDES = {
    'gossip_cluster_targets{first="ingester-0"}': "_x9 2x100",
    'gossip_cluster_targets{first="ingester-2"}': "_x9 1x100",
}
APART = {"gossip_clusters": "1x9 2x100"} | SIDES

CASES = (
    Case(
        SPLIT,
        FIRES,
        "a split while memberlist is primary",
        APART,
        phase=3,
        at=12,
        severity="critical",
        says=SPLIT_SAYS,
    ),
    Case(
        SPLIT,
        FIRES,
        "a split after the migration",
        APART,
        phase=5,
        at=12,
        severity="critical",
        says=SPLIT_SAYS,
    ),
    Case(
        SPLIT,
        FIRES,
        "a split while the old store is primary: a ticket",
        APART,
        phase=2,
        at=12,
        says=SPLIT_SAYS,
    ),
    Case(
        SPLIT,
        THRESHOLD,
        "one cluster again one step before its time",
        {"gossip_clusters": "2x1 1x100"},
        phase=5,
    ),
    Case(
        SPLIT,
        LOOKALIKE,
        "a rolling restart: each process is alone for a minute",
        {"gossip_clusters": "1x3 2 1x3 2 1x3 2 1x100"},
        phase=5,
    ),
    Case(SPLIT, LOOKALIKE, "nobody has memberlist yet", {}, phase=0, without=("gossip_",)),
    Case(
        SPLIT,
        LOOKALIKE,
        "a process does not answer: one member list fewer",
        {"gossip_clusters": "1x200"} | sees(1, "3x9 stale"),
        phase=5,
    ),
    Case(
        STRANGERS,
        FIRES,
        "another cluster joins while memberlist is primary",
        {"gossip_unknown_members": "0x9 4x100"},
        phase=4,
        at=20,
        severity="critical",
        says=STRANGE_SAYS,
    ),
    Case(
        STRANGERS,
        FIRES,
        "before the switch it is a ticket",
        {"gossip_unknown_members": "0x9 4x100"},
        phase=1,
        at=20,
        says=STRANGE_SAYS,
    ),
    Case(
        STRANGERS,
        THRESHOLD,
        "known one step before its time",
        {"gossip_unknown_members": "4x9 0x100"},
        phase=5,
    ),
    Case(
        STRANGERS,
        LOOKALIKE,
        "a rollout: gossip knows new pods minutes before discovery",
        {"gossip_unknown_members": "0x3 1x5 0x3 2x5 0x100"},
        phase=5,
    ),
    Case(
        STRANGERS,
        LOOKALIKE,
        "the exporter restarts in the middle of a rollout",
        {"gossip_unknown_members": "1x5 stale _x3 1x6 0x100"},
        phase=5,
    ),
    Case(STRANGERS, LOOKALIKE, "a scale-up: more members, all of them known", sees(0, "3x9 6x100"), phase=5),
    Case(
        STRANGERS,
        LOOKALIKE,
        "they are foreign: another alert, and a worse one",
        {"gossip_unknown_members": "0x9 2x100"} | FOREIGNERS,
        phase=5,
        also=(FOREIGN,),
    ),
    Case(
        FOREIGN,
        FIRES,
        "a Loki with the same label joined a Mimir's gossip, as in recording f4",
        FOREIGNERS,
        at=11,
        severity="critical",
        says="2 gossip member(s) of <fleet> are foreign: "
        '"loki-1-5f0e8c1a", "loki-2-77aa01bc". Their rings merge with these as soon as they write the same '
        "key. Halt all rollouts.",
    ),
    Case(FOREIGN, THRESHOLD, "one cycle only", {"gossip_foreign_members": "0x9 1 0x100"}),
    Case(
        FOREIGN, LOOKALIKE, "unknown pods of a rollout", {"gossip_unknown_members": "0x3 1x5 0x100"}, phase=5
    ),
    Case(
        ABSENT,
        FIRES,
        "a process runs memberlist and nobody sees it",
        {"gossip_absent_members": "0x9 1x100"},
        phase=5,
        at=25,
        says="1 process(es) of <fleet> run memberlist and are in no other process's member list. The "
        "exporter lists them under /api/v1/gossip.",
    ),
    Case(ABSENT, THRESHOLD, "seen one step before its time", {"gossip_absent_members": "1x14 0x100"}),
    Case(ABSENT, LOOKALIKE, "a slow start", {"gossip_absent_members": "0x9 1x10 0x100"}),
    Case(ABSENT, LOOKALIKE, "no member list could be read", {}, without=("gossip_",)),
    Case(
        ISOLATED,
        FIRES,
        "an evicted distributor never comes back, as with rejoin_interval 0",
        hears(2, "4x9 60+60x100"),
        phase=5,
        at=13,
        says="1 process(es) of <fleet> have no recent heartbeat of another process: ingester-2 (4m "
        "0s). They use a stale ring, without an error in their logs.",
    ),
    Case(
        ISOLATED,
        FIRES,
        "its clock is ahead and it is cut off all the same",
        hears(2, "4x9 200x100") | {'target_clock_skew_seconds{target="ingester-2"}': "10x200"},
        phase=5,
        at=12,
        says=(
            "1 process(es) of <fleet> have no recent heartbeat of another process: ingester-2 (3m 20s). They "
            "use a stale ring, without an error in their logs."
        ),
    ),
    Case(
        ISOLATED,
        LOOKALIKE,
        "its clock is 90 s ahead: every heartbeat looks old to it",
        hears(2, "94x200") | {'target_clock_skew_seconds{target="ingester-2"}': "90x200"},
        phase=5,
        also=("KVMigrationClockSkew",),
    ),
    Case(ISOLATED, THRESHOLD, "exactly the heartbeat timeout and a period", hears(2, "75x200"), phase=5),
    Case(
        ISOLATED,
        LOOKALIKE,
        "a ring that beats every 2 min: all that two processes hear of each other",
        hears(2, "110x200") | period(RING, 120),
        phase=5,
    ),
    Case(
        ISOLATED,
        FIRES,
        "it hears nothing in a ring that beats every 2 min",
        hears(2, "4x9 60+60x100") | period(RING, 120),
        phase=5,
        at=15,
        says="1 process(es) of <fleet> have no recent heartbeat of another process: ingester-2 (6m "
        "0s). They use a stale ring, without an error in their logs.",
    ),
    Case(
        ISOLATED,
        LOOKALIKE,
        "before anybody mirrors no heartbeats are in the gossip",
        hears(2, "6000x200"),
        phase=1,
    ),
    Case(
        ISOLATED,
        LOOKALIKE,
        "mirroring stops everywhere: nobody hears, and that is another fault",
        hears(0, "4x9 60+60x100") | hears(1, "4x9 60+60x100") | hears(2, "4x9 60+60x100"),
        phase=2,
    ),
    Case(
        ISOLATED,
        LOOKALIKE,
        "a start takes a minute to resolve the seeds",
        hears(2, "300x1 4x100"),
        phase=5,
    ),
    Case(
        KEYS,
        FIRES,
        "another product's keys",
        {"gossip_unknown_keys": "0x9 2x100"},
        phase=5,
        at=20,
        says=(
            "2 key(s) in the gossip of <fleet> do not belong to the detected product. Another cluster is "
            "merged with it, or was before."
        ),
    ),
    Case(KEYS, THRESHOLD, "gone one step before its time", {"gossip_unknown_keys": "2x9 0x100"}, phase=5),
    Case(
        KEYS,
        LOOKALIKE,
        "the product is unknown yet after a start: no series",
        {"gossip_unknown_keys": "_x9 0x100"},
        phase=5,
    ),
    Case(
        KEYS,
        LOOKALIKE,
        "no strange key, many strange states",
        {'gossip_members{target="ingester-0",state="suspect"}': "2x200"},
        phase=5,
    ),
    Case(
        ILL,
        FIRES,
        "the gossip port of one process is half blocked",
        score(1, "0x9 5x100"),
        phase=5,
        at=25,
        says="1 process(es) of <fleet> have a bad gossip health score (0 is good, 8 the worst): "
        "ingester-1 (5).",
    ),
    Case(ILL, THRESHOLD, "a score of exactly 2", score(1, "2x200"), phase=5),
    Case(
        ILL,
        LOOKALIKE,
        "a rollout: scores rise for ten minutes",
        score(0, "0x3 4x9 0x100") | score(1, "0x5 4x9 0x100"),
        phase=5,
    ),
    Case(ILL, LOOKALIKE, "the process is gone", score(1, "6x9 stale"), phase=5),
    Case(
        ILL,
        LOOKALIKE,
        "a whole migration, healthy at every step",
        phases("0x4 1x4 2x9 3x9 4x4 5x100"),
        without=("store_last",),
    ),
)
