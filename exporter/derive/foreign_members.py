"""Members of another product, cluster or release, in the gossip and in the rings, as far as it is certain.

A member that is no target is *unknown* at first: discovery may lack some processes. It is *foreign* if one
of these is true:

- it is a member of a ring that only another product has (a Loki in a Mimir's gossip brings `scheduler`);
- its id names another product, as charts name pods (`loki-write-0`), and none of our own processes does so;
- it has the name of a process of ours that has long been elsewhere: another release has the same names;
- its process was read, and is of another product than most;
- it stands at the address of a foreign gossip member.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from exporter.derive.comparison.collect import Cycle
from exporter.derive.gossip.unknown_members import STAYS, is_expected
from exporter.derive.identity.key_names import values_in
from exporter.derive.identity.key_product import is_foreign
from exporter.derive.identity.member_processes import Identity
from exporter.derive.judging_rules import Rules
from exporter.derive.kv_clients import used
from exporter.model.entry import bare
from exporter.model.facts import GossipFacts, KeyFacts, MemberFacts, TargetFacts
from exporter.model.pages import Product, Ring
from exporter.model.rings import UnknownMember

Spot = tuple[str, str]  # an id and the host it is at
# Mimir grew out of Cortex, and many a Mimir's processes are still called after it.
_FAMILY = {Product.MIMIR: Product.CORTEX, Product.CORTEX: Product.MIMIR}
_WORD = re.compile(r"[a-z]+")


@lru_cache(maxsize=16_384)
def _words(name: str) -> frozenset[str]:
    return frozenset(_WORD.findall(name.lower()))


@lru_cache(maxsize=16_384)
def _words_of(names: frozenset[str]) -> frozenset[str]:
    return frozenset().union(*map(_words, names))


@dataclass(frozen=True, slots=True)
class Signs:
    """The evidence for a foreign member."""

    product: Product
    words: frozenset[str]  # names of other products that nothing of ours is called after
    elsewhere: frozenset[Spot]  # members of rings that only other products have
    settled: frozenset[str]  # names of processes with a former self, if any, in no list any more
    rules: Rules

    def is_foreign(self, name: str, host: str) -> bool:
        """Whether a name at a host is foreign by itself."""
        return (name, host) in self.elsewhere or not self.words.isdisjoint(_words(name))


def with_foreign(
    gossip: GossipFacts | None, keys: tuple[KeyFacts, ...], targets: tuple[TargetFacts, ...],
    identities: Iterable[Identity], signs: Signs,
) -> tuple[GossipFacts | None, tuple[KeyFacts, ...]]:  # fmt: skip
    """Mark the foreign members in the gossip and in each ring that a process of ours uses."""
    if gossip is not None:
        gossip = _in_gossip(gossip, signs)
    places = _places(gossip, identities)
    products = {target.name: target.product for target in targets}
    ours = {key.key for key in used(keys, (client for target in targets for client in target.clients))}
    named = frozenset(member.bare_name for member in gossip.foreign) if gossip else frozenset()
    judged = tuple(
        _in_copies(_in_ring(key, places, products, signs), named, signs)
        if key.key in ours and key.kind == "ring" and key.source
        else key
        for key in keys
    )
    return _with_orphaned(gossip, judged), judged


def signs_of(
    cycle: Cycle,
    targets: Iterable[TargetFacts],
    identities: Iterable[Identity],
    product: Product,
    rules: Rules,
) -> Signs:
    """The evidence for foreign members in one cycle; only names where our own product is unknown."""
    identities = tuple(identities)
    settled = _settled(targets, identities, cycle.at)
    if product is Product.UNKNOWN:
        return Signs(product, frozenset(), frozenset(), settled, rules)
    other_products = {p.value for p in Product} - {product.value, Product.UNKNOWN.value}
    other_products -= {_FAMILY[product].value} if product in _FAMILY else set()
    words = frozenset(other_products - _own_words(identities))
    return Signs(product, words, frozenset(_elsewhere(cycle, product)), settled, rules)


def _own_words(identities: tuple[Identity, ...]) -> frozenset[str]:
    """Words in the names of two processes or more, or of the only process: a single process with another
    product's name proves nothing.
    """
    word_sets = (_words_of(i.names | {i.target}) for i in identities)
    counts = Counter(word for words in word_sets for word in words)
    return frozenset(word for word, count in counts.items() if count >= min(2, len(identities)))


def _elsewhere(cycle: Cycle, product: Product) -> Iterable[Spot]:
    for key, value in values_in(cycle.observed, cycle.stores):
        if isinstance(value, Ring) and is_foreign(key, product):
            yield from ((member.id, member.host) for member in value.members.values())


def _settled(targets: Iterable[TargetFacts], identities: Iterable[Identity], now: float) -> frozenset[str]:
    """Names of the processes that have run for longer than a former self stays in a member list."""
    ages = {t.name: now + (t.skew or 0.0) - t.started for t in targets if t.started is not None}
    old = (identity for identity in identities if identity.member and ages.get(identity.target, 0.0) > STAYS)
    return frozenset(name for identity in old for name in {bare(identity.member), *identity.names})


def _in_gossip(gossip: GossipFacts, signs: Signs) -> GossipFacts:
    foreign = {s.name: s for s in gossip.namesakes if s.bare_name in signs.settled}
    members = (*gossip.unknown, *gossip.doubtful)
    foreign |= {s.name: s for s in members if signs.is_foreign(s.bare_name, s.host)}
    unknown = {member.name: member for member in gossip.unknown} | foreign
    listed = tuple(unknown[name] for name in sorted(unknown))
    doubtful = tuple(s for s in gossip.doubtful if s.name not in foreign)
    named = tuple(s for s in listed if s.name in foreign)
    return replace(gossip, unknown=listed, foreign=named, doubtful=doubtful)


def _places(gossip: GossipFacts | None, identities: Iterable[Identity]) -> frozenset[str]:
    """Hosts with foreign gossip members and no further members."""
    if gossip is None:
        return frozenset()
    hosts = {host for i in identities for host in (i.host, i.place[0])}
    foreign = {member.name for member in gossip.foreign}
    hosts |= {s.host for s in (*gossip.unknown, *gossip.namesakes) if s.name not in foreign}
    return frozenset(member.host for member in gossip.foreign) - hosts


def _in_ring(key: KeyFacts, places: frozenset[str], products: dict[str, Product], signs: Signs) -> KeyFacts:
    found = {m.id for m in key.members if _is_foreign(m, places, products, signs)}
    if not found:
        return replace(key, foreign=())
    members = tuple(
        replace(member, foreign=True, orphaned=False) if member.id in found else member
        for member in key.members
    )
    orphaned = None if key.orphaned is None else tuple(name for name in key.orphaned if name not in found)
    return replace(key, foreign=tuple(sorted(found)), members=members, orphaned=orphaned)


def _in_copies(key: KeyFacts, named: frozenset[str], signs: Signs) -> KeyFacts:
    """Count the foreign members that only gossip has brought into the ring. While the external store is the
    primary no ring page shows them, and the switch would make them members.
    """
    if key.secondary is None or key.secondary.store != "memberlist":
        return key
    extra = {i for i in key.secondary.extra_members if i in named or signs.is_foreign(i, "")}
    return replace(key, foreign=tuple(sorted({*(key.foreign or ()), *extra}))) if extra else key


def _is_foreign(
    member: MemberFacts, places: frozenset[str], products: dict[str, Product], signs: Signs
) -> bool:
    host = member.host
    if is_expected(member.id, signs.rules):
        return False
    if host in places:
        return True
    if not member.target:
        return signs.is_foreign(member.id, host)
    product = products.get(member.target, Product.UNKNOWN)
    return Product.UNKNOWN not in (product, signs.product) and product is not signs.product


def _with_orphaned(gossip: GossipFacts | None, keys: tuple[KeyFacts, ...]) -> GossipFacts | None:
    """Report ring members without a watched process, or elsewhere, beside `unknown`."""
    if gossip is None:
        return None
    orphaned = tuple(
        UnknownMember(member.id, member.address, (), where=key.key)
        for key in keys
        for member in key.members
        if member.orphaned or member.foreign
    )
    return replace(gossip, orphaned=orphaned)
