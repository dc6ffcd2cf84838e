"""The secondary against the primary, judged in mirroring and, where it says anything, when switched."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case
from tests.alerts.cases.mirroring import compactor, ring
from tests.alerts.fleet import COMPACTOR, HA, PARTITIONS, RING, period, phases

UNREAD = "KVMigrationSecondaryUnread"
KEY, MEMBERS, MISMATCH, HIGH, CRITICAL = (
    "KVMigrationSecondaryKeyMissing",
    "KVMigrationSecondaryMembersMissing",
    "KVMigrationSecondaryMismatch",
    "KVMigrationSecondaryLagHigh",
    "KVMigrationSecondaryLagCritical",
)
MISSING = {f"secondary_key_missing{{{COMPACTOR}}}": "1x200"}
NEW_KEY = 'key="collectors/metrics-generator",ring="metrics-generator"'


def lag(key: str, values: str) -> dict[str, str]:
    return {f"secondary_lag_seconds{{{key}}}": values}


def unread(key: str, values: str) -> dict[str, str]:
    return {f"secondary_unread_views{{{key}}}": values}


def members(key: str, values: str) -> dict[str, str]:
    return {f"secondary_missing_members{{{key}}}": values}


def mismatched(field: str, values: str, key: str = RING) -> dict[str, str]:
    return {f'secondary_mismatched_members{{{key},field="{field}"}}': values}


CASES = (
    Case(
        KEY,
        FIRES,
        "two keys never arrive, all their writers mirror",
        MISSING | {f"secondary_key_missing{{{PARTITIONS}}}": "1x200"},
        at=3,
        says="2 mirrored key(s) of <fleet> are not in every view of the secondary: collectors/compactor, "
        "collectors/ingester-partitions. Switching now would lose them.",
    ),
    Case(
        KEY,
        FIRES,
        "nobody can tell who writes the key, and the fleet mirrors",
        {f"secondary_key_missing{{{NEW_KEY}}}": "1x200"},
        at=3,
        says="1 mirrored key(s) of <fleet> are not in every view of the secondary: "
        "collectors/metrics-generator. Switching now would lose them.",
    ),
    Case(
        KEY,
        FIRES,
        "four shards of the exporter say so: one page",
        {
            f'secondary_key_missing{{{COMPACTOR},instance="exporter-{shard}:9895"}}': "1x200"
            for shard in range(4)
        },
        at=3,
        says="1 mirrored key(s) of <fleet> are not in every view of the secondary: "
        "collectors/compactor. Switching now would lose them.",
    ),
    Case(
        KEY,
        THRESHOLD,
        "it arrives one step before its time",
        {f"secondary_key_missing{{{COMPACTOR}}}": "1x2 0x100"},
    ),
    Case(KEY, LOOKALIKE, "nobody mirrors yet: of course it is missing", MISSING, phase=1),
    Case(KEY, LOOKALIKE, "multi is not there yet", MISSING, phase=0),
    Case(KEY, LOOKALIKE, "mirroring is off again after the switch: the old store may age", MISSING, phase=4),
    Case(KEY, LOOKALIKE, "the migration is over", MISSING, phase=5),
    Case(
        KEY,
        LOOKALIKE,
        "its writers do not mirror: that is partial mirroring, and one page",
        MISSING | {compactor(target): "1x200" for target in range(3)},
        also=("KVMigrationMirroringPartial",),
    ),
    Case(
        KEY,
        LOOKALIKE,
        "mirroring has just begun and keys arrive in two minutes, the slowest heartbeat period",
        phases("1x4 2x100") | {f"secondary_key_missing{{{COMPACTOR}}}": "1x6 0x100"},
    ),
    Case(
        KEY,
        LOOKALIKE,
        "the exporter restarts before its time",
        {f"secondary_key_missing{{{COMPACTOR}}}": "1x2 stale _x6 1x1 0x100"},
    ),
    Case(KEY, LOOKALIKE, "the metric is missing", {}, without=("secondary_key_missing",)),
    Case(
        MEMBERS,
        FIRES,
        "members of two rings are missing",
        members(RING, "2x200") | members(COMPACTOR, "1x200"),
        at=3,
        says="3 member(s) of mirrored rings of <fleet> are only in the primary: collectors/ring (2), "
        "collectors/compactor (1).",
    ),
    Case(
        MEMBERS,
        FIRES,
        "memberlist is primary, and the old store, still mirrored, lacks a member: no way back",
        members(RING, "1x200"),
        phase=3,
        at=3,
        says="1 member(s) of mirrored rings of <fleet> are only in the primary: collectors/ring (1).",
    ),
    Case(MEMBERS, THRESHOLD, "it arrives one step before its time", members(RING, "1x2 0x100")),
    Case(
        MEMBERS,
        LOOKALIKE,
        "the whole key is missing: another alert says so",
        MISSING | members(COMPACTOR, "3x200"),
        also=(KEY,),
    ),
    Case(MEMBERS, LOOKALIKE, "nobody mirrors", members(RING, "3x200"), phase=1),
    Case(MEMBERS, LOOKALIKE, "mirroring was switched off after the switch", members(RING, "3x200"), phase=4),
    Case(
        MEMBERS,
        LOOKALIKE,
        "a rolling restart: each new member is missing for a minute",
        members(RING, "0x3 1 0x3 1 0x3 1 0x100"),
    ),
    Case(
        MEMBERS,
        LOOKALIKE,
        "deletes are never mirrored: more in the secondary is not less",
        {f"secondary_extra_members{{{RING}}}": "2x200"},
    ),
    Case(
        MISMATCH,
        FIRES,
        "tokens of one member and addresses of two differ",
        mismatched("tokens", "1x200") | mismatched("address", "2x200"),
        at=10,
        says="Members of mirrored rings of <fleet> differ between primary and secondary, 3 in all: "
        "collectors/ring address (2), collectors/ring tokens (1).",
    ),
    Case(MISMATCH, THRESHOLD, "equal again one step before its time", mismatched("state", "1x9 0x100")),
    Case(
        MISMATCH,
        LOOKALIKE,
        "a rollout: states differ for a heartbeat now and then",
        mismatched("state", "0x3 1 0x3 2 0x3 1 0x100"),
    ),
    Case(MISMATCH, LOOKALIKE, "nobody mirrors", mismatched("tokens", "3x200"), phase=1),
    Case(MISMATCH, LOOKALIKE, "the migration is over", mismatched("tokens", "3x200"), phase=5),
    Case(
        MISMATCH,
        LOOKALIKE,
        "the HA tracker's replicas have an alert of their own",
        mismatched("replica", "2x200", HA),
        also=("KVMigrationHATrackerElectionsDiffer",),
    ),
    Case(
        HIGH,
        FIRES,
        "two rings lag",
        lag(RING, "5x9 60x100") | lag(COMPACTOR, "5x9 46x100"),
        at=15,
        says="The secondary of <fleet> is up to 1m 0s behind (limit 30s and one heartbeat period): "
        "collectors/ring (1m 0s), collectors/compactor (46s).",
    ),
    Case(
        HIGH,
        FIRES,
        "a ring that beats every 2 min lags by more than that",
        lag(RING, "5x9 151x100") | period(RING, 120),
        at=15,
        says="The secondary of <fleet> is up to 2m 31s behind (limit 30s and one heartbeat period): "
        "collectors/ring (2m 31s).",
    ),
    Case(
        HIGH,
        FIRES,
        "an exporter that tells no period",
        lag(RING, "5x9 31x100"),
        without=("ring_heartbeat_period",),
        at=15,
        says="The secondary of <fleet> is up to 31s behind (limit 30s and one heartbeat period): "
        "collectors/ring (31s).",
    ),
    Case(HIGH, THRESHOLD, "exactly 30 s and one period", lag(RING, "45x200")),
    Case(HIGH, LOOKALIKE, "a ring that beats every 2 min", lag(RING, "119x200") | period(RING, 120)),
    Case(HIGH, LOOKALIKE, "a burst of four minutes", lag(RING, "5x9 55x3 5x100")),
    Case(
        HIGH,
        LOOKALIKE,
        "memberlist is primary: heartbeats in the old store jump",
        lag(RING, "50x200"),
        phase=3,
    ),
    Case(HIGH, LOOKALIKE, "nobody mirrors: an old copy ages", lag(RING, "4000x200"), phase=1),
    Case(
        HIGH,
        LOOKALIKE,
        "some writers do not mirror: that is partial mirroring",
        lag(RING, "50x200") | {ring(1): "1x200"},
        also=("KVMigrationMirroringPartial",),
    ),
    Case(HIGH, LOOKALIKE, "the metric is missing", {}, without=("secondary_lag",)),
    Case(
        CRITICAL,
        FIRES,
        "the external store is ten minutes behind after the switch",
        lag(RING, "5x9 600x100"),
        phase=3,
        at=11,
        severity="critical",
        says="The secondary of <fleet> is up to 10m 0s behind (heartbeat timeout 60s and one period) after "
        "the switch: collectors/ring (10m 0s). Do not roll back: members would appear unhealthy.",
    ),
    Case(CRITICAL, THRESHOLD, "exactly the timeout and a period", lag(RING, "75x200"), phase=3),
    Case(
        CRITICAL,
        LOOKALIKE,
        "a ring that beats every 2 min",
        lag(RING, "119x200") | period(RING, 120),
        phase=3,
    ),
    Case(
        CRITICAL,
        LOOKALIKE,
        "heartbeats in the external store jump",
        lag(RING, "5x9 90 5x3 70x2 5x100"),
        phase=3,
    ),
    Case(
        CRITICAL,
        LOOKALIKE,
        "in mirroring the external store is primary: a ticket, no page",
        lag(RING, "5x9 600x100"),
        also=(HIGH,),
    ),
    Case(
        CRITICAL,
        LOOKALIKE,
        "the migration is over and the old store forgotten",
        lag(RING, "90000x200"),
        phase=5,
    ),
    Case(
        UNREAD,
        FIRES,
        "a proxy refuses the gossip copies of one ring",
        unread(RING, "0x9 2x100"),
        at=25,
        says="Up to 2 view(s) of the secondary of <fleet> cannot be read: collectors/ring (2). What they "
        "lack is not judged, and no gate opens.",
    ),
    Case(UNREAD, THRESHOLD, "read again one step before its time", unread(RING, "1x14 0x100")),
    Case(UNREAD, LOOKALIKE, "a view that fails now and then", unread(RING, "0x3 1x2 0x3 2x3 0x100")),
    Case(UNREAD, LOOKALIKE, "nobody mirrors", unread(RING, "2x100"), phase=1),
)
