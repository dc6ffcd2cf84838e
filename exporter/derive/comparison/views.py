"""Does every process show the same ring? The views of one kind compared with one another.

A ring page is what the primary's watch delivered to a process, a gossip copy what gossip brought it. Contents
are members, states and tokens: heartbeats differ all the time and are no difference. Partitions with their
owners and the HA tracker's entries are compared in the same way.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from exporter.derive.comparison.key_input import Content, View, tombstones_of
from exporter.derive.judging_rules import DEFAULT_TIMEOUT
from exporter.model.entry import Entry, Renewal, State, Tokens
from exporter.model.pages import Ring
from exporter.model.views import Comparison, ViewFacts

SHOWN_AFTER = 2 * DEFAULT_TIMEOUT  # seconds; a watch brings a value within moments, a busy one later
# A constant, since every member of every view is compared with it: `State.UNHEALTHY` costs ten times as much.
_UNHEALTHY = State.UNHEALTHY
MAX_CONTENTS = 8  # contents that further views are compared with


def judge_views(
    kind: str,
    views: Iterable[View],
    timeout: float,
    against: Mapping[str, Comparison],
    stored: View | None = None,
) -> tuple[ViewFacts, ...]:
    """Judge all views of one kind; `against` is each view's comparison with the primary, if any. `stored` is
    the primary itself, where these views are to show it and it was read elsewhere.

    A recently started process is not judged, unless all are: then no other process could be.
    """
    views = tuple(views)
    prints = _Fingerprints(_peers(views, timeout, _living(stored, timeout)))
    any_settled = any(v.known and not v.recently_started for v in views)
    return with_diverged(
        tuple(
            _judge(kind, v, prints, against.get(v.target), judged=not (v.recently_started and any_settled))
            for v in views
        )
    )


def without(views: Iterable[View], names: frozenset[str]) -> Iterable[View]:
    """The views as if these HA entries had not been read."""
    return (replace(v, unread=v.unread | names) for v in views) if names else views


def with_diverged(views: tuple[ViewFacts, ...]) -> tuple[ViewFacts, ...]:
    """Mark the views that differ from most of those read together with them; all, where none are most."""
    counts = Counter(v.fingerprint for v in views if v.known and v.judged).most_common(2)
    if len(counts) < 2:
        return views
    usual = counts[0][0] if counts[0][1] > counts[1][1] else None
    return tuple(replace(v, diverged=v.known and v.judged and v.fingerprint != usual) for v in views)


def distinct(judged: Iterable[ViewFacts]) -> int:
    """How many different contents the views that were read show."""
    return len({view.fingerprint for view in judged if view.known})


@dataclass(frozen=True, slots=True)
class _Peers:
    """What all the views of a kind show together."""

    newest: Mapping[str, float]  # the time of each entry's newest record
    wanted: frozenset[str]  # entries that every view should have
    tombstones: frozenset[str]  # entries with a tombstone as the newest record
    hidden: frozenset[str]
    unread: frozenset[str]  # HA entries that were not read from some copy
    stored: frozenset[str]  # entries of the primary that these views are to show
    counted: Mapping[str, bool]  # members with tokens unlisted on a page; whether it also lacks their count


Record = tuple[float, bool, Entry, float | None]  # time, tombstone, entry, by which clock


def _living(stored: View | None, timeout: float) -> Mapping[str, float]:
    """How long each current member of a stored ring has been in it, seconds; 0 where unknown."""
    if stored is None or not isinstance(stored.value, Ring) or (clock := stored.now) is None:
        return {}
    return {
        name: clock - (member.registered or clock)
        for name, member in stored.value.members.items()
        if member.state is not State.LEFT
        and member.time is not None
        and (timeout <= 0 or clock - member.time <= timeout)
    }


def _peers(views: tuple[View, ...], timeout: float, stored: Mapping[str, float]) -> _Peers:
    """Find the newest record of each entry over all views. At the same time a tombstone wins, as it does when
    the members merge their values.

    `hidden` are ids that some page calls unhealthy. There the member's own state is unknown and cannot make
    two views different. One page may cross the timeout a second before another.
    """
    best: dict[str, Record] = {}
    hidden: set[str] = set()
    counted: dict[str, bool] = {}
    long = {name for name, seconds in stored.items() if seconds > SHOWN_AFTER}
    for v in views:
        if v.known:
            _freshen(best, hidden, counted, v)
    tombstones = frozenset(name for name, record in best.items() if record[1])
    return _Peers(
        newest={name: record[0] for name, record in best.items()},
        wanted=frozenset(name for name, record in best.items() if _is_current(record, timeout))
        | (long - tombstones),
        stored=frozenset(stored),
        tombstones=tombstones,
        hidden=frozenset(hidden),
        unread=frozenset[str]().union(*(v.unread for v in views if v.known)),
        counted=counted,
    )


def _freshen(best: dict[str, Record], hidden: set[str], counted: dict[str, bool], v: View) -> None:
    """Put the newer records of a view into `best`, and the ids that it calls unhealthy into `hidden`. Those
    with unlisted tokens go into `counted`: pages in HTML list none.
    """
    clock, record_of = v.now, best.get
    for name, entry in _records(v):
        record = record_of(name)
        if record is not None and record[2] is entry:
            continue  # the very same bytes in another view
        when, deleted = entry.time or 0.0, entry.is_tombstone
        if record is None or when > record[0] or (deleted and when == record[0]):
            best[name] = (when, deleted, entry, clock)
        if entry.state is _UNHEALTHY:
            hidden.add(name)
        if (tokens := entry.tokens).digest is None:
            counted[name] = counted.get(name, False) or tokens.count < 0


def _records(v: View) -> Iterable[tuple[str, Entry]]:
    """Everything in a view by its name, tombstones included."""
    if isinstance(v.value, Ring):
        return v.value.members.items()
    content = v.content or {}
    return (*content.items(), *tombstones_of(v.value, content).items())


def _is_current(record: Record, timeout: float) -> bool:
    """Whether every view should have it. Without a clock no record counts as old."""
    when, deleted, entry, clock = record
    limit = 0.0
    if entry.renewal is Renewal.HEARTBEAT:
        limit = timeout
    elif entry.renewal is Renewal.SAMPLES and entry.time is not None:
        limit = DEFAULT_TIMEOUT
    return not deleted and (clock is None or limit <= 0 or clock - when <= limit)


@lru_cache(maxsize=16_384)  # in a large cluster hardly any process is due
def _unknown(kind: str, target: str) -> ViewFacts:
    return ViewFacts(kind, target, known=False, judged=False)


def _judge(
    kind: str, v: View, prints: _Fingerprints, against: Comparison | None, *, judged: bool
) -> ViewFacts:
    if not v.known:
        return _unknown(kind, v.target)
    content, peers = v.content or {}, prints.peers
    wanted = peers.wanted if content else peers.wanted | peers.stored
    mark = prints.of(content)
    return ViewFacts(
        kind=kind,
        target=v.target,
        known=True,
        present=v.content is not None,
        fingerprint=mark[0],
        digests=mark[1],
        staleness=_staleness(content, peers.newest),
        missing=tuple(sorted(wanted - content.keys() - v.unread)),
        extra=tuple(sorted(peers.tombstones & content.keys())),
        judged=judged,
        against=against,
        read_at=v.read_at,
    )


def _staleness(content: Content, newest: Mapping[str, float]) -> float | None:
    """Seconds behind the newest view, over the members both have; `None` without heartbeats."""
    beating = Renewal.HEARTBEAT
    behind = [
        newest[name] - time
        for name, entry in content.items()
        if (time := entry.time) is not None and entry.renewal is beating
    ]
    return max(behind, default=None)


Mark = tuple[str, tuple[str, ...]]  # the fingerprint, and the digests for the comparison with other exporters


class _Fingerprints:
    """Fingerprints of one kind's views. Nearly all are alike, so each content is compared with those that
    were hashed before it is hashed itself.
    """

    def __init__(self, peers: _Peers) -> None:
        self.peers = peers
        self._marks: list[tuple[Content, Mark]] = []

    def of(self, content: Content) -> Mark:
        for earlier, hashed in self._marks:
            if _alike(content, earlier):
                return hashed
        hashed = self._mark(content)
        if len(self._marks) < MAX_CONTENTS:
            self._marks.append((content, hashed))
        return hashed

    def _mark(self, content: Content) -> Mark:
        hidden, unread, counted = self.peers.hidden, self.peers.unread, self.peers.counted
        complete = fingerprint(content, hidden, unread, counted)
        bare = fingerprint(content, frozenset(content), unread, counted)
        return complete, (bare,) if hidden else (bare, complete)


def _alike(content: Content, earlier: Content) -> bool:
    """Whether two contents certainly differ at most in heartbeats, by a cheap test."""
    if len(content) != len(earlier):
        return False
    find = earlier.get
    for name, entry in content.items():
        other = find(name)
        if other is not entry and (other is None or not entry.same(other)):
            return False
    return True


def fingerprint(
    content: Content,
    hidden: frozenset[str] = frozenset(),
    unread: frozenset[str] = frozenset(),
    counted: Mapping[str, bool] = MappingProxyType({}),
) -> str:
    """Hash what counts of a content: members, states and tokens (replicas, for the HA tracker).

    `hidden` have no certain state. `unread` are left out, since some process was not read. For the tokens of
    `counted` only the number counts, or nothing where some page lacks it.
    """
    essence = [
        (name, _essence(entry, name in hidden, counted.get(name)))
        for name, entry in content.items()
        if name not in unread
    ]
    essence.sort(key=lambda pair: pair[0])
    return hashlib.blake2b(repr(essence).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _essence(entry: Entry, state_hidden: bool, uncounted: bool | None) -> tuple[str, object]:
    hidden = state_hidden and entry.renewal is Renewal.HEARTBEAT
    return "" if hidden else str(entry.essence), _tokens(entry.tokens, uncounted)


def _tokens(tokens: Tokens, uncounted: bool | None) -> object:
    if uncounted is None and tokens.digest is not None:
        return tokens.digest
    return "" if uncounted else tokens.count
