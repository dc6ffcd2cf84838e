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


# Phases, numbered as in the catalogue.
MULTI = 1
MIRRORING = 2
SWITCHED = 3
DETACHED = 4
MEMBERLIST = 5

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
    "the exporter has waited for the runtime configuration or the rollout: its wait, a cycle, a scrape and "
    "this together stay below 5 minutes",
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
    2 * MINUTE, "the query window is most of the wait; a lost write is detected half a minute later"
)
STOPPED_WINDOW = Wait(
    10 * MINUTE, "forty periods of 15 s: a client that sends heartbeats writes in that time"
)
STOPPED = Wait(10 * MINUTE, "a process that shuts down stops writing minutes before its end")

# Phases
PRIMARIES_MIXED = Wait(
    MINUTE,
    "the runtime switch reaches all clients within its period of 10 s; this wait and that period together "
    "must stay below 3 minutes",
)
STALLED = Wait(
    30 * MINUTE, "a rollout ends this wait; two rollouts that overlap show as none until the first is through"
)
ROLLOUT_STALLED = Wait(
    2 * MINUTE,
    "QUIET is the wait; this is longer than PARTIAL, so that after a restart the cause is sent first",
)
LINGERING = Wait(7 * DAY, "a week: two stores cost twice, and every restart in between is a risk")
PHASE_UNKNOWN = Wait(
    15 * MINUTE, "a start takes minutes; without the phase, alerts that depend on it cannot fire"
)

# The secondary
KEY_MISSING = Wait(
    150,
    "a key is copied only when it is written: with the next heartbeat, within 2 minutes; that, two cycles, "
    "a scrape and this wait together stay below 5 minutes",
)
MEMBERS_MISSING = Wait(
    150, "the same time as for a missing key: a new member's first heartbeat may come that late"
)
UNREAD = Wait(15 * MINUTE, "a view that fails now and then only delays the evidence")
MISMATCH = Wait(
    10 * MINUTE, "a member that joins or leaves differs for one heartbeat; in a rollout that takes minutes"
)
MAX_LAG = Limit(30, "gate.max_lag; one heartbeat period of the ring is granted on top, as by the gate")
LAG_HIGH = Wait(5 * MINUTE, "gossip catches up within seconds after a burst or a restart")
HEARTBEAT_TIMEOUT = Limit(
    60,
    "the products' default heartbeat timeout: above it members appear unhealthy at a rollback",
)
LAG_CRITICAL = Wait(
    MINUTE, "the way back is closed: two cycles and this wait together must stay below 3 minutes"
)

# Rings
SHRUNK = Wait(
    MINUTE, "the exporter has confirmed the loss in two cycles; they and this wait must stay below 3 minutes"
)
SHRUNK_KEEP = Wait(15 * MINUTE, "members return one by one; the cause is still to be found")
UNHEALTHY = Wait(
    10 * MINUTE, "a restart is over; auto-forget, where there is one, takes ten heartbeat timeouts"
)
QUORUM_LOST = Wait(MINUTE, "writes fail now: two cycles and this wait together must stay below 3 minutes")
GHOSTS = Wait(30 * MINUTE, "a rollout leaves entries for minutes, discovery may lag behind it")
FOREIGN_MEMBERS = Wait(
    MINUTE,
    "merged rings do not separate, and each minute spreads the members: two cycles and this wait together "
    "must stay below 3 minutes",
)
WRITERS_MISSING = Wait(
    10 * MINUTE, "a process that shuts down leaves its ring minutes before it stops answering"
)
DUPLICATE_ADDRESSES = Wait(
    10 * MINUTE, "a killed member and the next process at its address are both in the ring for one timeout"
)
IN_TRANSIT = Limit(1800, "to replay the WAL at a start, or to flush at a stop, takes half an hour at most")
TRANSIT = Wait(MINUTE, "the limit is the wait; this is one more cycle")
TOKEN_CONFLICTS = Wait(10 * MINUTE, "the products resolve a conflict at the next heartbeats, if they do")
WITHOUT_TOKENS = Wait(15 * MINUTE, "observing and claiming tokens takes a minute")
RETURNED = Wait(0, "a single event: the window shows it for an hour")
RETURNED_WINDOW = Wait(HOUR, "members may return one at a time, one with each restart")
PARTITIONS_UNOWNED = Wait(
    10 * MINUTE, "a partition with a single owner has none while that owner restarts and replays"
)
PARTITIONS_CORRUPTED = Wait(10 * MINUTE, "a page read amid a change is right in the next cycles")

# Views
VIEWS_DIVERGED = Wait(15 * MINUTE, "in a rollout the contents change all the time and views follow")
VIEW_STALENESS = Limit(60, "the heartbeat timeout and one period: healthy members appear unhealthy")
VIEW_STALE = Wait(10 * MINUTE, "a process that is busy starting catches up in minutes")

# Gossip
SPLIT = Wait(
    90,
    "the exporter waits for a minute itself before one process counts as a cluster of its own: this must "
    "stay below 5 minutes",
)
UNKNOWN_MEMBERS = Wait(10 * MINUTE, "the gossip has a new pod minutes before discovery lists it")
ABSENT_MEMBERS = Wait(15 * MINUTE, "a process joins within a minute; a slow replay of the WAL takes longer")
ISOLATED_AGE = Limit(
    60, "the heartbeat timeout and one period: the process takes all other members for unhealthy"
)
ISOLATED = Wait(90, "the age has a minute and a period in it already: this must stay below 5 minutes")
UNKNOWN_KEYS = Wait(10 * MINUTE, "keys do not go away by themselves; ten minutes prove it")
HEALTH_SCORE = Limit(2, "0 is healthy and 8 the worst; 1 and 2 come and go in any rollout")
HEALTH = Wait(15 * MINUTE, "a lost probe raises the score for a minute")

# Labels
REJECTED_WINDOW = Wait(10 * MINUTE, "one packet of a pod that inherited an address is no incident")
REJECTED = Wait(10 * MINUTE, "a process that sends gossip by mistake sends it again at every gossip interval")
ACCEPTED = Wait(5 * MINUTE, "several probes, one each minute")
OWN_REFUSED = Wait(10 * MINUTE, "a member that starts or shuts down answers no ping; a refusal must last")
LABELS_DISAGREE = Wait(MINUTE, "with verification on, two labels split the gossip, whatever their cause")
VERIFICATION_OFF = Wait(DAY, "the label rollout switches it off on purpose; a day is enough for its steps")

# HA tracker
ELECTIONS_DIFFER = Wait(
    5 * MINUTE, "an election reaches the other store with the next write, within 15 s plus jitter"
)
FLAPS = Limit(
    0.5, "changes per HA cluster in FLAP_WINDOW: restarting all senders within half an hour makes fewer"
)
FLAPS_LEAST = Limit(10, "fewer changes than this are the ordinary life of a few pairs")
FLAP_WINDOW = Wait(10 * MINUTE, "twenty failover timeouts of 30 s")
FLAPPING = Wait(20 * MINUTE, "a rollout of the sending Prometheis is over; flapping goes on")

# The external store
STORE_UNREACHABLE = Wait(MINUTE, "a leader election takes seconds; a lost quorum follows a minute later")
STORE_REPLACED = Wait(MINUTE, "one more cycle: waiting does not restore a store that lost its data")
STORE_WRITTEN = Wait(5 * MINUTE, "gate.soak: if the last write is never older than this, a process writes")
STILL_WRITTEN = Wait(15 * MINUTE, "the last old process of a rollout may write until its end")

# Targets
DOWN_WINDOW = Wait(8 * MINUTE, "per process: in a rolling restart each is down, but none for so long")
DOWN = Wait(MINUTE, "the window is the wait; this is one more cycle")
PAGES_WINDOW = Wait(30 * MINUTE, "per page: a page that failed now and then is only late evidence")
CLOCK_SKEW = Limit(10, "heartbeats have no fractions of a second and periods of 5 s or 15 s")
SKEWED = Wait(10 * MINUTE, "time synchronisation steps in after a start")
DISCOVERY_FAILING = Wait(10 * MINUTE, "what was found stays watched; a rollout in that time is missed")
BLIND = Wait(5 * MINUTE, "longer than a restart of whatever serves the discovery, or of the network between")

# The exporter
EXPORTER_DOWN = Wait(5 * MINUTE, "a restart, a new node, a pulled image: minutes; shorter than KEEP")
REMEMBERED = Wait(
    7 * DAY,
    "an exporter that ran within the last week is still expected, over a weekend too; absent() covers longer "
    "times",
)
RESTARTING = Wait(MINUTE, "the window is the wait; this is one more cycle")
RESTARTS_WINDOW = Wait(
    HOUR, "each restart begins every wait again: a wait of five minutes or more never ends"
)
RESTARTS = Limit(3, "an installation, an update and a correction are three; a crash loop makes six an hour")
RESTARTS_LOOK = Wait(MINUTE, "a minute without its series is enough to begin a wait again")
STALE_AGE = Limit(180, "twelve cycles of 15 s; far above any skew between Prometheus and the exporter")
STALE = Wait(5 * MINUTE, "one slow cycle is no standstill, and neither is a slow first one")
SLOW = Wait(15 * MINUTE, "hanging processes make cycles slow until a rollout has restarted them")
SHARDS_INCOMPLETE = Wait(
    10 * MINUTE,
    "an update takes the shards one after the other, a minute each; a pod that moves takes minutes",
)
RELOAD_FAILED = Wait(5 * MINUTE, "time enough to find the typo and load again")
SERIES_DROPPED = Wait(10 * MINUTE, "a rollout doubles the processes for minutes")
