"""Which migrations a cluster shows, in which phase each is, and how far its rollout is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from exporter.derive import kv_clients
from exporter.derive.gossip.label_rollout import ENFORCED, LABELLED, STAGES, UNKNOWN
from exporter.derive.judging_rules import Rules
from exporter.derive.kv_clients import is_blind
from exporter.derive.migration.runtime_config_differences import left_in_runtime, runtime_age
from exporter.model.entry import host_of
from exporter.model.facts import ClientFacts, GossipFacts, Snapshot, TargetFacts
from exporter.model.migration import (
    HA_TRACKER,
    LABELS,
    MICROSERVICES,
    READ_WRITE,
    RINGS,
    STORE,
    LabelRollout,
    Migration,
    Rollout,
)
from exporter.model.pages import Phase

_ROLLOUTS = frozenset(
    {
        (Phase.EXTERNAL, Phase.MULTI),
        (Phase.EXTERNAL, Phase.MIRRORING),  # as Cortex's guide has it: multi with mirroring in one rollout
        (Phase.MULTI, Phase.MIRRORING),
        (Phase.SWITCHED, Phase.DETACHED),
        (Phase.DETACHED, Phase.MEMBERLIST),
    }
)
"""From which phase to which processes may move one after another. The switch of the primary is none: complete
values would be written back and forth between the stores.
"""
_LAST = (Phase.DETACHED, Phase.MEMBERLIST)
STANDS_STILL = 900.0  # seconds in which no process of a rollout moved on
REACHED = 90.0  # seconds until a kubelet has the runtime configuration, and the process has reloaded it


def migrations_of(snapshot: Snapshot, before: Snapshot | None, rules: Rules) -> tuple[Migration, ...]:
    """The migrations, without their steps. A shard's part has all: only all parts show which exist."""
    old = {one.name: one for one in before.migrations} if before else {}
    names = (RINGS, HA_TRACKER, *(name for name, _ in rules.migrations))
    shown = {c.migration for t in snapshot.targets for c in t.clients} | {RINGS}
    running = _running(snapshot, before)
    moving = [
        _of_clients(name, snapshot, old.get(name), running)
        for name in names
        if snapshot.part is not None or name in shown
    ]
    found = [*moving]
    if snapshot.part is not None or snapshot.gossip is not None:
        found.append(_labels(snapshot, old.get(LABELS)))
    # on the way back nothing shows the other mode once its last process has left, and its end is to be judged
    groups = _shown_groups(snapshot) - {MICROSERVICES}
    if snapshot.part is not None or rules.leaving != MICROSERVICES or groups:
        found.append(Migration(READ_WRITE))
    return (*found, _store(snapshot.targets, moving, snapshot.at))


def _running(snapshot: Snapshot, before: Snapshot | None) -> tuple[TargetFacts, ...]:
    """The processes of the previous cycle that run on since then, as they were."""
    if before is None:
        return ()
    started = {target.name: target.started for target in snapshot.targets if target.up}
    return tuple(t for t in before.targets if t.started is not None and t.started == started.get(t.name))


def _of_clients(
    name: str, snapshot: Snapshot, old: Migration | None, running: tuple[TargetFacts, ...]
) -> Migration:
    clients = tuple(c for target in snapshot.targets for c in target.clients if c.migration == name)
    writing = kv_clients.writing(clients)
    moving = kv_clients.under_way(writing)
    phase = kv_clients.earliest(client.phase for client in moving)
    same = old is not None and old.phase is phase
    there = kv_clients.arrived(writing)
    early = there if old is None or Phase.EXTERNAL <= phase < Phase.DETACHED else old.early
    found = Migration(
        name=name,
        keys=tuple(key.key for key in snapshot.keys if key.migration == name),
        phase=phase,
        uniform=_uniform(moving, snapshot),
        begun=snapshot.part is not None or {client.phase for client in clients} != {Phase.EXTERNAL},
        phase_since=old.phase_since if old is not None and same else snapshot.at,
        arrived=tuple(sorted(there)),
        early=early,
    )
    not_responding = tuple(target.name for target in snapshot.targets if not target.up)
    rollout = None
    if not _is_switched_in_part(clients):
        late = tuple(client for client in writing if (client.key or client.name) not in early)
        rollout = _rollout(late, not_responding, old.rollout if old else None, snapshot.at)
    if rollout is not None and not rollout.by_switch:
        was = kv_clients.writing(c for target in running for c in target.clients if c.migration == name)
        rollout = replace(rollout, by_switch=_is_by_switch(rollout.into, _phases(writing), _phases(was)))
    if rollout is not None and old is None:
        rollout = replace(rollout, moved_at=_last_start(rollout, snapshot))
    return replace(found, rollout=rollout)


def _last_start(rollout: Rollout, snapshot: Snapshot) -> float:
    """When a rollout that is met under way last moved on: at the last start of a process that got there.
    Where that was long ago, the runtime configuration may just be reaching them: that is waited for.
    """
    there = (target for target in snapshot.targets if target.name in rollout.reached)
    starts = [t.started - (t.skew or 0.0) for t in there if t.started is not None]
    if len(starts) < len(rollout.reached):
        return snapshot.at
    return max(snapshot.at - (STANDS_STILL - REACHED), min(snapshot.at, max(starts)))


def _is_by_switch(
    into: Phase, phases: Mapping[str, Collection[Phase]], before: Mapping[str, Collection[Phase]]
) -> bool:
    """Whether a process that runs on has come into this phase from the previous, or back from the next."""
    wholly = ((phases.get(name, ()), was) for name, was in before.items())
    changed = ({*here, *was} for here, was in wholly if here and here != was and len(here) == len(was) == 1)
    return any((min(pair), max(pair)) in _ROLLOUTS and max(pair) is into for pair in changed)


def _uniform(moving: Iterable[ClientFacts], snapshot: Snapshot) -> bool | None:
    """Whether all writing clients agree; `None` where further clients may be unread."""
    agreed = kv_clients.uniform(moving)
    if agreed and (snapshot.unsure or any(map(is_blind, snapshot.targets))):
        return None
    return agreed


def _is_switched_in_part(clients: Iterable[ClientFacts]) -> bool:
    """Whether mirroring was switched on for a process, as one of its readers shows, and no writer there
    follows. That process waits for no restart.
    """
    by_target: dict[str, set[tuple[bool, Phase]]] = {}
    for client in clients:
        by_target.setdefault(client.target, set()).add((client.writes, client.phase))
    return any(
        (False, Phase.MIRRORING) in found and {phase for writes, phase in found if writes} == {Phase.MULTI}
        for found in by_target.values()
    )


def _rollout(
    writing: tuple[ClientFacts, ...], not_responding: tuple[str, ...], old: Rollout | None, now: float
) -> Rollout | None:
    """How far a rollout is: each process is with all its clients in the previous phase or in the next one. A
    switch that reached some clients of each process is none. In the last phase nothing depends on that, and
    keys that have arrived count.
    """
    is_last = {client.phase for client in writing} == set(_LAST)
    counted = writing if is_last else kv_clients.under_way(writing)
    pair = tuple(sorted({client.phase for client in counted}))
    if pair not in _ROLLOUTS:
        named = {client.target for client in counted}
        return _last_of(named, not_responding, old) if old is not None and pair == (old.into,) else None
    by_target = _phases(counted)
    there = [name for name, phases in by_target.items() if phases == {pair[1]}]
    if not there or (not is_last and any(len(phases) > 1 for phases in by_target.values())):
        return None
    left = tuple(sorted({*by_target, *not_responding}.difference(there)))
    return _dated(
        Rollout(pair[1], len(there), len(there) + len(left), left, now, reached=frozenset(there)), old
    )


def _dated(rollout: Rollout, old: Rollout | None) -> Rollout:
    """The rollout with the time of its last progress: a crashing process arrives again and again."""
    if old is None or old.into_name != rollout.into_name:
        return rollout
    moved_at = old.moved_at if rollout.reached <= old.reached else rollout.moved_at
    reached = rollout.reached | old.reached
    return replace(rollout, moved_at=moved_at, reached=reached, by_switch=old.by_switch)


def _last_of(there: Collection[str], not_responding: tuple[str, ...], old: Rollout) -> Rollout | None:
    """How far a rollout is while the remaining processes do not respond, as in their restart."""
    left = tuple(name for name in old.left if name in not_responding)
    if not left:
        return None
    return replace(old, done=len(there), processes=len(there) + len(left), left=left)


def _phases(clients: Iterable[ClientFacts]) -> Mapping[str, set[Phase]]:
    found: dict[str, set[Phase]] = {}
    for client in clients:
        found.setdefault(client.target, set()).add(client.phase)
    return found


def _labels(snapshot: Snapshot, old: Migration | None) -> Migration:
    not_responding = tuple(target.name for target in snapshot.targets if not target.up)
    found = snapshot.gossip.rollout if snapshot.gossip is not None else None
    rollout = None
    if found is not None:
        rollout = _label_rollout(found, not_responding, old.rollout if old else None, snapshot.at)
    return Migration(LABELS, next_step=_next_of_labels(snapshot.gossip), rollout=rollout)


def _label_rollout(
    rollout: LabelRollout, not_responding: tuple[str, ...], old: Rollout | None, now: float
) -> Rollout | None:
    """How far a rollout of labels is: two neighbouring stages, and none drops packets of another one."""
    stages = [stage for stage in STAGES if rollout.stages[stage]]
    if UNKNOWN in stages or rollout.conflicts or not stages:
        return None
    there = rollout.stages[stages[-1]]
    if len(stages) == 1:
        return _last_of(there, not_responding, old) if old is not None and old.stage == stages[0] else None
    if len(stages) > 2 or STAGES.index(stages[1]) - STAGES.index(stages[0]) != 1:
        return None
    left = tuple(sorted({*rollout.stages[stages[0]], *not_responding}))
    made = Rollout(Phase.UNKNOWN, len(there), len(there) + len(left), left, now, stages[1], frozenset(there))
    return _dated(made, old)


def _next_of_labels(gossip: GossipFacts | None) -> str:
    """The next step of the labels: none where every process carries one label and verifies it."""
    rollout = gossip.rollout if gossip is not None else None
    if rollout is None:
        return ""
    if rollout.stage == LABELLED:
        return "enforce-label"
    done = rollout.stage == ENFORCED and not rollout.conflicts and not rollout.unexpected
    return "" if done else "set-label"


def _shown_groups(snapshot: Snapshot) -> set[str]:
    """The deployment modes that some process or member has."""
    groups = {target.group for target in snapshot.targets if target.up}
    return (groups | {member.group for key in snapshot.keys for member in key.members}) - {""}


def _store(targets: tuple[TargetFacts, ...], moving: Iterable[Migration], now: float) -> Migration:
    """The end of the external store. It is the next step once nothing of any migration uses it."""
    clients = kv_clients.writing(client for target in targets for client in target.clients)
    phase = kv_clients.earliest(client.phase for client in clients)
    free = all(one.phase is Phase.MEMBERLIST for one in moving) and phase is Phase.MEMBERLIST
    left = tuple(target.name for target in targets if free and _names_a_store(target))
    runtime = left_in_runtime(targets) if free else ()
    next_step = "decommission-store" if free else ""
    age = runtime_age((target for target in targets if target.name in runtime), now)
    return Migration(
        STORE, phase=phase, next_step=next_step, named_by=left, runtime_left=runtime, runtime_age=age
    )


def _names_a_store(target: TargetFacts) -> bool:
    """Whether a process's configuration has the address of a store that none of its clients uses. One on its
    own machine is the products' default, which no user wrote there.
    """
    rings = target.config.rings.values() if target.config is not None else ()
    if any(ring.store in _USING for ring in rings):
        return False
    named = (address for ring in rings for address in (ring.consul_host, *ring.etcd_endpoints) if address)
    return any(host_of(address.rpartition("//")[2]) not in _OWN for address in named)


_USING = frozenset({"consul", "etcd", "multi"})
_OWN = frozenset({"", "localhost", "127.0.0.1", "::1"})
