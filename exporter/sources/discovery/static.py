"""Targets by their URLs."""

from __future__ import annotations

import math

from exporter.config import Static
from exporter.sources.discovery.found_targets import Finding, FoundTarget, from_url


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


def _named(found: FoundTarget, component: str) -> FoundTarget:
    return FoundTarget(found.host, found.port, found.scheme, found.prefix, component=component)
