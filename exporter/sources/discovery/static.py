"""Targets by their URLs."""

from __future__ import annotations

import math
from dataclasses import replace

from exporter.config import Static
from exporter.sources.discovery.target_source import Listing, Source, from_url, plain_name


class StaticSource(Source):
    """Always the same."""

    refresh = math.inf

    def __init__(self, config: Static) -> None:
        named = [*(("", url) for url in config.urls), *config.processes.items()]
        self._found = tuple(
            replace(from_url(url), name=plain_name(name), component=config.component) for name, url in named
        )

    async def find(self) -> Listing:
        """The configuration's targets."""
        return Listing(self._found)
