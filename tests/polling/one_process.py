"""A process as a visit reads it, with our clock in hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from exporter.decode.formats.member_cache import MemberCache
from exporter.model.pages import Answer, MemberlistPage, Observation, Outcome, Page, Product, Reason, Target
from exporter.polling.process_state import Memory
from exporter.polling.visit import Visit
from exporter.sources.http.fetcher import Fetcher
from exporter.sources.http.loop_fairness import Pace

CONFIG = b"target: all\nmemberlist:\n  cluster_label: prod\n  cluster_label_verification_disabled: true\n"


@dataclass
class OneProcess:
    """A process as `Fetcher.get` would show it, and our clock."""

    now: float = 5000.0
    start: float | None = 1000.0
    shows_config: bool = True
    config_path: str = "/config"
    product: Product = Product.CORTEX  # as configured
    clients: tuple[str, ...] = ()
    gossip_members: int | None = None  # as its metrics count them
    shown: dict[str, bytes] = field(default_factory=dict)  # ring pages; the others answer 404
    failing: dict[str, Reason] = field(default_factory=dict)
    bare: dict[str, bytes] = field(default_factory=dict)  # ring pages in HTML, where that is asked for
    asked: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)  # of the ring pages
    memory: Memory = field(default_factory=Memory)
    pace: Pace = field(default_factory=Pace)
    cache: MemberCache = field(default_factory=MemberCache)

    async def get(self, _: Target, path: str, *, accept: str = "", **__: Any) -> Answer:
        self.asked.append(path)
        if path in self.shown:
            self.accepted.append(accept)
        if accept == "text/html" and path in self.bare:
            return Answer(Outcome.OK, status=200, body=self.bare[path], asked_at=self.now)
        if path in self.failing:
            return Answer(Outcome.FAILED, self.failing[path], asked_at=self.now)
        if path == "/metrics":
            text = "go_goroutines 1\n"
            text += f"process_start_time_seconds {self.start}\n" if self.start is not None else ""
            if self.gossip_members is not None:
                text += f"cortex_memberlist_client_cluster_members_count {self.gossip_members}\n"
            for name in self.clients:
                text += f'cortex_kv_request_duration_seconds_count{{kv_name="{name}",type="consul"}} 1\n'
            return Answer(Outcome.OK, status=200, body=text.encode(), asked_at=self.now)
        if path == self.config_path and self.shows_config:
            return Answer(Outcome.OK, status=200, body=CONFIG, asked_at=self.now)
        if path == self.config_path:
            return Answer(Outcome.FAILED, Reason.DENIED, "403", 403, asked_at=self.now)
        if path in self.shown:
            return Answer(Outcome.OK, status=200, body=self.shown[path], asked_at=self.now)
        return Answer(Outcome.ABSENT, status=404)

    def begin(self) -> Visit:
        return Visit(
            Target("a:1", "http://a:1"),
            self.memory,
            cast(Fetcher, self),
            1e9,
            lambda: self.now,
            lambda: 1.0,
            self.cache,
            self.product,
        )

    def gossip(self) -> Page[MemberlistPage]:
        """Its member list, as one cycle reads it."""
        visit = self.begin()
        asyncio.run(visit.read_metrics())
        asyncio.run(visit.read_gossip())
        return visit.gossip

    def visit(self, seconds: float = 600.0, rings: bool | None = None) -> Observation:
        """Let time pass and read the first round, and the second where that is asked for: `False` where it
        is somebody else's turn.
        """
        self.now += seconds
        self.asked.clear()
        visit = self.begin()
        asyncio.run(visit.read_metrics())
        if rings:
            asyncio.run(visit.read_rings())
        elif rings is False:
            visit.put_off_rings()
        return visit.observation()
