"""Each kind of culprit, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from exporter.expose.wording.lists import Label, Names, Number, few
from exporter.model.culprits import Culprit, Kind
from exporter.products.ring_pages import HA_KEY

TEMPLATES: Final[Mapping[Kind, str]] = {
    Kind.PROCESS_NOT_RESPONDING: "{target}",
    Kind.PAGE_UNREAD: "{target} ({what})",
    Kind.PROCESS_UNLISTED: "{target} answers, and its source ({what}) no longer lists it",
    Kind.PROCESS_STARTED: "{target} has just started",
    Kind.PROCESS_RESTARTING: "{target} started {value: times} in {of: minutes}",
    Kind.PROCESS_WITHOUT_CLIENTS: "{target} shows no KV client",
    Kind.RUNTIME_NOT_LOADED: "{target}: its last reload failed",
    Kind.CLOCK_AHEAD: "{target} is {value:.0f} s ahead",
    Kind.CLOCK_BEHIND: "{target} is {value:.0f} s behind",
    Kind.CLOCKS_OF_ONE_APART: "{target} shows two times, {value:.0f} s apart",
    Kind.CLIENT_SWITCHED: "{member} on {value: processes}{names:(3)} has memberlist",
    Kind.CLIENT_UNREAD: "{member} on {target}",
    Kind.CLIENT_STRANDED: (
        "{member} on {value: processes}{names:(3)} only reads, and no process writes what it reads ({what})"
    ),
    Kind.CLIENT_NOT_MIRRORING: "{member} on {value} of {of: processes}{names:(3)} does not mirror",
    Kind.CLIENT_UNKNOWN: "{member}",
    Kind.MIRROR_ERRORS: "{member} on {target}: {value:g} of {of:g} writes failed",
    Kind.MIRROR_NOTHING: "{member} on {target}: {value:g} writes, none mirrored",
    Kind.MIRROR_NOTHING_YET: "{member} on {target}: no mirror write was counted yet",
    Kind.VERSION_UNKNOWN: "version of {target} ({what})",
    Kind.VERSION_OLD: "{target} is {what}",
    Kind.GOSSIP_CLUSTER: "{names:5}",
    Kind.GOSSIP_ONE_SIDED: "{target} and the other processes do not list each other (for {value:.0f} s)",
    Kind.GOSSIP_UNKNOWN_MEMBER: "{member} at {what}",
    Kind.GOSSIP_NAMESAKE: "{member} at {what} has the name of a process that is elsewhere",
    Kind.GOSSIP_DOUBTFUL: "whether {member} at {what} belongs to this cluster",
    Kind.GOSSIP_KEY_FOREIGN: "key {key}, which only another product has",
    Kind.GOSSIP_KEY_UNKNOWN: "which product has the key {key}",
    Kind.GOSSIP_MEMBER_UNKNOWN: "which member is {target}",
    Kind.GOSSIP_LIST_HIDDEN: "{target} uses memberlist and shows no member list",
    Kind.GOSSIP_ISOLATED: "{target} lists only itself",
    Kind.GOSSIP_ABSENT: "{target}",
    Kind.GOSSIP_PARTIAL: "{target} lists {value} of {of: processes}, not {names:3}",
    Kind.GOSSIP_PORT_SCRAPED: "{target}: {value:.1f} a minute",
    Kind.LABEL_BLANK: "appears empty",
    Kind.LABEL_HIDDEN_SIGN: "has a character that does not show",
    Kind.LABEL_PADDED: "has a blank at an end",
    Kind.LABEL_BY_CASE: "differs from a chart's default only by its case",
    Kind.LABELS_ALIKE: "labels differ only by blanks, case or the composition of a character",
    Kind.LABELS_UNSUPPORTED: "{target} is of a release without cluster labels",
    Kind.LABEL_VERIFIED: "{target} verifies",
    Kind.OTHER_SERVER: (
        "/metrics shows no product and no KV client, and {names:and3} answer 404 or a redirect: probably "
        "another server"
    ),
    Kind.PAGES_NOT_FOUND: (
        "404 for {names:and3}: probably another server, or the path prefix is missing or wrong (in the "
        "target's URL, or http_client.path_prefix)"
    ),
    Kind.PAGES_REDIRECTED: "a redirect for {names:and3}: probably a login page, or it needs https",
    Kind.PAGES_HTML: "HTML for {names:and3}: probably a login page or another server",
    Kind.PAGES_DENIED: "401 or 403 for {names:and3}: probably credentials under http_client are missing",
    Kind.SEEDS_NONE: "{target} has none",
    Kind.SEEDS_ITSELF: "{target} names only itself",
    Kind.SEEDS_OF_NO_PROCESS: "{target} names only addresses of no process: {names:3}",
    Kind.SEED_UNRESOLVED: "{member}: {what}",
    Kind.SEED_NOT_LOOKED_UP: "{member}",
    Kind.REJOIN_NEVER: "{target} has 0",
    Kind.SETTING_DIFFERS: "{what} on {value}: {names:5}",
    Kind.PORT_UNUSED: "port {what} in join_members, where no process listens: {names:5}",
    Kind.KEY_UNREAD: "{key}: not read",
    Kind.KEY_UNKNOWN: "{key}",
    Kind.KEY_VOID: "{key}: its clients write it, and no process shows its contents",
    Kind.KEY_UNATTENDED: "{key} is in {what}, and no target uses it",
    Kind.KEY_UNATTENDED_IN_STORE: "{key} is only in {what}, and no target uses it",
    Kind.KEY_LACKING: "{key}: {what} lacks {names:3}, which a process shows",
    Kind.KEY_LACKING_ENTRIES: "{key}: {what} lacks {value} HA clusters, which a process shows",
    Kind.MEMBER_ORPHANED: "{member} in {key}",
    Kind.MEMBER_UNHEALTHY: "{member} in {key}",
    Kind.MEMBER_IN_FUTURE: "{member} in {key} is {value:.0f} s in the future",
    Kind.MEMBER_WITHOUT_HEARTBEAT: "{key}: {member} has no heartbeat",
    Kind.MEMBER_OF_UNKNOWN_AGE: "{key}: the age of {member}'s heartbeat is unknown",
    Kind.MEMBER_WITHOUT_TOKENS: "{member} in {key} has no tokens",
    Kind.MEMBER_IN_TRANSITION: "{member} in {key} is {what} for {value:.0f} s",
    Kind.MEMBER_MOVING: "{member} in {key} is {what}",
    Kind.MEMBERS_LOST: "{key} lost {value} {what} at once",
    Kind.MEMBERS_FOREIGN: "foreign members of {key}: {value} ({names:6})",
    Kind.MEMBERS_MISPLACED: (
        "{value} of {of: members} of {key} are processes of another component: {names:6}"
    ),
    Kind.WRITERS_MISSING: "{value} of {of: writers} of {key} have no member in it: {names:6}",
    Kind.WRITERS_UNTOLD: "{key}: which member belongs to {names:6}",
    Kind.ADDRESS_SHARED: "{value: members} of {key} share the address {what}: {names:6}",
    Kind.ADDRESS_UNREACHABLE: "{key}: no other host reaches {what}, the address of {names:6}",
    Kind.ID_SHARED: "{value: processes} write {key} as {member}: {names:6}",
    Kind.REPLICATION_UNKNOWN: "{key}: no /config has its replication factor",
    Kind.RINGS_PARTED: "{what} ring: key {key} on {names:5}, {member} on {why}",
    Kind.RING_SETTING_DIFFERS: "{key}: {why}",
    Kind.PERIOD_DIFFERS: "heartbeat period {value:g} s on {names:5}, {of:g} s on {why}",
    Kind.TIMEOUT_DIFFERS: "heartbeat timeout {value:g} s on {names:5}, {of:g} s on {why}",
    Kind.REPLICATION_DIFFERS: "replication factor {value:g} on {names:5}, {of:g} on {why}",
    Kind.PRIMARY_DIFFERS: "primary {member} on {names:5}, {what} on {why}",
    Kind.KEPT_IN_MEMORY: "store inmemory on {names:5}, shared by {value} other processes",
    Kind.OTHER_PROCESSES: "{names:5}",
    Kind.MOST_PROCESSES: "{value} other processes",
    Kind.PARTITION_WITHOUT_OWNER: "partition {value} of {key} is {what} and has no owner",
    Kind.PARTITION_OWNERS_VANISHED: (
        "partition {value} of {key} is {what} and none of its {of: owners} is a member or process: {names:6}"
    ),
    Kind.PARTITION_OWNERS_UNHEALTHY: (
        "partition {value} of {key} is {what} and none of its {of: owners} is a healthy member: {names:6}"
    ),
    Kind.PARTITION_OWNERS_SOME_VANISHED: (
        "{limit} of {of: owners} of partition {value} of {key} are neither member nor process: {names:6}"
    ),
    Kind.PARTITION_OWNERS_UNREAD: "{key}: the ring of its owners was not read",
    Kind.PARTITIONS_INACTIVE: "{key} has no active partition",
    Kind.PARTITIONS_WITHOUT_OWNER: "{key}: no partition has an owner",
    Kind.VIEW_UNREAD: "{key}: {what} view of {target}",
    Kind.VIEW_UNREAD_ENTRIES: "{key}: not all entries of {target} were read",
    Kind.VIEWS_DIFFER: "{key}: {value} different {what} views",
    Kind.VIEW_DIFFERED: "{key}: {what} view of {target} differed when it was read last",
    Kind.VIEW_LACKS_MEMBERS: "{key}: {target} lacks {names:3}",
    Kind.VIEW_STALE: "{key}: {what} view of {target} is {value:g} s behind",
    Kind.SIGNALS_DIFFER: "{key}: the metrics of {target} show other states or tokens than most",
    Kind.SIGNALS_LACK_MEMBERS: (
        "{key}: the metrics of {target} show {value} members fewer than those of most processes"
    ),
    Kind.PRIMARY_UNREAD: "{key}: its primary was not read",
    Kind.SECONDARY_UNREAD: "{key}: it has no secondary that was read",
    Kind.SECONDARY_UNREAD_VIEW: "{key}: {target} not read",
    Kind.SECONDARY_LACKS_KEY: "{key} is missing in {value} of {of} views",
    Kind.SECONDARY_LACKS_MEMBER: "{key} lacks {member}",
    Kind.SECONDARY_DIFFERS: "{key}: {what} of {member}",
    Kind.SECONDARY_BEHIND: "{key} is {value:g} s behind",
    Kind.SECONDARY_WITHOUT_HEARTBEATS: "{key}: no heartbeat to compare",
    Kind.ELECTION_DIFFERS: "{member} differs in the secondary",
    Kind.ELECTIONS_MANY: (
        "{value: elections} in {limit: minutes} since the switch, {of:.0f} in as long before it"
    ),
    Kind.ELECTIONS_MANY_UNWATCHED: (
        "{value: elections} of {of: HA clusters} in {limit: minutes} since the switch"
    ),
    Kind.TRACKERS_DIFFER: "processes show {value} different HA tracker pages",
    Kind.TRACKER_DIFFERED: "{target} differed when it was read last",
    Kind.TRACKER_PREFIX: 'the tracker of {names:3} has the prefix "{what}"',
    Kind.STORE_REPLACED: "{what} is not the store that it was: {why}",
    Kind.STORE_CLUSTER_OTHER: "its cluster id is {member}, and was {what}",
    Kind.STORE_REVISION_FELL: "its revision decreased from {of:.0f} to {value:.0f}",
    Kind.STORE_KEYS: "{what}: {value: keys}",
    Kind.STORE_EMPTY: "{what}: no key is in it below {names}",
    Kind.STORE_OF_PROCESSES: "{what}: no key that our processes use is below its prefixes",
    Kind.STORE_UNCOVERED: "{key} is used or configured, and not read in {names:and}",
    Kind.STORE_WRITTEN: "{key} was written or deleted {value:.0f} s ago",
    Kind.STORE_WATCHED_BRIEFLY: "{what} has been watched for {value:.0f} s of {of:.0f} s",
    Kind.STORE_UNDECODED: "{key} (cannot be decoded)",
    Kind.STORE_NOT_COMPARED: "{what}: gossip was not read",
    Kind.STORE_REQUESTED: "{member} on {target}: {what} {value:.2g} requests a second",
    Kind.STORE_REQUESTED_BEFORE: "{member} on {target} has sent requests to {what} (read once)",
    Kind.GROUP_UNSERVED: "{key} has only members of {names}, no {what} process serves it",
    Kind.GROUP_INACTIVE: "{key} has no active {what} member",
    Kind.GROUP_MISSING: "no ring has a {what} member",
    Kind.GROUP_SHORT: "{key}: {value} active of {of} in {what}, replication factor {limit}",
    Kind.GROUP_LEFT: "{key}: {names:4}",
    Kind.GROUP_UNKNOWN: "{member} in {key} is of no group",
    Kind.GROUP_OF_READER_UNKNOWN: "group of {target}",
    Kind.GROUP_TRAFFIC: "{target}: {value:.2g} requests a second",
    Kind.GROUP_TRAFFIC_OF_NONE: "{target} is of no group: {value:.2g} requests a second",
    Kind.GROUP_TRAFFIC_UNKNOWN: "{target} is of no group, its traffic unknown",
    Kind.GROUP_WITHOUT_READERS: "none of {value: processes} in {what} answers queries",
    Kind.SETTING_OFF: "{target} has {what} off for {key}",
    Kind.SETTING_ON: "{target} has {what}",
    Kind.BLOCKS_UNSHIPPED: "{target} has a block that was not shipped for {value: minutes}",
    Kind.ZONE_LEAVING: "{names:4} of zone {what} in {key}",
    Kind.TOKENS_CLAIMED: "{key}: {value: tokens} of {names:4}",
    Kind.LOOKED_ONCE: "{target} (read once)",
    Kind.PROCESS_DOWN: "{target} does not answer",
    Kind.PROCESS_SHOWS: "{target} ({what}{why})",
    Kind.KEY_FOREIGN: "{key} {value} ({names:5})",
    Kind.KEY_NOT_READ: "{key} was not read",
    Kind.KEY_LOST: "{key} itself lost {value} {what} at once",
    Kind.NO_RING_READ: "no ring of theirs was read",
    Kind.STORE_NOT_READ: "the external store is not read",
    Kind.STORE_LACKS_KEY: "the store lacks {key}",
    Kind.STORE_NOT_WRITTEN: "the store no longer gets every write of {key}",
    Kind.STORE_LACKS_MEMBERS: "the store lacks {value} of {of: members} of {key}",
    Kind.STORE_BEHIND: "the store is {value:.0f} s behind in {key}",
    Kind.STORE_KEY_NOT_COMPARED: "the store's {key} was not compared",
    Kind.VIEWS_NOT_READ: "{names} was not read for {key}",
    Kind.VERBATIM: "{what}",
    Kind.NO_TARGETS: "no process was found",
    Kind.NO_ANSWER: "no process answers",
    Kind.NO_WRITER: "no writing client was found",
    Kind.NO_MIRROR: "no client mirrors",
    Kind.NO_CLIENT: "no KV client was found",
    Kind.NO_CLIENT_SHOWN: "no process shows a KV client",
    Kind.NO_MEMBER_LIST: "no process shows a member list",
    Kind.NO_SETTLED_PROCESS: "no process has run long enough to be judged",
    Kind.NO_LINK: "none of the processes that all shards watch is in the gossip",
    Kind.NO_LABEL: "no label was read",
    Kind.NO_RING: "no ring was read",
    Kind.NO_VIEW: "no view was read",
    Kind.NO_COMPARISON: "nothing was compared",
    Kind.NO_STORE: "no store is configured",
    Kind.NO_STORE_READABLE: "{what} cannot be read",
    Kind.NO_INDEX: "no key was ever found",
    Kind.NO_GROUPS: "no group is configured that matches a member",
    Kind.NO_OLD_GROUP_HERE: "the rings of another exporter shard may have the members of the old group",
}


def _unread(culprit: Culprit) -> str:
    """`configuration of X`; of a key, where: `gossip copy of collectors/ring on X`."""
    if culprit.key and culprit.target:
        return f"{culprit.what} of {culprit.key} on {culprit.target}"
    return f"{culprit.what} of {culprit.member or culprit.name}"


def _in_phase(culprit: Culprit) -> str:
    off = " (mirroring still off)" if culprit.what == "multi" else ""
    some = f"{culprit.value} of {culprit.of} processes{Names(culprit.names):(3)}"
    return f"{culprit.member} on {some} is {culprit.what}{off}"


def _margin(culprit: Culprit) -> str:
    """The first `of` names are unhealthy members, the rest have no tokens."""
    unhealthy = int(culprit.of or 0)
    blamed = Names(
        (*culprit.names[:unhealthy], *(f"{name} without tokens" for name in culprit.names[unhealthy:]))
    )
    return f"{culprit.key}: margin {culprit.value}" + (f" ({blamed:5})" if blamed else "")


def _stranded(culprit: Culprit) -> str:
    processes = f"{Number(culprit.value): processes}{Names(culprit.names):(3)}"
    store = "memberlist" if culprit.what == "memberlist" else "the external store"
    reads = f"{culprit.member} on {processes} reads {culprit.key} only from {store}"
    return f"{reads}, and no process writes it there"


def _carried(culprit: Culprit) -> str:
    reason = f", which {_why(culprit)}," if culprit.why else ""
    return f"{Label(culprit.member):label}{reason} on {few(culprit.names, 3)}"


def _failed(culprit: Culprit) -> str:
    return f"{culprit.what} was not read" + (f" ({_why(culprit)})" if culprit.why else "")


def _vanished(culprit: Culprit) -> str:
    names = ("the HA tracker's entries" if name == HA_KEY else name for name in culprit.names)
    return f"{culprit.value:.0f} of {culprit.of:.0f} keys vanished together: {', '.join(names)}"


def _zones(culprit: Culprit) -> str:
    has, usual = ("on" if value else "off" for value in (culprit.value, culprit.of))
    return f"zone awareness {has} on {few(culprit.names, 5)}, {usual} on {_why(culprit)}"


def _only(culprit: Culprit) -> str:
    """A key, or one of its partitions."""
    return culprit.key if culprit.value is None else f"{culprit.key}: partition {culprit.value}"


MADE: Final[Mapping[Kind, Callable[[Culprit], str]]] = {
    Kind.UNREAD: _unread,
    Kind.CLIENT_IN_PHASE: _in_phase,
    Kind.MARGIN_SMALL: _margin,
    Kind.STORE_ONLY: _only,
    Kind.ZONES_DIFFER: _zones,
    Kind.LABEL_CARRIED: _carried,
    Kind.STORE_FAILED: _failed,
    Kind.STORE_KEYS_VANISHED: _vanished,
    Kind.READER_STRANDED: _stranded,
}


def name(culprit: Culprit) -> str:
    """A culprit in words, as it stands in a list."""
    if culprit.kind in MADE:
        return MADE[culprit.kind](culprit)
    return TEMPLATES[culprit.kind].format(
        name=culprit.name,
        target=culprit.target,
        key=culprit.key,
        member=culprit.member,
        what=culprit.what,
        value=Number(culprit.value),
        of=Number(culprit.of),
        limit=Number(culprit.limit),
        names=Names(culprit.names),
        why=_why(culprit),
    )


def detail(culprit: Culprit) -> str:
    """The same with its reason: why a process does not answer."""
    words = name(culprit)
    reasons = ": ".join(filter(None, (culprit.what, _why(culprit))))
    return f"{words} ({reasons})" if culprit.kind is Kind.PROCESS_NOT_RESPONDING and reasons else words


def _why(culprit: Culprit) -> str:
    return name(culprit.why) if culprit.why else ""
