"""Is each ring, as the primary has it, in good health?"""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries, number
from alerts.rule import COUNT, Alert, Group, Names, Severity
from exporter.derive.gate.cause_advice import ADVICE
from exporter.expose import catalogue as c
from exporter.expose.metric import Metric
from exporter.model.pages import Phase


def _by_key(metric: Metric, total: str) -> Names:
    """Keys with a value above 0 of a metric that counts members or the like."""
    return Names(lambda q: f"{q.most(metric, 'key')} > 0", ("key",), value=COUNT, total=total)


def unhealthy(q: Queries) -> str:
    """Members without a recent heartbeat, by key."""
    each = q.most(c.RING_MEMBERS, "key", "state", "member_zone", "group", matchers='state="unhealthy"')
    return f"sum {q.by('key')} ({each}) > 0"


def lost(q: Queries) -> str:
    """Rings with failed writes, by key; the worst that any exporter counted."""
    return f"min {q.by('key')} ({q.series(c.RING_QUORUM_MARGIN)}) < 0"


def returned(q: Queries) -> str:
    """Members that came back with an old heartbeat."""
    increase = f"increase({q.series(c.RING_MEMBERS_RETURNED_TOTAL)}[{q.span(t.RETURNED_WINDOW)}])"
    return f"max {q.by('key')} ({increase}) > 0"


def foreign(q: Queries) -> str:
    """Rings with foreign members, by how many."""
    return f"{q.most(c.RING_FOREIGN_MEMBERS, 'key')} > 0"


def merged(q: Queries) -> str:
    """Rings with foreign members. While the external store is the primary of all clients, only gossip copies
    have them, and mirroring removes them again and again. Then the gossip's own alert is the page.
    """
    gossip = f"{q.most(c.GOSSIP_FOREIGN_MEMBERS)} > 0 {q.none_from(Phase.SWITCHED)}"
    return f"count {q.by()} (\n{foreign(q)}\n)\nunless {q.on()} ({gossip})"


def strange(q: Queries) -> str:
    """The foreign members of any ring by name."""
    return q.most(c.FOREIGN_MEMBER_INFO, "member", matchers='key!=""')


def in_transit(q: Queries) -> str:
    """How long the member that joins or leaves for longest has done so, by key."""
    return f"{q.most(c.RING_LONGEST_TRANSITION_SECONDS, 'key')} > {number(t.IN_TRANSIT)}"


GROUP = Group(
    "rings",
    "Rings as the primary has them",
    board="rings",
    alerts=(
        Alert(
            "KVMigrationRingShrunk",
            Severity.CRITICAL,
            t.SHRUNK,
            _by_key(c.RING_SHRUNK_MEMBERS, "max"),
            "A ring has lost members or partitions, and their processes still run",
            (
                "{{ $value }} member(s) or partition(s) of a ring of <fleet> vanished and have not "
                "returned: <names>. A process with a smaller view may have overwritten the "
                f"store. {ADVICE['ring-shrunk'].now}"
            ),
            "Half of a ring vanished at once, or a fifth within ten minutes, and no rollout explains it.",
            keep=t.SHRUNK_KEEP,
            about=("ring-shrunk",),
        ),
        Alert(
            "KVMigrationRingForeignMembers",
            Severity.CRITICAL,
            t.FOREIGN_MEMBERS,
            merged,
            "Rings have members of another product, cluster or release",
            (
                "{{ $value }} ring(s) of <fleet> have foreign members: <names>. Two clusters are merging: "
                "<more>. Halt all rollouts."
            ),
            "Rings have members that certainly belong to another product, cluster or release.",
            names=Names(foreign, ("key",), value=COUNT),
            more=Names(strange, ("member",), quoted=True),
            about=("foreign-members",),
        ),
        Alert(
            "KVMigrationRingWritersMissing",
            Severity.WARNING,
            t.WRITERS_MISSING,
            _by_key(c.RING_WRITERS_MISSING, "sum"),
            "Processes write to a ring, but are not members of it",
            (
                "{{ $value }} process(es) of <fleet> write a ring and have no member in it: <names>. Their "
                "writes to the ring fail, or were overwritten."
            ),
            "Processes write to a ring, but have no member in it.",
            about=("writers-missing", "writers-are-members"),
        ),
        Alert(
            "KVMigrationRingDuplicateAddresses",
            Severity.WARNING,
            t.DUPLICATE_ADDRESSES,
            _by_key(c.RING_DUPLICATE_ADDRESSES, "max"),
            "Ring members share an address",
            (
                "Up to {{ $value }} address(es) of a ring of <fleet> belong to two or more members: "
                "<names>. Replicas of one series reach one process."
            ),
            "Two or more members of a ring have one address and port.",
            about=("addresses-shared", "members-distinct"),
        ),
        Alert(
            "KVMigrationRingMembersUnhealthy",
            Severity.WARNING,
            t.UNHEALTHY,
            Names(unhealthy, ("key",), value=COUNT, total="max"),
            "Ring members are unhealthy and do not leave",
            "Up to {{ $value }} member(s) of a ring of <fleet> are unhealthy: <names>.",
            "Members with a heartbeat older than the timeout stay in a ring.",
            about=("members-healthy",),
        ),
        Alert(
            "KVMigrationRingQuorumLost",
            Severity.CRITICAL,
            t.QUORUM_LOST,
            Names(lost, ("key",), value=COUNT),
            "Rings have too few healthy members: writes fail",
            (
                "{{ $value }} ring(s) of <fleet> have lost their quorum. A number below 0 counts "
                "missing healthy members or zones: <names>."
            ),
            "More members or zones are unhealthy than the replication factor tolerates.",
            about=("quorum-margin",),
        ),
        Alert(
            "KVMigrationRingGhostMembers",
            Severity.WARNING,
            t.ORPHANED,
            _by_key(c.RING_GHOST_MEMBERS, "max"),
            "A ring has orphaned members",
            (
                "Up to {{ $value }} member(s) of a ring of <fleet> belong to no process that answers "
                "and to no gossip member: <names>. They are left over, or belong to another cluster."
            ),
            "Members of a ring belong to no target: their processes do not exist, or are another cluster's.",
            about=("no-ghosts",),
        ),
        Alert(
            "KVMigrationRingMemberInTransit",
            Severity.WARNING,
            t.TRANSIT,
            Names(in_transit, ("key",), value="humanizeDuration", total="max"),
            "A ring member does not get through joining or leaving",
            (
                "A member of a ring of <fleet> has been joining, leaving or pending for {{ $value | "
                "humanizeDuration }}: <names>. Its tokens are not served as the ring shows."
            ),
            "A member has been joining, leaving or pending for much longer than a start or a flush takes.",
            about=("no-long-transitions",),
        ),
        Alert(
            "KVMigrationRingTokenConflicts",
            Severity.WARNING,
            t.TOKEN_CONFLICTS,
            _by_key(c.RING_TOKEN_CONFLICTS, "max"),
            "Ring members claim the same tokens",
            (
                "Up to {{ $value }} token(s) of a ring of <fleet> are claimed by more than one member: "
                "<names>. Processes may disagree about the owner."
            ),
            "Tokens are claimed by more than one member.",
            about=("token-conflict", "no-token-conflicts"),
        ),
        Alert(
            "KVMigrationRingMembersWithoutTokens",
            Severity.WARNING,
            t.WITHOUT_TOKENS,
            _by_key(c.RING_MEMBERS_WITHOUT_TOKENS, "max"),
            "Active ring members have no tokens",
            (
                "Up to {{ $value }} active member(s) of a ring of <fleet> have no tokens and own "
                "nothing: <names>."
            ),
            "Active members own nothing, while the other members of their ring have tokens.",
        ),
        Alert(
            "KVMigrationRingMembersReturned",
            Severity.INFO,
            t.RETURNED,
            Names(returned, ("key",)),
            "Removed members returned with an earlier heartbeat",
            (
                "Members that had left returned with an earlier heartbeat in {{ $value }} ring(s) of "
                "<fleet>: <names>. Another process had kept their earlier state."
            ),
            "A member that had left has returned with an earlier heartbeat.",
        ),
        Alert(
            "KVMigrationPartitionsWithoutOwner",
            Severity.WARNING,
            t.PARTITIONS_UNOWNED,
            _by_key(c.RING_PARTITIONS_WITHOUT_OWNER, "sum"),
            "Partitions have no running owner",
            (
                "{{ $value }} partition(s) of <fleet> are active without a running owner, or inactive with "
                "only unhealthy owners: <names>. Their data is not served."
            ),
            "Partitions are active without a running owner, or inactive with only unhealthy owners.",
            about=("partitions-unowned",),
        ),
        Alert(
            "KVMigrationPartitionsCorrupted",
            Severity.WARNING,
            t.PARTITIONS_CORRUPTED,
            _by_key(c.RING_CORRUPTED_PARTITIONS, "sum"),
            "Partitions are marked as corrupted",
            "{{ $value }} partition(s) of <fleet> are marked as corrupted: <names>.",
            "A partition ring's own page marks partitions as corrupted.",
        ),
    ),
)
