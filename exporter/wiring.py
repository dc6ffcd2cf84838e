"""A configuration at work: discovery, fetching, stores and the poller, put together and replaceable."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Self

from exporter.config import Config, Consul, RingSpec, each_store
from exporter.derive.identity.member_processes import each_once
from exporter.derive.judging_rules import Rules
from exporter.expose.wording.worded_snapshot import worded
from exporter.label_evidence.configured_log_sources import sources_of
from exporter.label_evidence.ping_rounds import Probing
from exporter.label_evidence.rejections import Rejections
from exporter.model.facts import Snapshot
from exporter.model.migration import KEPT_ON_STORE, MICROSERVICES
from exporter.model.pages import GossipState, Product, Target
from exporter.polling.cycle import RELOADED, Poller
from exporter.polling.history_file import HistoryFile, path_of
from exporter.polling.poll_input import DEADLINE_SHARE, Plan, nothing
from exporter.polling.stores import store_readers
from exporter.products.ring_pages import ANY, HA_KEY, RING_PAGES, RingPage, has_partitions, ring_of
from exporter.sources.access.request_settings import Access
from exporter.sources.discovery.gossip import Lists, host_of
from exporter.sources.discovery.targets import Discovery
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.sources.join_seeds import Seeds

# A release may be called mimir-write: what follows it then is the name of a component, as Mimir has them.
_COMPONENTS = (
    "distributor|ingester|querier|query-|ruler|compactor|store-gateway|alertmanager|overrides-|gateway|"
    "block-builder|usage-tracker"
)
MIMIR_GROUPS = (
    (
        "read-write",
        re.compile(rf"(^|-)mimir-(write|read|backend)-(?!({_COMPONENTS}))|^(write|read|backend)-\d"),
    ),
    ("microservices", re.compile(".*")),
)


def rules_of(config: Config) -> Rules:
    """Take the limits and patterns of the judgement out of a configuration."""
    groups = tuple((group.name, re.compile(group.match)) for group in config.groups)
    return Rules(
        interval=config.interval,
        soak=config.gate.soak,
        max_lag=config.gate.max_lag,
        benign_mirror_error_ratio=config.gate.benign_mirror_error_ratio,
        migrations=migrations_of(config),
        docs_url=(config.gate.docs_url or "").rstrip("/"),
        label=config.gossip.label or "",
        expected_members=tuple(re.compile(pattern) for pattern in config.gossip.expected_members),
        groups=groups,
        default_groups=() if groups else MIMIR_GROUPS,
        leaving=next((group.name for group in config.groups if group.leaves), MICROSERVICES),
        heartbeat_timeouts={
            page.key: spec.heartbeat_timeout
            for spec in _specs(config)
            for page in _pages(spec, product_of(config))
            if spec.heartbeat_timeout
        },
        pages=pages_of(config),
        product=product_of(config),
        stores=tuple(_stores_read(config)),
        remembers=config.state_file is not None,
    )


def migrations_of(config: Config) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The migrations that `rings` is split into, with their keys. The keys that `keep_on_store` has are
    a migration that has not begun, but for the HA tracker: it has a migration of its own.
    """
    kept = tuple(key for key in config.gate.keep_on_store if key.rstrip("/") != HA_KEY.rstrip("/"))
    split = tuple((one.name, one.keys) for one in config.migrations)
    return (*split, (KEPT_ON_STORE, kept)) if kept else split


def _stores_read(config: Config) -> Iterator[str]:
    """What is read of which external store, without the way to it."""
    for _, name, store in each_store(config.stores):
        where = f"{store.url} {store.datacenter}" if isinstance(store, Consul) else " ".join(store.urls)
        yield f"{name} {where} {' '.join((*store.known_as, *store.prefixes))}"


def pages_of(config: Config) -> tuple[RingPage, ...] | None:
    """The ring pages of a configured list, `None` for `auto`."""
    if config.rings == "auto":
        return None
    return tuple(page for spec in _specs(config) for page in _pages(spec, product_of(config)))


def product_of(config: Config) -> Product:
    """The configured product, unknown for `auto`."""
    return Product.UNKNOWN if config.product == "auto" else Product(config.product)


def _specs(config: Config) -> tuple[RingSpec, ...]:
    return () if config.rings == "auto" else config.rings


def _pages(spec: RingSpec, product: Product) -> tuple[RingPage, ...]:
    """The page that one entry means. Without a key there is one for each key that products have behind
    this path, unless the configuration names the product.
    """
    if spec.key:
        return (RingPage(spec.path, spec.key, spec.ring or ring_of(spec.key), ANY, _has_partitions(spec)),)
    known = [page for page in RING_PAGES if page.path == spec.path]
    meant = [page for page in known if product in page.products] or known
    return tuple(replace(page, ring=spec.ring or page.ring) for page in meant)


def _has_partitions(spec: RingSpec) -> bool:
    known = {page.path: page.partitions for page in RING_PAGES}
    return known.get(spec.path, has_partitions(spec.path))


class Watch:
    """Everything that runs for one configuration. Use as an asynchronous context manager.

    `poller.snapshot` is the newest conclusion. `replace` takes another configuration at once. The state file
    is read at the beginning; with `keeps` it is also written.
    """

    def __init__(
        self, config: Config, clock: Callable[[], float] = time.time, *, keeps: bool = False
    ) -> None:
        self.config = config
        self._clock = clock
        self.access = Access(config.http_settings())
        self.seeds = Seeds()
        self._stack = AsyncExitStack()
        self.fetcher = new_fetcher(config, self.access, clock)
        self.discovery = Discovery(config)
        self.probing = Probing(config.gossip)
        self.rejections = Rejections()
        self.history_file, self._keeps = HistoryFile(path_of(config)), keeps
        self.poller = Poller(self._plan(config), now=clock)

    async def __aenter__(self) -> Self:
        self.poller.history = await self.history_file.recall(self._clock())
        self._stack.push_async_callback(self.history_file.close)
        await self.fetcher.__aenter__()
        self._stack.push_async_callback(lambda: self.fetcher.__aexit__(None, None, None))  # of that time
        await self.discovery.refresh()
        await self.discovery.start()
        self._stack.push_async_callback(self.discovery.stop)
        self._stack.push_async_callback(self.rejections.close)
        self._stack.push_async_callback(self.seeds.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _plan(self, config: Config) -> Plan:
        views = config.scale.views_per_cycle
        self.rejections.use(sources_of(config, self.fetcher, self.targets), self.probing.ours)
        return Plan(
            targets=self.targets,
            fetcher=self.fetcher,
            rules=rules_of(config),
            interval=config.interval,
            product=product_of(config),
            pages=pages_of(config),
            stores=tuple(store_readers(config, self.fetcher)),
            views_per_cycle=None if views == "auto" else views,
            discovered=self.discovery.discovered,
            unsure=self.discovery.unwatched,
            rejections=self.rejections.look if config.scale.shard == 0 else nothing,
            probes=self.probing.probe,
            look_up=self.seeds.look_up,
            before_cycle=self.access.refresh,
            after_cycle=self._after_cycle,
            words=worded,
            shard=config.scale.shard,
            shards=config.scale.shards,
        )

    def targets(self) -> tuple[Target, ...]:
        """Processes to visit, by the last discovery."""
        return self.discovery.targets()

    def watched(self) -> tuple[Target, ...]:
        """Those of the processes that are this shard's to visit."""
        return self.poller.share()[0]

    async def _after_cycle(self, snapshot: Snapshot) -> None:
        self.discovery.take_lists(lists_of(snapshot))
        self.discovery.answered({target.url for target in snapshot.targets if target.up})
        if self._keeps:
            self.history_file.keep(self.poller.history)

    async def replace(self, config: Config) -> None:
        """Take another configuration, all of it. The facts about the processes and the past are kept.

        New sources are queried before anything changes. Then everything changes between two steps of the
        loop, so that no request ever carries the credentials of another configuration.
        """
        prepared = await self.discovery.prepare(config)
        access = self.access.replaced(config.http_settings())
        fetcher = await new_fetcher(config, access, self._clock).__aenter__()
        fetcher.counts = self.fetcher.counts
        old = self.fetcher
        self.discovery.commit(prepared)
        is_another = config != self.config
        self.history_file.move(path_of(config))
        self.config, self.access, self.fetcher = config, access, fetcher
        self.probing = self.probing.replaced(config.gossip)
        self.poller.plan = self._plan(config)
        if is_another:
            self.poller.outdate(RELOADED)
        await prepared.close()
        await self.poller.between_cycles()
        await old.__aexit__(None, None, None)


def lists_of(snapshot: Snapshot) -> Iterator[Lists]:
    """The member lists that were read, equal lists together: most processes list the same members."""
    members = [target.gossip.members for target in snapshot.targets if target.gossip is not None]
    count = Counter(map(id, members))
    for same, some in each_once(members).items():
        every = frozenset(filter(None, (host_of(member.address) for member in some)))
        alive = (member.address for member in some if member.state is GossipState.ALIVE)
        yield Lists(frozenset(filter(None, map(host_of, alive))), every, count[same])


def new_fetcher(config: Config, access: Access, clock: Callable[[], float] = time.time) -> Fetcher:
    """Make the fetcher of a configuration; its session is not open yet."""
    common = config.http_settings()[""]
    return Fetcher(
        FetchSettings(
            timeout=common.timeout,
            max_response_bytes=common.max_response_bytes,
            max_concurrency=common.max_concurrency,
            follow_redirects=common.follow_redirects,
            ring_pages=frozenset(page.path for page in pages_of(config) or ()),
            for_target=access.for_target,
        ),
        clock,
    )


def target_rows(watch: Watch) -> list[dict[str, Any]]:
    """The rows of `/targets`: every discovered process, with what the last cycle found. A process that only
    another shard watches is in the other shard's list.
    """
    snapshot = watch.poller.snapshot
    facts = {target.name: target for target in snapshot.targets} if snapshot else {}
    rows = []
    for target in watch.watched():
        found = facts.get(target.name)
        rows.append(
            {
                "name": target.name,
                "url": target.url,
                "component": target.component or (found.component if found else ""),
                "source": target.source,
                "labels": dict(target.labels),
                "up": found.up if found else None,
                "product": found.product.value if found else None,
                "version": found.version if found else None,
                "phase": found.phase.label if found else None,
                "seconds_since_seen": time.time() - found.seen_at if found and found.seen_at else None,
                "pages": [
                    {"page": p.name, "outcome": p.outcome.value, "reason": p.reason, "detail": p.detail}
                    for p in (found.pages if found else ())
                ],
            }
        )
    return rows


async def one_cycle(config: Config) -> Snapshot:
    """One reading: discover, read, conclude."""
    async with Watch(config) as watch:
        return await watch.poller.cycle()


async def cancelled(task: asyncio.Task[None]) -> None:
    """Stop a task and wait until it has stopped."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def look_once(watch: Watch, target: Target, seconds: float) -> Snapshot:
    """Visit one process within `seconds`, by the common `http_client` of the configuration at work.

    A session of its own: what a probe does is not counted among the calls of the cycles.
    """
    config, access = watch.config, watch.access
    prefix = config.http_client.path_prefix
    asked = replace(target, url=target.url + prefix)
    async with new_fetcher(config, access) as fetcher:
        plan = Plan(
            targets=lambda: (asked,),
            fetcher=fetcher,
            rules=rules_of(config),
            interval=seconds / DEADLINE_SHARE,
            product=product_of(config),
            pages=pages_of(config),
            min_deadline=0.0,
        )
        return await Poller(plan).cycle()
