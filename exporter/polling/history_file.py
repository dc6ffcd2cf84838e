"""What must survive a restart, in a file: which stores were read and used, and the rings' members.

Only what could not be found again is kept. A store that was replaced, or a ring that lost half of its
members, seems healthy to an exporter that has just started. Nothing else is taken from the file, so a wrong
one can close a gate and open none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import msgspec

from exporter.config import Config
from exporter.derive.previous_cycle import FORGET_VANISHED, History, RingHistory
from exporter.log import logger
from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import State
from exporter.model.facts import MemberFacts
from exporter.model.pages import Outcome
from exporter.model.stores import StoreFacts, StoreIdentity
from exporter.sources import state_file
from exporter.sources.state_file import BrokenStateError, words

VERSION = 2
CLOSING_SECONDS = 5.0
log = logger("kvmigration.history")


class KeptStore(msgspec.Struct, frozen=True):
    """Which store it was, and since when another one answers in its place."""

    identity: StoreIdentity
    replaced: str | Culprit  # "" for no; a text is what an earlier release wrote
    replaced_at: float | None


class KeptRing(msgspec.Struct, frozen=True):
    """A ring's members with state and process, its active partitions, and what it lost."""

    at: float
    stored: bool
    members: dict[str, tuple[State, str]]
    active: dict[str, str]
    lost: dict[str, tuple[float, str]]


class Kept(msgspec.Struct, frozen=True):
    """The file's content without its version."""

    stores: dict[str, KeptStore]
    rings: dict[str, KeptRing]
    places: dict[str, dict[str, tuple[str, ...]]]  # by kind and key, as the configuration pages named it


def path_of(config: Config) -> Path | None:
    """Where the history is kept."""
    return config.scale.own_file(Path(config.state_file)) if config.state_file else None


class HistoryFile:
    """One file; without a path nothing is kept. A disk that is broken or hangs costs a warning."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._written: Kept | None = None
        self._logged = ""
        self._writing: asyncio.Task[None] | None = None

    async def recall(self, now: float) -> History:
        """What the last run left."""
        return await asyncio.to_thread(self._recall, self.path, now) if self.path else History()

    def _recall(self, path: Path, now: float) -> History:
        try:
            kept = state_file.load(path, VERSION, Kept) or Kept({}, {}, {})
        except (OSError, BrokenStateError) as error:
            self._warn(f"state file {path} is not used, and its contents are forgotten: {words(error)}")
            return History()
        return recalled(kept, now)

    def move(self, path: Path | None) -> None:
        """Keep it there from now on."""
        if path != self.path:
            self.path, self._written = path, None

    def keep(self, history: History) -> None:
        """Begin to write what is to be kept, where it changed and the last writing is done."""
        if self.path and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(asyncio.to_thread(self._keep, self.path, history))

    def _keep(self, path: Path, history: History) -> None:
        kept = kept_of(history)
        if kept == self._written:
            return
        try:
            state_file.save(path, VERSION, kept)
        except OSError as error:
            self._warn(f"state file {path} is not written: {words(error)}")
            return
        self._written, self._logged = kept, ""

    async def close(self) -> None:
        """Wait for what is being written, for a while."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=CLOSING_SECONDS)

    def _warn(self, text: str) -> None:
        if text != self._logged:
            log.warning(text)
        self._logged = text


def kept_of(history: History) -> Kept:
    """What is kept of a history."""
    stores = history.snapshot.stores if history.snapshot else ()
    return Kept(
        {store.title: _store(store, store.identity) for store in stores if store.identity},
        {key: _ring(past, past.at) for key, past in history.rings.items() if past.at is not None},
        _by_kind(history.places),
    )


def _by_kind(places: Mapping[tuple[str, str], tuple[str, ...]]) -> dict[str, dict[str, tuple[str, ...]]]:
    kinds = sorted({kind for kind, _ in places})
    return {kind: {key: hosts for (of, key), hosts in places.items() if of == kind} for kind in kinds}


def _store(store: StoreFacts, identity: StoreIdentity) -> KeptStore:
    return KeptStore(replace(identity, rings=dict(identity.rings)), store.replaced or "", store.replaced_at)


def _ring(history: RingHistory, at: float) -> KeptRing:
    return KeptRing(
        at=at,
        stored=history.stored,
        members={member.id: (member.state, member.target) for member in history.members},
        active=dict(history.active),
        lost=dict(history.lost),
    )


def recalled(stored: Kept, now: float) -> History:
    """The history in a file. A future time is replaced by now: clocks are set back. A ring that no page
    showed for a day is dropped.
    """
    rings = {
        key: _recalled(ring, now) for key, ring in stored.rings.items() if now - ring.at < FORGET_VANISHED
    }
    stores = {title: _known(title, store, now) for title, store in stored.stores.items()}
    places = {(kind, key): hosts for kind, keys in stored.places.items() for key, hosts in keys.items()}
    return History(
        rings=MappingProxyType(rings), stores=MappingProxyType(stores), places=MappingProxyType(places)
    )


def _recalled(stored: KeptRing, now: float) -> RingHistory:
    members = (
        MemberFacts(name, "", "", state, heartbeat=None, age=None, tokens=0, target=target)
        for name, (state, target) in stored.members.items()
    )
    return RingHistory(
        lost=MappingProxyType({name: (min(at, now), target) for name, (at, target) in stored.lost.items()}),
        members=tuple(members),
        active=MappingProxyType(stored.active),
        at=min(stored.at, now),
        stored=stored.stored,
    )


def _known(title: str, stored: KeptStore, now: float) -> StoreFacts:
    identity = replace(stored.identity, rings=MappingProxyType(dict(stored.identity.rings)))
    why = (
        Culprit(Kind.VERBATIM, what=stored.replaced) if isinstance(stored.replaced, str) else stored.replaced
    )
    if not stored.replaced:
        return StoreFacts(title, Outcome.FAILED, identity=identity)
    at = min(stored.replaced_at or now, now)
    return StoreFacts(title, Outcome.FAILED, identity=identity, replaced=why, replaced_at=at)
