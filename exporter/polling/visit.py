"""One process's pages: which to request, in which order, how seldom; fetch and decode, page by page.

A visit has three rounds, because the primary must be read before the secondary: its own metrics (they name
the primary), its ring pages, its gossip. A page that fails costs only itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, TypeVar

from exporter.decode.build import decode_build
from exporter.decode.config import decode_config
from exporter.decode.earlier_tokens import TokenLists
from exporter.decode.formats.member_cache import MemberCache
from exporter.decode.formats.metrics_page_layout import Layout
from exporter.decode.memberlist import decode_memberlist
from exporter.decode.metrics import decode_metrics
from exporter.decode.value import decode_value
from exporter.model.listed import grouped
from exporter.model.pages import (
    GossipView,
    MemberlistPage,
    Observation,
    Outcome,
    Page,
    PartitionRing,
    ProcessConfig,
    ProcessMetrics,
    Product,
    Reason,
    Ring,
    Target,
    Value,
)
from exporter.polling.costly_page_pauses import Pauses
from exporter.polling.listed_keys import NOT_READ, is_elected, rings_listed
from exporter.polling.page_decoders import DECODERS, PageDecoder, partition_ring_of, ring_of
from exporter.polling.process_state import Memory, RarePage, TokenRead, ending, fails_anew
from exporter.products.ha_keys import HaKeys
from exporter.products.page_kinds import PageKind, Round, kinds_of
from exporter.products.ring_pages import (
    CONFIG_PAGE,
    RingPage,
    build_pages,
    config_pages,
    key_of_client,
    pages_of,
)
from exporter.sources.http.fetcher import Fetcher
from exporter.sources.http.process_limits import Spending

T = TypeVar("T")
JSON, HTML = "application/json", "text/html"  # a ring page has tokens only in JSON
COPY = "/memberlist?downloadKey"
LARGE = 512 * 1024  # bytes of a ring page, from which on its tokens are left out most of the time
READ_TOKENS_AGAIN = 900.0  # seconds; jittered
ASK_ABSENT_AGAIN = 300.0  # seconds; jittered by the caller
READ_CONFIG_AGAIN = 60.0  # it changes by a restart, which is noticed at once; this is for the rest
READ_RARELY = 300.0
UNREACHABLE = frozenset({Reason.REFUSED, Reason.DNS, Reason.TLS})  # no connection, for any page
NOT_RESPONDING = UNREACHABLE | {Reason.TIMEOUT, Reason.DEADLINE}
HIDDEN = "absent, while /metrics counts gossip members"


@dataclass(slots=True)
class Visit:
    """One process in one cycle. Call the rounds in order; `observation()` any time after the first."""

    target: Target
    memory: Memory
    fetcher: Fetcher
    deadline: float
    now: Callable[[], float]
    jitter: Callable[[], float]  # 0.8 to 1.2
    cache: MemberCache
    product: Product = Product.UNKNOWN  # as configured
    pages: Iterable[RingPage] | None = None  # as configured; `None`: those that its product has
    spending: Spending = field(default_factory=Spending)
    ha: HaKeys = field(default_factory=HaKeys)  # the entries' names by all processes' pages
    metrics: Page[ProcessMetrics] = field(init=False)
    rings: dict[str, Page[Ring]] = field(default_factory=dict)
    partitions: dict[str, Page[PartitionRing]] = field(default_factory=dict)
    others: dict[str, Page[Any]] = field(default_factory=dict)  # registered kinds, by their names
    gossip: Page[MemberlistPage] = field(init=False)
    values: dict[str, Page[Value]] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()
    _sizes: dict[str, int] = field(default_factory=dict)  # of the pages in this round, bytes
    _elected: frozenset[str] | None = None
    _decoder: PageDecoder = field(init=False)

    def __post_init__(self) -> None:
        self._decoder = PageDecoder(self.target.name, self.spending, self.fetcher.pace)
        self.metrics = _not_asked("/metrics")
        self.gossip = _not_asked("/memberlist")
        if self.memory.asked_by is not self.fetcher:
            self.memory.asked_by, self.memory.pauses = self.fetcher, Pauses()

    def observation(self) -> Observation:
        """What has been read so far; what has not is a failed page, never an absent one."""
        return Observation(
            target=self.target,
            metrics=self.metrics,
            gossip=GossipView(self.gossip, dict(self.values)),
            config=self.memory.config or _not_asked(CONFIG_PAGE),
            rings=dict(self.rings),
            partitions=dict(self.partitions),
            others=dict(self.others),
            build=self.memory.build,
            waiting=self.waiting,
            earlier=tuple(self._earlier()),
        )

    def _earlier(self) -> Iterable[Page[Any]]:
        """How the pages ended that were not read in this cycle, because it was not its turn."""
        read = {page.name for page in self._in_turn()}
        yield from (page for page in self.memory.rings_ended if page.name not in read)
        if self.gossip.value is not None and not self.values:
            yield from self.memory.values_ended

    async def read_metrics(self) -> None:
        """First round: its product and its KV clients."""
        self.memory.visited(self.now())
        self.metrics = await self._page("/metrics", self._decode_metrics)
        metrics = self.metrics.value
        if metrics is not None:
            if metrics.start_time != self.memory.started:
                self.memory.restarted(metrics.start_time)
            if metrics.product is not Product.UNKNOWN:
                self.memory.product = metrics.product
        self.memory.not_responding = self.metrics.reason in NOT_RESPONDING
        if self.memory.not_responding:
            self.memory.forget_endings()
        await self._read_config()
        if not self.memory.not_responding:
            await self._read_others(Round.METRICS)
            await asyncio.gather(*map(self._read_rarely, kinds_of(self.kind, Round.RARELY)))
        if self.memory.build is None and metrics is not None and not metrics.version:
            await self._read_build()

    def _decode_metrics(self, body: bytes, _: float | None) -> ProcessMetrics:
        if self.memory.layout is None:
            self.memory.layout = Layout(self.target.name)
        return decode_metrics(body, self.memory.layout, self.now())

    @property
    def kind(self) -> Product:
        """The product: as configured, else as it showed itself."""
        return self.product if self.product is not Product.UNKNOWN else self.memory.product

    async def _read_config(self) -> None:
        if self.now() < self.memory.config_due:
            return
        page = replace(await self._config_page(), name=CONFIG_PAGE)
        if page.outcome is Outcome.FAILED and self._configured_since_start():
            return  # its last content still applies: it changes only by a restart
        self.memory.config = replace(page, clock=None)
        if page.outcome is not Outcome.FAILED:
            self.memory.config_due = self.now() + READ_CONFIG_AGAIN * self.jitter()

    async def _config_page(self) -> Page[ProcessConfig]:
        """Its configuration page, by the path of its product. While the product is unknown, each path is
        tried, the last successful one first. A page that fails counts more than an absent one.
        """
        asked: list[Page[ProcessConfig]] = []
        for path in sorted(config_pages(self.kind), key=lambda path: path != self.memory.config_path):
            asked.append(await self._page(path, self._decode_config))
            if asked[-1].outcome is Outcome.OK:
                self.memory.config_path = path
            if asked[-1].outcome is Outcome.OK or asked[-1].reason in NOT_RESPONDING:
                return asked[-1]
        return next((page for page in asked if page.outcome is Outcome.FAILED), asked[0])

    def _configured_since_start(self) -> bool:
        """Whether its configuration was read, and a restart would have been noticed."""
        known = self.memory.config
        return known is not None and known.value is not None and self.memory.started is not None

    def _decode_config(self, body: bytes, _: float | None) -> ProcessConfig:
        known = self.memory.config.value if self.memory.config else None
        shown = hash((body, self.kind))
        if known is None or shown != self.memory.config_hash:
            known = decode_config(body, self.kind)
            self.memory.config_hash = shown
        return known

    async def _read_build(self) -> None:
        for path in build_pages(self.kind):
            if self.memory.build is None and self._is_due(path, ""):
                page = await self._page(path, lambda body, _: decode_build(body))
                self.memory.build = replace(page, clock=None) if page.value is not None else None

    @property
    def _ring_pages(self) -> Iterable[RingPage]:
        return self.pages if self.pages is not None else pages_of(self.kind)

    async def read_rings(self) -> None:
        """Second round: what the primary's watch delivered. One page for each key is enough."""
        by_key = grouped(((page.partitions, page.key), page) for page in self._ring_pages)
        self.waiting, self._sizes = frozenset(), {}
        await asyncio.gather(
            *(self._read_ring(same) for same in by_key.values()), self._read_others(Round.RINGS)
        )
        read = self._in_turn()
        before, self.memory.rings_ended = self.memory.rings_ended, ending(read)
        self._remember(read)
        self.memory.ring_bytes = sum(self._sizes.values())
        if not fails_anew(self.memory.rings_ended, before):
            self.memory.rings_read_at = self.now()

    def _remember(self, read: Iterable[Page[Any]]) -> None:
        """Note which pages it has. A page that is missing at the moment waits for the next turn too: between
        turns its ring would not count as unknown.
        """
        outcomes = {page.name: page.outcome for page in read}
        self.memory.had |= {path: self.memory.started for path, o in outcomes.items() if o is Outcome.OK}
        self.memory.ring_paths = frozenset(
            path
            for path, outcome in outcomes.items()
            if outcome is not Outcome.ABSENT or self.memory.is_to_come(path, starting=self._starting)
        )

    def put_off_rings(self) -> None:
        """Instead of the second round, where the process is not due: list its pages. For one that was never
        read, these are the pages of the rings that its KV clients use.
        """
        if self.memory.ring_paths is not None:
            self.waiting = self.memory.ring_paths
            return
        served = self._served
        self.waiting = frozenset(page.path for page in self._ring_pages if page.key in served)
        self.waiting |= {kind.path for kind in kinds_of(self.kind, Round.RINGS) if kind.key in served}

    @property
    def clients(self) -> frozenset[str]:
        """The names of its KV clients: processes with the same names have the same pages."""
        return frozenset(self.metrics.value.clients) if self.metrics.value else frozenset()

    @property
    def _served(self) -> frozenset[str]:
        """The keys that its KV clients serve."""
        return frozenset(key_of_client(name, self.kind) for name in self.clients)

    async def _read_ring(self, same: list[RingPage]) -> None:
        for page in sorted(same, key=lambda page: page.path not in self.memory.had):
            if page.path in self.rings or page.path in self.partitions:
                continue
            if not self._is_due(page.path, page.key):
                continue
            read: Page[Any]
            if page.partitions:
                read = self.partitions[page.path] = await self._page(page.path, partition_ring_of, JSON)
            else:
                read = self.rings[page.path] = await self._ring_page(page.path)
            if read.outcome is Outcome.OK:
                return

    async def _ring_page(self, path: str) -> Page[Ring]:
        """A ring page; a large one without its tokens, where it showed them not long ago. Its size stays that
        with tokens: the turns go by it.
        """
        decode, known = partial(ring_of, cache=self.cache), self.memory.tokens_of(path, self.now())
        if known is not None and known.lists is not None:
            read = await self._page(path, decode, HTML)
            ring = known.lists.filled(read.value) if read.value is not None else None
            if ring is not None or read.reason in NOT_RESPONDING:
                self._sizes[path] = known.size
                return replace(read, value=ring)
        read = await self._page(path, decode, JSON)
        if read.value is not None and (known is None or known.lists is not None):
            self._learn_tokens(path, read.value, known.lists if known is not None else None)
        return read

    def _learn_tokens(self, path: str, ring: Ring, earlier: TokenLists | None) -> None:
        """Note the tokens of a large page. Where they equal the earlier tokens, the page without them was of
        no use, and is not requested again before the next reading of tokens is due.
        """
        self.memory.tokens.pop(path, None)
        if (size := self._sizes[path]) > LARGE:
            shown, due = self.cache.token_lists.of(ring), self.now() + READ_TOKENS_AGAIN * self.jitter()
            self.memory.tokens[path] = TokenRead(due, size, None if shown is earlier else shown)

    async def _read_others(self, when: Round) -> None:
        if kinds := kinds_of(self.kind, when):
            await asyncio.gather(*map(self._read_other, kinds))

    async def _read_other(self, kind: PageKind) -> None:
        if self._is_due(kind.path, kind.key):
            self.others[kind.name] = await self._page(kind.path, DECODERS[kind.name], accept=JSON)

    async def _read_rarely(self, kind: PageKind) -> None:
        """A page as it was read last, unless it is due, or the KV clients show another state than then."""
        metrics, kept = self.metrics.value, self.memory.rare.get(kind.name)
        switches = {c.name: (c.primary, c.mirror) for c in metrics.clients.values()} if metrics else {}
        if kept is None or self.now() >= kept.due or kept.switches != switches:
            page = kept.page if kept else _not_asked(kind.path)
            if self._is_due(kind.request, kind.key):
                read = await self._page(kind.request, DECODERS[kind.name])
                page = replace(read, name=kind.path, clock=None)
            due = self.now() + READ_RARELY * self.jitter()
            kept = self.memory.rare[kind.name] = RarePage(page, due, switches)
        self.others[kind.name] = kept.page

    def _in_turn(self) -> list[Page[Any]]:
        """What was read in this process's turn."""
        others = (self.others.get(kind.name) for kind in kinds_of(self.kind, Round.RINGS))
        return [*self.rings.values(), *self.partitions.values(), *filter(None, others)]

    def _is_due(self, path: str, key: str) -> bool:
        """Whether to request a page. An absent page is paused, unless a KV client serves its key or the
        process had it. Such a page only shows that its ring is not running yet; the ring's start must be
        observed.
        """
        due = self.now() >= self.memory.absent_until.get(path, 0.0)
        return due or path in self.memory.had or (bool(key) and key in self._served)

    @property
    def _starting(self) -> bool:
        return self.memory.is_starting(self.metrics.clock, self.now())

    async def read_gossip(self) -> None:
        """Third round: its member list and its keys. A process that counts gossip members has this page: if
        the page is absent, a proxy hides it, and its members are unknown.
        """
        self._elected = None
        page = await self._page(
            "/memberlist", lambda body, _: decode_memberlist(body, self.cache, self.ha), accept=JSON
        )
        if page.outcome is Outcome.ABSENT and self._gossips and not self._starting:
            page = replace(page, outcome=Outcome.FAILED, reason=Reason.STATUS, detail=HIDDEN)
        self.gossip = page

    @property
    def _gossips(self) -> bool:
        return self.metrics.value is not None and self.metrics.value.gossip_members is not None

    def elected(self) -> frozenset[str]:
        """The living HA-tracker keys that it lists."""
        if self._elected is None:
            listed = self.gossip.value.keys.values() if self.gossip.value else ()
            self._elected = frozenset(what.key for what in listed if is_elected(what, self.ha))
        return self._elected

    def versions(self) -> dict[str, int]:
        """What its copies of the rings have come to, by key."""
        listed = self.gossip.value.keys if self.gossip.value else {}
        if not self.memory.rings_had:  # it was never read; the list is not sorted out in every cycle
            self.memory.rings_had = rings_listed(listed, self.kind, self.ha)[0]
        return {key: listed[key].version for key in self.memory.rings_had if key in listed}

    async def read_values(self, elected: frozenset[str]) -> None:
        """Third round, for processes that are due: its copies of the rings, and of this turn's HA keys."""
        if self.gossip.value is None:
            return
        rings, left_out = rings_listed(self.gossip.value.keys, self.kind, self.ha)
        self.values |= dict.fromkeys(left_out, NOT_READ)
        self.memory.rings_had, wanted = rings, [*rings, *sorted(elected & self.elected())]
        await asyncio.gather(*map(self._read_value, wanted))
        before, self.memory.values_ended = self.memory.values_ended, ending(self.values.values())
        self.memory.value_bytes = sum(self._sizes.get(f"{COPY}={key}", 0) for key in wanted)
        if not fails_anew(self.memory.values_ended, before):
            self.memory.values_read_at = self.now()

    async def _read_value(self, key: str) -> None:
        self.values[key] = await self._page(
            "/memberlist", lambda body, _: decode_value(key, body, cache=self.cache), key=key
        )

    async def _page(
        self, path: str, decode: Callable[[bytes, float | None], T | None], accept: str = "*/*", key: str = ""
    ) -> Page[T]:
        """One page, decoded; with a `key`, this copy in the gossip."""
        name, place = (COPY, f"{COPY}={key}") if key else (path, path)
        held = self.memory.pauses.held(place, self.now())
        if held is not None:
            return held
        answer = await self.fetcher.get(
            self.target,
            path,
            accept=accept,
            query={"downloadKey": key} if key else None,
            deadline=self.deadline,
            spending=self.spending,
        )
        self._sizes[place] = len(answer.body)
        page = await self._decoder.page(name, answer, decode)
        if accept != HTML:  # where it fails, the page is requested with its tokens
            self.memory.pauses.learn(place, page, answer.received, self.now())
        if page.outcome is Outcome.ABSENT and not key and not self._starting:
            self.memory.absent_until[path] = self.now() + ASK_ABSENT_AGAIN * self.jitter()
        return page


@lru_cache
def _not_asked(path: str) -> Page[Any]:
    return Page(path, Outcome.FAILED, reason=Reason.DEADLINE, detail="not requested in this cycle")
