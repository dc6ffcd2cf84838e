"""What one cycle leaves to the next: only what a later judgement cannot do without."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from exporter.derive.comparison.collect import Cycle
from exporter.derive.comparison.ring_metrics_comparison import Deviations
from exporter.derive.comparison.standing_differences import Standing
from exporter.derive.identity.key_names import Names
from exporter.derive.identity.member_processes import Identity
from exporter.model.entry import Partition, PartitionState, State
from exporter.model.facts import MemberFacts, Snapshot, TargetFacts
from exporter.model.pages import Outcome, PartitionRing
from exporter.model.shard import Share
from exporter.model.stores import StoreFacts

FORGET_VANISHED = 24 * 3600.0  # seconds a vanished member is kept, to recognise it when it comes back
FORGET_LOST = 900.0  # seconds a sudden loss is reported, and longer while the lost member still writes
BY_AND_BY = 600.0  # seconds within which losses of single members are counted together
PART = 0.2  # of a ring; so many of its members lost by and by are no departures
MAX_VANISHED = 5000


@dataclass(frozen=True, slots=True)
class RingHistory:
    """One ring's past. `vanished` is when a vanished member went, by its own clock. `lost` is when a healthy
    member vanished though its process still responds, by ours, and that process. `missed` are the same of
    single members, which may be departures, and `parted` those of them that are too many for that. `since` is
    when a member was first observed in a state, by ours; `at` is our clock at the cycle of `members`. Of a
    partition ring `lost` and `active` are partitions by number, with an owner's process.
    """

    vanished: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    lost: Mapping[str, tuple[float, str]] = field(default_factory=lambda: MappingProxyType({}))
    missed: Mapping[str, tuple[float, str]] = field(default_factory=lambda: MappingProxyType({}))
    parted: frozenset[str] = frozenset()
    since: Mapping[tuple[str, State], float] = field(default_factory=lambda: MappingProxyType({}))
    members: tuple[MemberFacts, ...] = ()
    active: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    returned: int = 0
    at: float | None = None
    standing: Standing = field(default_factory=Standing)
    stored: bool = False  # the external store had something of it, in some cycle
    deviations: Deviations = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class History:
    """The state carried from cycle to cycle. `indexes` are the store's, by kind and key, `moved` when they
    last moved. `stores` are the stores' identities from before a restart, and no more. `places` are the last
    configured addresses of the external store, by kind and key.
    """

    snapshot: Snapshot | None = None
    identities: Mapping[str, Identity] = field(default_factory=lambda: MappingProxyType({}))
    rings: Mapping[str, RingHistory] = field(default_factory=lambda: MappingProxyType({}))
    indexes: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    names: Names = field(default_factory=Names)
    stores: Mapping[str, StoreFacts] = field(default_factory=lambda: MappingProxyType({}))
    places: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Watched:
    """The processes that answered in this cycle and have not just started, the count of the rest, and those
    that write the ring. Also whether no other exporter watches further processes.
    """

    answering: frozenset[str] = frozenset()
    unsettled: int = 0
    writing: frozenset[str] = frozenset()
    all: bool = True

    @classmethod
    def of(cls, targets: Collection[TargetFacts], share: Share | None) -> Watched:
        """Count these processes, of which a shard watches its `share`."""
        settled = frozenset(target.name for target in targets if target.up and not target.recently_started)
        return cls(settled, unsettled=len(targets) - len(settled), all=share is None)


def remember(cycle: Cycle, history: History, snapshot: Snapshot, ids: Mapping[str, Identity]) -> History:
    """What the next cycle needs of this one. `history` is the previous one, with the rings' pasts and the
    stores' places of this cycle.
    """
    current = {observation.target.name for observation in cycle.observed}
    earlier = {name: identity for name, identity in history.identities.items() if name in current}
    indexes = {
        store.title: store.modified
        if store.outcome is Outcome.OK
        else history.indexes.get(store.title, MappingProxyType({}))
        for store in cycle.stores
    }
    return replace(
        history,
        snapshot=snapshot,
        identities=MappingProxyType(earlier | dict(ids)),
        indexes=MappingProxyType(indexes),
        names=cycle.names,
        stores=MappingProxyType({}),
    )


def advance(
    history: RingHistory,
    members: tuple[MemberFacts, ...],
    now: float,
    watched: Watched,
) -> RingHistory:
    """Carry one ring's past over one cycle."""
    here = {member.id: member for member in members}
    vanished = [member for member in history.members if member.id not in here]
    back = [name for name in history.vanished if name in here and _is_old(here[name], history.vanished[name])]
    missed = _missed(history, vanished, here, now, watched)
    return RingHistory(
        vanished=_vanished(history, vanished, here, now),
        lost=_lost(history, vanished, here, now, watched),
        missed=missed,
        parted=_by_and_by(missed, len(here), now, watched),
        since={(m.id, m.state): min(history.since.get((m.id, m.state), now), now) for m in members},
        members=members,
        returned=history.returned + len(back),
        at=now,
        standing=history.standing,
        stored=history.stored,
    )


def _is_old(member: MemberFacts, vanished_at: float) -> bool:
    """A member that really comes back has a heartbeat after its departure; returned old state has none."""
    return member.heartbeat is not None and member.heartbeat <= vanished_at


def _vanished(
    history: RingHistory, vanished: Iterable[MemberFacts], here: Mapping[str, object], now: float
) -> Mapping[str, float]:
    """When members left, each by its own clock: its last heartbeat and the time since we observed that. Its
    clock may be minutes away from the rest.
    """
    recent = {n: at for n, at in history.vanished.items() if n not in here and now - at < FORGET_VANISHED}
    passed = now - (now if history.at is None else history.at)
    recent |= {m.id: now if m.heartbeat is None else m.heartbeat + passed for m in vanished}
    newest = sorted(recent.items(), key=lambda item: item[1], reverse=True)[:MAX_VANISHED]
    return MappingProxyType(dict(newest))


def stands(lost_at: float, target: str, now: float, writing: frozenset[str]) -> bool:
    """Whether a loss is still reported: for a while, and while the member's process goes on writing."""
    return now - lost_at < FORGET_LOST or target in writing


def _lost(
    history: RingHistory,
    vanished: Iterable[MemberFacts],
    here: Mapping[str, MemberFacts],
    now: float,
    watched: Watched,
) -> Mapping[str, tuple[float, str]]:
    """A healthy member that vanishes without leaving, while its process responds, was overwritten. A single
    one is a process on its way out; half of a ring at once is not. Of a shard's ring only its own members
    count, since the rest is unwatched. The loss is reported as long as the member's process writes the ring
    without a member in it.

    A process with a healthy member has only another name. At the same address a container has a new host
    name with each start. It may restart between two cycles, or while no cycle runs.
    """
    there = {member.target for member in here.values() if member.state is not State.UNHEALTHY}
    kept = {
        name: (min(at, now), target)  # our clock may be set back
        for name, (at, target) in history.lost.items()
        if name not in here and stands(at, target, now, watched.writing - there)
    }
    fresh = [
        m
        for m in vanished
        if m.state is State.ACTIVE and (m.target in watched.answering - there or (not m.target and not here))
    ]
    base = history.members if watched.all else [m for m in history.members if m.target in watched.answering]
    only_one = not watched.all and len(fresh) == 1 and bool(here)  # of a few, one on its way out may be half
    if not kept and (2 * len(fresh) < len(base) or only_one):
        return MappingProxyType({})
    return MappingProxyType(kept | {member.id: (now, member.target) for member in fresh})


def _missed(
    history: RingHistory,
    vanished: Iterable[MemberFacts],
    here: Mapping[str, MemberFacts],
    now: float,
    watched: Watched,
) -> Mapping[str, tuple[float, str]]:
    """Healthy members that vanished one by one, while the process of each still responds and has not
    restarted. A process that shuts down leaves its ring first and stops answering soon.
    """
    there = {member.target for member in here.values()}
    fresh = {m.id: (now, m.target) for m in vanished if m.state is State.ACTIVE and m.target}
    return MappingProxyType(
        {
            name: (min(at, now), target)
            for name, (at, target) in ({**history.missed, **fresh}).items()
            if name not in here and target in watched.answering - there and now - at < BY_AND_BY
        }
    )


def _by_and_by(
    missed: Mapping[str, tuple[float, str]], size: int, now: float, watched: Watched
) -> frozenset[str]:
    """The members that are lost although no half of the ring vanished at once. They are two or more, a fifth
    of the ring, and each missed for a cycle. They are also more than the processes that restart or do not
    respond.
    """
    sure = frozenset(name for name, (at, _) in missed.items() if at < now)
    many = len(sure) > max(1, watched.unsettled) and len(sure) >= PART * (size + len(sure))
    return sure if many else frozenset()


def advance_partitions(
    history: RingHistory, ring: PartitionRing, now: float, watched: Watched, processes: Mapping[str, str]
) -> RingHistory:
    """Carry a partition ring's past over one cycle; `processes` are by the names of owners. A partition
    becomes inactive before its removal: if half of the active partitions vanish at once, they were
    overwritten.
    """
    here = {str(number): partition for number, partition in ring.partitions.items()}
    active = {
        number: _process(partition, processes)
        for number, partition in here.items()
        if partition.state is PartitionState.ACTIVE
    }
    kept = {
        number: (min(at, now), target)
        for number, (at, target) in history.lost.items()
        if number not in here and stands(at, target, now, watched.writing)
    }
    fresh = history.active.keys() - here.keys()
    if kept or 2 * len(fresh) >= len(history.active):
        kept |= {number: (now, history.active[number]) for number in fresh}
    return replace(history, active=MappingProxyType(active), lost=MappingProxyType(kept), at=now)


def _process(partition: Partition, processes: Mapping[str, str]) -> str:
    return next((processes[owner] for owner in partition.owners if owner in processes), "")
