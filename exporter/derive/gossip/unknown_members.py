"""Which gossip members are no process of ours.

A member that is no target is unknown. A member with the name of a process of ours may be its former self: for
two minutes it is a namesake. A member that may be a process that does not respond is excused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from exporter.derive.identity.member_processes import ALIVE, Endpoint, Identity
from exporter.derive.judging_rules import Rules
from exporter.model.facts import GossipFacts, GossipTarget, TargetFacts
from exporter.model.pages import GossipMember
from exporter.model.rings import UnknownMember

STAYS = 120.0  # seconds; a restarted process leaves its former self in member lists for up to a minute


@dataclass(frozen=True, slots=True)
class OwnMembers:
    """The watched processes: the places of their own members, by their complete and bare names. Also the
    names of those with an unidentified member.
    """

    places: Mapping[str, frozenset[Endpoint]]
    hidden: frozenset[str]

    @classmethod
    def of(cls, identities: Iterable[Identity]) -> OwnMembers:
        """Take names and places out of the processes' identities."""
        places: dict[str, set[Endpoint]] = {}
        hidden: set[str] = set()
        for identity in identities:
            if not identity.member:
                hidden |= identity.names
            for name in {identity.member, *identity.names} if identity.member else ():
                places.setdefault(name, set()).add(identity.place)
        return cls({name: frozenset(found) for name, found in places.items()}, frozenset(hidden))

    def has(self, member: GossipMember) -> bool:
        """Whether a gossip member is one of these processes. The name by itself counts only where the process
        has an unidentified member: two installations may have the same pod names.
        """
        here = (member.address, member.port)
        if here in self.places.get(member.name, ()):
            return True
        name = member.bare_name
        return name in self.hidden or here in self.places.get(name, ())

    def names(self, member: GossipMember) -> bool:
        """Whether a gossip member has the name of one of these processes."""
        return member.name in self.places or member.bare_name in self.places


def is_expected(member: str, rules: Rules) -> bool:
    """Whether `expected_members` names a member."""
    return any(pattern.search(member) for pattern in rules.expected_members)


def unknown_members(
    having: Mapping[str, GossipTarget], identities: Iterable[Identity], rules: Rules
) -> tuple[tuple[UnknownMember, ...], tuple[UnknownMember, ...]]:
    """Members that are no process of ours and that no `expected_members` pattern matches; apart from them
    those that have the name of one.
    """
    ours = OwnMembers.of(identities)
    found: dict[str, tuple[GossipMember, list[str]]] = {}
    strange: dict[int, list[GossipMember]] = {}
    for viewer, gossip in having.items():
        at = id(gossip.members)
        if at not in strange:
            alive = (member for member in gossip.members if member.state in ALIVE)
            strange[at] = [m for m in alive if not (ours.has(m) or is_expected(m.name, rules))]
        for member in strange[at]:
            found.setdefault(member.name, (member, []))[1].append(viewer)
    unknown: list[UnknownMember] = []
    namesakes: list[UnknownMember] = []
    for name, (member, seers) in sorted(found.items()):
        one = UnknownMember(name, f"{member.address}:{member.port}", tuple(sorted(seers)))
        (namesakes if ours.names(member) else unknown).append(one)
    return tuple(unknown), tuple(namesakes)


def outstayed(gossip: GossipFacts, before: GossipFacts | None, now: float) -> GossipFacts:
    """Date the namesakes; those that outstay a process's former self count among `unknown`."""
    if not gossip.namesakes:
        return gossip
    since = {namesake.name: namesake.since for namesake in before.namesakes} if before is not None else {}
    dated = tuple(replace(one, since=min(since.get(one.name) or now, now)) for one in gossip.namesakes)
    stayed = (one for one in dated if one.since is not None and now - one.since >= STAYS)
    unknown = sorted((*gossip.unknown, *stayed), key=lambda member: member.name)
    return replace(gossip, namesakes=dated, unknown=tuple(unknown))


def excused(
    gossip: GossipFacts, targets: tuple[TargetFacts, ...], identities: Mapping[str, Identity]
) -> GossipFacts:
    """Take members out of `unknown` that belong to a process of ours with an unknown member. Such a
    process does not respond, or its member list or its own member is unread. A member with its earlier name
    counts, since its address may be reused by now. Else as many members at an address as there are such
    processes: these are doubtful.
    """
    if not gossip.unknown:
        return gossip
    untold = {*gossip.unidentified, *gossip.unread}
    not_responding = [target for target in targets if not target.up or target.name in untold]
    names = {target.name for target in not_responding}
    names |= {name for t in not_responding if t.name in identities for name in identities[t.name].names}
    names |= {identities[t.name].member for t in not_responding if t.name in identities}
    nameless = [t for t in not_responding if t.name not in identities or not identities[t.name].member]
    places = Counter(target.host for target in nameless)
    left: list[UnknownMember] = []
    doubtful: list[UnknownMember] = []
    for member in gossip.unknown:
        host = member.host
        if member.name in names or member.name.rpartition("-")[0] in names:
            continue
        if places[host] > 0:
            places[host] -= 1
            doubtful.append(member)
            continue
        left.append(member)
    return replace(gossip, unknown=tuple(left), doubtful=tuple(doubtful))
