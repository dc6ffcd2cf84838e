"""One KV key judged: where its primary was read, its members, its views, its secondary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from exporter.derive import kv_clients
from exporter.derive.comparison.future_timestamps import ahead
from exporter.derive.comparison.key_input import KeyInput, Stored
from exporter.derive.comparison.primary_content import (
    Absentees,
    Primary,
    judged_primary,
    unhealthy_by_pages,
)
from exporter.derive.comparison.ring_metrics_comparison import judge_signals
from exporter.derive.comparison.secondary_comparison import compare_views
from exporter.derive.comparison.standing_differences import Times
from exporter.derive.identity.member_processes import Gossipers, Owners
from exporter.derive.judging_rules import Rules
from exporter.derive.previous_cycle import RingHistory, Watched, advance, advance_partitions
from exporter.derive.ring import health, partitions
from exporter.derive.ring.agreed_settings import heartbeat_limit
from exporter.derive.ring.quorum import margin_of
from exporter.derive.ring.tokens import claimants, count_conflicts, owned_lists, shares
from exporter.model.entry import PartitionState, Tokens
from exporter.model.facts import KeyFacts, MemberFacts, SecondaryFacts, TargetFacts
from exporter.model.pages import PartitionRing, Product, Ring
from exporter.model.views import IN_STORE
from exporter.products.ring_pages import (
    HA_KEY,
    QUORUM_RINGS,
    RING_NAMES,
    TOKEN_RINGS,
    RingPage,
    has_partitions,
    is_of_ingesters,
    ring_of,
)

MIMIR_PARTITIONS = "ingester-partitions"


@dataclass(frozen=True, slots=True)
class CycleContext:
    """What is the same for all keys of a cycle."""

    owners: Owners
    gossip: Gossipers | None
    rules: Rules
    now: float
    watched: Watched
    product: Product = Product.UNKNOWN  # what most processes are
    partitioned: bool = False  # partitions decide, not the ingesters' quorum


def judge_keys(
    reads: Iterable[KeyInput], rings: Mapping[str, RingHistory], world: CycleContext
) -> tuple[tuple[KeyFacts, ...], Mapping[str, RingHistory]]:
    """Judge all keys of a cycle; the second value is the rings' past for the next one."""
    keys, past = list[KeyFacts](), dict(rings)
    for read in reads:
        facts, past[read.key] = judge_key(read, rings.get(read.key, RingHistory()), world)
        keys.append(facts)
    return tuple(keys), MappingProxyType(past)


def judge_key(inputs: KeyInput, old: RingHistory, world: CycleContext) -> tuple[KeyFacts, RingHistory]:
    """Judge one key; the second value is its past for the next cycle."""
    settings, names = inputs.settings, _names(inputs)
    name, called = _called(inputs, world.rules.page_of(names))
    limit = health.Limit(*heartbeat_limit(settings, world.rules.timeout_of(names)))
    primary, missing = judged_primary(inputs, limit.timeout, settings.period, was_stored=old.stored)
    ring = primary.value if isinstance(primary.value, Ring) else None
    unhealthy = unhealthy_by_pages(inputs, limit)
    lists = _token_lists(ring, inputs) if ring else None
    around = _around(world, primary.clock, limit, old.since, world.now, shares(lists or {}), unhealthy)
    members = health.judge_members(ring, around) if ring else ()
    then = _advanced(old, primary, members, inputs, world)
    compared = compare_views(inputs, primary, old.standing, Times(limit.timeout, settings.period, world.now))
    counted = judge_signals(inputs.signals, old.deviations, compared.views, world.now)
    facts = KeyFacts(
        key=inputs.key,
        ring=name,
        called=called,
        kind=_kind(inputs, primary.value),
        phase=kv_clients.earliest(c.phase for c in kv_clients.writing(inputs.clients)),
        phase_uniform=kv_clients.uniform(inputs.clients) is True,
        primary=primary.store,
        source=primary.source,
        members=members,
        heartbeat_timeout=limit.timeout,
        settings=settings,
        writes_by=_writes_by(name, world),
        ahead=ahead(inputs, settings.period),
        views=(*compared.views, *counted.views),
        distinct=MappingProxyType({**compared.distinct, **counted.distinct}),
        secondary=_doubted(compared.secondary, missing),
        entries=len(primary.content or ()) if inputs.key == HA_KEY else 0,
        returned_total=then.returned,
        lost=len(then.lost.keys() | then.parted),
        lacking=missing.names,
        migration=world.rules.migration_of(inputs.key),
    )
    facts = _without_holes(_with_contents(facts, primary, lists, inputs, world), missing)
    then = replace(then, standing=compared.standing, deviations=counted.deviations)
    return facts, replace(then, stored=old.stored or _is_stored(facts))


def _with_contents(
    facts: KeyFacts,
    primary: Primary,
    lists: Mapping[str, Tokens] | None,
    inputs: KeyInput,
    world: CycleContext,
) -> KeyFacts:
    if isinstance(primary.value, Ring):
        return _with_health(facts, lists, inputs, world)
    return _with_partitions(facts, primary.value) if isinstance(primary.value, PartitionRing) else facts


def _without_holes(facts: KeyFacts, missing: Absentees) -> KeyFacts:
    """No margin for a ring that may lack members because of its reading."""
    return replace(facts, quorum_margin=None) if missing.mostly and facts.source == IN_STORE else facts


def _is_stored(facts: KeyFacts) -> bool:
    return facts.source == IN_STORE and bool(facts.size or facts.entries)


def _doubted(secondary: SecondaryFacts | None, missing: Absentees) -> SecondaryFacts | None:
    """A copy of a store that lacks parts of the primary may be incomplete."""
    return replace(secondary, by_pages=True) if secondary is not None and missing.names else secondary


def _around(world: CycleContext, *given: Any) -> health.Surroundings:
    return health.Surroundings(world.owners, world.gossip, world.rules, *given)


def is_partitioned(targets: Iterable[TargetFacts], reads: Iterable[KeyInput]) -> bool:
    """Whether partitions decide instead of the ingesters' quorum, by most of the configurations (Mimir,
    `ingest_storage.enabled`). Where most lack it, by Mimir's partition ring: in use, and shown by half of
    those that show the ingesters' or more. Loki may write to both its ingesters and Kafka
    (pkg/distributor/distributor.go, `KafkaEnabled`, `IngesterEnabled`), so its partitions prove nothing.
    """
    flags = [t.config.ingest_storage for t in targets if t.up and t.config is not None]
    for answer in (True, False):
        if 2 * flags.count(answer) > len(flags):
            return answer
    shown = {tail: _showing(tail, reads) for tail in ("ring", MIMIR_PARTITIONS)}
    return bool(shown[MIMIR_PARTITIONS]) and 2 * len(shown[MIMIR_PARTITIONS]) >= len(shown["ring"])


def _showing(tail: str, reads: Iterable[KeyInput]) -> set[str]:
    """The processes that show a ring of this name, or a partition ring in use, on a page or in gossip."""
    return {
        view.target
        for read in reads
        if read.key.rpartition("/")[2] == tail and is_of_ingesters(read.ring)
        for view in (*read.pages, *read.copies)
        if isinstance(view.value, Ring) or _is_active(view.value)
    }


def _is_active(value: object) -> bool:
    return isinstance(value, PartitionRing) and any(
        p.state is PartitionState.ACTIVE for p in value.partitions.values()
    )


def _advanced(
    history: RingHistory,
    primary: Primary,
    members: tuple[MemberFacts, ...],
    inputs: KeyInput,
    world: CycleContext,
) -> RingHistory:
    value = primary.value
    if value is None or primary.recently_started:
        return history
    writing = frozenset(client.target for client in inputs.clients if client.writes)
    watched = replace(world.watched, writing=writing)
    if isinstance(value, PartitionRing):
        return advance_partitions(history, value, world.now, watched, world.owners.by_name)
    return advance(history, members, world.now, watched)


def _with_partitions(facts: KeyFacts, ring: PartitionRing) -> KeyFacts:
    states = partitions.by_state(ring)
    return replace(
        facts,
        partitions=sum(states.values()),
        partition_states=states,
        corrupted=partitions.corrupted(ring),
        owned=partitions.listed(ring),
    )


def _with_health(
    facts: KeyFacts, lists: Mapping[str, Tokens] | None, inputs: KeyInput, world: CycleContext
) -> KeyFacts:
    # A process that reads an empty ring shows a failure, and not a leftover.
    is_shown = any(view.known and view.content is not None for view in inputs.pages)
    return replace(
        facts,
        longest_transition=health.longest_transition(facts.members, world.now),
        oldest_age=health.oldest_age(facts.members),
        token_conflicts=None if lists is None else count_conflicts(lists),
        token_claimants=() if lists is None else claimants(lists),
        without_tokens=health.without_tokens(facts.members, always=facts.ring in TOKEN_RINGS),
        orphaned=health.orphaned_members(facts.members),
        quorum_margin=margin_of(facts, world.product) if facts.members or is_shown else None,
    )


def _writes_by(name: str, world: CycleContext) -> str:
    """How a ring is written. With ingest storage the distributors write to Kafka, by partition, and no
    ingester takes part: Mimir, pkg/distributor/distributor.go, `sendWriteRequestToPartitions`.
    """
    if name not in QUORUM_RINGS:
        return "owner"
    return "partitions" if world.partitioned else "quorum"


def _names(inputs: KeyInput) -> tuple[str, ...]:
    """The key as it stands in the store, and without the processes' prefix. A configured page may lack its
    key, and only the processes have the prefix.
    """
    defaults = {claim.config.default_key for claim in inputs.configs}
    return inputs.key, *sorted(defaults - {""})


def _called(inputs: KeyInput, page: RingPage | None) -> tuple[str, str]:
    """The ring's kind by its key, which decides how it is judged, and its configured name. With a prefix of
    its own it is judged by the default key; only a key in no table is judged by its configured name.
    """
    ring = inputs.ring
    if ring not in RING_NAMES and inputs.default:
        ring = ring_of(inputs.default)
    if page is None:
        return ring, ""
    if ring not in RING_NAMES and page.ring in RING_NAMES:
        ring = page.ring
    return ring, page.ring


def _token_lists(primary: Ring, inputs: KeyInput) -> Mapping[str, Tokens] | None:
    """The token lists of the members that own any, without read-only members and tombstones. They come from
    the primary view, else from the first view with lists; `None` without such a view.
    """
    rings = [primary, *(v.value for v in (*inputs.pages, *inputs.copies) if isinstance(v.value, Ring))]
    return next((lists for ring in rings if (lists := owned_lists(ring)) is not None), None)


def _kind(inputs: KeyInput, value: Stored | None) -> str:
    if inputs.key == HA_KEY:
        return "ha"
    shown = [value, *(view.value for view in (*inputs.pages, *inputs.copies))]
    partitions = has_partitions(inputs.key) or any(isinstance(v, PartitionRing) for v in shown)
    return "partition" if partitions else "ring"
