"""All processes of a cluster, from the addresses of some of them.

The other processes are sought at the addresses of gossip members, ring members and `join_members`. Their HTTP
port is that of the process that lists them, or has the same distance from the listed port. Only processes of
the products count.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from yarl import URL

from exporter.cli.terminal.safe_text import plain
from exporter.config import HttpClient, load_text
from exporter.errors import UsageError
from exporter.expose.wording import culprits
from exporter.model.entry import bare
from exporter.model.facts import MemberFacts, Snapshot, TargetFacts
from exporter.model.listed import few
from exporter.model.pages import GossipMember, GossipState, Product
from exporter.sources.discovery.gossip import host_of, may_be_asked
from exporter.sources.discovery.target_source import is_loopback
from exporter.sources.join_seeds import chosen
from exporter.sources.name_resolution import Resolver
from exporter.wiring import Watch

Place = tuple[str, int]
MOST: Final = 2_000  # addresses that are tried
OWN: Final = 20  # members at the host of a single process all count as its own
ROUNDS: Final = 4  # a process of another component shows other rings, so what was found leads further
ORDINARY: Final = HttpClient()
GIVE: Final = (
    "Give the address at which a process serves its HTTP pages from here, path prefix included, such as "
    "http://10.0.0.5:8080"
)


@dataclass(frozen=True, slots=True)
class Survey:
    """The cluster in one cycle: the processes that answer, those of other products in the same gossip, and
    the gossip members without a process.
    """

    processes: tuple[TargetFacts, ...]
    others: tuple[TargetFacts, ...]
    missing: tuple[GossipMember, ...]
    snapshot: Snapshot
    absent: tuple[str, ...] = ()  # members of rings without a process, by id and address


def checked_url(text: str) -> str:
    """A process's address without its last slash. Raises `UsageError`."""
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f'"{plain(text)}" is not a URL such as http://10.0.0.5:8080')
    if url.user or url.password:
        raise UsageError("a URL with a password is not taken; put it into http_client.basic_auth of a file")
    return str(url).rstrip("/")


async def survey_of(urls: tuple[str, ...], client: HttpClient = ORDINARY) -> Survey:
    """Read the given processes, then all that they lead to. Raises `UsageError` where none answers."""
    first_cycle = await _look(urls, client)
    given = [target for target in first_cycle.targets if target.is_process]
    tried = set(urls)
    for _ in range(ROUNDS):
        found = [target for target in first_cycle.targets if target.is_process]
        listed = _candidates(found, first_cycle, await resolved_seeds(found))
        new = [url for url in dict.fromkeys(listed) if url not in tried]
        new = new[: max(0, MOST - len(tried))]
        if not new:
            break
        tried |= set(new)
        first_cycle = await _look((*dict.fromkeys((*urls, *(target.url for target in found))), *new), client)
    answering = _once(target for target in first_cycle.targets if target.is_process)
    if not answering:
        raise UsageError(f"{'; '.join(_not_responding(first_cycle)) or 'no process answers'}. {GIVE}")
    ours, others = parted(answering, given)
    missing = tuple(_behind_none(answering))
    return Survey(ours, others, missing, first_cycle, tuple(_without_process(first_cycle, missing)))


def parted(
    answering: Iterable[TargetFacts], given: Iterable[TargetFacts]
) -> tuple[tuple[TargetFacts, ...], tuple[TargetFacts, ...]]:
    """The processes of the given products, and those of other products: two clusters may have merged."""
    known = {target.product for target in given} - {Product.UNKNOWN}
    targets = tuple(answering)
    others = tuple(t for t in targets if known and t.product not in {*known, Product.UNKNOWN})
    return tuple(target for target in targets if target not in others), others


def names_of(survey: Survey) -> dict[str, str]:
    """Each process's name by its URL: the name of its gossip member without the part that changes at a
    restart, else the id of its members. Processes that share such a name, or have none, are named by host and
    port.
    """
    ids: dict[str, set[str]] = {}
    for member in _members(survey.snapshot):
        ids.setdefault(member.target, set()).add(member.id)
    names = {t.url: bare(t.member) or _only(ids.get(t.name, ())) for t in survey.processes}
    count = Counter(names.values())
    address = {target.url: "{}:{}".format(*_place(target)) for target in survey.processes}
    return {url: name if name and count[name] == 1 else address[url] for url, name in names.items()}


def _only(ids: Collection[str]) -> str:
    return next(iter(ids)) if len(ids) == 1 else ""


async def _look(urls: tuple[str, ...], client: HttpClient) -> Snapshot:
    targets = [{"static": {"urls": list(urls)}}]
    config = load_text(json.dumps({"targets": targets, "interval": "30s"}))
    async with Watch(config.model_copy(update={"http_client": client})) as watch:
        return await watch.poller.cycle()


class Way(NamedTuple):
    """How a process serves HTTP, and how far that port is from its listed port, where it lists itself."""

    scheme: str
    path: str
    port: int
    shift: int | None
    near: bool


def _way(target: TargetFacts, listed: int | None) -> Way:
    url = URL(target.url)
    http = url.port or 80
    shift = None if listed is None else http - listed
    return Way(url.scheme, url.path.rstrip("/"), http, shift, is_loopback(url.host or ""))


def _candidates(targets: list[TargetFacts], snapshot: Snapshot, seeds: Iterable[Place]) -> Iterator[str]:
    """Where the members of gossip and rings, and the seeds, may answer HTTP; not the addresses found.
    Processes that serve in the same way lead to the same addresses: each address is made once.
    """
    here = {_place(target) for target in targets}
    rings = [_split(member.address) for member in _members(snapshot) if member.address]
    own: dict[str, list[int]] = {}
    for member in _members(snapshot):
        own.setdefault(member.target, []).append(_split(member.address)[1])
    listed: dict[Way, set[Place]] = {}
    by_ring: set[Way] = set()
    for target in targets:
        by_ring.update(_way(target, port) for port in own.get(target.name, ())[:OWN] if port)
        by_ring.add(_way(target, None))
        gossip = target.gossip
        places = listed.setdefault(_way(target, gossip.port if gossip is not None else None), set(seeds))
        alive = (m for m in gossip.members if m.state is GossipState.ALIVE) if gossip is not None else ()
        places.update((member.address, member.port) for member in alive)
    for way in by_ring:
        listed.setdefault(way, set()).update(rings)
    for way, places in listed.items():
        yield from _beside(way, places, here)


def _beside(way: Way, places: Iterable[Place], here: set[Place]) -> Iterator[str]:
    """Listed members by URL: with the port of the process that lists them, or as far from the listed port."""
    for host, port in sorted(places):
        if not may_be_asked(host_of(host), near=way.near):
            continue
        for http in dict.fromkeys((way.port, way.port if way.shift is None else port + way.shift)):
            if 0 < http < 65_536 and (host, http) not in here:
                yield str(URL.build(scheme=way.scheme, host=host, port=http, path=way.path))


async def resolved_seeds(targets: list[TargetFacts]) -> list[Place]:
    """The addresses of the names in `join_members`: a headless service has all processes, a split gossip not.
    A name that does not resolve leads nowhere.
    """
    names = [_split(name.removeprefix("dns+")) for name in chosen(_joined(target) for target in targets)]
    resolver = Resolver()
    hosts = await asyncio.gather(*(resolver.resolve(host) for host, _ in names), return_exceptions=True)
    await resolver.close()
    return [
        (address["host"], port)
        for (_, port), addresses in zip(names, hosts, strict=True)
        if not isinstance(addresses, BaseException)
        for address in addresses
    ]


def _joined(target: TargetFacts) -> tuple[str, ...]:
    return tuple((target.config and target.config.join_members) or ())


def _members(snapshot: Snapshot) -> Iterator[MemberFacts]:
    """The members of all rings that the processes show."""
    yield from (member for key in snapshot.keys for member in key.members)


def _split(address: str) -> Place:
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else (address.strip("[]"), 0)


def _place(target: TargetFacts) -> Place:
    url = URL(target.url)
    return url.host or "", url.port or 80


def _once(targets: Iterable[TargetFacts]) -> tuple[TargetFacts, ...]:
    """Each process once: two addresses of one process show the same own gossip member."""
    found: dict[str, TargetFacts] = {}
    for target in targets:
        found.setdefault(target.member or target.url, target)
    return tuple(found.values())


def _behind_none(processes: Iterable[TargetFacts]) -> Iterator[GossipMember]:
    processes = tuple(processes)
    ours = {target.member for target in processes}
    listed = {
        member.name: member
        for target in processes
        if target.gossip is not None
        for member in target.gossip.members
        if member.state is GossipState.ALIVE
    }
    yield from (member for name, member in sorted(listed.items()) if name not in ours)


def _without_process(snapshot: Snapshot, missing: Iterable[GossipMember]) -> Iterator[str]:
    named = {member.bare_name for member in missing}
    left = {m.id: m.address for m in _members(snapshot) if not m.target and m.id not in named}
    yield from (f"{name} ({address})" for name, address in sorted(left.items()))


def _not_responding(snapshot: Snapshot) -> Iterator[str]:
    for target in snapshot.targets:
        first = next(iter(target.pages), None)
        reason = culprits.name(target.why_none) if target.why_none else ""
        why = reason or (first.detail if first else "") or "it does not answer"
        yield f"{target.url}: {why}"


def missing_of(survey: Survey) -> Iterator[str]:
    """Gossip members of the cluster that are not watched, fit for a terminal."""
    for target in survey.others:
        yield (
            f"{plain(target.url)} is a process of {target.product.value} in the same gossip cluster; it is "
            "no part of this installation, and is left out"
        )
    for member in survey.missing:
        where = plain(f"{member.name} ({member.address}:{member.port})")
        yield f"gossip member {where} has no HTTP address that answers; add its URL under targets"
    if survey.absent:
        count = len(survey.absent)
        subject = "a ring member has" if count == 1 else f"{count} ring members have"
        named = plain(few(survey.absent, 5))
        yield f"{subject} no HTTP address that answers: {named}; add each URL under targets"
    without = [t for t in survey.processes if t.gossip is None and t.component != "all"]
    if without:
        yield (
            f"{plain(without[0].name)} has no memberlist, so only members of its rings were found: "
            "give one URL of each component, such as querier, compactor and ruler"
        )
