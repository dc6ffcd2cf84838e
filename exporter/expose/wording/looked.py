"""What a check read and found in order, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from exporter.expose.wording import culprits
from exporter.expose.wording.durations import clock
from exporter.expose.wording.lists import Label, Names, Number
from exporter.model.culprits import Looked, Seen

TEMPLATES: Final[Mapping[Seen, str]] = MappingProxyType(
    {
        Seen.ANSWERING: "{count} of {count} answer.",
        Seen.PROCESSES: "{count: processes}.",
        Seen.CLOCKS: "At most {count:.0f} s from the median clock.",
        Seen.WRITERS: "{count} clients that write.",
        Seen.CLIENTS: "{count} of {count} clients.",
        Seen.MIRROR_WRITES: "{count: mirror writes}, at most {limit:.0%} of a client's failed.",
        Seen.MIRRORING: "{count} clients mirror what they write.",
        Seen.ALL_KNOWN: "None is unknown.",
        Seen.ONE_CLUSTER: "One cluster.",
        Seen.NONE: "None.",
        Seen.REMAINS: "No client writes {names:5} any more.",
        Seen.LABEL: "{what:label}.",
        Seen.LABEL_UNUSUAL: "It {culprits}.",
        Seen.LABEL_OF_ALL: "All have {what:label}.",
        Seen.LABEL_EXPECTED: "Our configuration expects {what:label}.",
        Seen.LABELS_UNSUPPORTED: (
            "No process can carry a label: these releases have no such setting. Keep other clusters off the "
            "gossip port by network policy, or upgrade first."
        ),
        Seen.VERIFICATION_OFF: "Off everywhere.",
        Seen.MEMBERS: "{count: members}.",
        Seen.NO_MEMBERLIST_YET: "No process uses memberlist yet.",
        Seen.NO_MEMBERLIST_RUNS_YET: "No process runs memberlist yet.",
        Seen.NO_MEMBERLIST: "No process runs memberlist.",
        Seen.SEEDS: "{count: names}.",
        Seen.SEEDS_ELSEWHERE: (
            "None of {count: names} resolves from here; the processes that name them have joined. Resolve "
            "them where the processes run."
        ),
        Seen.RING_WRITERS: "{count: writers} of {of: rings}.",
        Seen.PARTITIONS: "{count: partitions}.",
        Seen.NO_PARTITIONS: "There is no partition ring.",
        Seen.RINGS: "{count: rings}.",
        Seen.VERSIONS: "{names:4}",
        Seen.NO_SCRAPES: "None since the last cycle.",
        Seen.ALL_SEEN: "Every process is in another one's list.",
        Seen.NO_TRACKER: "No HA tracker runs.",
        Seen.ELECTIONS: "{count: elections} since the processes started.",
        Seen.ELECTIONS_SINCE: (
            "{count: elections} in {limit: minutes} since the switch, {of:.0f} in as long before it."
        ),
        Seen.ELECTIONS_UNWATCHED: (
            "{count: elections} in {limit: minutes} since the switch; before it they were not watched."
        ),
        Seen.TRACKER_NOT_SWITCHED: "No HA tracker has memberlist as its primary.",
        Seen.NO_ENTRIES: "No HA cluster is tracked.",
        Seen.ENTRIES: "{count: HA clusters}.",
        Seen.MARGIN: "Every ring that is written by quorum can lose one more member.",
        Seen.MARGIN_NONE: (
            "No member of {names} is unhealthy. Risk: with a replication factor of {what} none may be lost, "
            "so writes fail while a member restarts."
        ),
        Seen.MARGIN_UNKNOWN: "Every member is to be healthy instead: {culprits:;3}.",
        Seen.NO_QUORUM: "No ring that is written by quorum is among what these processes show.",
        Seen.QUORUM: "No ring is short of it.",
        Seen.KEYS_COMPARED: "{count: keys} compared.",
        Seen.NONE_MISSING: "None is missing.",
        Seen.NOTHING_DIFFERS: "Nothing differs.",
        Seen.LAG: "At most {count:g} s, limit {limit:g} s and one heartbeat period.",
        Seen.VIEWS: "{count: rings}, one view each.",
        Seen.RING_MEMBERS: "{count: members} in {of: rings}.",
        Seen.STORES: "{culprits}.",
        Seen.NO_STORES: "None is configured.",
        Seen.STORE_KEYS: "{count: keys}.",
        Seen.STORE_SAME: "The same store for {count:.0f} s.",
        Seen.STORE_FORGOTTEN: "No state_file: which store it was before the exporter started is unknown.",
        Seen.RINGS_FORGOTTEN: "No state_file: what the rings lost before the exporter started is unknown.",
        Seen.STORE_IDLE: "No index has changed for {count:.0f} s.",
        Seen.STORE_IN_GOSSIP: "Every key is in the gossip.",
        Seen.NOTHING_LOST: "The store has nothing of ours that the gossip lacks.",
        Seen.NOTHING_TO_LOSE: "There is no store to compare with.",
        Seen.NO_TRANSITION: "None for {limit:.0f} s.",
        Seen.IN_TRANSITION: "In transition now: {culprits:5}.",
        Seen.OLD_GROUP_IN: "It is in {names:8}.",
        Seen.OLD_GROUP_IDLE: "{count: processes} of the old group run, none gets requests.",
        Seen.READERS: "{count: processes}: {names:5}.",
        Seen.INGESTERS_SHIPPED: "{count: ingesters} of the old group, {of:.0f} series in their heads.",
        Seen.READ_BEFORE: "Read in the cycles before, not in this cycle: {culprits}.",
        Seen.TOLD: "{what}",
    }
)


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


class _View(Protocol):
    """One kind of evidence of a check, as facts and API have it."""

    @property
    def source(self) -> str: ...

    @property
    def since(self) -> float | None: ...


def oldest_views(checks: Iterable[Iterable[_View]]) -> str:
    """The age of the oldest view behind these checks: `Oldest view that counts: gossip copies of 21 Nov
    03:46:55 UTC.`
    """
    since = {view.source: view.since for covered in checks for view in covered if view.since is not None}
    told = ", ".join(f"{source} of {clock(at)} UTC" for source, at in sorted(since.items()))
    return f"Oldest view that counts: {told}." if told else ""
