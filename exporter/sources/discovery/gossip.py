"""Targets by the other targets' member lists.

Each process writes its list itself, so one list makes no member a target. A member must be in state alive in
most of the lists, at an address where a process can run. There are at most `max_members`. Credentials are
sent to them only if the entry's `credentials_for` has their network.
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from exporter.config import GossipSd
from exporter.sources.discovery.target_source import FoundTarget, Listing, Source, is_loopback, is_no_process

GRACE = 120.0  # seconds a member stays a target after the last list that had it


@dataclass(frozen=True, slots=True)
class Lists:
    """A member list: the addresses in state alive, all its addresses, and how many processes sent it."""

    alive: frozenset[str]
    every: frozenset[str]
    count: int = 1


class GossipSource(Source):
    """The poller passes the lists to `take_lists`.

    A member that no list has any more stays for a while: its failure is worth a series. A cycle without a
    readable list changes nothing.
    """

    refresh = 5.0  # only removes old members

    def __init__(self, config: GossipSd, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._listed_at: dict[str, float] = {}

    def take_lists(self, lists: Iterable[Lists], seeds: frozenset[str]) -> None:
        """The lists of the last cycle. `seeds` are the hosts of the other sources. Where there are several, a
        single answer adds no member. Loopback addresses are accepted only if a seed is on loopback.
        """
        answered = [each for each in lists if each.every]
        votes, total = Counter[str](), sum(each.count for each in answered)
        for each in answered:
            for host in each.alive:
                votes[host] += each.count
        named = frozenset[str]().union(*(each.every for each in answered))
        now = self._clock()
        stays = {host: at for host, at in self._listed_at.items() if now - at <= GRACE}
        stays |= dict.fromkeys(named & stays.keys(), now)
        if total > 1 or len(seeds) == 1:
            most = sorted(host for host, count in votes.items() if 2 * count > total)
            near = any(is_loopback(seed) for seed in seeds)
            stays |= {host: now for host in most if host not in stays and may_be_asked(host, near=near)}
        self._listed_at = dict(list(stays.items())[: self._config.max_members])

    def current(self) -> tuple[FoundTarget, ...]:
        """The members of recent lists."""
        now, port, scheme = self._clock(), self._config.port, self._config.scheme
        hosts = sorted(host for host, at in self._listed_at.items() if now - at <= GRACE)
        return tuple(FoundTarget(host, port, scheme) for host in hosts)

    async def find(self) -> Listing:
        """The same, without those that were in no list for too long."""
        return Listing(self.current())


@lru_cache(maxsize=20_000)
def host_of(address: str) -> str:
    """The address in `10.0.0.1:7946`, `10.0.0.1`, `[::1]:7946` or `::1`; "" for a name."""
    host = address.rpartition(":")[0] if address.count(":") == 1 or address.startswith("[") else address
    try:
        found = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return ""
    return "" if getattr(found, "scope_id", None) is not None else str(found)


def may_be_asked(host: str, *, near: bool) -> bool:
    """Whether a process can run at this address."""
    return not is_no_process(host) and (near or not is_loopback(host))
