"""What one cycle leaves to the next: only what a later judgement cannot do without."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.derive.match import Identity
from exporter.facts import MemberFacts, Snapshot
from exporter.model import State

FORGET_GONE = 24 * 3600.0  # seconds a vanished member is remembered, to know it when it comes back
FORGET_LOST = 900.0  # seconds a sudden loss is reported
MAX_GONE = 5000


@dataclass(frozen=True, slots=True)
class RingHistory:
    """One ring's past. `gone` is when a vanished member was last seen, by the ring's clock; `lost`
    is when a healthy member vanished though its process still answers, by ours; `since` when a
    member was first seen in a state, by ours.
    """

    gone: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    lost: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    since: Mapping[tuple[str, State], float] = field(default_factory=lambda: MappingProxyType({}))
    members: tuple[MemberFacts, ...] = ()
    returned: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """All that is carried. `indexes` are the store's, by kind and key, `moved` when they last moved."""

    snapshot: Snapshot | None = None
    identities: Mapping[str, Identity] = field(default_factory=lambda: MappingProxyType({}))
    rings: Mapping[str, RingHistory] = field(default_factory=lambda: MappingProxyType({}))
    indexes: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))


def advance(
    past: RingHistory,
    members: tuple[MemberFacts, ...],
    clock: float | None,
    now: float,
    answering: frozenset[str],
) -> RingHistory:
    """Carry one ring's past over one cycle. `answering` are the processes that answered in it."""
    here = {member.id: member for member in members}
    vanished = [member for member in past.members if member.id not in here]
    back = [name for name in past.gone if name in here and _is_old(here[name], past.gone[name])]
    return RingHistory(
        gone=_gone(past.gone, vanished, here, clock or now),
        lost=_lost(past.lost, vanished, here, now, answering),
        since={(m.id, m.state): past.since.get((m.id, m.state), now) for m in members},
        members=members,
        returned=past.returned + len(back),
    )


def _is_old(member: MemberFacts, gone_at: float) -> bool:
    """Who comes back alive has a heartbeat younger than its going; old state brought back has not."""
    return member.heartbeat is not None and member.heartbeat <= gone_at


def _gone(
    past: Mapping[str, float], vanished: Iterable[MemberFacts], here: Mapping[str, object], clock: float
) -> Mapping[str, float]:
    kept = {n: at for n, at in past.items() if n not in here and clock - at < FORGET_GONE}
    kept |= {member.id: clock for member in vanished}
    newest = sorted(kept.items(), key=lambda item: item[1], reverse=True)[:MAX_GONE]
    return MappingProxyType(dict(newest))


def _lost(
    past: Mapping[str, float],
    vanished: Iterable[MemberFacts],
    here: Mapping[str, object],
    now: float,
    answering: frozenset[str],
) -> Mapping[str, float]:
    """A healthy member that vanishes without leaving, while its process answers, was overwritten."""
    kept = {n: at for n, at in past.items() if n not in here and now - at < FORGET_LOST}
    kept |= {m.id: now for m in vanished if m.state is State.ACTIVE and m.target in answering and m.target}
    return MappingProxyType(kept)
