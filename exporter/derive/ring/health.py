"""One ring in its primary view: its members, their health, orphaned members, how many may be lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporter.derive.identity.member_processes import Gossipers, Owners
from exporter.derive.judging_rules import DEFAULT_PERIOD, DEFAULT_TIMEOUT, Rules
from exporter.model.entry import Entry, Member, State
from exporter.model.facts import MemberFacts
from exporter.model.pages import Ring

IN_TRANSIT = frozenset({State.JOINING, State.LEAVING, State.PENDING})
NEAR = 5.0  # seconds before the timeout within which a page may already count it as past


def age_of(entry: Entry, clock: float | None) -> float | None:
    """Seconds since the entry's heartbeat by the answering clock, `None` where either is unknown. Below 0 the
    heartbeat is in the future by more than usual differences of clocks.
    """
    if entry.time is None or clock is None:
        return None
    age = clock - entry.time
    return age if age < -DEFAULT_PERIOD else max(0.0, age)


@dataclass(frozen=True, slots=True)
class Limit:
    """A ring's heartbeat timeout in seconds, 0: switched off; `known` is true if a configuration has it."""

    timeout: float
    known: bool = False


def state_of(member: Member, clock: float | None, limit: Limit) -> State:
    """The one state a member is in. A heartbeat that was never set is older than any timeout; a timeout of 0
    switches the check off: dskit, ring/model.go, `IsHeartbeatHealthy`.
    """
    age = age_of(member, clock)
    if limit.timeout > 0 and clock is not None and (age is None or age > limit.timeout):
        return State.UNHEALTHY
    if member.state is not State.UNHEALTHY or not contradicted(age, limit):
        return member.own_state
    return State.READ_ONLY if member.read_only else State.ACTIVE


def contradicted(age: float | None, limit: Limit) -> bool:
    """Whether a page that calls a member unhealthy is wrong by the heartbeat that it shows itself, and the
    configured timeout. The page of a lifecycler took the heartbeat period for it until May 2022
    (grafana/dskit#172, grafana/mimir#1917), that of Loki's distributors for longer (grafana/loki#7253). Close
    to the timeout the page counts, so that nothing flaps.
    """
    if age is None or not limit.known:
        return False
    timeout = limit.timeout or DEFAULT_TIMEOUT
    return age <= timeout - min(NEAR, timeout / 4)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The context of one ring's members. `gossip` is `None` where no member list was read. `clock` is the
    answering process's, `since` when a member was first observed in a state, by our clock.
    """

    owners: Owners
    gossip: Gossipers | None
    rules: Rules
    clock: float | None
    limit: Limit
    since: Mapping[tuple[str, State], float]
    now: float | None = None  # our clock, for a state at its first reading
    owned: Mapping[str, float] = field(default_factory=dict)  # what part of the ring each member owns
    unhealthy: frozenset[str] = frozenset()  # members that most ring pages call unhealthy


def judge_members(ring: Ring, around: Surroundings) -> tuple[MemberFacts, ...]:
    """Judge each member of the primary view that has not left."""
    members = ring.without_tombstones()
    named = {m.address: owner for m in members.values() if (owner := around.owners.of(m))}
    having = frozenset(named.values())
    return tuple(
        _judge(member, around, member.address in named or around.owners.at(member) in having)
        for member in sorted(members.values(), key=lambda member: member.id)
    )


def _judge(member: Member, around: Surroundings, has_another: bool) -> MemberFacts:
    """Judge one member. Where the process at its address `has_another` member by name, this one belongs to
    another process of the same host: one that is no target, for example.
    """
    age = age_of(member, around.clock)
    state = State.UNHEALTHY if member.id in around.unhealthy else state_of(member, around.clock, around.limit)
    unhealthy = state is State.UNHEALTHY
    inherited = has_another or around.owners.inherited(member, unhealthy=unhealthy)
    owner = around.owners.of(member, unhealthy=unhealthy) or ("" if inherited else around.owners.at(member))
    return MemberFacts(
        id=member.id,
        address=member.address,
        zone=member.zone,
        state=state,
        heartbeat=member.time,
        age=age,
        tokens=member.tokens.count,
        group=around.rules.group_of(member.id),
        orphaned=_is_orphaned(member, owner, around, inherited=inherited),
        target=owner,
        registered=member.registered,
        since=around.since.get((member.id, state), around.now),
        ownership=around.owned.get(member.id),
        read_only=member.own_state is State.READ_ONLY or member.read_only,
    )


def _is_orphaned(member: Member, owner: str, around: Surroundings, *, inherited: bool) -> bool | None:
    """Whether a member is orphaned. An address that it shares with an identified member or another process
    proves nothing: pods inherit addresses.
    """
    if owner:
        return False
    if around.gossip is not None:
        return member.id not in around.gossip.names and (inherited or not around.gossip.has(member))
    return True if around.owners.sure else None


def oldest_age(members: Iterable[MemberFacts]) -> float | None:
    """Age of the oldest heartbeat in seconds, `None` where there is none."""
    return max((m.age for m in members if m.age is not None), default=None)


def longest_transition(members: Iterable[MemberFacts], now: float) -> float:
    """How long the member that has been leaving, joining or pending longest has been so, seconds."""
    since = (m.since for m in members if m.state in IN_TRANSIT and m.since is not None)
    return max((now - at for at in since), default=0.0)


def orphaned_members(members: Iterable[MemberFacts]) -> tuple[str, ...] | None:
    """Ids of the orphaned members, `None` where it is uncertain for some member."""
    members = tuple(members)
    if any(member.orphaned is None for member in members):
        return None
    return tuple(member.id for member in members if member.orphaned)


def without_tokens(members: Iterable[MemberFacts], *, always: bool = False) -> tuple[str, ...]:
    """Ids of active members without a token, in a ring where another member has some or all `always` have."""
    members = tuple(members)
    if not always and not any(member.tokens for member in members):
        return ()
    return tuple(m.id for m in members if m.state is State.ACTIVE and not m.tokens)
