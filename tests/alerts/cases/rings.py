"""Rings as the primary has them."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case
from tests.alerts.fleet import COMPACTOR, PARTITIONS, RING

FOREIGN, MEMBERLESS, DUPLICATES, UNOWNED = (
    "KVMigrationRingForeignMembers",
    "KVMigrationRingWritersMissing",
    "KVMigrationRingDuplicateAddresses",
    "KVMigrationPartitionsWithoutOwner",
)
SHRUNK, UNHEALTHY, QUORUM, GHOSTS, TOKENS, TOKENLESS, RETURNED, CORRUPTED = (
    "KVMigrationRingShrunk",
    "KVMigrationRingMembersUnhealthy",
    "KVMigrationRingQuorumLost",
    "KVMigrationRingGhostMembers",
    "KVMigrationRingTokenConflicts",
    "KVMigrationRingMembersWithoutTokens",
    "KVMigrationRingMembersReturned",
    "KVMigrationPartitionsCorrupted",
)


UNHEALTHY_RING = f'ring_members{{{RING},state="unhealthy",member_zone="a",group="microservices"}}'


def ring(metric: str, values: str, key: str = RING) -> dict[str, str]:
    return {f"ring_{metric}{{{key}}}": values}


def state(name: str, values: str, key: str = RING, zone: str = "a") -> dict[str, str]:
    return {f'ring_members{{{key},state="{name}",member_zone="{zone}",group="microservices"}}': values}


LOKIS = {
    f'foreign_member_info{{key="collectors/{key}",member="{member}"}}': "_x9 1x100"
    for key, member in (("ring", "loki-1"), ("ring", "loki-2"), ("compactor", "loki-1"))
}
TRANSIT = "KVMigrationRingMemberInTransit"
CASES = (
    Case(
        SHRUNK,
        FIRES,
        "a smaller view overwrote the store: three members became one, as in recording 3a",
        ring("shrunk_members", "0x9 2x100"),
        at=11,
        severity="critical",
        says="2 member(s) or partition(s) of a ring of <fleet> vanished and have not returned: "
        "collectors/ring (2). A process with a smaller view may have overwritten the store. "
        "Stop: take no step, restart nothing and forget no member until the ring is complete again.",
    ),
    Case(
        SHRUNK,
        FIRES,
        "the page stays for a quarter of an hour after the members are back",
        ring("shrunk_members", "0x9 2x4 0x100"),
        at=29,
        held=True,
        gone=30,
        severity="critical",
        says="2 member(s) or partition(s) of a ring of <fleet> vanished and have not returned: "
        "collectors/ring (2). A process with a smaller view may have overwritten the store. "
        "Stop: take no step, restart nothing and forget no member until the ring is complete again.",
    ),
    Case(
        SHRUNK,
        THRESHOLD,
        "one cycle only: a page read in the middle of a write",
        ring("shrunk_members", "0x9 2 0x100"),
    ),
    Case(
        SHRUNK,
        LOOKALIKE,
        "an ordinary scale-down, one member at a time",
        state("active", "6x9 5x9 4x9 3x9 2x100"),
    ),
    Case(
        SHRUNK,
        LOOKALIKE,
        "the exporter starts and has no ring to compare with",
        ring("shrunk_members", "_x9 0x100"),
    ),
    Case(SHRUNK, LOOKALIKE, "the ring's page is gone", {}, without=("ring_",)),
    Case(
        FOREIGN,
        FIRES,
        "a Loki with the same label joined a Mimir, as in recording f4",
        ring("foreign_members", "0x9 3x100") | ring("foreign_members", "0x9 2x100", COMPACTOR) | LOKIS,
        at=11,
        severity="critical",
        says="2 ring(s) of <fleet> have foreign members: collectors/ring (3), collectors/compactor (2). "
        'Two clusters are merging: "loki-1", "loki-2". Halt all rollouts.',
    ),
    Case(
        FOREIGN,
        LOOKALIKE,
        "the gossip has them too, and no client has memberlist as its primary: the gossip's own page",
        ring("foreign_members", "0x9 2x100") | {"gossip_foreign_members": "0x9 2x100"} | LOKIS,
        phase=2,
        also=("KVMigrationGossipForeignMembers",),
    ),
    Case(
        FOREIGN,
        FIRES,
        "the gossip has them too, and memberlist is the primary of a client",
        ring("foreign_members", "0x9 2x100") | {"gossip_foreign_members": "0x9 2x100"} | LOKIS,
        at=11,
        severity="critical",
        phase=3,
        says="1 ring(s) of <fleet> have foreign members: collectors/ring (2). "
        'Two clusters are merging: "loki-1", "loki-2". Halt all rollouts.',
        also=("KVMigrationGossipForeignMembers",),
    ),
    Case(FOREIGN, THRESHOLD, "one cycle only", ring("foreign_members", "0x9 1 0x100")),
    Case(
        FOREIGN,
        LOOKALIKE,
        "members that are no target yet: unknown, not foreign",
        {"gossip_unknown_members": "0x9 3x5 0x100"},
    ),
    Case(
        MEMBERLESS,
        FIRES,
        "an ingester's writes to the ring fail",
        ring("writers_missing", "0x9 1x100"),
        at=20,
        says="1 process(es) of <fleet> write a ring and have no member in it: collectors/ring (1). Their "
        "writes to the ring fail, or were overwritten.",
    ),
    Case(MEMBERLESS, THRESHOLD, "in the ring one step before its time", ring("writers_missing", "1x9 0x100")),
    Case(
        MEMBERLESS,
        LOOKALIKE,
        "a rollout: each process has left its ring for some minutes before it stops answering",
        ring("writers_missing", "0x2 1x3 0x2 1x3 0x2 1x3 0x100"),
    ),
    Case(
        DUPLICATES,
        FIRES,
        "three members are at 127.0.0.1:9095",
        ring("duplicate_addresses", "0x9 1x100"),
        at=20,
        says="Up to 1 address(es) of a ring of <fleet> belong to two or more members: collectors/ring (1). "
        "Replicas of one series reach one process.",
    ),
    Case(DUPLICATES, THRESHOLD, "gone one step before its time", ring("duplicate_addresses", "1x9 0x100")),
    Case(
        DUPLICATES,
        LOOKALIKE,
        "a killed container and its heir have one address until the heartbeat times out",
        ring("duplicate_addresses", "0x4 1x2 0x4 1x2 0x100"),
    ),
    Case(
        UNOWNED,
        FIRES,
        "an active partition lost its three owners",
        ring("partitions_without_owner", "0x9 1x100", PARTITIONS),
        at=20,
        says=(
            "1 partition(s) of <fleet> are active without a running owner, or inactive with only unhealthy "
            "owners: collectors/ingester-partitions (1). Their data is not served."
        ),
    ),
    Case(
        UNOWNED,
        THRESHOLD,
        "its owner is back one step before its time",
        ring("partitions_without_owner", "1x9 0x100", PARTITIONS),
    ),
    Case(
        UNOWNED,
        LOOKALIKE,
        "owners restart one after the other, each the only one of its partition",
        ring("partitions_without_owner", "0x4 1x4 0x2 1x4 0x100", PARTITIONS),
    ),
    Case(
        UNHEALTHY,
        FIRES,
        "a process was killed and its members stay",
        state("unhealthy", "0x9 2x100") | state("unhealthy", "0x9 1x100", COMPACTOR),
        at=20,
        says="Up to 2 member(s) of a ring of <fleet> are unhealthy: collectors/ring (2), "
        "collectors/compactor (1).",
    ),
    Case(
        UNHEALTHY,
        FIRES,
        "a zone is gone: members of two zones are added up",
        state("unhealthy", "0x9 2x100") | state("unhealthy", "0x9 1x100", zone="b"),
        at=20,
        says="Up to 3 member(s) of a ring of <fleet> are unhealthy: collectors/ring (3).",
    ),
    Case(
        UNHEALTHY,
        FIRES,
        "two replicas of the exporter see it: counted once",
        {
            f'{UNHEALTHY_RING[:-1]},instance="{instance}"}}': "0x9 1x100"
            for instance in ("exporter-0:9895", "exporter-1:9895")
        },
        at=20,
        says="Up to 1 member(s) of a ring of <fleet> are unhealthy: collectors/ring (1).",
    ),
    Case(UNHEALTHY, THRESHOLD, "back one step before its time", state("unhealthy", "1x9 0x100")),
    Case(
        UNHEALTHY,
        LOOKALIKE,
        "a rolling restart: one after the other is unhealthy for two minutes",
        state("unhealthy", "0x2 1x1 0x2 1x1 0x2 1x1 0x100"),
    ),
    Case(
        UNHEALTHY, LOOKALIKE, "members leave in order", state("leaving", "1x100") | state("active", "2x100")
    ),
    Case(
        UNHEALTHY,
        LOOKALIKE,
        "the exporter restarts and sees the member once more",
        state("unhealthy", "0x4 1x5 stale _x5 1x1 0x90"),
    ),
    Case(
        QUORUM,
        FIRES,
        "two of three are unhealthy",
        ring("quorum_margin", "1x9 -1x100"),
        at=11,
        severity="critical",
        says="1 ring(s) of <fleet> have lost their quorum. A number below 0 counts missing "
        "healthy members or zones: collectors/ring (-1).",
    ),
    Case(QUORUM, THRESHOLD, "margin 0: the next loss would do it", ring("quorum_margin", "0x200")),
    Case(
        QUORUM,
        LOOKALIKE,
        "a rolling restart takes the margin to 0 and back",
        ring("quorum_margin", "1x3 0x3 1x3 0x3 1x100"),
    ),
    Case(
        QUORUM,
        LOOKALIKE,
        "one cycle below 0 when two restarts overlap",
        ring("quorum_margin", "1x9 -1 0x3 1x100"),
    ),
    Case(QUORUM, LOOKALIKE, "a ring without replication has no margin", {}, without=("ring_quorum_margin",)),
    Case(
        GHOSTS,
        FIRES,
        "two members of another cluster are in the ring",
        ring("ghost_members", "0x9 2x100"),
        at=40,
        until=60,
        says="Up to 2 member(s) of a ring of <fleet> belong to no process that answers and to no "
        "gossip member: collectors/ring (2). They are left over, or belong to another "
        "cluster.",
    ),
    Case(GHOSTS, THRESHOLD, "gone one step before its time", ring("ghost_members", "2x29 0x100"), until=50),
    Case(
        GHOSTS,
        LOOKALIKE,
        "a rollout: discovery is behind the ring for ten minutes at a time",
        ring("ghost_members", "0x4 1x9 0x4 2x9 0x100"),
        until=50,
    ),
    Case(GHOSTS, LOOKALIKE, "it cannot be told: no series", {}, without=("ring_ghost",), until=50),
    Case(
        GHOSTS,
        LOOKALIKE,
        "an ordinary scale-down is forgotten by auto-forget",
        ring("ghost_members", "0x4 1x10 0x100"),
        until=50,
    ),
    Case(
        TRANSIT,
        FIRES,
        "an ingester flushes and never ends",
        ring("longest_transition_seconds", "0x9 0+60x100"),
        at=42,
        until=50,
        says="A member of a ring of <fleet> has been joining, leaving or pending for 32m 0s: "
        "collectors/ring (32m 0s). Its tokens are not served as the ring shows.",
    ),
    Case(
        TRANSIT, THRESHOLD, "exactly half an hour", ring("longest_transition_seconds", "1800x100"), until=50
    ),
    Case(
        TRANSIT,
        LOOKALIKE,
        "a rollout: each joins for twenty minutes",
        ring("longest_transition_seconds", "0+60x20 0+60x20 0+60x20"),
        until=60,
    ),
    Case(TRANSIT, LOOKALIKE, "the ring's page is gone", {}, without=("ring_",)),
    Case(
        TOKENS,
        FIRES,
        "two members came with the same tokens",
        ring("token_conflicts", "0x9 128x100"),
        at=20,
        says="Up to 128 token(s) of a ring of <fleet> are claimed by more than one member: "
        "collectors/ring (128). Processes may disagree about the owner.",
    ),
    Case(TOKENS, THRESHOLD, "resolved one step before its time", ring("token_conflicts", "128x9 0x100")),
    Case(
        TOKENS,
        LOOKALIKE,
        "a member hands its tokens over when it leaves",
        ring("token_conflicts", "0x9 512x2 0x100"),
    ),
    Case(TOKENS, LOOKALIKE, "a ring without tokens read: no series", {}, without=("ring_token",)),
    Case(
        TOKENLESS,
        FIRES,
        "an active ingester owns nothing",
        ring("members_without_tokens", "0x9 1x100"),
        at=25,
        says="Up to 1 active member(s) of a ring of <fleet> have no tokens and own nothing: "
        "collectors/ring (1).",
    ),
    Case(
        TOKENLESS,
        THRESHOLD,
        "tokens come one step before its time",
        ring("members_without_tokens", "1x14 0x100"),
    ),
    Case(
        TOKENLESS,
        LOOKALIKE,
        "new members observe the ring before they claim tokens",
        ring("members_without_tokens", "0x4 3x2 0x100"),
    ),
    Case(TOKENLESS, LOOKALIKE, "members join", state("joining", "2x100")),
    Case(
        RETURNED,
        FIRES,
        "a partitioned pod brings an old state along",
        ring("members_returned_total", "0x9 1x100"),
        at=10,
        severity="info",
        says=(
            "Members that had left returned with an earlier heartbeat in 1 ring(s) of <fleet>: "
            "collectors/ring. Another process had kept their earlier state."
        ),
    ),
    Case(
        RETURNED,
        THRESHOLD,
        "it happened, and the hour that shows it is over",
        ring("members_returned_total", "1x100"),
    ),
    Case(
        RETURNED,
        LOOKALIKE,
        "the exporter restarts and counts anew",
        ring("members_returned_total", "4x9 0x100"),
    ),
    Case(RETURNED, LOOKALIKE, "a member restarts in the ordinary way", state("active", "3x9 2x2 3x100")),
    Case(
        CORRUPTED,
        FIRES,
        "a partition is marked as corrupted",
        ring("corrupted_partitions", "0x9 1x100", PARTITIONS),
        at=20,
        says="1 partition(s) of <fleet> are marked as corrupted: collectors/ingester-partitions (1).",
    ),
    Case(
        CORRUPTED,
        THRESHOLD,
        "right again one step before its time",
        ring("corrupted_partitions", "1x9 0x100", PARTITIONS),
    ),
    Case(
        CORRUPTED,
        LOOKALIKE,
        "inactive partitions after a scale-down",
        {f'ring_partitions{{{PARTITIONS},state="inactive"}}': "3x100"},
    ),
    Case(
        CORRUPTED,
        LOOKALIKE,
        "one page read amid a change",
        ring("corrupted_partitions", "0x9 2 0x100", PARTITIONS),
    ),
)
