"""Which processes form one gossip cluster: an edge between two of them is mutual.

One process that lists every other one joins no halves of a split. Memberlist (`state.go`, `mergeState`)
spreads a process's members to all its peers, so in one cluster both ends list each other before long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from exporter.model.facts import GossipFacts
from exporter.model.rings import ShortList

SPREADS = 60.0  # seconds; two rounds of dskit's pull_push_interval, in which any join or departure spreads
SMALL = 0.5  # a process that lists this part of its cluster or less lists too little of it


@dataclass(frozen=True, slots=True)
class Lists:
    """The member lists by process. `listed` names the processes with a member in each list, `alive` all
    members in state alive. `steady` are the processes with an identified member that did not start recently.
    """

    listed: Mapping[str, frozenset[str]]
    alive: Mapping[str, frozenset[str]]
    steady: frozenset[str]


@dataclass(frozen=True, slots=True)
class Components:
    """The clusters, the largest first, and the processes with an uncertain cluster: the listing with it goes
    in one direction only.
    """

    clusters: tuple[tuple[str, ...], ...]
    doubts: frozenset[str] = frozenset()


def components(lists: Lists, judged: set[str]) -> Components:
    """Put processes together that list each other. One that cannot be judged by that (recently started, or
    with an unidentified member) follows those that it lists most of, and connects no processes.
    """
    found = _mutual(lists)
    doubts = _doubts(found, lists)
    firm = [some for some in found if not some <= doubts]
    loose = [{name} for name in sorted(doubts)] if firm or len(doubts) > 1 else []
    if not firm:
        firm, loose = loose[:1] or found, loose[1:]
    for some in loose:
        _attach(next(iter(some)), firm, lists)
    rest = [name for name in lists.listed if not any(name in some for some in (*found, *firm))]
    apart = [name for name in rest if not _attach(name, firm, lists)]
    firm += _overlapping(apart, lists)
    counted = [some for some in firm if len(some) > 1 or some <= judged] or firm
    ordered = sorted((tuple(sorted(some)) for some in counted), key=lambda one: (-len(one), one))
    return Components(tuple(ordered), frozenset(doubts))


def _mutual(lists: Lists) -> list[set[str]]:
    """Connected components of the processes that list each other. Processes with the same list are taken
    together: they list themselves in it, and so each other.
    """
    same: dict[frozenset[str], set[str]] = {}
    for name, listed in lists.listed.items():
        if name in lists.steady and name in listed:
            same.setdefault(listed, set()).add(name)
    waiting = list(same.items())
    found: list[set[str]] = []
    while waiting:
        some, queue = set[str](), [waiting.pop()]
        while queue:
            listed, names = queue.pop()
            some |= names
            far: list[tuple[frozenset[str], set[str]]] = []
            for theirs, others in waiting:
                apart = listed.isdisjoint(others) or names.isdisjoint(theirs)
                (far if apart else queue).append((theirs, others))
            waiting = far
        found.append(some)
    return sorted(found, key=lambda names: (-len(names), min(names)))


def _doubts(groups: list[set[str]], lists: Lists) -> set[str]:
    """The processes with a listing in one direction only, as for a moment in a join or a departure."""
    if len(groups) < 2:
        return set()
    single = {name for some in groups if len(some) == 1 for name in some}
    steady = set().union(*groups)
    listed = {name: {viewer for viewer in steady if name in lists.listed[viewer]} - {name} for name in single}
    return {name for name in single if listed[name] or (lists.listed[name] & steady) - {name}}


def _attach(name: str, groups: list[set[str]], lists: Lists) -> bool:
    """Put a process to those that it lists most of, or that list it; False where there are none."""
    counts = [
        len(lists.listed[name] & some) or sum(1 for other in some if name in lists.listed.get(other, ()))
        for some in groups
    ]
    if not any(counts):
        return False
    groups[counts.index(max(counts))].add(name)
    return True


def _overlapping(names: Iterable[str], lists: Lists) -> list[set[str]]:
    """Put those together that have a member in common in their lists, where there is no better evidence."""
    groups: list[tuple[set[str], frozenset[str]]] = []
    for name in names:
        mine, alive = {name}, lists.alive[name]
        apart = []
        for others, theirs in groups:
            if alive.isdisjoint(theirs):
                apart.append((others, theirs))
            else:
                mine, alive = mine | others, alive | theirs
        groups = [*apart, (mine, alive)]
    return [mine for mine, _ in groups]


def short(groups: Components, lists: Lists) -> Mapping[str, ShortList]:
    """The processes that do not list every process of their cluster."""
    short_lists: dict[str, ShortList] = {}
    for cluster in groups.clusters:
        peers = (lists.steady & set(cluster)) - groups.doubts
        lacking = {listed: peers - listed for listed in {lists.listed[name] for name in peers}}
        for name in sorted(peers):
            if lacks := lacking[lists.listed[name]] - {name}:
                short_lists[name] = ShortList(len(peers) - len(lacks), len(peers), lacks)
    return MappingProxyType(short_lists)


def lasting(gossip: GossipFacts, before: GossipFacts | None, now: float) -> GossipFacts:
    """Which short lists are wrong: those of half of the cluster or less at once. The rest are if they lack
    the same process for longer than a join or a departure takes to spread. In a rolling restart it is another
    process each time.
    """
    earlier = before.short if before is not None else {}
    dated: dict[str, ShortList] = {}
    for name, short_list in gossip.short.items():
        old = earlier.get(name)
        same = short_list.lacks & old.lacks if old is not None else frozenset[str]()
        since = min(old.since, now) if old is not None and same else now  # a clock may be set back
        wrong = short_list.count <= SMALL * short_list.of or now - since >= SPREADS
        dated[name] = replace(short_list, lacks=same or short_list.lacks, since=since, wrong=wrong)
    return replace(gossip, short=MappingProxyType(dated))


def parted(gossip: GossipFacts, before: GossipFacts | None, now: float) -> GossipFacts:
    """Date the doubts, and part those from their cluster that stay longer than a join takes to spread."""
    doubts = before.doubts if before is not None else {}
    dated = {name: min(doubts.get(name) or now, now) for name in gossip.doubts}
    stayed = {name for name, since in dated.items() if now - since >= SPREADS}
    remaining = [tuple(name for name in cluster if name not in stayed) for cluster in gossip.clusters]
    clusters = [cluster for cluster in remaining if cluster] + [(name,) for name in stayed]
    return replace(
        gossip,
        doubts=MappingProxyType(dated),
        clusters=tuple(sorted(clusters, key=lambda cluster: (-len(cluster), cluster))),
    )
