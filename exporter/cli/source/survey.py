"""All processes of a cluster, from the addresses of some of them.

The other processes are sought at the gossip members' addresses. Their HTTP port is that of the given process,
or has the same distance from their gossip port. Only what answers as a process of the products counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from yarl import URL

from exporter.cli.terminal.safe_text import plain
from exporter.config import HttpClient, load_text
from exporter.derive.identity.member_index import bare
from exporter.errors import UsageError
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.pages import GossipMember, GossipState, Product
from exporter.sources.discovery.found_targets import is_loopback
from exporter.sources.discovery.gossip import host_of, may_be_asked
from exporter.wiring import Watch

MOST: Final = 2_000  # addresses that are tried
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


def checked_url(text: str) -> str:
    """A process's address without its last slash. Raises `UsageError`."""
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f'"{plain(text)}" is not a URL such as http://10.0.0.5:8080')
    if url.user or url.password:
        raise UsageError("a URL with a password is not taken; put it into http_client.basic_auth of a file")
    return str(url).rstrip("/")


async def look_round(urls: tuple[str, ...], client: HttpClient = ORDINARY) -> Survey:
    """Read the given processes, then all that they lead to. Raises `UsageError` where none answers."""
    near = await _look(urls, client)
    found = [target for target in near.targets if target.is_process]
    tried = tuple(dict.fromkeys(url for target in found for url in _candidates(target, found)))[:MOST]
    whole = await _look((*urls, *(url for url in tried if url not in urls)), client) if tried else near
    answering = _once(target for target in whole.targets if target.is_process)
    if not answering:
        raise UsageError(f"{'; '.join(_silent(whole)) or 'no process answers'}. {GIVE}")
    ours, others = parted(answering, found)
    return Survey(ours, others, tuple(_behind_none(answering)), whole)


def parted(
    answering: Iterable[TargetFacts], given: Iterable[TargetFacts]
) -> tuple[tuple[TargetFacts, ...], tuple[TargetFacts, ...]]:
    """The processes of the given products, and those of other products: two clusters may have merged."""
    known = {target.product for target in given} - {Product.UNKNOWN}
    told = tuple(answering)
    others = tuple(t for t in told if known and t.product not in {*known, Product.UNKNOWN})
    return tuple(target for target in told if target not in others), others


def names_of(processes: Iterable[TargetFacts]) -> dict[str, str]:
    """Each process's name by its URL: the name of its gossip member without the part that changes at a
    restart. Processes that share such a name, or have none, are named by host and port.
    """
    told = tuple(processes)
    count = Counter(bare(target.member) for target in told)
    return {t.url: name if (name := bare(t.member)) and count[name] == 1 else _address(t) for t in told}


def _address(target: TargetFacts) -> str:
    url = URL(target.url)
    return f"{url.host}:{url.port}"


async def _look(urls: tuple[str, ...], client: HttpClient) -> Snapshot:
    targets = [{"static": {"urls": list(urls)}}]
    config = load_text(json.dumps({"targets": targets, "interval": "30s"}))
    async with Watch(config.model_copy(update={"http_client": client})) as watch:
        return await watch.poller.cycle()


def _candidates(target: TargetFacts, found: list[TargetFacts]) -> Iterator[str]:
    """Where the gossip members on a process's list may answer HTTP."""
    if target.gossip is None:
        return
    url, own = URL(target.url), target.gossip.port
    near = is_loopback(url.host or "")
    alive = (member for member in target.gossip.members if member.state is GossipState.ALIVE)
    members = [member for member in alive if may_be_asked(host_of(member.address), near=near)]
    http, here = url.port or 80, {_place(other) for other in found}
    for member in members:
        shifted = member.port + http - own if own is not None else http
        for port in dict.fromkeys((http, shifted)):
            if 0 < port < 65_536 and (member.address, port) not in here:
                yield str(url.with_host(member.address).with_port(port)).rstrip("/")


def _place(target: TargetFacts) -> tuple[str, int]:
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


def _silent(snapshot: Snapshot) -> Iterator[str]:
    for target in snapshot.targets:
        first = next(iter(target.pages), None)
        why = target.why_none or (first.detail if first else "") or "it does not answer"
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
