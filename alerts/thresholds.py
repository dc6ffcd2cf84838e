"""Every number of the alert pack, and every wait, with the reason for it.

Waits and windows are seconds. A limit is compared by "above": exactly at the limit nothing fires.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Wait:
    """How long an expression must be true (`for`), an alert is kept, or a window reaches back."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that a value is compared with."""

    value: float
    reason: str


KEEP = Wait(
    6 * MINUTE,
    "a restart of the exporter must not resolve an alert and send it again; if the exporter ends, "
    "EXPORTER_DOWN must fire before the alert resolves",
)
OUTLIVE = Wait(
    2 * MINUTE,
    "a cause is kept for longer than each of its effects, which end a little after it: no ticket "
    "is opened after recovery",
)

# Mirroring
PARTIAL = Wait(
    MINUTE,
    "the exporter itself first waits for the runtime configuration or the rollout. Its wait, a cycle,"
    " a scrape and this wait together stay below 5 minutes",
)
QUIET = Wait(15 * MINUTE, "a process that replays its log gets ready in minutes; the next one may begin then")
ERROR_RATIO = Limit(0.05, "gate.benign_mirror_error_ratio: 'no change detected' at a low rate is benign")
ERRORS_LEAST = Limit(3, "one benign error among few writes is already more than one in twenty")
ERROR_WINDOW = Wait(
    15 * MINUTE, "60 heartbeats: the burst at a start (one write in nine) is below the limit in it"
)
ERRORS_LATELY = Wait(
    5 * MINUTE, "five scrapes of a minute: errors that have ended are no ticket, whatever they were before"
)
ERRORS = Wait(
    2 * MINUTE, "most of the delay comes from the query window. A lost write is detected half a minute later"
)
STOPPED_WINDOW = Wait(
    10 * MINUTE, "forty periods of 15 s: a client that sends heartbeats writes in that time"
)
STOPPED = Wait(10 * MINUTE, "a process that shuts down stops its writes minutes before it ends")

# Phases
PRIMARIES_MIXED = Wait(
    MINUTE,
    "the runtime switch reaches all clients within its period of 10 s. This wait and that period "
    "together must stay below 3 minutes",
)
STALLED = Wait(
    30 * MINUTE,
    "the wait begins again with each rollout. If two rollouts overlap, the exporter reports no "
    "rollout until the first one has ended",
)
ROLLOUT_STALLED = Wait(
    2 * MINUTE,
    "the exporter first waits until the rollout has stood still for 15 minutes (QUIET). This wait is longer "
    "than PARTIAL, so that the cause is sent first after a restart of the exporter",
)
LINGERING = Wait(7 * DAY, "during a week, two stores cost twice, and every restart is a risk")
PHASE_UNKNOWN = Wait(
    15 * MINUTE,
    "the start of a process takes minutes. Without the phase, alerts that depend on the phase cannot fire",
)

# The secondary
KEY_MISSING = Wait(
    150,
    "a process copies a key only when it writes the key, at least once in 2 minutes. Those 2 minutes, "
    "two cycles, a scrape and this wait together stay below 5 minutes",
)
MEMBERS_MISSING = Wait(
    150,
    "the wait is the same as for a missing key, because the first heartbeat of a new member may come as late",
)
UNREAD = Wait(15 * MINUTE, "a view that fails now and then only delays the evidence")
MISMATCH = Wait(
    10 * MINUTE,
    "primary and secondary differ for one heartbeat when a member joins or leaves. A rollout has such "
    "differences for minutes",
)
MAX_LAG = Limit(30, "gate.max_lag; one heartbeat period of the ring is granted on top, as by the gate")
LAG_HIGH = Wait(5 * MINUTE, "gossip catches up within seconds after a burst or a restart")
HEARTBEAT_TIMEOUT = Limit(
    60, "the products' default heartbeat timeout: above it members appear unhealthy at a rollback"
)
LAG_CRITICAL = Wait(
    MINUTE, "you cannot roll back now. Two cycles and this wait together must stay below 3 minutes"
)

# Rings
SHRUNK = Wait(
    MINUTE,
    "the exporter confirms the loss in two cycles. The two cycles and this wait together must stay "
    "below 3 minutes",
)
SHRUNK_KEEP = Wait(15 * MINUTE, "members return one by one; the cause is still to be found")
UNHEALTHY = Wait(
    10 * MINUTE,
    "an ordinary restart ends within this wait. Auto-forget takes ten heartbeat timeouts in products "
    "that have it",
)
QUORUM_LOST = Wait(MINUTE, "writes fail now. Two cycles and this wait together must stay below 3 minutes")
ORPHANED = Wait(
    30 * MINUTE,
    "a rollout leaves entries in the ring for minutes, and discovery may be later than the rollout",
)
FOREIGN_MEMBERS = Wait(
    MINUTE,
    "merged rings do not separate, and the members spread with each minute. Two cycles and this wait "
    "together must stay below 3 minutes",
)
WRITERS_MISSING = Wait(
    10 * MINUTE, "a process that shuts down leaves its ring minutes before it stops answering"
)
DUPLICATE_ADDRESSES = Wait(
    10 * MINUTE,
    "after a kill, the former member and the new process at its address are both in the ring for one "
    "heartbeat timeout",
)
IN_TRANSIT = Limit(1800, "to replay the WAL at a start, or to flush at a stop, takes half an hour at most")
TRANSIT = Wait(MINUTE, "IN_TRANSIT is the real wait. This wait adds one more cycle")
TOKEN_CONFLICTS = Wait(10 * MINUTE, "some products resolve a token conflict at the next heartbeats")
WITHOUT_TOKENS = Wait(15 * MINUTE, "a new member needs a minute to observe the ring and to claim tokens")
RETURNED = Wait(0, "the return of a member is a single event. The query window reports it for an hour")
RETURNED_WINDOW = Wait(HOUR, "members may return one at a time, one with each restart")
PARTITIONS_UNOWNED = Wait(
    10 * MINUTE, "if a partition has a single owner, it has no owner while that owner restarts and replays"
)
PARTITIONS_CORRUPTED = Wait(10 * MINUTE, "a page that was read during a change is correct in the next cycles")

# Views
VIEWS_DIVERGED = Wait(
    15 * MINUTE, "in a rollout the members change all the time, and the views change a little later"
)
VIEW_STALENESS = Limit(60, "the heartbeat timeout and one period: healthy members appear unhealthy")
VIEW_STALE = Wait(10 * MINUTE, "a process that is busy with its start catches up in minutes")

# Gossip
SPLIT = Wait(
    90,
    "the exporter itself waits for a minute before one process counts as a cluster of its own. That "
    "minute and this wait together must stay below 5 minutes",
)
UNKNOWN_MEMBERS = Wait(10 * MINUTE, "the gossip has a new pod minutes before discovery lists the pod")
ABSENT_MEMBERS = Wait(
    15 * MINUTE, "a process joins the gossip within a minute. A slow replay of the WAL takes longer"
)
ISOLATED_AGE = Limit(
    60, "the heartbeat timeout and one period: the process takes all other members for unhealthy"
)
ISOLATED = Wait(
    90, "ISOLATED_AGE already contains a minute. That minute and this wait together must stay below 5 minutes"
)
UNKNOWN_KEYS = Wait(
    10 * MINUTE, "unknown keys never disappear by themselves. Ten minutes prove that they stay"
)
HEALTH_SCORE = Limit(2, "0 is healthy and 8 the worst; 1 and 2 come and go in any rollout")
HEALTH = Wait(15 * MINUTE, "a lost probe raises the score only for a minute")

# Labels
REJECTED_WINDOW = Wait(10 * MINUTE, "one packet of a pod that inherited an address is no incident")
REJECTED = Wait(10 * MINUTE, "a process that sends gossip by mistake sends it again at every gossip interval")
ACCEPTED = Wait(5 * MINUTE, "the exporter sends one probe each minute. The alert needs several probes")
OWN_REFUSED = Wait(
    10 * MINUTE,
    "a member that starts or shuts down answers no ping. The alert needs a refusal that lasts longer",
)
LABELS_DISAGREE = Wait(MINUTE, "while label verification is on, two labels always split the gossip")
VERIFICATION_OFF = Wait(
    DAY,
    "the label rollout switches verification off on purpose. A day is enough for the steps of that rollout",
)

# HA tracker
ELECTIONS_DIFFER = Wait(
    5 * MINUTE, "an election reaches the other store with the next write, within 15 s plus jitter"
)
FLAPS = Limit(
    0.5, "changes per HA cluster in FLAP_WINDOW: restarting all senders within half an hour makes fewer"
)
FLAPS_LEAST = Limit(10, "fewer changes than this are the ordinary life of a few pairs")
FLAP_WINDOW = Wait(10 * MINUTE, "twenty failover timeouts of 30 s")
FLAPPING = Wait(
    20 * MINUTE, "a rollout of the sending Prometheus servers ends within this wait. Real flapping continues"
)

# The external store
STORE_UNREACHABLE = Wait(
    MINUTE, "a leader election takes only seconds. If the store is lost, the quorum is lost a minute later"
)
STORE_REPLACED = Wait(
    MINUTE, "the wait is one more cycle. A longer wait does not restore a store that lost its data"
)
STORE_WRITTEN = Wait(5 * MINUTE, "gate.soak: if the last write is never older than this, a process writes")
STILL_WRITTEN = Wait(
    15 * MINUTE, "the last process with the former configuration may write to the store until it ends"
)

# Targets
DOWN_WINDOW = Wait(8 * MINUTE, "per process: in a rolling restart each is down, but none for so long")
DOWN = Wait(MINUTE, "DOWN_WINDOW is the real wait. This wait adds one more cycle")
PAGES_WINDOW = Wait(30 * MINUTE, "per page: a page that failed now and then is only late evidence")
CLOCK_SKEW = Limit(10, "heartbeats have no fractions of a second and periods of 5 s or 15 s")
SKEWED = Wait(10 * MINUTE, "time synchronisation corrects a clock after a start")
DISCOVERY_FAILING = Wait(
    10 * MINUTE,
    "the exporter still watches the processes that it discovered before. It misses a rollout in this time",
)
BLIND = Wait(
    5 * MINUTE, "the wait is longer than a restart of the discovery service, or of the network between"
)

# The exporter
EXPORTER_DOWN = Wait(
    5 * MINUTE, "a restart, a new node or the pull of an image takes minutes. This wait is shorter than KEEP"
)
MEMORY = Wait(
    7 * DAY,
    "an exporter that ran within the last week is still expected, over a weekend too; absent() covers longer "
    "times",
)
RESTARTING = Wait(MINUTE, "RESTARTS_WINDOW is the real wait. This wait adds one more cycle")
RESTARTS_WINDOW = Wait(
    HOUR, "each restart begins every wait again: a wait of five minutes or more never ends"
)
RESTARTS = Limit(3, "an installation, an update and a correction are three; a crash loop makes six an hour")
RESTARTS_LOOK = Wait(MINUTE, "a minute without its series is enough to begin a wait again")
STALE_AGE = Limit(180, "twelve cycles of 15 s; far above any skew between Prometheus and the exporter")
STALE = Wait(
    5 * MINUTE, "one slow cycle does not mean that the exporter has stopped. The first cycle may be slow too"
)
SLOW = Wait(
    15 * MINUTE, "processes that hang make the cycles slow until a rollout has restarted these processes"
)
SHARDS_INCOMPLETE = Wait(
    10 * MINUTE,
    "an update restarts one shard after the other, and each restart takes a minute. If a pod moves to"
    " another node, the move takes minutes",
)
RELOAD_FAILED = Wait(5 * MINUTE, "this time is enough to find the error in the file and to reload")
SERIES_DROPPED = Wait(10 * MINUTE, "a rollout doubles the number of processes for minutes")
