"""One KV key judged: where its primary was read, its members, its views, its secondary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from exporter.derive import health, phase
from exporter.derive.history import RingHistory, advance
from exporter.derive.lag import FIELDS, MAX_DIFFERENCES, Content, Moment, compare, content_of, delivered
from exporter.derive.match import Gossipers, Owners
from exporter.derive.partitions import by_state, corrupted
from exporter.derive.rules import DEFAULT_PERIOD, DEFAULT_TIMEOUT, Rules
from exporter.derive.tokens import count_conflicts
from exporter.derive.views import View, distinct, judge_views
from exporter.facts import ClientFacts, Comparison, KeyFacts, MemberFacts, SecondaryFacts, ViewFacts
from exporter.model import Member, PartitionRing, Replica, Ring, RingConfig, State, Value
from exporter.rings import HA_KEY, QUORUM_RINGS, ring_of

Stored = Value | Mapping[str, Replica]


@dataclass(frozen=True, slots=True)
class KeyInput:
    """All that was read about one key in one cycle. `store` is its content in the external store,
    `None` where the store has not got it; `store_known` says whether the store was read at all.
    """

    key: str
    clients: tuple[ClientFacts, ...] = ()
    pages: tuple[View, ...] = ()  # ring pages (tracker pages, for the HA tracker)
    copies: tuple[View, ...] = ()  # gossip
    store: Stored | None = None
    store_known: bool = False
    store_kind: str = ""
    store_clock: float | None = None
    configs: tuple[RingConfig, ...] = ()
    kept: Mapping[str, ViewFacts] = field(default_factory=lambda: MappingProxyType({}))
    """Gossip views read in an earlier cycle of the same sweep, by target."""


@dataclass(frozen=True, slots=True)
class World:
    """What is the same for all keys of a cycle."""

    owners: Owners
    gossip: Gossipers | None
    rules: Rules
    now: float
    answering: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary's content, and who said so. `clock` is the answering side's time."""

    value: Stored | None
    source: str
    clock: float | None
    store: str


def find_primary(read: KeyInput) -> Primary:
    """Choose where the primary is read: the store itself where it was read, else the freshest page."""
    store = phase.primary_of(read.clients)
    if store != "memberlist" and read.store_known and read.store is not None:
        return Primary(read.store, "store", read.store_clock, store or read.store_kind)
    page = _freshest(read.pages)
    if page is not None:
        what = "tracker page" if read.key == HA_KEY else "ring page"
        return Primary(page.value, f"{what} of {page.target}", _clock(page), store)
    copy = _freshest(read.copies) if store == "memberlist" else None
    if copy is not None:
        return Primary(copy.value, f"gossip of {copy.target}", _clock(copy), store)
    return Primary(
        None, "store" if read.store_known and store != "memberlist" else "", read.store_clock, store
    )


def _clock(view: View) -> float | None:
    return (view.value.now if isinstance(view.value, Ring | PartitionRing) else None) or view.clock


def _freshest(views: Iterable[View]) -> View | None:
    """Pick the view with the newest heartbeat, then the most members; a young process only if alone."""
    having = [v for v in views if v.known and v.content is not None]
    return max(having, key=lambda v: (not v.young, _newest(v), len(v.content or ()), v.target), default=None)


def _newest(view: View) -> float:
    times = (
        thing.heartbeat if isinstance(thing, Member) else getattr(thing, "received_at", None)
        for thing in (view.content or {}).values()
    )
    return max((time for time in times if time is not None), default=0.0)


def judge_key(read: KeyInput, past: RingHistory, world: World) -> tuple[KeyFacts, RingHistory]:
    """Judge one key; the second value is its past for the next cycle."""
    primary = find_primary(read)
    config = health.merge_configs(read.configs)
    timeout = _timeout(read.key, config, world.rules)
    around = health.Surroundings(world.owners, world.gossip, world.rules, primary.clock, timeout, past.since)
    ring = primary.value if isinstance(primary.value, Ring) else None
    members = health.judge_members(ring, around) if ring else ()
    known = primary.value is not None
    then = advance(past, members, primary.clock, world.now, world.answering) if known else past
    views, differing, secondary = _sides(read, primary, config, timeout)
    facts = KeyFacts(
        key=read.key,
        ring=ring_of(read.key),
        kind=_kind(read, primary.value),
        phase=phase.earliest(c.phase for c in phase.writing(read.clients)),
        phase_uniform=phase.uniform(read.clients) is True,
        primary=primary.store,
        source=primary.source,
        members=members,
        heartbeat_timeout=timeout,
        views=views,
        distinct=differing,
        secondary=secondary,
        entries=len(content_of(primary.value)) if known and read.key == HA_KEY and primary.value else 0,
        returned_total=then.returned,
        shrunk_from=len(members) + len(then.lost) if then.lost else None,
    )
    return _with_health(facts, primary.value, config, read), then


def _with_health(
    facts: KeyFacts, value: Stored | None, config: RingConfig | None, read: KeyInput
) -> KeyFacts:
    if isinstance(value, PartitionRing):
        return replace(
            facts,
            partitions=sum(by_state(value).values()),
            partition_states=by_state(value),
            corrupted=corrupted(value),
        )
    if not isinstance(value, Ring):
        return facts
    return replace(
        facts,
        oldest_age=health.oldest_age(facts.members),
        token_conflicts=_conflicts(value, read),
        without_tokens=health.without_tokens(facts.members),
        ghosts=health.ghosts(facts.members),
        quorum_margin=health.quorum_margin(facts.members, config, by_quorum=facts.ring in QUORUM_RINGS)
        if facts.members
        else None,
    )


def _timeout(key: str, config: RingConfig | None, rules: Rules) -> float:
    if key in rules.heartbeat_timeouts:
        return rules.heartbeat_timeouts[key]
    told = config.heartbeat_timeout if config else None
    return DEFAULT_TIMEOUT if told is None else told


def _conflicts(primary: Ring, read: KeyInput) -> int | None:
    """Tokens claimed twice, read-only members and tombstones aside; `None` without token lists.

    Counted in the primary view, else in the first view whose token lists were kept.
    """
    rings = [primary, *(v.value for v in (*read.pages, *read.copies) if isinstance(v.value, Ring))]
    lists = (_token_lists(ring) for ring in rings)
    found = next((tokens for tokens in lists if tokens is not None), None)
    return None if found is None else count_conflicts(found)


def _token_lists(ring: Ring) -> list[bytes] | None:
    owning = [m for m in health.live(ring).values() if health.own_state(m) is not State.READ_ONLY]
    if any(m.tokens.count and m.tokens.packed is None for m in owning):
        return None
    return [m.tokens.packed for m in owning if m.tokens.packed is not None]


def _kind(read: KeyInput, value: Stored | None) -> str:
    if read.key == HA_KEY:
        return "ha"
    seen = [value, *(view.value for view in (*read.pages, *read.copies))]
    return "partition" if any(isinstance(v, PartitionRing) for v in seen) else "ring"


def _distinct(views: tuple[ViewFacts, ...]) -> Mapping[str, int]:
    kinds = sorted({view.kind for view in views if view.known})
    return MappingProxyType({kind: distinct(v for v in views if v.kind == kind) for kind in kinds})


def _sides(
    read: KeyInput, primary: Primary, config: RingConfig | None, timeout: float
) -> tuple[tuple[ViewFacts, ...], Mapping[str, int], SecondaryFacts | None]:
    """Judge all views and, where there is a secondary, what it lacks. Only views read in one and the
    same cycle are held against each other; what a kept one lacked counts until it is read again.
    """
    period = (config.heartbeat_period if config else None) or DEFAULT_PERIOD
    other = phase.secondary_of(read.clients, primary.store)
    content = content_of(primary.value) if primary.value is not None else None
    against: dict[str, Comparison] = {}
    if content is not None and other == "memberlist":
        at = Moment(primary.clock, period, delivered(v.content for v in read.pages if v.content))
        against = {
            v.target: compare(_less(content, v.unread), v.content, f"gossip of {v.target}", at)
            for v in read.copies
            if v.known
        }
    pages = judge_views("ring", (v for v in read.pages if v.value is not None or not v.known), timeout, {})
    copies = judge_views("gossip", read.copies, timeout, against)
    differing = _distinct(pages + copies)
    waiting = {v.target for v in read.copies if not v.asked}
    copies = tuple(read.kept.get(v.target, v) if v.target in waiting else v for v in copies)
    secondary = _secondary(read, content, other, Moment(primary.clock, period), copies)
    return pages + copies, differing, secondary


def _less(content: Content, unread: frozenset[str]) -> Content:
    return {name: thing for name, thing in content.items() if name not in unread} if unread else content


def _secondary(
    read: KeyInput, primary: Content | None, other: str, at: Moment, copies: tuple[ViewFacts, ...]
) -> SecondaryFacts | None:
    if primary is None or not other:
        return None
    if other == "memberlist":
        return _union(other, read.key, [(v.target, v.against, v.judged) for v in copies])
    if not read.store_known:
        return None
    stored = content_of(read.store) if read.store is not None else None
    return _union(other, read.key, [(f"store {other}", compare(primary, stored, f"store {other}", at), True)])


def _union(side: str, key: str, views: list[tuple[str, Comparison | None, bool]]) -> SecondaryFacts | None:
    """Put the views' comparisons together: what any of them lacks, the secondary lacks."""
    read = [(name, found, judged) for name, found, judged in views if found is not None]
    if not read:
        return None
    found = [comparison for _, comparison, _ in read]
    # Each HA entry is a key of its own in the store: one that is not copied is a key missing.
    gaps = {name for name, c, _ in read if c.missing_key or (key == HA_KEY and c.missing)}
    old = {name for name, _, judged in read if judged}
    fields = FIELDS["ha" if key == HA_KEY else "ring"]
    return SecondaryFacts(
        side=side,
        missing_key=bool(gaps),
        missing_in=tuple(sorted(gaps)),
        lag=max((c.lag for c in found if c.lag is not None), default=None),
        missing_members=_all(c.missing for c in found),
        extra_members=_all(c.extra for c in found),
        mismatched=MappingProxyType({f: _all(c.mismatched.get(f, ()) for c in found) for f in fields}),
        settled=_all(c.settled for _, c, judged in read if judged),
        settled_missing_in=tuple(sorted(gaps & old)),
        unread=tuple(sorted(name for name, comparison, _ in views if comparison is None)),
        differences=tuple(d for c in found for d in c.differences)[:MAX_DIFFERENCES],
    )


def _all(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))


def kept_members(facts: KeyFacts) -> tuple[MemberFacts, ...]:
    """Members that are ghosts, for the list of strangers."""
    return tuple(member for member in facts.members if member.ghost)
