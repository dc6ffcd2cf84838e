"""One KV key judged: where its primary was read, its members, its views, its secondary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from exporter.derive import health, partitions, phase
from exporter.derive.absentees import Absentees, absentees, believed
from exporter.derive.ahead import ahead
from exporter.derive.history import RingHistory, Watched, advance
from exporter.derive.lag import content_of
from exporter.derive.match import Gossipers, Owners
from exporter.derive.primary import KeyInput, Primary, Stored, find_primary, ill_by_pages
from exporter.derive.rules import DEFAULT_PERIOD, DEFAULT_TIMEOUT, Rules
from exporter.derive.secondary import Times, judge_sides
from exporter.derive.tokens import count_conflicts, shares
from exporter.facts import KeyFacts, MemberFacts, SecondaryFacts
from exporter.model import PartitionRing, Ring, RingConfig, State
from exporter.rings import HA_KEY, QUORUM_RINGS, RING_NAMES, RingPage, ring_of

TOKEN_RINGS = frozenset({"ingester"})  # whose members always have tokens: none at all is a failure


@dataclass(frozen=True, slots=True)
class World:
    """What is the same for all keys of a cycle."""

    owners: Owners
    gossip: Gossipers | None
    rules: Rules
    now: float
    watched: Watched


def judge_key(read: KeyInput, past: RingHistory, world: World) -> tuple[KeyFacts, RingHistory]:
    """Judge one key; the second value is its past for the next cycle."""
    config = health.merge_configs(read.configs)
    name, called = _called(read, world.rules.page_of(_names(read)))
    timeout = _timeout(_names(read), config, world.rules)
    period = (config.heartbeat_period if config else None) or DEFAULT_PERIOD
    primary, missing = _primary(read, past, timeout, period)
    ring = primary.value if isinstance(primary.value, Ring) else None
    lists = _token_lists(ring, read) if ring else None
    told = (primary.clock, timeout, past.since, world.now, shares(lists or {}), ill_by_pages(read, primary))
    members = health.judge_members(ring, _around(world, *told)) if ring else ()
    then = _advanced(past, primary, members, read, world)
    sides = judge_sides(read, primary, past.standing, Times(timeout, period, world.now))
    facts = KeyFacts(
        key=read.key,
        ring=name,
        called=called,
        kind=_kind(read, primary.value),
        phase=phase.earliest(c.phase for c in phase.writing(read.clients)),
        phase_uniform=phase.uniform(read.clients) is True,
        primary=primary.store,
        source=primary.source,
        members=members,
        heartbeat_timeout=timeout,
        ahead=ahead(read, period),
        views=sides.views,
        distinct=sides.distinct,
        secondary=_doubted(sides.secondary, missing),
        entries=len(content_of(primary.value)) if read.key == HA_KEY and primary.value else 0,
        returned_total=then.returned,
        lost=len(then.lost),
        lacking=missing.names,
    )
    if ring:
        facts = _with_health(facts, lists, config, read, world.now)
    elif isinstance(primary.value, PartitionRing):
        facts = _with_partitions(facts, primary.value)
    if missing.mostly and primary.source == "store":  # the holes in the ring may be those of the reading
        facts = replace(facts, quorum_margin=None)
    return facts, replace(then, standing=sides.standing, stored=past.stored or _is_stored(facts))


def _is_stored(facts: KeyFacts) -> bool:
    return facts.source == "store" and bool(facts.size or facts.entries)


def _doubted(secondary: SecondaryFacts | None, missing: Absentees) -> SecondaryFacts | None:
    """A copy of a store that is not the whole primary is not known to be complete."""
    return replace(secondary, remembered=True) if secondary is not None and missing.names else secondary


def _around(world: World, *told: Any) -> health.Surroundings:
    return health.Surroundings(world.owners, world.gossip, world.rules, *told)


def _primary(read: KeyInput, past: RingHistory, timeout: float, period: float) -> tuple[Primary, Absentees]:
    """Where the primary is read, and what the store lacks where it is that. A store that had the ring before
    and is empty now has lost it.
    """
    primary = find_primary(read)
    missing = absentees(read, primary, timeout, period)
    return (primary if past.stored else believed(read, primary, missing)), missing


def _advanced(
    past: RingHistory,
    primary: Primary,
    members: tuple[MemberFacts, ...],
    read: KeyInput,
    world: World,
) -> RingHistory:
    value = primary.value
    if value is None or primary.young:
        return past
    writing = frozenset(client.target for client in read.clients if client.writes)
    watched = replace(world.watched, writing=writing)
    if isinstance(value, PartitionRing):
        return partitions.advanced(past, value, world.now, watched, world.owners.by_name)
    return advance(past, members, world.now, watched)


def _with_partitions(facts: KeyFacts, ring: PartitionRing) -> KeyFacts:
    states = partitions.by_state(ring)
    return replace(
        facts,
        partitions=sum(states.values()),
        partition_states=states,
        corrupted=partitions.corrupted(ring),
        owners=partitions.owners(ring),
        owned=partitions.listed(ring),
    )


def _with_health(
    facts: KeyFacts, lists: Mapping[str, bytes] | None, config: RingConfig | None, read: KeyInput, now: float
) -> KeyFacts:
    return replace(
        facts,
        longest_transition=health.longest_transition(facts.members, now),
        oldest_age=health.oldest_age(facts.members),
        token_conflicts=None if lists is None else count_conflicts(lists.values()),
        without_tokens=health.without_tokens(facts.members, always=facts.ring in TOKEN_RINGS),
        ghosts=health.ghosts(facts.members),
        quorum_margin=health.quorum_margin(facts.members, config, by_quorum=facts.ring in QUORUM_RINGS)
        if facts.members or _is_shown(read)
        else None,
    )


def _is_shown(read: KeyInput) -> bool:
    """Tell whether a process reads this ring: then an empty one is a failure, not a leftover."""
    return any(view.known and view.content is not None for view in read.pages)


def _names(read: KeyInput) -> tuple[str, ...]:
    """The key as it stands in the store, and without the prefix that processes put before it: who
    configures a page may leave its key out, and the prefix is the processes' to know.
    """
    return read.key, *sorted({config.default_key for config in read.configs if config.default_key})


def _called(read: KeyInput, page: RingPage | None) -> tuple[str, str]:
    """What the ring is by its key, which decides how it is judged, and what the configuration calls it.
    Behind a prefix of its own a key is known by its default one; only a key that nobody knows is judged by
    its configured name.
    """
    ring = ring_of(read.key)
    if ring not in RING_NAMES and read.default:
        ring = ring_of(read.default)
    if page is None:
        return ring, ""
    if ring not in RING_NAMES and page.ring in RING_NAMES:
        ring = page.ring
    return ring, page.ring


def _timeout(names: tuple[str, ...], config: RingConfig | None, rules: Rules) -> float:
    told = rules.timeout_of(names)
    if told is None and config is not None:
        told = config.heartbeat_timeout
    return DEFAULT_TIMEOUT if told is None else told


def _token_lists(primary: Ring, read: KeyInput) -> Mapping[str, bytes] | None:
    """Give the token lists of the members that own any, read-only ones and tombstones aside, from the
    primary view, else from the first view whose lists were kept; `None` without such a view.
    """
    rings = [primary, *(v.value for v in (*read.pages, *read.copies) if isinstance(v.value, Ring))]
    return next((lists for ring in rings if (lists := _lists_in(ring)) is not None), None)


def _lists_in(ring: Ring) -> Mapping[str, bytes] | None:
    owning = [m for m in health.live(ring).values() if health.own_state(m) is not State.READ_ONLY]
    if any(m.tokens.count and m.tokens.packed is None for m in owning):
        return None
    return {m.id: m.tokens.packed for m in owning if m.tokens.packed is not None}


def _kind(read: KeyInput, value: Stored | None) -> str:
    if read.key == HA_KEY:
        return "ha"
    seen = [value, *(view.value for view in (*read.pages, *read.copies))]
    by_name = "partition" in read.key.rsplit("/", 1)[-1]
    return "partition" if by_name or any(isinstance(v, PartitionRing) for v in seen) else "ring"
