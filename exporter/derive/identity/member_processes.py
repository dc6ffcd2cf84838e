"""Which members belong to which process: a ring member, a gossip member and a process are three names for
one.

A gossip member belongs to a process by address and port first, then by its name without the random suffix. A
ring member belongs to a process by its id, then by its address (with the gRPC port where several processes
share one address, as on a single machine).

Processes with the same member list share one tuple of it
(`exporter.decode.formats.member_cache`), so a cluster of a thousand needs one index and not a thousand.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from types import MappingProxyType

from exporter.model.entry import Member, host_of, ip_address, port_of
from exporter.model.facts import TargetFacts
from exporter.model.listed import grouped
from exporter.model.pages import GossipMember, GossipState, Observation, ProcessConfig, Ring

GOOD_FOR = 2  # cycles after the one in which it was read that evidence is good for
GOOD_SECONDS = 120.0  # and never longer: soon after it the rings have the member as unhealthy
ALIVE = frozenset({GossipState.ALIVE, GossipState.SUSPECT})
Members = tuple[GossipMember, ...]
Index = Mapping[str, Members]
Endpoint = tuple[str, int]  # address and port
Spot = tuple[str, Endpoint]  # a bare name and where it stands


@dataclass(frozen=True, slots=True)
class Census:
    """One member list. `alive` are names, `spots` bare names and their places. The indexes contain the
    members in state alive or suspect, or all members where there are none of these.
    """

    members: Members
    states: Mapping[str, int]
    alive: frozenset[str]
    spots: frozenset[Spot]
    by_address: Index
    by_name: Index
    """By the complete name and by the bare one."""


def each_once(lists: Iterable[Members]) -> Mapping[int, Members]:
    """The different lists among these, by their identity; most processes have the same one."""
    return {id(members): members for members in lists}


class _Same:
    """A list by its identity: comparing two long lists would cost what the cache saves."""

    __slots__ = ("members",)

    def __init__(self, members: Members) -> None:
        self.members = members

    def __hash__(self) -> int:
        return id(self.members)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.members is self.members


def census_of(members: Members) -> Census:
    """Index a member list, once for each."""
    same = _Same(members)
    return _census(same)


@lru_cache(maxsize=64)
def _census(same: _Same) -> Census:
    members = same.members
    living = tuple(m for m in members if m.state in ALIVE)
    counted = living or members
    count = Counter(m.state for m in members)
    return Census(
        members=members,
        states=MappingProxyType({state.value: count.get(state, 0) for state in GossipState}),
        alive=frozenset(m.name for m in living),
        spots=frozenset((m.bare_name, (m.address, m.port)) for m in living),
        by_address=_index((m.address, m) for m in counted),
        by_name=_index((name, m) for m in counted for name in {m.name, m.bare_name}),
    )


def _index(pairs: Iterable[tuple[str, GossipMember]]) -> Index:
    return {key: tuple(members) for key, members in grouped(pairs).items()}


@dataclass(frozen=True, slots=True)
class Identity:
    """What one process can be recognised by."""

    target: str
    host: str
    config: ProcessConfig | None
    names: frozenset[str]
    given: frozenset[str] = frozenset()  # of these, the names from discovery and not from its own pages
    member: str = ""  # its own gossip member
    place: Endpoint = ("", 0)  # where that stands
    started: float | None = None  # by its own clock


def identities(observed: Iterable[Observation]) -> tuple[Identity, ...]:
    """Each answering process's identity, with its own gossip member if it can be identified."""
    observed = tuple(observed)
    return tuple(_identity(observation, observed) for observation in observed if observation.answers)


def _identity(observation: Observation, observed: tuple[Observation, ...]) -> Identity:
    host = observation.target.host
    config = observation.config.value
    labels = observation.target.labels
    given = _given_names(observation.target.name, host, labels.get("pod", ""), labels.get("instance", ""))
    names = {*given, config.instance_id, config.node_name} if config else set(given)
    page = observation.gossip.page.value
    own = own_member(page.members, host, config, frozenset(names - {""})) if page else None
    if own and page and not _is_its_own(own, observation, given, observed):
        own = own_member(page.members, host, None, given)
        own = None if own and own.bare_name not in given and _contradicts(config, own) else own
    if own:
        names.add(own.bare_name)
    metrics = observation.metrics.value
    return Identity(
        observation.target.name,
        host,
        config,
        frozenset(names - {""}),
        given,
        member=own.name if own else "",
        place=(own.address, own.port) if own else ("", 0),
        started=metrics.start_time if metrics else None,
    )


@lru_cache(maxsize=16_384)
def _given_names(name: str, host: str, pod: str, instance: str) -> frozenset[str]:
    """The names of a process from discovery, which it cannot choose."""
    short = "" if _is_ip(host) else host.split(".", maxsplit=1)[0]
    return frozenset({name, host_of(name), short, pod, instance} - {""})


def _is_its_own(
    own: GossipMember, observation: Observation, given: frozenset[str], observed: tuple[Observation, ...]
) -> bool:
    """Whether a process may claim a gossip member. Its own configuration must not contradict it. A member at
    another address than the process needs a second source: a name from discovery, or the ring on another
    process's page or in its gossip copy. Its own claim could name any member.
    """
    name, host = own.bare_name, observation.target.host
    if _contradicts(observation.config.value, own):
        return False
    if own.address == host or not ip_address(host) or name in given:
        return True  # a name, or a tunnel's end on this machine, is no address to contradict the member's
    other_processes = [other for other in observed if other is not observation]
    rings = (ring for other in other_processes for ring in _rings_of(other))
    entries = (entry for ring in rings if (entry := ring.members.get(name)) is not None)
    return not other_processes or any(entry.host == own.address for entry in entries)


def _rings_of(observation: Observation) -> Iterator[Ring]:
    yield from (page.value for page in observation.rings.values() if page.value is not None)
    yield from (page.value for page in observation.gossip.values.values() if isinstance(page.value, Ring))


def _contradicts(config: ProcessConfig | None, own: GossipMember) -> bool:
    """Whether a process's own configuration has another name for it in the gossip."""
    return bool(config and config.node_name and config.node_name not in (own.name, own.bare_name))


@lru_cache(maxsize=16_384)
def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def own_member(
    members: Iterable[GossipMember], host: str, config: ProcessConfig | None, names: frozenset[str]
) -> GossipMember | None:
    """Find the member of a list that is the process itself."""
    # A restart in place leaves its former self in the list, with the same address and a similar name. The
    # census prefers members in state alive.
    census = census_of(tuple(members))
    here = [m for address in _addresses(host, config) for m in census.by_address.get(address, ())]
    for ports in _ports(config):
        found = [m for m in here if m.port in ports]
        if len(found) == 1:
            return found[0]
    named = {m: None for name in names for m in census.by_name.get(name, ())}
    if len(named) == 1:
        return next(iter(named))
    found = list(census.by_address.get(host, ()))
    return found[0] if len(found) == 1 else None


def _ports(config: ProcessConfig | None) -> tuple[frozenset[int], ...]:
    """Ports to try, the surest first: `advertise_port` has a default that means nothing by itself."""
    if config is None:
        return ()
    advertised = {config.advertise_port} if config.advertise_port and config.advertise_address else set()
    bound = {config.bind_port} if config.bind_port else set()
    return frozenset(advertised), frozenset(bound)


def _addresses(host: str, config: ProcessConfig | None) -> set[str]:
    mine = {host}
    if config:
        mine |= {config.advertise_address, *config.bind_addresses}
    return mine - {"", "0.0.0.0", "::"}


_HEARTBEAT_RESOLUTION = 1.0  # heartbeats have no fraction, starts have one


@dataclass(frozen=True, slots=True)
class Owners:
    """Finds a ring member's process. `sure` is False where processes share an address and show no port."""

    by_name: Mapping[str, str]
    by_address: Mapping[tuple[str, int | None], str]
    sure: bool
    identities: Mapping[str, Identity] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, member: Member, *, unhealthy: bool = False) -> str:
        """The process that a ring member belongs to by its id, "" where there is none. A process that itself
        claims the id of an `unhealthy` member must have its address: a false claim would hide an orphaned
        member.
        """
        target = self.by_name.get(member.id, "")
        process = self.identities.get(target)
        if not unhealthy or process is None or member.id in process.given or self._stands(member, process):
            return target
        return ""

    def _stands(self, member: Member, process: Identity) -> bool:
        """Whether a ring member has the address of a process, and its port where several share it."""
        host = member.host
        if not _is_ip(process.host) or not _is_ip(host):
            return True
        return host in (process.place[0], process.host) and self._has_port(member, process)

    def _has_port(self, member: Member, process: Identity) -> bool:
        port = process.config.grpc_port if process.config else None
        any_port = (process.host, None) in self.by_address
        return any_port or not port or port_of(member.address) in (None, port)

    def at(self, member: Member) -> str:
        """The process at a ring member's address: it may have inherited the address from another."""
        host, port = member.host, port_of(member.address)
        return self.by_address.get((host, port)) or self.by_address.get((host, None), "")

    def inherited(self, member: Member, *, unhealthy: bool) -> bool:
        """Whether the process at a member's address is certainly another one: it started after the member's
        last heartbeat, or (with an unknown start and the member `unhealthy`) has another name.
        """
        process = self.identities.get(self.at(member))
        if process is None or member.time is None:
            return False
        if process.started is not None:
            return member.time + _HEARTBEAT_RESOLUTION < process.started
        name = process.config.instance_id if process.config else ""
        return unhealthy and name not in ("", member.id)


def stands_in(target: TargetFacts, at: float) -> bool:
    """Whether the last reading of a process replaces what was missed of it now."""
    complete_at = target.complete_at
    return 0 < target.missed <= GOOD_FOR and complete_at is not None and at - complete_at <= GOOD_SECONDS


def missed(
    targets: Iterable[TargetFacts], ids: Collection[str], earlier: Mapping[str, Identity], at: float
) -> Iterator[Identity]:
    """The processes that were missed, as they were when they responded: they keep their members. `ids` are
    the names of those that responded, `earlier` are the identities of earlier cycles.
    """
    for target in targets:
        identity = earlier.get(target.name)
        if identity is not None and target.name not in ids and stands_in(target, at):
            yield identity


def owners(of_processes: Iterable[Identity], crowded: frozenset[str] = frozenset()) -> Owners:
    """Index the processes by their ring members. On the `crowded` hosts there are further processes."""
    of_processes = tuple(of_processes)
    shared = Counter([*(identity.host for identity in of_processes), *crowded])
    by_name: dict[str, str] = {}
    for identity in of_processes:
        for name in identity.names:
            by_name.setdefault(name, identity.target)
    by_address: dict[tuple[str, int | None], str] = {}
    for identity in of_processes:
        port = identity.config.grpc_port if identity.config else None
        if port:
            by_address[identity.host, port] = identity.target
        if shared[identity.host] == 1:
            by_address[identity.host, None] = identity.target
    sure = all(shared[i.host] == 1 or (i.config and i.config.grpc_port) or i.member for i in of_processes)
    return Owners(by_name, by_address, sure, MappingProxyType({i.target: i for i in of_processes}))


@dataclass(frozen=True, slots=True)
class Gossipers:
    """The gossip members of all lists, to find ring members among them."""

    names: frozenset[str]
    hosts: frozenset[str]  # only addresses that belong to one member

    def has(self, member: Member) -> bool:
        """Whether a ring member is in the gossip, by name or by an address of a single member."""
        return member.id in self.names or member.host in self.hosts


def gossipers(lists: Iterable[Members]) -> Gossipers | None:
    """Index the gossip members of all member lists, `None` where none was read. Members in state dead or left
    do not count.
    """
    different = each_once(lists)
    if not different:
        return None
    places: dict[str, set[int]] = {}
    names: set[str] = set()
    for member in chain.from_iterable(different.values()):
        if member.state not in ALIVE:
            continue
        names |= {member.name, member.bare_name}
        places.setdefault(member.address, set()).add(member.port)
    return Gossipers(frozenset(names), frozenset(h for h, ports in places.items() if len(ports) == 1))
