"""One shard's part: what it takes out of its own judgement, and what it gives instead.

Which member is unknown, orphaned or unlisted shows only where all processes are watched. So a shard judges
none of these itself; it names its candidates and its own members.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.derive.gate.soak import LEAST_LOOKS
from exporter.derive.gossip.unknown_members import OwnMembers, is_expected
from exporter.derive.identity.member_processes import ALIVE, Identity, census_of
from exporter.derive.judging_rules import Rules, written
from exporter.derive.kv_clients import used
from exporter.model.facts import GossipFacts, KeyFacts, Snapshot, TargetFacts
from exporter.model.shard import ClientKind, Part, Share
from exporter.products.ring_pages import HA_KEY

MAX_DIGESTS = 10  # of one key's views; more would only show that they differ
_HEX_DIGITS = 12  # of a fingerprint: 48 bits, which a sample's value represents exactly


def with_part(snapshot: Snapshot, share: Share, identities: Iterable[Identity], rules: Rules) -> Snapshot:
    """A shard's snapshot: with its part, and without what a part of the processes cannot show."""
    gossip = snapshot.gossip
    if gossip is not None:
        gossip = replace(gossip, unknown=(), absent=(), orphaned=())
    keys = tuple(_without_orphaned(key) for key in snapshot.keys)
    return replace(snapshot, part=_part(snapshot, share, identities, rules), keys=keys, gossip=gossip)


def _part(judged: Snapshot, share: Share, identities: Iterable[Identity], rules: Rules) -> Part:
    having = {t.name: t for t in judged.targets if t.gossip is not None}
    ours = used(judged.keys, (client for t in judged.targets if t.up for client in t.clients))
    strange, own = _members(having.values(), judged.gossip, OwnMembers.of(identities), rules)
    return Part(
        share=share,
        interval=rules.interval,
        soak=max(rules.soak, LEAST_LOOKS * rules.interval) if rules.soak else 0.0,
        rules_digest=_digest(written(rules)),
        clients=_clients(judged.targets, share),
        strange=strange,
        own=own,
        seen=_listed(having.values()),
        unseen=_unseen(having, judged.gossip),
        orphaned=_by_key((key.key, key.orphaned or ()) for key in judged.keys),
        claims=_by_key((key.key, _claims(key, _listed_by_all(having, share))) for key in judged.keys),
        used=frozenset(key.key for key in ours),
        views=_views(ours, judged.started),
        linked=not having or not share.common.isdisjoint(having),
    )


def _without_orphaned(key: KeyFacts) -> KeyFacts:
    if not key.orphaned:
        return key
    members = tuple(replace(member, orphaned=None) if member.orphaned else member for member in key.members)
    return replace(key, orphaned=(), members=members)


def _digest(text: str) -> int:
    return int(hashlib.blake2b(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HEX_DIGITS], 16)


def _clients(targets: Iterable[TargetFacts], share: Share) -> Mapping[ClientKind, int]:
    own = (t for t in targets if t.up and t.name not in share.borrowed)
    kinds = (ClientKind(c.key or c.name, c.phase, c.writes, c.migration) for t in own for c in t.clients)
    return MappingProxyType(Counter(kinds))


def _members(
    having: Iterable[TargetFacts], judged: GossipFacts | None, ours: OwnMembers, rules: Rules
) -> tuple[Mapping[str, bool], Mapping[str, bool]]:
    """The current gossip members that are none of ours, by whether they are expected, and those that are
    ours, by whether their label was read. Excused members count as ours: a process of ours does not respond,
    or has just restarted.
    """
    gossips = [target.gossip for target in having if target.gossip is not None]
    lists = {id(gossip.members): gossip.members for gossip in gossips}
    alive = sorted({name for members in lists.values() for name in census_of(members).alive})
    labelled = {gossip.own_member for gossip in gossips if gossip.label is not None}
    unknown = {member.name for member in judged.unknown} if judged else set()
    here = {m.name for members in lists.values() for m in members if m.state in ALIVE and ours.has(m)}
    strange: dict[str, bool] = {}
    own: dict[str, bool] = {}
    for name in alive:
        if name not in here and (name in unknown or is_expected(name, rules)):
            strange[name] = name not in unknown
        else:
            own[name] = name in labelled
    return MappingProxyType(strange), MappingProxyType(own)


def _listed(having: Iterable[TargetFacts]) -> frozenset[str]:
    """The members in another process's list."""
    gossips = [target.gossip for target in having if target.gossip is not None]
    lists = {id(gossip.members): census_of(gossip.members).alive for gossip in gossips}
    counts = Counter(id(gossip.members) for gossip in gossips)
    listings: Counter[str] = Counter()
    for at, alive in lists.items():
        listings.update(dict.fromkeys(alive, counts[at]))
    listings.subtract(g.own_member for g in gossips if g.own_member in lists[id(g.members)])
    return frozenset(name for name, count in listings.items() if count > 0)


def _unseen(having: Mapping[str, TargetFacts], gossip: GossipFacts | None) -> frozenset[str]:
    """The members that no process here lists, and those without another process here to list them."""
    names = gossip.absent if gossip else ()
    if len(having) == 1:
        names = tuple(name for name, target in having.items() if not target.recently_started)
    members = {name: target.gossip.own_member for name, target in having.items() if target.gossip}
    return frozenset(member for name in names if (member := members.get(name)))


def _listed_by_all(having: Mapping[str, TargetFacts], share: Share) -> frozenset[str]:
    """Names in every shard's gossip: those in the list of a common process."""
    gossips = (having[name].gossip for name in share.common & having.keys())
    lists = (census_of(gossip.members) for gossip in gossips if gossip is not None)
    return frozenset[str]().union(*(census.alive | {name for name, _ in census.spots} for census in lists))


def _claims(key: KeyFacts, named: frozenset[str]) -> tuple[str, ...]:
    return tuple(member.id for member in key.members if member.target and member.id not in named)


def _by_key(pairs: Iterable[tuple[str, tuple[str, ...]]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({key: names for key, names in pairs if names})


def _views(keys: Iterable[KeyFacts], started: float) -> Mapping[tuple[str, str, str], tuple[int, ...]]:
    """Digest the contents that were read in this cycle. HA-tracker entries are read in turns, different
    entries by each shard, so their digests prove nothing: they are only compared with the store.
    """
    found: dict[tuple[str, str, str], set[int]] = {}
    for key in keys:
        for view in key.views if key.key != HA_KEY else ():
            if view.known and view.judged and (view.read_at or 0.0) >= started:
                for aspect, digest in zip(("members", "states"), view.digests, strict=False):
                    some = found.setdefault((key.key, view.kind, aspect), set())
                    some.add(int(digest[:_HEX_DIGITS], 16))
    return MappingProxyType({what: tuple(sorted(some)[:MAX_DIGESTS]) for what, some in found.items()})
