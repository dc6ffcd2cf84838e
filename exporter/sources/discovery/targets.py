"""The processes to watch: every source of the configuration, merged to one list of targets.

::

    discovery = Discovery(config)
    await discovery.refresh()       # reads each source once, before the first cycle
    await discovery.start()         # from now on by itself
    discovery.targets()
    discovery.take_lists(lists)     # after each cycle
    prepared = await discovery.prepare(config)  # a reload
    discovery.commit(prepared)
    await prepared.close()
    await discovery.stop()

A source that fails keeps its targets, and `slots` shows the failure.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from exporter.config import Config, TargetEntry
from exporter.errors import KVMigrationError
from exporter.log import logger
from exporter.model.pages import Target, Unwatched
from exporter.sources.discovery.dns import DnsSource
from exporter.sources.discovery.file import FileSource
from exporter.sources.discovery.gossip import GossipSource, Lists
from exporter.sources.discovery.http import HttpSource
from exporter.sources.discovery.kubernetes import KubernetesSource
from exporter.sources.discovery.merge import Addresses, Claim, left_behind, merge
from exporter.sources.discovery.static import StaticSource
from exporter.sources.discovery.target_source import FoundTarget, Listing, Source, is_no_process

log = logger("kvmigration.discovery")
FIRST_LOOK = 15.0  # seconds a source has at the first refresh before it is left out
FAILS_FOR = 60.0  # seconds; a refresh that fails once is made up for by the next


class Slot:
    """A source with its last targets (before merging), and the task that reads it repeatedly. `since` (unix
    seconds) is when it last changed between good and bad; `ok` None means that it was not read yet.
    """

    def __init__(self, entry: TargetEntry, now: Callable[[], float]) -> None:
        self.source = source_of(entry)
        self.kind = entry.kind
        self.found: tuple[FoundTarget, ...] = ()
        self.left: tuple[FoundTarget, ...] = ()  # what it lost with half of its list, as long as that answers
        self.not_running: tuple[str, ...] = ()
        self.ok: bool | None = None
        self.detail = "not read yet"
        self.since = now()
        self.label = ""
        self._now = now
        self._task: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Read once; a failure keeps the last targets."""
        try:
            finding = await self.source.find()
        except (KVMigrationError, OSError) as error:
            self.note(False, str(error)[:300])
        except Exception:
            # a bug in one source must not end its task unnoticed, nor the other sources' tasks
            log.exception("a source of targets failed", source=self.label)
            self.note(False, "an error of the exporter itself; read its log")
        else:
            finding = finding if isinstance(self.source, StaticSource) else _askable(finding)
            if finding.found != self.found:
                self.left = left_behind(self.found, self.left, finding.found)
                self.found = finding.found
            self.not_running = finding.not_running
            self.note(not finding.trouble, finding.trouble)

    def note(self, ok: bool, detail: str) -> None:
        """Note how a reading ended."""
        if ok != self.ok:
            self.since = self._now()
            if not ok:
                log.warning("a source of targets failed", source=self.label, err=detail)
            elif self.ok is not None:
                log.info("a source of targets answers again", source=self.label)
        self.ok, self.detail = ok, detail

    def start(self) -> None:
        """Read repeatedly, if there is anything that may change."""
        if self._task is None and self.source.refresh != math.inf:
            self._task = asyncio.create_task(self._loop(), name=f"discovery {self.label}")

    async def stop(self) -> None:
        """End the task and let go of connections."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.source.close()

    async def _loop(self) -> None:
        while True:
            await asyncio.sleep(self.source.refresh)
            await self.look()


@dataclass(slots=True)
class Replacement:
    """A configuration with its sources read; `left` are the sources to close."""

    config: Config
    slots: list[Slot]
    left: list[Slot]

    async def close(self) -> None:
        """Close what is needed no more: the old sources after `commit`, the new sources without it."""
        await asyncio.gather(*(slot.stop() for slot in self.left))


class Discovery:
    """All sources. `targets` costs nothing while nothing changes."""

    def __init__(self, config: Config, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._config = config
        self.slots = [self._slot(entry, index) for index, entry in enumerate(config.targets)]
        self._addresses = Addresses()
        self._started = False
        self._merged: tuple[tuple[object, ...], tuple[Target, ...]] = ((), ())

    def _slot(self, entry: TargetEntry, index: int) -> Slot:
        slot = Slot(entry, self._now)
        slot.label = _label(entry, index)
        return slot

    async def refresh(self) -> None:
        """Read all sources once, concurrently, without waiting for one that hangs."""
        await _look(self.slots)
        await self._addresses.learn(_hosts(self.slots))

    async def start(self) -> None:
        """Go on reading in the background. Call it after the first `refresh`."""
        self._started = True
        for slot in self.slots:
            slot.start()
        self._addresses.start(lambda: _hosts(self.slots))

    async def stop(self) -> None:
        """End all tasks. What was found stays readable."""
        self._started = False
        await asyncio.gather(*(slot.stop() for slot in self.slots), self._addresses.stop())

    async def prepare(self, config: Config) -> Replacement:
        """Read the sources that are new in another configuration, without changing anything yet.

        For a reload that changes several parts at one instant: `commit` the result, then `close` it. Only
        `close` it to keep the old configuration.
        """
        left = list(zip(self._config.targets, self.slots, strict=True))
        slots: list[Slot] = []
        new: list[Slot] = []
        for index, entry in enumerate(config.targets):
            kept = next((pair for pair in left if _same(pair[0], entry)), None)
            if kept is not None:
                left.remove(kept)
                slots.append(kept[1])
            else:
                new.append(self._slot(entry, index))
                slots.append(new[-1])
        replacement = Replacement(config, slots, new)
        try:
            await _look(new)
            await self._addresses.learn(_hosts(slots))
        except BaseException:  # cancelled: what was opened for nothing is closed
            await replacement.close()
            raise
        return replacement

    def commit(self, replacement: Replacement) -> None:
        """Use the prepared configuration from now on. Sources in both keep their targets."""
        kept = set(replacement.slots)
        replacement.left = [slot for slot in self.slots if slot not in kept]
        self._config, self.slots = replacement.config, replacement.slots
        for index, (slot, entry) in enumerate(zip(self.slots, self._config.targets, strict=True)):
            slot.label = _label(entry, index)
            slot.left = ()  # a reload takes the lists as they are
            if self._started:
                slot.start()

    def take_lists(self, lists: Iterable[Lists]) -> None:
        """Pass the member lists of the last cycle to the gossip sources."""
        all_lists = tuple(lists)
        gossips = [slot for slot in self.slots if isinstance(slot.source, GossipSource)]
        seeds = frozenset(found.host for slot in self.slots if slot not in gossips for found in slot.found)
        for slot in gossips:
            if isinstance(slot.source, GossipSource):
                slot.source.take_lists(all_lists, seeds)
                current = slot.source.current()
                slot.found = slot.found if slot.found == current else current

    def targets(self) -> tuple[Target, ...]:
        """Every process once, by name; names are unique."""
        lists = (each for slot in self.slots for each in (slot.found, slot.left))
        state = (self._config, self._addresses.version, *lists)
        if not _identical(state, self._merged[0]):
            self._merged = (state, merge(self._claims(), self._addresses))
        return self._merged[1]

    def answered(self, urls: Collection[str]) -> None:
        """Note which targets answered: one that left a list and does not respond is removed."""
        for claim in self._claims() if any(slot.left for slot in self.slots) else ():
            slot = self.slots[claim.source]
            if not claim.listed and claim.url not in urls:
                slot.left = tuple(found for found in slot.left if found != claim.found)

    def unwatched(self) -> Unwatched:
        """Processes that discovery lists and that cannot be read."""
        missing = {one for slot in self.slots for one in slot.not_running}
        return Unwatched(self.unsure(), tuple(sorted(missing)))

    def discovered(self) -> Mapping[str, int]:
        """How many targets each kind of source found, for `kvmigration_discovered_targets`."""
        counts = Counter[str]()
        for slot in self.slots:
            counts[slot.kind] += len(slot.found)
        return counts

    def unsure(self) -> tuple[str, ...]:
        """The sources that fail, for a while or from the beginning: they may list further processes. A brief
        failure keeps the targets and does not count.
        """
        return tuple(
            f"{slot.label}: {slot.detail}"
            for slot in self.slots
            if slot.ok is False and (not slot.found or self._now() - slot.since > FAILS_FOR)
        )

    def _claims(self) -> list[Claim]:
        settings = self._config.http_settings()
        claims = []
        for index, (entry, slot) in enumerate(zip(self._config.targets, self.slots, strict=True)):
            key = f"targets[{index}]" if entry.http_client is not None else ""
            bare, prefix = f"targets[{index}] without credentials", settings[key].path_prefix
            for found in (*slot.found, *slot.left):
                trusted = entry.is_trusted(found.scheme, found.host)
                listed = found not in slot.left
                claims.append(Claim(found, entry, key if trusted else bare, prefix, index, listed))
        return claims


def _askable(finding: Listing) -> Listing:
    """Without impossible addresses: a list must not send requests to a cloud's metadata service."""
    found = tuple(each for each in finding.found if not is_no_process(each.host))
    left_out = len(finding.found) - len(found)
    if not left_out:
        return finding
    note = f"{left_out} at addresses where no process can be: left out"
    trouble = f"{finding.trouble}; {note}" if finding.trouble else note
    return replace(finding, found=found, trouble=trouble)


async def _look(slots: list[Slot]) -> None:
    """Read each once; one that hangs goes on with nothing and an error."""
    if not slots:
        return
    looks = {asyncio.create_task(slot.look()): slot for slot in slots}
    try:
        _, hanging = await asyncio.wait(looks, timeout=FIRST_LOOK)
        for look in hanging:
            looks[look].note(False, f"no answer within {FIRST_LOOK:g}s")  # the next one is the loop's
    finally:
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


def _hosts(slots: list[Slot]) -> frozenset[str]:
    """Names that may hide that two sources found the same process."""
    if len(slots) < 2:
        return frozenset()
    return frozenset(found.host for slot in slots for found in slot.found)


# By the kind of the `targets` entry: one file here for each.
SOURCES: Mapping[str, Callable[[Any], Source]] = MappingProxyType(
    {
        "static": StaticSource, "dns": DnsSource, "file": FileSource, "http": HttpSource,
        "gossip": GossipSource, "kubernetes": KubernetesSource,
    }
)  # fmt: skip


def source_of(entry: TargetEntry) -> Source:
    """The source of a `targets` entry."""
    return SOURCES[entry.kind](getattr(entry, entry.kind))


def _same(old: TargetEntry, new: TargetEntry) -> bool:
    """Whether both read the same place; labels and HTTP settings are applied later."""
    return old.kind == new.kind and getattr(old, old.kind) == getattr(new, new.kind)


def _identical(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _label(entry: TargetEntry, index: int) -> str:
    return f"targets[{index}] ({entry.kind})"
