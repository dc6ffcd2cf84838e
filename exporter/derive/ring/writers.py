"""The processes that write a ring, compared with its members. Each writer must be in it, once, at an address
of its own; each member's process must write it.

A lifecycler adds its member with its first write and renews it with every heartbeat (dskit's `Lifecycler` and
`BasicLifecycler`). So a client that wrote has a member, unless it has just left. A client with a reader's
name does not count here: it writes only when a user forgets a member on its page.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from exporter.derive.identity.member_processes import Identity
from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import State, port_of
from exporter.model.facts import ClientFacts, KeyFacts, MemberFacts, Snapshot, TargetFacts
from exporter.model.listed import grouped
from exporter.model.rings import WriterFacts
from exporter.products.ring_pages import key_of_client, reads_only_by_name, ring_of

_TAKES_PART = frozenset({State.ACTIVE, State.JOINING, State.PENDING, State.READ_ONLY})
Groups = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Roster:
    """The processes of a cycle, by their names."""

    targets: Mapping[str, TargetFacts]
    identities: Mapping[str, Identity]

    def ids(self, target: TargetFacts, key: str) -> frozenset[str]:
        """What a process may be called in a ring: as configured for it, else all names it goes by."""
        shown = self.shown_id(target, key)
        names = self.identities[target.name].names if target.name in self.identities else frozenset[str]()
        return frozenset({shown}) if shown else names

    def shown_id(self, target: TargetFacts, key: str) -> str:
        """The instance id that a process's configuration has for this very ring, "" where it was not read."""
        ring = target.config.rings.get(key) if target.config else None
        return ring.instance_id if ring else ""


def with_writers(
    keys: tuple[KeyFacts, ...], targets: tuple[TargetFacts, ...], identities: Iterable[Identity],
    before: Snapshot | None,
) -> tuple[KeyFacts, ...]:  # fmt: skip
    """Add the facts of its writers to each ring that was read. `before` is the previous snapshot."""
    roster = Roster({t.name: t for t in targets}, {i.target: i for i in identities})
    earlier = {key.key: key for key in before.keys} if before else {}
    clients = grouped((client.key, client) for target in targets for client in target.clients)
    return tuple(
        replace(key, writers=_held(key, clients.get(key.key, []), roster, earlier.get(key.key)))
        if key.kind == "ring" and key.source
        else key
        for key in keys
    )


def _held(
    key: KeyFacts, clients: Iterable[ClientFacts], roster: Roster, before: KeyFacts | None
) -> WriterFacts:
    users = {client.target: roster.targets[client.target] for client in clients}
    writers = [users[name] for name in _writing(clients) if not users[name].recently_started]
    absent = _absent(key, writers, roster)
    departed = _departed(absent, before)
    missing, untold = _missing_writers(key, [t for t in absent if t.name not in departed], roster)
    return WriterFacts(
        count=len(writers),
        missing=tuple(map(called, missing)),
        untold=tuple(map(called, untold)),
        departed=departed,
        misplaced=tuple(_misplaced(key, roster)) if writers else (),
        shared=_shared(key.members),
        unreachable=_unreachable(key.members, users.values()),
        claimed=_claimed(key, writers, roster),
    )


def called(target: TargetFacts) -> str:
    """A process's display name: its instance id, and where it is."""
    name = target.config.instance_id if target.config else ""
    return f"{name} ({target.name})" if name and name not in target.name else target.name


def _writing(clients: Iterable[ClientFacts]) -> list[str]:
    """Names of the processes with a client that has written the ring as a member does."""
    return list(dict.fromkeys(c.target for c in clients if c.written and not reads_only_by_name(c.name)))


def _absent(key: KeyFacts, writers: Iterable[TargetFacts], roster: Roster) -> list[TargetFacts]:
    """Writers that no member belongs to, by id or by address."""
    ids = {member.id for member in key.members}
    having = {member.target for member in key.members}
    return [t for t in writers if t.name not in having and ids.isdisjoint(roster.ids(t, key.key))]


def _departed(absent: Iterable[TargetFacts], before: KeyFacts | None) -> frozenset[str]:
    """Those with a member that was leaving when last read: they shut down, or were made to leave."""
    if before is None:
        return frozenset()
    leaving = {member.target for member in before.members if member.state is State.LEAVING}
    leaving |= before.writers.departed if before.writers else set()
    return frozenset(target.name for target in absent if target.name in leaving)


def _missing_writers(
    key: KeyFacts, absent: list[TargetFacts], roster: Roster
) -> tuple[list[TargetFacts], list[TargetFacts]]:
    """Of the writers without a member, those that certainly have none, and those of which some have none. A
    member without a process may belong to one with an unread id in this ring.
    """
    if not key.members:
        return [], absent  # emptied, or stored under another key: all are missing
    free = sum(1 for member in key.members if not member.target)
    if not free:
        return absent, []
    sure, rest = list[TargetFacts](), list[TargetFacts]()
    for target in absent:
        (sure if roster.shown_id(target, key.key) else rest).append(target)
    return sure, rest if len(rest) > free else []


def _misplaced(key: KeyFacts, roster: Roster) -> Iterable[str]:
    """Members of a process, certain by id and port, that has clients and none that writes this ring, while
    another process has one. The rulers of Loki 2.4 are such members among the ingesters, since their ring
    inherits the ingesters' key. So are the rulers of a Mimir with one prefix for all rings.
    """
    for member in key.members:
        target = roster.targets.get(member.target)
        if target is None or member.state not in _TAKES_PART or target.recently_started:
            continue
        if not _is_at(member, target) or not target.clients:
            continue
        if not _may_write(key, target) or _writes_other_ring(key, target):
            yield f"{member.id} ({target.component})" if target.component else member.id


def _is_at(member: MemberFacts, target: TargetFacts) -> bool:
    config = target.config
    return config is not None and (config.instance_id, config.grpc_port) == (
        member.id,
        port_of(member.address),
    )


def _may_write(key: KeyFacts, target: TargetFacts) -> bool:
    """Whether a client may write the ring: with an unknown key it may."""
    writing = [client.key for client in target.clients if client.writes]
    return any(not name or name == key.key or ring_of(name) == key.ring for name in writing)


def _writes_other_ring(key: KeyFacts, target: TargetFacts) -> bool:
    """Whether a client of the process writes another ring under this key, by its own configuration."""
    ring = target.config.rings.get(key.key) if target.config else None
    further = ring.also if ring else ()
    writing = (client for client in target.clients if client.writes and client.key == key.key)
    return any(key_of_client(client.name, target.product) in further for client in writing)


def _shared(members: Iterable[MemberFacts]) -> Groups:
    """Addresses, port included, of two or more members that take part."""
    pairs = ((member.address.lower(), member.id) for member in members if member.state in _TAKES_PART)
    return _grouped((address, name) for address, name in pairs if address)


def _unreachable(members: Iterable[MemberFacts], users: Iterable[TargetFacts]) -> Groups:
    """Addresses that only the member's own host reaches, where the ring's processes are on several."""
    hosts = {host for target in users if not _is_local(host := target.host)}
    if len(hosts) < 2:
        return MappingProxyType({})
    local = ((m.address, m.id) for m in members if m.address and _is_local(m.host))
    return _grouped(local, least=1)


@lru_cache(maxsize=16_384)
def _is_local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified


def _claimed(key: KeyFacts, writers: Iterable[TargetFacts], roster: Roster) -> Groups:
    """Instance ids of this ring that two or more processes are configured with."""
    named = grouped((roster.shown_id(target, key.key), target) for target in writers)
    return MappingProxyType(
        {
            name: tuple(target.name for target in targets)
            for name, targets in named.items()
            if name and len({_self(target) for target in targets}) > 1
        }
    )


def _self(target: TargetFacts) -> tuple[object, ...]:
    """What distinguishes a process from another one with its id: one may be listed under two names."""
    host = target.host
    own = target.gossip.own_member if target.gossip else ""
    return target.started, own, host if host[:1].isdigit() or ":" in host else ""


def _grouped(pairs: Iterable[tuple[str, str]], least: int = 2) -> Groups:
    found = grouped(pairs)
    return MappingProxyType({key: tuple(names) for key, names in found.items() if len(names) >= least})


def without_member(key: KeyFacts) -> Iterator[Culprit]:
    """Blame a ring for the processes that write it and are not in it."""
    if key.writers is not None and key.writers.missing:
        names, count = key.writers.missing, key.writers.count
        yield Culprit(Kind.WRITERS_MISSING, key=key.key, value=len(names), of=count, names=names)


def sharing(key: KeyFacts) -> Iterator[Culprit]:
    """Blame a ring for the addresses that members of it share."""
    for address, names in key.writers.shared.items() if key.writers is not None else ():
        yield Culprit(Kind.ADDRESS_SHARED, key=key.key, what=address, value=len(names), names=names)
