"""Does everybody see the same ring? The views of one kind held against one another.

A ring page is what the primary's watch delivered to a process, a gossip copy what gossip brought it.
Contents are members, states and tokens: heartbeats differ all the time and are no difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.derive.health import age_of, own_state
from exporter.derive.lag import Content, content_of
from exporter.facts import Comparison, ViewFacts
from exporter.model import Member, Partition, Replica, Ring, State, Tokens, Value


@dataclass(frozen=True, slots=True)
class View:
    """One process's view of one key. `value` is `None` where the process has not got the key;
    `known` is False where the view could not be read, and then nothing else counts.
    """

    target: str
    value: Value | Mapping[str, Replica] | None
    known: bool = True
    young: bool = False
    clock: float | None = None
    read_at: float | None = None
    content: Content | None = None  # what counts of `value`, computed once
    asked: bool = True  # False: it was not this process's turn, so an older reading may stand in
    unread: frozenset[str] = frozenset()  # HA entries that are listed there but were not read this time


def view(target: str, value: Value | Mapping[str, Replica] | None, **rest: object) -> View:
    """Make a view with its content computed."""
    content = None if value is None else content_of(value)
    return View(target, value, content=content, **rest)  # type: ignore[arg-type] # same keywords


def judge_views(
    kind: str, views: Iterable[View], timeout: float, against: Mapping[str, Comparison]
) -> tuple[ViewFacts, ...]:
    """Judge all views of one kind; `against` is each view's comparison with the primary, if any."""
    views = tuple(views)
    freshest = _freshest(views)
    wanted = frozenset(name for name, seen in freshest.items() if _is_live(seen, timeout))
    peers = _Peers(freshest, wanted, _hidden(views))
    return tuple(_judge(kind, v, peers, against.get(v.target)) for v in views)


def distinct(judged: Iterable[ViewFacts]) -> int:
    """How many different contents the views that were read show."""
    return len({view.fingerprint for view in judged if view.known})


@dataclass(frozen=True, slots=True)
class _Seen:
    """The freshest record of one member over all views of a kind."""

    member: Member
    age: float | None


@dataclass(frozen=True, slots=True)
class _Peers:
    """What all the views of a kind say together."""

    freshest: Mapping[str, _Seen]
    wanted: frozenset[str]  # live members, which every view should have
    hidden: frozenset[str]


def _hidden(views: Iterable[View]) -> frozenset[str]:
    """Ids that some page calls unhealthy: there the member's own state is not known, so their state
    cannot make two views different. One page may cross the timeout a second before another.
    """
    return frozenset(
        name
        for v in views
        for name, thing in (v.content or {}).items()
        if isinstance(thing, Member) and thing.state is State.UNHEALTHY
    )


def _freshest(views: Iterable[View]) -> dict[str, _Seen]:
    found: dict[str, _Seen] = {}
    for v in views:
        if not v.known or not isinstance(v.value, Ring):
            continue
        for name, member in v.value.members.items():
            best = found.get(name)
            if best is None or _order(member) > _order(best.member):
                found[name] = _Seen(member, age_of(member, v.value.now or v.clock))
    return found


def _order(member: Member) -> tuple[float, bool]:
    """At the same heartbeat a tombstone wins, as it does when the members merge their values."""
    return member.heartbeat or 0.0, member.state is State.LEFT


def _is_live(seen: _Seen, timeout: float) -> bool:
    if seen.member.state is State.LEFT:
        return False
    return seen.age is not None and (timeout <= 0 or seen.age <= timeout)


def _judge(kind: str, v: View, peers: _Peers, against: Comparison | None) -> ViewFacts:
    if not v.known:
        return ViewFacts(kind, v.target, known=False, judged=False)
    content = v.content or {}
    return ViewFacts(
        kind=kind,
        target=v.target,
        known=True,
        present=v.content is not None,
        fingerprint=fingerprint(content, peers.hidden),
        staleness=_staleness(content, peers.freshest),
        missing=tuple(sorted(peers.wanted - content.keys())),
        extra=tuple(sorted(name for name in content.keys() - peers.wanted if name in peers.freshest)),
        judged=not v.young,
        against=against,
        read_at=v.read_at,
    )


def _staleness(content: Content, freshest: Mapping[str, _Seen]) -> float | None:
    """Seconds behind the freshest view, over the members both have; `None` without heartbeats."""
    behind = [
        (freshest[name].member.heartbeat or 0.0) - thing.heartbeat
        for name, thing in content.items()
        if isinstance(thing, Member) and thing.heartbeat is not None and name in freshest
    ]
    return max(behind, default=None)


def fingerprint(content: Content, hidden: frozenset[str] = frozenset()) -> str:
    """Hash what counts of a content: members, states and tokens (replicas, for the HA tracker)."""
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(content):
        digest.update(repr((name, _essence(content[name], name in hidden))).encode())
    return digest.hexdigest()


def _essence(thing: object, state_hidden: bool) -> tuple[object, ...]:
    if isinstance(thing, Member):
        state = "" if state_hidden else own_state(thing).value
        return state, _tokens(thing.tokens)
    if isinstance(thing, Partition):
        return thing.state.value, _tokens(thing.tokens)
    return (thing.replica,) if isinstance(thing, Replica) else (thing,)


def _tokens(tokens: Tokens) -> object:
    return tokens.digest if tokens.digest is not None else tokens.count
