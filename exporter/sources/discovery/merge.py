"""One process found twice is one target.

Two sources mean the same process when scheme-less address and path prefix are equal. They also do when the
one's host name has a single address that is the other's host. Within one source names count as they stand:
behind an ingress many processes share one address. What gossip finds adds only processes that no other source
found.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from exporter.config import TargetEntry
from exporter.model.pages import Target
from exporter.sources.discovery.target_source import FoundTarget
from exporter.sources.name_resolution import Resolver, is_address

RESOLVE_EVERY = 30.0
RESOLVE_LIMIT = 5.0  # seconds for all names together; the rest keep the addresses they had


@dataclass(frozen=True, slots=True)
class Claim:
    """One find with its entry: the settings that apply, and the source that it came from."""

    found: FoundTarget
    entry: TargetEntry
    http: str
    prefix: str
    source: int
    listed: bool = True  # False: its source listed it until it lost half of its list at once

    @property
    def url(self) -> str:
        prefix = self.prefix if self.found.prefix is None else self.found.prefix
        return f"{self.found.scheme}://{self.found.address}{prefix}"

    def target(self) -> Target:
        """On its own."""
        return Target(
            name=self.found.name or self.found.address,
            url=self.url,
            component=self.found.component or self.entry.component,
            labels=MappingProxyType({**self.entry.labels, **self.found.labels}),
            source=self.entry.kind,
            http=self.http,
            listed=self.listed,
        )


class Addresses:
    """The single address behind each host name, where there is a single one."""

    def __init__(self) -> None:
        self.version: object = object()  # another one whenever anything changed
        self._of: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    def of(self, host: str) -> str:
        """The address of a name with a single address; else the name itself."""
        return self._of.get(host, host)

    def start(self, hosts: Callable[[], Iterable[str]]) -> None:
        """Resolve repeatedly the names that there are then."""
        if self._task is None:
            self._task = asyncio.create_task(self._loop(hosts), name="discovery addresses")

    async def stop(self) -> None:
        """End the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _loop(self, hosts: Callable[[], Iterable[str]]) -> None:
        while True:
            await asyncio.sleep(RESOLVE_EVERY)
            await self.learn(hosts())

    async def learn(self, hosts: Iterable[str]) -> None:
        """Resolve all these names; a name without an answer keeps its last address."""
        names = [host for host in hosts if not is_address(host)]
        if not names:
            return
        resolver = Resolver()
        asked = {asyncio.create_task(_single(resolver, name)): name for name in names}
        done, late = await asyncio.wait(asked, timeout=RESOLVE_LIMIT)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await resolver.close()
        learned = {asked[task]: address for task in done if (address := task.result())}
        if learned.items() - self._of.items():
            self._of |= learned
            self.version = object()


async def _single(resolver: Resolver, name: str) -> str:
    try:
        found = {result["host"] for result in await resolver.resolve(name)}
    except OSError:
        return ""
    return found.pop() if len(found) == 1 else name


@dataclass(slots=True)
class _Process:
    claims: list[Claim] = field(default_factory=list)

    def target(self) -> Target:
        """The first claim in the order of the configuration leads; better names and labels join."""
        targets = [claim.target() for claim in self.claims]
        named = next((claim.found.name for claim in self.claims if claim.found.name), "")
        component = next((target.component for target in targets if target.component), "")
        labels: dict[str, str] = {}
        for target in reversed(targets):
            labels |= target.labels
        first = targets[0]
        listed = any(claim.listed for claim in self.claims)
        kept = MappingProxyType(labels)
        return replace(first, name=named or first.name, component=component, labels=kept, listed=listed)


def left_behind(
    before: tuple[FoundTarget, ...], left: tuple[FoundTarget, ...], now: tuple[FoundTarget, ...]
) -> tuple[FoundTarget, ...]:
    """What a source lost where it lost all of its list, or half of it and more than one process, at once. A
    truncated list has this effect. What comes back, or has another process at its address, is no longer left;
    the rest of the earlier losses stays.
    """
    here = {(found.host, found.port, found.prefix) for found in now}
    vanished = [found for found in before if (found.host, found.port, found.prefix) not in here]
    is_half = 2 * len(vanished) >= len(before) and len(vanished) > 1 and len(now) < len(before)
    is_partial = bool(vanished) and (not now or is_half)
    kept = [found for found in left if (found.host, found.port, found.prefix) not in here]
    return (*kept, *vanished) if is_partial else tuple(kept)


def merge(claims: Iterable[Claim], addresses: Addresses) -> tuple[Target, ...]:
    """The claims as targets with unique names, in the order of their names."""
    ordered = sorted(claims, key=lambda c: (c.entry.kind == "gossip", not c.listed, c.source))
    processes: list[_Process] = []
    by_key: dict[object, _Process] = {}
    for claim in ordered:
        keys = list(_keys(claim, addresses))
        known = next((by_key[key] for key in keys if _may_join(by_key.get(key), claim, key)), None)
        process = known or _Process()
        if known is None:
            processes.append(process)
        process.claims.append(claim)
        for key in keys:
            by_key.setdefault(key, process)
    return _unique([process.target() for process in processes], processes)


def _keys(claim: Claim, addresses: Addresses) -> Iterator[tuple[str, ...]]:
    """What equal processes share; the first key is as it stands, the remaining keys need another source."""
    host, port = claim.found.host, str(claim.found.port)
    prefix = claim.prefix if claim.found.prefix is None else claim.found.prefix
    single = addresses.of(host)
    yield ("as written", host, port, prefix)
    yield ("by address", single, port, prefix)
    yield ("anywhere", single, port)


def _may_join(process: _Process | None, claim: Claim, key: object) -> bool:
    if process is None:
        return False
    kind = key[0] if isinstance(key, tuple) else ""
    if kind == "as written":
        return True
    if kind == "anywhere":
        return claim.entry.kind == "gossip"
    return all(other.source != claim.source for other in process.claims)


def _unique(targets: list[Target], processes: list[_Process]) -> tuple[Target, ...]:
    """A name of several targets identifies none: they get their addresses, or complete URLs, instead."""
    addresses = [process.claims[0].found.address for process in processes]
    for names in (addresses, [target.url for target in targets]):
        count = Counter(target.name for target in targets)
        targets = [
            target if count[target.name] == 1 else replace(target, name=name)
            for target, name in zip(targets, names, strict=True)
        ]
    return tuple(sorted(targets, key=lambda target: target.name))
