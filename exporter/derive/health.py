"""One ring in its primary view: who is in it, who is ill, who belongs to nobody, how much may be lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from exporter.derive.match import Gossipers, Owners
from exporter.derive.rules import DEFAULT_PERIOD, Rules
from exporter.facts import MemberFacts
from exporter.model import Member, Ring, RingConfig, State

Number = TypeVar("Number", int, float)

_IN_TRANSIT = frozenset({State.JOINING, State.LEAVING, State.PENDING})


def live(ring: Ring) -> dict[str, Member]:
    """Give the members less the tombstones, which are no members."""
    return {name: member for name, member in ring.members.items() if member.state is not State.LEFT}


def own_state(member: Member) -> State:
    """Give a member's own state: read-only is a flag beside the state in dskit, a state in Cortex."""
    if member.read_only and member.state is State.ACTIVE:
        return State.READ_ONLY
    return member.state


def age_of(member: Member, clock: float | None) -> float | None:
    """Seconds since the member's heartbeat by the answering clock, `None` where either is unknown; below 0
    where it is further in the future than clocks that differ a little explain.
    """
    if member.heartbeat is None or clock is None:
        return None
    age = clock - member.heartbeat
    return age if age < -DEFAULT_PERIOD else max(0.0, age)


def state_of(member: Member, age: float | None, timeout: float) -> State:
    """Give the one state a member is in. A timeout of 0 switches the check off, as in the products."""
    if member.state is State.UNHEALTHY or (timeout > 0 and age is not None and age > timeout):
        return State.UNHEALTHY
    return own_state(member)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one ring's members are held against. `gossip` is `None` where no member list was read;
    `clock` is the answering process's, `timeout` the ring's heartbeat timeout in seconds, `since`
    when a member was first seen in a state, by our clock.
    """

    owners: Owners
    gossip: Gossipers | None
    rules: Rules
    clock: float | None
    timeout: float
    since: Mapping[tuple[str, State], float]
    now: float | None = None  # our clock, for a state that is seen for the first time
    owned: Mapping[str, float] = field(default_factory=dict)  # what part of the ring each member owns
    ill: frozenset[str] = frozenset()  # whom the ring pages call unhealthy


def judge_members(ring: Ring, around: Surroundings) -> tuple[MemberFacts, ...]:
    """Judge each live member of the primary view."""
    members = live(ring)
    named = frozenset(member.address for member in members.values() if around.owners.of(member))
    return tuple(
        _judge(member, around, named) for member in sorted(members.values(), key=lambda member: member.id)
    )


def _judge(member: Member, around: Surroundings, named: frozenset[str]) -> MemberFacts:
    age = age_of(member, around.clock)
    state = State.UNHEALTHY if member.id in around.ill else state_of(member, age, around.timeout)
    ill = state is State.UNHEALTHY
    inherited = member.address in named or around.owners.inherited(member, ill=ill)
    owner = around.owners.of(member, ill=ill) or ("" if inherited else around.owners.at(member))
    return MemberFacts(
        id=member.id,
        address=member.address,
        zone=member.zone,
        state=state,
        heartbeat=member.heartbeat,
        age=age,
        tokens=member.tokens.count,
        group=around.rules.group_of(member.id),
        ghost=_is_ghost(member, owner, around, inherited=inherited),
        target=owner,
        registered=member.registered,
        since=around.since.get((member.id, state), around.now),
        ownership=around.owned.get(member.id),
    )


def _is_ghost(member: Member, owner: str, around: Surroundings, *, inherited: bool) -> bool | None:
    """Tell whether a member belongs to nobody. An address that a known member has too, or a process
    that is another one, proves nothing: pods inherit addresses.
    """
    if owner:
        return False
    if around.gossip is not None:
        return member.id not in around.gossip.names and (inherited or not around.gossip.has(member))
    return True if around.owners.sure else None


def oldest_age(members: Iterable[MemberFacts]) -> float | None:
    """Age of the oldest heartbeat in seconds, `None` where none is known."""
    return max((m.age for m in members if m.age is not None), default=None)


def longest_transition(members: Iterable[MemberFacts], now: float) -> float:
    """How long the member that has been leaving, joining or pending longest has been so, seconds."""
    since = (m.since for m in members if m.state in _IN_TRANSIT and m.since is not None)
    return max((now - at for at in since), default=0.0)


def ghosts(members: Iterable[MemberFacts]) -> tuple[str, ...] | None:
    """Ids of the ghosts, `None` where it cannot be told of somebody."""
    members = tuple(members)
    if any(member.ghost is None for member in members):
        return None
    return tuple(member.id for member in members if member.ghost)


def without_tokens(members: Iterable[MemberFacts], *, always: bool = False) -> tuple[str, ...]:
    """Ids of active members without a token, in a ring where others have some or all `always` have."""
    members = tuple(members)
    if not always and not any(member.tokens for member in members):
        return ()
    return tuple(m.id for m in members if m.state is State.ACTIVE and not m.tokens)


def quorum_margin(
    members: Iterable[MemberFacts], config: RingConfig | None, *, by_quorum: bool = True
) -> int | None:
    """How many healthy members (zones, where zone-aware) may be lost before some write fails.

    dskit's default replication strategy needs RF/2+1 of a token's RF owners; rings that are not
    written `by_quorum` need one. The ill ones may all own the same token, so that is what is counted.
    Only an active owner takes writes: one that leaves or joins and has tokens stands in their way, or
    makes the set of owners one larger, which forgives one less. `None` where /config names no
    replication factor.
    """
    if config is None or not config.replication_factor:
        return None
    counted = [member for member in members if _takes_part(member, by_quorum=by_quorum)]
    ill = {m.zone if config.zone_awareness else m.id for m in counted if m.state is not State.ACTIVE}
    places = {m.zone if config.zone_awareness else m.id for m in counted}
    factor = config.replication_factor
    needed = factor // 2 + 1 if by_quorum else 1
    return min(len(places), factor) - len(ill) - needed


def _takes_part(member: MemberFacts, *, by_quorum: bool) -> bool:
    """Tell whether a member can be among the owners of a token that is written."""
    if member.state in _IN_TRANSIT:
        return by_quorum and member.tokens != 0
    return member.state is not State.READ_ONLY  # taken out of the ring before its owners are looked up


def merge_configs(configs: Iterable[RingConfig]) -> RingConfig | None:
    """One view of a ring's settings over all processes: the longest times, the largest factor."""
    found = tuple(configs)
    if not found:
        return None
    return replace(
        found[0],
        heartbeat_timeout=_most(c.heartbeat_timeout for c in found),
        heartbeat_period=_most(c.heartbeat_period for c in found),
        replication_factor=_most(c.replication_factor for c in found),
        zone_awareness=any(c.zone_awareness for c in found),
    )


def _most(values: Iterable[Number | None]) -> Number | None:
    return max((value for value in values if value is not None), default=None)
