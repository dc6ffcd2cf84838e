"""A snapshot as rows of (metric, label values, value): which fact becomes which series, and when none.

A row with the value `None` is unknown and makes no series. Label values are as they came; the collector
cleans them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from exporter.expose import catalogue as c
from exporter.expose.shard_rows import Rows, counted_rows, shard_rows
from exporter.model.entry import PartitionState, State
from exporter.model.facts import ClientFacts, GossipTarget, KeyFacts, Snapshot, TargetFacts
from exporter.model.findings import FindingKind
from exporter.model.gate import Verdict
from exporter.model.migration import RINGS, Migration
from exporter.model.pages import GossipState, Outcome, Phase, ProcessConfig
from exporter.model.stores import StoreFacts
from exporter.model.views import ViewFacts

MEMBER_STATES = (
    State.ACTIVE,
    State.JOINING,
    State.LEAVING,
    State.PENDING,
    State.READ_ONLY,
    State.UNHEALTHY,
)
NAMED = 10  # foreign members of one ring, and gossip clusters, that are shown by name
_LEFT_OUT = frozenset({FindingKind.MIRRORING_PARTIAL, FindingKind.WITHOUT_MULTI})
_VERDICTS = {Verdict.PASSED: 1.0, Verdict.FAILED: 0.0, Verdict.UNKNOWN: math.nan}


def rows_of(snapshot: Snapshot) -> Rows:
    """Every series of one snapshot; of a shard's snapshot, the series of its part."""
    rows = _rows(snapshot)
    return rows if snapshot.part is None else shard_rows(rows, snapshot, snapshot.part)


def _rows(snapshot: Snapshot) -> Rows:
    yield from _fleet(snapshot)
    yield from target_rows(snapshot)
    yield from counted_rows(snapshot.targets)
    mirroring = {c.migration for target in snapshot.targets for c in target.clients if c.mirror}
    foreign = snapshot.gossip.foreign_keys if snapshot.gossip else ()
    for key in snapshot.keys:
        if key.key in foreign and not any(view.kind == "ring" for view in key.views):
            continue  # a ring from the gossip that no watched process uses: not ours to judge
        yield from _key(key)
        yield from _secondary(key, snapshot.stores, is_mirrored=key.migration in mirroring)
    for store in snapshot.stores:
        yield from _store(store)
    yield from _gossip(snapshot)
    yield from _gate(snapshot)
    yield from _exporter(snapshot)


def target_rows(snapshot: Snapshot) -> Rows:
    """The series of the processes themselves, without those of the fleet."""
    ages = snapshot.gossip.heartbeat_ages if snapshot.gossip else {}
    for target in snapshot.targets:
        yield from _target(target, ages.get(target.name))


def _fleet(snapshot: Snapshot) -> Rows:
    for one in snapshot.migrations:
        for phase in Phase if one.is_of_clients else ():
            yield c.PHASE, (one.name, phase.label), float(one.phase is phase)
        yield c.PHASE_UNIFORM, (one.name,), one.uniform
        yield c.ROLLOUT_MOVED_TIMESTAMP_SECONDS, (one.name,), one.rollout.moved_at if one.rollout else None
        for client, count in _unreached(one, snapshot).items():
            yield c.UNREACHED_CLIENTS, (one.name, client), count
        for step in one.steps:
            yield c.NEXT_STEP, (one.name, step.name), float(step.name == one.next_step)
    for key in snapshot.keys:
        yield c.KEY_PHASE, (key.key, key.name), key.phase


def _unreached(migration: Migration, snapshot: Snapshot) -> dict[str, float]:
    """How many clients of each name do not mirror and will not; empty while no client mirrors."""
    if not migration.is_of_clients:
        return {}
    clients = (client for target in snapshot.targets if target.up for client in target.clients)
    writing = [client for client in clients if client.writes and client.migration == migration.name]
    if not any(client.mirror for client in writing):
        return {}
    left = {found.name: found.count for found in migration.findings if found.kind in _LEFT_OUT}
    return dict.fromkeys((client.name for client in writing), 0.0) | left


def _target(target: TargetFacts, heartbeat_age: float | None) -> Rows:
    """A target that did not answer has only `target_up` 0: its pages are not what failed."""
    name = target.name
    yield c.TARGET_UP, (name, target.component), target.up
    if not target.up:
        return
    for page in target.pages:
        if page.outcome is not Outcome.ABSENT:
            yield c.PAGE_UP, (name, page.name), page.outcome is Outcome.OK
    yield c.TARGET_INFO, (name, target.component, target.product.value, target.version), 1.0
    for migration, phase in phases_of(target).items():
        yield c.TARGET_PHASE, (name, migration), phase
    yield c.TARGET_CLOCK_SKEW_SECONDS, (name,), target.skew
    yield c.TARGET_START_TIME_SECONDS, (name,), target.started
    yield c.TARGET_RESTARTS_TOTAL, (name,), target.restarts if target.starts else None
    yield c.GOSSIP_LABEL_VERIFIED, (name,), _verifies(target.config)
    yield c.HA_TRACKER_ELECTIONS_TOTAL, (name,), target.ha_elections
    for client in target.clients:
        yield from _client(name, client)
    if target.gossip is not None:
        yield from _gossip_target(name, target.gossip)
        yield c.GOSSIP_HEARTBEAT_AGE_SECONDS, (name,), heartbeat_age
    elif target.gossip_members is not None:
        yield c.GOSSIP_MEMBERS, (name, GossipState.ALIVE.value), target.gossip_members


def phases_of(target: TargetFacts) -> dict[str, Phase]:
    """The earliest phase of a process's writing clients, by migration; `rings` where it has none."""
    found: dict[str, Phase] = {}
    for client in target.clients:
        if client.writes:
            found[client.migration] = min(client.phase, found.get(client.migration, client.phase))
    return found or {RINGS: target.phase}


def _verifies(config: ProcessConfig | None) -> bool | None:
    disabled = config.label_verification_disabled if config else None
    return None if disabled is None else not disabled


def _client(target: str, client: ClientFacts) -> Rows:
    writes = "true" if client.writes else "false"
    yield c.CLIENT_PHASE, (target, client.name, client.key, writes), client.phase
    labels = (target, client.name)
    yield c.MIRROR_ENABLED, labels, client.mirror
    yield c.MIRROR_WRITES_TOTAL, labels, client.mirror_writes
    yield c.MIRROR_WRITE_ERRORS_TOTAL, labels, client.mirror_errors
    if client.primary:
        for store in {client.primary, *client.stores}:
            yield c.PRIMARY_STORE, (*labels, store), store == client.primary
    for store, requests in client.store_requests.items():
        yield c.CLIENT_STORE_REQUESTS_TOTAL, (*labels, store), requests


def _gossip_target(name: str, gossip: GossipTarget) -> Rows:
    for state in GossipState:
        yield c.GOSSIP_MEMBERS, (name, state.value), gossip.states.get(state.value, 0)
    yield c.GOSSIP_HEALTH_SCORE, (name,), gossip.health_score


def _key(key: KeyFacts) -> Rows:
    is_read = bool(key.source)  # the primary was read this cycle
    yield c.RING_HEARTBEAT_PERIOD_SECONDS, (key.key, key.name), key.settings.period
    if key.kind == "ring":
        yield from _ring(key, is_read)
    elif key.kind == "partition":
        yield from _partitions(key, is_read)
    elif is_read:
        yield c.HA_TRACKER_ENTRIES, (), key.entries
    for kind, contents in key.distinct.items():
        if contents:  # none read is not agreement
            yield c.RING_VIEWS, (key.key, key.name, kind), contents
    for view in key.views:
        yield from _view(key, view)


def _ring(key: KeyFacts, is_read: bool) -> Rows:
    labels = (key.key, key.name)
    yield c.RING_MEMBERS_RETURNED_TOTAL, labels, key.returned_total
    if not is_read:
        return
    yield from _members(key)
    yield c.RING_OLDEST_HEARTBEAT_AGE_SECONDS, labels, key.oldest_age
    yield c.RING_LONGEST_TRANSITION_SECONDS, labels, key.longest_transition
    yield c.RING_TOKEN_CONFLICTS, labels, key.token_conflicts
    yield c.RING_MEMBERS_WITHOUT_TOKENS, labels, _size(key.without_tokens)
    yield c.RING_GHOST_MEMBERS, labels, _size(key.orphaned)
    yield c.RING_FOREIGN_MEMBERS, labels, _size(key.foreign)
    yield from _foreign(key.key, key.foreign or ())
    yield c.RING_QUORUM_MARGIN, labels, key.quorum_margin
    yield c.RING_SHRUNK_MEMBERS, labels, key.lost
    if key.writers is not None:
        yield c.RING_WRITERS_MISSING, labels, len(key.writers.missing)
        yield c.RING_DUPLICATE_ADDRESSES, labels, len(key.writers.shared)


def _members(key: KeyFacts) -> Rows:
    """Every state for every (zone, group) that has members; an empty ring has 0 with empty labels."""
    counts: Counter[tuple[State, str, str]] = Counter(
        (m.state, m.zone, m.group) for m in key.members if m.state is not State.LEFT
    )
    places = {(zone, group) for _, zone, group in counts} or {("", "")}
    others = {state for state, _, _ in counts}.difference(MEMBER_STATES)
    for zone, group in places:
        for state in (*MEMBER_STATES, *others):
            labels = (key.key, key.name, state.value, zone, group)
            yield c.RING_MEMBERS, labels, counts[state, zone, group]


def _partitions(key: KeyFacts, is_read: bool) -> Rows:
    if not is_read:
        return
    yield c.RING_CORRUPTED_PARTITIONS, (key.key, key.name), len(key.corrupted)
    yield c.RING_SHRUNK_MEMBERS, (key.key, key.name), key.lost
    if all(p.alive is not None for p in key.owned):
        ownerless = sum(p.is_ownerless for p in key.owned)
        yield c.RING_PARTITIONS_WITHOUT_OWNER, (key.key, key.name), ownerless
    if key.partition_states or not key.partitions:
        for state in PartitionState:
            count = key.partition_states.get(state.value, 0)
            yield c.RING_PARTITIONS, (key.key, key.name, state.value), count


def _view(key: KeyFacts, view: ViewFacts) -> Rows:
    if not view.known:
        return
    labels = (key.key, key.name, view.kind, view.target)
    yield c.RING_VIEW_STALENESS_SECONDS, labels, view.staleness
    yield c.RING_VIEW_MISSING_MEMBERS, labels, view.lacks


def _secondary(key: KeyFacts, stores: tuple[StoreFacts, ...], *, is_mirrored: bool) -> Rows:
    facts, labels = key.secondary, (key.key, key.name)
    if facts is None:
        yield c.SECONDARY_UNREAD_VIEWS, labels, _unread(key, stores)
        return
    yield c.SECONDARY_UNREAD_VIEWS, labels, len(facts.unread)
    if facts.unread and not _any_read(key, facts.store, stores):
        return  # nothing was compared, so nothing is missing nor equal
    if is_mirrored:  # what no client of the migration copies yet is not missing
        yield c.SECONDARY_KEY_MISSING, labels, facts.missing_key
        yield c.SECONDARY_MISSING_MEMBERS, labels, len(facts.missing_members)
    yield c.SECONDARY_LAG_SECONDS, labels, facts.lag
    yield c.SECONDARY_EXTRA_MEMBERS, labels, len(facts.extra_members)
    for field, members in facts.mismatched.items():
        yield c.SECONDARY_MISMATCHED_MEMBERS, (*labels, field), len(members)


def _unread(key: KeyFacts, stores: tuple[StoreFacts, ...]) -> int | None:
    """Count what could not be read where nothing could be compared. Of a key that is written to two stores
    this is every copy that failed, or the store.
    """
    if key.phase is Phase.MIRRORING:
        lost = sum(view.kind == "gossip" and not view.known for view in key.views)
    elif key.phase is Phase.SWITCHED:
        lost = sum(store.outcome is Outcome.FAILED for store in stores)
    else:
        return None
    return lost or None  # where the primary is what was not read, the secondary is unknown too


def _any_read(key: KeyFacts, kind: str, stores: tuple[StoreFacts, ...]) -> bool:
    if kind == "memberlist":
        return any(view.kind == "gossip" and view.known for view in key.views)
    return any(store.kind == kind and store.outcome is Outcome.OK for store in stores)


def _store(store: StoreFacts) -> Rows:
    if store.outcome is Outcome.ABSENT:
        return
    read = store.outcome is Outcome.OK
    yield c.STORE_UP, (store.title,), read
    if read or store.replaced:
        yield c.STORE_REPLACED, (store.title,), bool(store.replaced)
    if read:
        yield c.STORE_KEYS, (store.title,), store.keys
        yield c.STORE_LAST_WRITE_TIMESTAMP_SECONDS, (store.title,), store.last_write


def _gossip(snapshot: Snapshot) -> Rows:
    gossip = snapshot.gossip
    if gossip is not None and gossip.clusters:  # at least one member list was read
        yield c.GOSSIP_CLUSTERS, (), len(gossip.clusters)
        unknown = [member for member in gossip.unknown if member.where == "gossip"]
        yield c.GOSSIP_UNKNOWN_MEMBERS, (), len(unknown)
        yield c.GOSSIP_FOREIGN_MEMBERS, (), len(gossip.foreign)
        yield from _foreign("", [member.name for member in gossip.foreign])
        for cluster in gossip.clusters[:NAMED] if len(gossip.clusters) > 1 else ():
            yield c.GOSSIP_CLUSTER_TARGETS, (min(cluster),), len(cluster)
        yield c.GOSSIP_ABSENT_MEMBERS, (), len(gossip.absent)
        yield c.GOSSIP_UNKNOWN_KEYS, (), len(set(gossip.unknown_keys).difference(gossip.remains))
    for found in snapshot.rejections:
        yield c.FOREIGN_LABEL_REJECTIONS_TOTAL, (found.target, found.label, found.source), found.count
    for probe in snapshot.probes:
        yield c.LABEL_PROBE_ACCEPTED, (probe.target, probe.kind), probe.accepted


def _foreign(key: str, names: Sequence[str]) -> Rows:
    for name in names[:NAMED]:
        yield c.FOREIGN_MEMBER_INFO, (key, name), 1.0


def _gate(snapshot: Snapshot) -> Rows:
    for step in snapshot.steps:
        if not step.checks:
            continue  # of a migration that has not begun, only the first step is judged
        yield c.GATE_OPEN, (step.migration, step.name), step.open
        for check in step.checks:
            yield c.GATE_CHECK, (step.migration, step.name, check.id), _VERDICTS[check.verdict]


def _exporter(snapshot: Snapshot) -> Rows:
    yield c.SNAPSHOT_TIMESTAMP_SECONDS, (), snapshot.at
    yield c.INTERVAL_SECONDS, (), snapshot.interval
    yield c.CYCLE_DURATION_SECONDS, (), max(0.0, snapshot.at - snapshot.started)
    yield c.VIEW_SWEEP_SECONDS, (), snapshot.sweep_seconds
    for source, count in snapshot.discovered.items():
        yield c.DISCOVERED_TARGETS, (source,), count
    if snapshot.discovered:
        yield c.DISCOVERY_FAILING_SOURCES, (), len(snapshot.unsure)
    for page in {page for page, _ in snapshot.fetches}:
        for outcome in Outcome:
            yield c.FETCHES_TOTAL, (page, outcome.value), snapshot.fetches.get((page, outcome.value), 0)


def _size(members: tuple[str, ...] | None) -> int | None:
    return None if members is None else len(members)
