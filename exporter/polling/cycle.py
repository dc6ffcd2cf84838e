"""One cycle after another: visit the processes, read the stores, conclude. Owns clock and history.

The order within a cycle prevents false differences: first every process's metrics (they name the primary),
then the primary, then the secondary. Whatever the secondary lacks is then a real lag.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from exporter.decode.formats.member_cache import MemberCache
from exporter.derive.comparison.collect import Cycle
from exporter.derive.conclude import conclude
from exporter.derive.gate.step_verdicts import are_views_needed
from exporter.derive.previous_cycle import History
from exporter.log import logger
from exporter.model.facts import Snapshot
from exporter.model.pages import Observation, Target
from exporter.model.shard import Share
from exporter.model.stores import StoreContent
from exporter.polling.concurrent_visits import (
    PATIENCE,
    Stragglers,
    deadlines,
    external_is_primary,
    in_portions,
    ticked,
)
from exporter.polling.poll_input import Plan, nothing
from exporter.polling.process_state import Memory, configurations
from exporter.polling.sharding import share_out
from exporter.polling.stores import read_stores
from exporter.polling.view_turns import (
    AT_LEAST,
    WITHIN,
    Entries,
    Last,
    Pace,
    Turn,
    Versions,
    is_due,
    is_first,
    listed_by_several,
    slow_copies,
    suspects,
    turn_of,
    with_each_kind,
)
from exporter.polling.visit import UNREACHABLE, Visit
from exporter.products.ha_keys import HaKeys, ha_keys
from exporter.products.ring_pages import HA_KEY
from exporter.sources.http.process_limits import Spending

log = logger("kvmigration.poll")
STORE_SHARE = 0.65  # of the remaining time, where the stores are read first: a slow one costs only itself
IN_FLIGHT = 4 * 1024 * 1024  # bytes of ring pages or gossip values on their way at one time
MANY = 64
RELOADED = "Unknown: the configuration was reloaded, and no cycle has ended with it yet."


@dataclass(slots=True)
class Poller:
    """Runs cycles. `snapshot` is the last one's conclusion, `None` before the first has ended."""

    plan: Plan
    now: Callable[[], float] = time.time
    on_snapshot: Callable[[Snapshot], None] = lambda _: None
    snapshot: Snapshot | None = None
    history: History = field(default_factory=History)
    number: int = 0
    failures: int = 0
    _cache: MemberCache = field(default_factory=MemberCache)
    _memories: dict[str, Memory] = field(default_factory=dict)
    _cycling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _random: random.Random = field(default_factory=random.Random)
    _entries: Entries = field(default_factory=Entries)
    _versions: Versions = field(default_factory=dict)
    _at_once: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Run cycles for ever, at the interval with a little jitter; a failed cycle is logged, not fatal."""
        while True:
            started = time.monotonic()
            try:
                await self.cycle()
            except Exception:
                self.failures += 1
                log.exception("cycle failed")
            spent = time.monotonic() - started
            with contextlib.suppress(TimeoutError):
                left = max(0.05, self.plan.interval * self._jitter(0.02) - spent)
                await asyncio.wait_for(self._at_once.wait(), left)

    def outdate(self, why: str) -> None:
        """Withdraw what may be done next: the next cycle comes at once."""
        if self.snapshot is not None:
            self.snapshot = self.snapshot.withheld(why)
        self._at_once.set()

    def _jitter(self, share: float = 0.2) -> float:
        return 1 + share * (2 * self._random.random() - 1)

    async def between_cycles(self) -> None:
        """Wait until no cycle is under way."""
        async with self._cycling:
            return

    async def cycle(self) -> Snapshot:
        """Run one cycle and publish its snapshot."""
        async with self._cycling:
            return await self._cycle()

    async def _cycle(self) -> Snapshot:
        started = self.now()
        self.number += 1  # a cycle that fails is missing in the numbers
        plan, deadline = self.plan, asyncio.get_running_loop().time() + self.plan.deadline()
        self._at_once.clear()
        await plan.before_cycle()
        targets, share = self.share()
        visits = self._visits(targets, deadline)
        read, rejections = await asyncio.gather(self._read(plan, visits, deadline), plan.rejections(deadline))
        probes = await plan.probes(_reported(read.observed, share), deadline)
        cycle = Cycle(
            at=self.now(),
            ticked=ticked(self.now),
            started=started,
            number=self.number,
            observed=read.observed,
            stores=read.stores,
            keep_views_since=started - 2 * read.sweep_seconds,
            sweep_seconds=read.sweep_seconds,
            discovered=MappingProxyType(dict(plan.discovered())),
            unsure=plan.unsure(),
            fetches=MappingProxyType(dict(plan.fetcher.counts)),
            rejections=rejections,
            probes=probes,
            resolved=await plan.look_up(_seeds(read.observed)),
            share=share,
        )
        snapshot, self.history = await asyncio.to_thread(
            conclude, cycle, self.history, plan.rules, plan.words
        )
        del visits, read, cycle  # freed now: with the last snapshot they would block the loop longer
        await asyncio.sleep(0)
        if self._at_once.is_set():  # the configuration is another one since
            snapshot = snapshot.withheld(RELOADED)
        self.snapshot = snapshot
        self.on_snapshot(snapshot)
        await plan.after_cycle(snapshot)
        return snapshot

    def share(self) -> tuple[tuple[Target, ...], Share | None]:
        """The processes to visit, as discovery lists them now, and how shards share them."""
        targets, plan = self.plan.targets(), self.plan
        return (targets, None) if plan.shards == 1 else share_out(targets, plan.shard, plan.shards)

    def _visits(self, targets: tuple[Target, ...], deadline: float) -> tuple[Visit, ...]:
        self._cache.turn()
        self._memories = {t.name: self._memories.get(t.name, Memory()) for t in targets}
        ha, allowance = self._ha_keys(), self.plan.allowance()
        ends = deadlines(deadline, self.plan.deadline(), len(targets))
        return tuple(
            Visit(
                target=target,
                memory=self._memories[target.name],
                fetcher=self.plan.fetcher,
                deadline=end,
                now=self.now,
                jitter=self._jitter,
                cache=self._cache,
                product=self.plan.product,
                pages=self.plan.pages,
                spending=Spending(allowance),
                ha=ha,
            )
            for target, end in zip(targets, ends, strict=True)
        )

    def _ha_keys(self) -> HaKeys:
        """How the HA tracker's keys are recognised, by all configurations read so far."""
        return ha_keys(configurations(self._memories.values()), self.history.names.ha.learned())

    async def _read(self, plan: Plan, visits: tuple[Visit, ...], deadline: float) -> _Read:
        """Make the rounds. No round waits for a process that is late now, or was late or down last time."""
        stragglers = Stragglers(deadline)
        prompt = [visit for visit in visits if not (visit.memory.not_responding or visit.memory.late)]
        async for visit in in_portions(visits):
            if visit.memory.not_responding or visit.memory.late:
                visit.memory.late = False
                stragglers.add(self._straggler(visit))
        prompt = await stragglers.prompt(prompt, Visit.read_metrics, self._rest)
        async for visit in in_portions(prompt):
            if visit.memory.not_responding:
                stragglers.add(self._rest(visit))
        prompt = [visit for visit in prompt if not visit.memory.not_responding]
        stores, sweep = await self._stores_and_views(plan, prompt, deadline, stragglers)
        await stragglers.finish()
        for visit in visits:
            visit.spending.let_go()
        observed = tuple([visit.observation() async for visit in in_portions(visits)])
        return _Read(observed, stores, sweep)

    async def _straggler(self, visit: Visit) -> None:
        began = asyncio.get_running_loop().time()
        await visit.read_metrics()
        await self._rest(visit)
        visit.memory.late = asyncio.get_running_loop().time() - began > PATIENCE * self.plan.deadline()

    async def _rest(self, visit: Visit) -> None:
        """A slow process's remaining pages: its metrics may hang while the rest answers. If it refuses
        connections, for its metrics or for its gossip, its dozens of ring pages are not requested.
        """
        if visit.metrics.reason in UNREACHABLE:
            await visit.read_gossip()
            if visit.gossip.reason in UNREACHABLE:
                return
            await self._rings_in_turn(visit)
        else:
            await asyncio.gather(self._rings_in_turn(visit), visit.read_gossip())
        if not visit.memory.not_responding and self._has_turn(visit, visit.memory.values_read_at):
            await self._values(visit)

    async def _rings_in_turn(self, visit: Visit) -> None:
        if self._has_turn(visit, visit.memory.rings_read_at):
            await visit.read_rings()
        else:
            visit.put_off_rings()

    def _has_turn(self, visit: Visit, read_at: float) -> bool:
        sweep = self.snapshot.sweep_seconds if self.snapshot else None
        if not sweep:  # the first cycle, or no process is prompt
            return is_first(visit.target.name, self.number, len(self._memories))
        return is_due(read_at or visit.memory.since, self.now(), sweep, self.plan.interval)

    def _late(self, prompt: Iterable[Visit]) -> list[Memory]:
        """The processes that go on by themselves, without those that do not respond."""
        names = {visit.target.name for visit in prompt}
        return [m for name, m in self._memories.items() if name not in names and not m.not_responding]

    async def _gossip_of(self, visit: Visit) -> None:
        await visit.read_gossip()
        await self._values(visit)

    async def _values(self, visit: Visit) -> None:
        await visit.read_values(self._entries.chosen)

    async def _stores_and_views(
        self, plan: Plan, visits: list[Visit], deadline: float, stragglers: Stragglers
    ) -> tuple[tuple[StoreContent, ...], float]:
        if external_is_primary(visits):
            now = asyncio.get_running_loop().time()
            in_time = now + STORE_SHARE * (deadline - now)
            stores, (visits, sweep) = await asyncio.gather(
                read_stores(plan.stores, in_time, self.snapshot), self._rings(visits, stragglers)
            )
            return stores, await self._gossip(plan, visits, stragglers, sweep)
        visits, sweep = await self._rings(visits, stragglers)
        sweep = await self._gossip(plan, visits, stragglers, sweep)
        return await read_stores(plan.stores, deadline, self.snapshot), sweep

    async def _rings(self, visits: list[Visit], stragglers: Stragglers) -> tuple[list[Visit], float]:
        """Read the due ring pages. Returns the visits done in time, and seconds until all are read."""
        having = {visit.target.name: visit for visit in visits}
        kinds = {name: visit.clients for name, visit in having.items()}

        def last() -> dict[str, Last]:
            return {n: Last(v.memory.rings_read_at, v.memory.ring_bytes) for n, v in having.items()}

        async def read(names: Iterable[str], size: float) -> set[str]:
            turn = [having[name] for name in names]
            done = await stragglers.prompt(turn, Visit.read_rings, self._gossip_of, _room(size))
            return {visit.target.name for visit in turn if visit not in done}

        first, late = frozenset[str](), set[str]()
        if not any(known.size for known in last().values()):  # a few show the cost of a view
            first = with_each_kind(Turn(first, 0.0), last(), kinds).targets
            late = await read(first, 0)
        known = last()
        behind = [Last(m.rings_read_at, m.ring_bytes) for m in self._late(visits)]
        bad = suspects(self.snapshot, "ring")
        turn = turn_of(known, self._pace(), bad, behind)
        turn = with_each_kind(turn, known, kinds)
        async for name in in_portions(having.keys() - turn.targets - first):
            having[name].put_off_rings()
        late |= await read(sorted(turn.targets - first), _mean(known))
        return [visit for name, visit in having.items() if name not in late], turn.sweep_seconds

    def _pace(self) -> Pace:
        needed = are_views_needed(self.snapshot)
        at_rest = not needed and self.snapshot is not None and bool(self.snapshot.migrations)
        return Pace(
            self.plan.views_per_cycle, self.plan.interval, WITHIN if needed else None, at_rest=at_rest
        )

    async def _gossip(self, plan: Plan, visits: list[Visit], stragglers: Stragglers, beside: float) -> float:
        """Read the gossip, and the copies of the processes that are due. Returns the seconds until all are
        read in full. `beside` are those of the ring pages.
        """
        ha = self._ha_keys()  # the configurations have been read since the visits began
        for visit in visits:
            visit.ha = ha
        prompt = await stragglers.prompt(visits, Visit.read_gossip, self._values)
        having = {v.target.name: v for v in prompt if v.gossip.value is not None}
        last = {name: Last(v.memory.values_read_at, v.memory.value_bytes) for name, v in having.items()}
        late = [m for m in self._late(prompt) if m.value_bytes]
        behind = [Last(m.values_read_at, m.value_bytes) for m in late]
        versions = {name: visit.versions() for name, visit in having.items()}
        bad = suspects(self.snapshot) | slow_copies(versions, self._versions)
        self._versions = versions
        turn = turn_of(last, replace(self._pace(), beside=beside), bad, behind)
        listed = listed_by_several([visit.elected() for visit in having.values()])
        again = frozenset(filter(self._is_in_doubt(ha), listed))
        self._entries.take(listed, math.ceil(turn.sweep_seconds / plan.interval), again)
        chosen = [having[name] for name in sorted(turn.targets)]
        await stragglers.prompt(chosen, self._values, nothing, _room(_mean(last)))
        return max(beside, turn.sweep_seconds)

    def _is_in_doubt(self, ha: HaKeys) -> Callable[[str], bool]:
        known = self.history.rings.get(HA_KEY)
        doubted = known.standing.again() if known else frozenset()
        return lambda name: bool(doubted) and ha.entry(name) in doubted


@dataclass(frozen=True, slots=True)
class _Read:
    observed: tuple[Observation, ...]
    stores: tuple[StoreContent, ...]
    sweep_seconds: float


def _room(size: float) -> int:
    """How many views of about this many bytes fit into memory together."""
    return max(AT_LEAST, min(MANY, int(IN_FLIGHT / max(size, 1.0)))) if size else AT_LEAST


def _reported(observed: tuple[Observation, ...], share: Share | None) -> tuple[Observation, ...]:
    """Leave out the processes that another shard reports."""
    borrowed = share.borrowed if share else frozenset()
    return tuple(observation for observation in observed if observation.target.name not in borrowed)


def _mean(last: Mapping[str, Last]) -> float:
    known = [each.size for each in last.values() if each.size]
    return sum(known) / len(known) if known else 0.0


def _seeds(observed: Iterable[Observation]) -> Iterable[Iterable[str]]:
    """All seeds in each process's configuration."""
    configs = (observation.config.value for observation in observed if observation.config.value is not None)
    return (config.join_members or () for config in configs)
