"""Which processes get the label ping, when, and what the answers together show.

A refusal of a wrong label counts only beside an answer to the right one. A proxy or a process that stops
closes every connection, and that is no protection.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from exporter.config import Gossip
from exporter.derive.identity.member_processes import Identity, identities
from exporter.errors import FetchError
from exporter.model.facts import ProbeResult
from exporter.model.pages import Observation
from exporter.sources.access.tls import Tls
from exporter.sources.label_ping import MAX_LABEL, SECONDS, MemberPort, ask

OWN, NO, FOREIGN = "own", "no", "foreign"
NOBODYS = "kvmigration-probe"  # a label that no cluster has; it names this exporter in a log
RARELY = 60.0  # seconds between two pings that should be refused, at least: each leaves a line in a log
AT_ONCE = 16
MAX_PORT = 65_535
MAX_ADDRESSES = 10_000  # our own addresses; rejections of them are our own


@dataclass(slots=True)
class _Asked:
    """One process's answers, and when each kind was last pinged."""

    results: dict[str, ProbeResult] = field(default_factory=dict)
    at: dict[str, float] = field(default_factory=dict)


class Probing:
    """The probe of one configuration; does nothing unless it is enabled. `clock` is monotonic seconds."""

    def __init__(
        self,
        settings: Gossip,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clock, self._now = clock, now
        self._tls = Tls(settings.probe.tls_config, clock)
        self._asked: dict[str, _Asked] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._sent_from: OrderedDict[str, None] = OrderedDict()
        self._others: set[str] = set()  # hosts from which another exporter of ours pings

    def replaced(self, settings: Gossip) -> Probing:
        """The probe of another configuration. It begins anew unless nothing changed."""
        if settings == self._settings:
            return self
        other = Probing(settings, self._clock, self._now)
        other._sent_from = self._sent_from
        return other

    @property
    def foreign_label(self) -> str:
        """The label that no process should accept."""
        return self._settings.probe.label or NOBODYS

    async def probe(self, observed: Iterable[Observation], deadline: float) -> tuple[ProbeResult, ...]:
        """Ping every process that is due; the newest answer of each kind of each process. Never raises."""
        if not self._settings.probe.enabled:
            return ()
        doors = self._doors(tuple(observed))
        self._asked = {name: self._asked.get(name, _Asked()) for name in doors}
        await asyncio.gather(*(self._ask(name, *door, deadline) for name, door in doors.items()))
        return tuple(result for asked in self._asked.values() for result in asked.results.values())

    def _doors(self, observed: tuple[Observation, ...]) -> Mapping[str, tuple[MemberPort, str]]:
        """Gossip ports by process, each with the label that it should accept."""
        known = {identity.target: identity for identity in identities(observed)}
        found = {}
        for observation in observed:
            identity = known.get(observation.target.name)
            label = self._label(identity)
            place = _place(observation, identity)
            if place is not None and label is not None and len(label.encode()) <= MAX_LABEL:
                with suppress(FetchError):  # without certificates no ping
                    found[observation.target.name] = (self._door(*place, identity), label)
        return found

    def _label(self, identity: Identity | None) -> str | None:
        """The label a process should accept: that of our configuration, else its own."""
        if self._settings.label is not None:
            return self._settings.label
        return identity.config.label if identity and identity.config else None

    def _door(self, host: str, port: int, identity: Identity | None) -> MemberPort:
        encrypted = identity is not None and identity.config is not None and identity.config.gossip_tls
        if not encrypted:
            return MemberPort(host, port)
        return MemberPort(host, port, self._tls.context(), self._tls.server_name)

    async def _ask(self, name: str, door: MemberPort, label: str, deadline: float) -> None:
        asked = self._asked[name]
        if self._is_due(asked, OWN, self._settings.probe.interval):
            await self._one(name, OWN, door, label, deadline)
        if not self._settings.probe.foreign:
            return
        # The foreign label first: another exporter of ours recognises our host by it.
        for kind, wrong in ((FOREIGN, self.foreign_label), (NO, "")):
            if wrong != label and self._is_due(asked, kind, max(RARELY, self._settings.probe.interval)):
                await self._one(name, kind, door, wrong, deadline)

    def _is_due(self, asked: _Asked, kind: str, interval: float) -> bool:
        # Half a second early is on time: cycles do not start to the millisecond.
        return self._clock() - asked.at.get(kind, float("-inf")) >= interval - min(0.5, interval / 10)

    async def _one(self, name: str, kind: str, door: MemberPort, label: str, deadline: float) -> None:
        async with self._places:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return
            asked = self._asked[name]
            asked.at[kind] = self._clock()
            accepted = await ask(door, label, seconds=min(SECONDS, left), from_=self._sent)
        own = asked.results.get(OWN)
        if kind != OWN and accepted is False and not (own and own.accepted):
            accepted = None
        asked.results[kind] = ProbeResult(name, kind, accepted, self._now())

    def _sent(self, address: str) -> None:
        self._sent_from[address] = None
        while len(self._sent_from) > MAX_ADDRESSES:
            self._sent_from.popitem(last=False)

    def ours(self, label: str, source: str) -> bool:
        """Whether a rejection is of a ping of ours, or of another exporter that watches the same members.
        That one pings with the foreign label and then with none, from the same host.
        """
        if source in self._sent_from:
            return True
        if not self._settings.probe.enabled or not self._settings.probe.foreign:
            return False
        host = source.rpartition(":")[0]
        if label == self.foreign_label:
            if len(self._others) < AT_ONCE:
                self._others.add(host)
            return True
        return label == "" and host in self._others and not host.startswith(("127.", "[::1]"))


def _place(observation: Observation, identity: Identity | None) -> tuple[str, int] | None:
    """Where a process's gossip port is: as its own member list has it, else as it is configured."""
    page = observation.gossip.page.value
    if identity is None or page is None or identity.config is None:
        return None  # without /config it is unknown whether its gossip is encrypted
    own = next((member for member in page.members if member.name == identity.member), None)
    if own is not None and 0 < own.port <= MAX_PORT and own.address:
        return own.address, own.port
    config = identity.config
    port = config.advertise_port if config.advertise_address else config.bind_port
    host = config.advertise_address or identity.host
    return (host, port) if host and port and 0 < port <= MAX_PORT else None
