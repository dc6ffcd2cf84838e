"""Targets by their URLs, and by what the other targets' member lists say."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from functools import lru_cache

from exporter.config import GossipSd, Static
from exporter.errors import DecodeError
from exporter.sources.discovery_found import MAX_FOUND, Finding, Found, from_address, from_url

GOSSIP_GRACE = 120.0  # seconds a member stays a target after the last list that had it


class StaticSource:
    """Always the same."""

    refresh = math.inf

    def __init__(self, config: Static) -> None:
        self._found = tuple(_named(from_url(url), config.component) for url in config.urls)

    async def find(self) -> Finding:
        """What the configuration says."""
        return Finding(self._found)

    async def close(self) -> None:
        """Nothing is held."""


def _named(found: Found, component: str) -> Found:
    return Found(found.host, found.port, found.scheme, found.prefix, component=component)


class GossipSource:
    """Members of the gossip as targets; told by the poller, through `seen`.

    A member that no list has any more stays for a while: that it stopped answering is worth a
    series. A cycle that could read no list at all says nothing about anybody.
    """

    refresh = 5.0  # only lets go of the old ones

    def __init__(self, config: GossipSd, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._seen_at: dict[str, float] = {}

    def seen(self, addresses: Iterable[str]) -> None:
        """The addresses in the last cycle's member lists, with or without the gossip port."""
        now = self._clock()
        hosts = {host for address in addresses if (host := _host_of(address))}
        if not hosts:
            return
        self._seen_at |= dict.fromkeys(sorted(hosts)[:MAX_FOUND], now)
        newest = sorted(self._seen_at.items(), key=lambda item: -item[1])[:MAX_FOUND]
        self._seen_at = {host: at for host, at in newest if now - at <= GOSSIP_GRACE}

    def current(self) -> tuple[Found, ...]:
        """The members seen of late."""
        now, port, scheme = self._clock(), self._config.port, self._config.scheme
        hosts = sorted(host for host, at in self._seen_at.items() if now - at <= GOSSIP_GRACE)
        return tuple(Found(host, port, scheme) for host in hosts)

    async def find(self) -> Finding:
        """The same, without those that have been gone for too long."""
        return Finding(self.current())

    async def close(self) -> None:
        """Nothing is held."""


@lru_cache(maxsize=20_000)
def _host_of(address: str) -> str:
    """The host of `10.0.0.1:7946`, `10.0.0.1`, `[::1]:7946` or `::1`; "" where it is none."""
    bare_ipv6 = address.count(":") > 1 and not address.startswith("[")
    try:
        return from_address(f"[{address}]" if bare_ipv6 else address).host
    except DecodeError:
        return ""
