"""What a check read and found in order, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from exporter.expose.api.shapes import CoveredOut
from exporter.expose.wording import culprits
from exporter.expose.wording.durations import clock
from exporter.expose.wording.lists import Label, Names, Number
from exporter.model.culprits import Looked, LookedKind
from exporter.model.gate import Covered

TEMPLATES: Final[Mapping[LookedKind, str]] = {
    LookedKind.ANSWERING: "{count} of {count} answer.",
    LookedKind.PROCESSES: "{count: processes}.",
    LookedKind.CLOCKS: "At most {count:.0f} s from the median clock.",
    LookedKind.WRITERS: "{count} clients that write.",
    LookedKind.CLIENTS: "{count} of {count} clients.",
    LookedKind.MIRROR_WRITES: "{count: mirror writes}, at most {limit:.0%} of a client's failed.",
    LookedKind.MIRRORING: "{count} clients mirror what they write.",
    LookedKind.ALL_KNOWN: "None is unknown.",
    LookedKind.ONE_CLUSTER: "One cluster.",
    LookedKind.NONE: "None.",
    LookedKind.REMAINS: "No client writes {names:5} any more.",
    LookedKind.LABEL: "{what:label}.",
    LookedKind.LABEL_UNUSUAL: "It {culprits}.",
    LookedKind.LABEL_OF_ALL: "All have {what:label}.",
    LookedKind.LABEL_EXPECTED: "Our configuration expects {what:label}.",
    LookedKind.LABELS_UNSUPPORTED: (
        "No process can carry a label: these releases have no such setting. Keep other clusters off the "
        "gossip port by network policy, or upgrade first."
    ),
    LookedKind.VERIFICATION_OFF: "Off everywhere.",
    LookedKind.MEMBERS: "{count: members}.",
    LookedKind.NO_MEMBERLIST_YET: "No process uses memberlist yet.",
    LookedKind.NO_MEMBERLIST_RUNS_YET: "No process runs memberlist yet.",
    LookedKind.NO_MEMBERLIST: "No process runs memberlist.",
    LookedKind.ONE_PROCESS: "The cluster is one process: it has no other process to join.",
    LookedKind.SEEDS: "{count: names}.",
    LookedKind.SEEDS_ELSEWHERE: (
        "None of {count: names} resolves from here; the processes that name them have joined. Resolve "
        "them where the processes run."
    ),
    LookedKind.RING_WRITERS: "{count: writers} of {of: rings}.",
    LookedKind.PARTITIONS: "{count: partitions}.",
    LookedKind.NO_PARTITIONS: "There is no partition ring.",
    LookedKind.RINGS: "{count: rings}.",
    LookedKind.VERSIONS: "{names:4}",
    LookedKind.NO_SCRAPES: "None since the last cycle.",
    LookedKind.ALL_LISTED: "Every process is in another one's list.",
    LookedKind.NO_TRACKER: "No HA tracker runs.",
    LookedKind.ELECTIONS: "{count: elections} since the processes started.",
    LookedKind.ELECTIONS_SINCE: (
        "{count: elections} in {limit: minutes} since the switch, {of:.0f} in as long before it."
    ),
    LookedKind.ELECTIONS_UNWATCHED: (
        "{count: elections} in {limit: minutes} since the switch; before it they were not watched."
    ),
    LookedKind.TRACKER_NOT_SWITCHED: "No HA tracker has memberlist as its primary.",
    LookedKind.NO_ENTRIES: "No HA cluster is tracked.",
    LookedKind.ENTRIES: "{count: HA clusters}.",
    LookedKind.MARGIN: "Every ring that is written by quorum can lose one more member.",
    LookedKind.MARGIN_NONE: (
        "No member of {names} is unhealthy. Risk: with a replication factor of {what} none may be lost, "
        "so writes fail while a member restarts."
    ),
    LookedKind.MARGIN_UNKNOWN: "Every member is to be healthy instead: {culprits:;3}.",
    LookedKind.NO_QUORUM: "No ring that is written by quorum is among what these processes show.",
    LookedKind.QUORUM: "No ring is short of it.",
    LookedKind.KEYS_COMPARED: "{count: keys} compared.",
    LookedKind.NONE_MISSING: "None is missing.",
    LookedKind.NOTHING_DIFFERS: "Nothing differs.",
    LookedKind.LAG: "At most {count:g} s, limit {limit:g} s and one heartbeat period.",
    LookedKind.VIEWS: "{count: rings}, one view each.",
    LookedKind.RING_MEMBERS: "{count: members} in {of: rings}.",
    LookedKind.STORES: "{culprits}.",
    LookedKind.NO_STORES: "None is configured.",
    LookedKind.STORE_KEYS: "{count: keys}.",
    LookedKind.STORE_SAME: "The same store for {count:.0f} s.",
    LookedKind.STORE_FORGOTTEN: ("No state_file: which store it was before the exporter started is unknown."),
    LookedKind.RINGS_FORGOTTEN: "No state_file: what the rings lost before the exporter started is unknown.",
    LookedKind.STORE_IDLE: "No index has changed for {count:.0f} s.",
    LookedKind.STORE_IN_GOSSIP: "Every key is in the gossip.",
    LookedKind.NOTHING_LOST: "The store has nothing of ours that the gossip lacks.",
    LookedKind.NOTHING_TO_LOSE: "There is no store to compare with.",
    LookedKind.NO_TRANSITION: "None for {limit:.0f} s.",
    LookedKind.IN_TRANSITION: "In transition now: {culprits:5}.",
    LookedKind.OLD_GROUP_IN: "It is in {names:8}.",
    LookedKind.OLD_GROUP_IDLE: "{count: processes} of the old group run, none gets requests.",
    LookedKind.READERS: "{count: processes}: {names:5}.",
    LookedKind.INGESTERS_SHIPPED: "{count: ingesters} of the old group, {of:.0f} series in their heads.",
    LookedKind.READ_BEFORE: "Read in the cycles before, not in this cycle: {culprits}.",
    LookedKind.VERBATIM: "{what}",
}


def text(looked: Looked) -> str:
    """One kind of evidence."""
    return TEMPLATES[looked.kind].format(
        count=Number(looked.count),
        of=Number(looked.of),
        limit=Number(looked.limit),
        what=Label(looked.what),
        names=Names(looked.names),
        culprits=Names(map(culprits.name, looked.culprits)),
    )


def oldest_views(checks: Iterable[Iterable[Covered | CoveredOut]]) -> str:
    """The age of the oldest view behind these checks: `Oldest view that counts: gossip copies of 21 Nov
    03:46:55 UTC.`
    """
    since = {view.source: view.since for covered in checks for view in covered if view.since is not None}
    sources = ", ".join(f"{source} of {clock(at)} UTC" for source, at in sorted(since.items()))
    return f"Oldest view that counts: {sources}." if sources else ""
