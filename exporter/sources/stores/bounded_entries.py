"""What a store reader gathers, bounded; half a store is no store."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import Any

from exporter.errors import FetchError
from exporter.model.pages import Answer, Outcome, Reason
from exporter.model.stores import Decode, StoreRead, Undecoded

MAX_KEYS = 200_000
MAX_KEY = 1024  # characters
MAX_VALUE = 16 * 1024 * 1024  # bytes; the largest rings have some megabytes
MAX_TOTAL = 256 * 1024 * 1024


def as_it_is(_: str, value: bytes) -> bytes:
    """A value that is not decoded."""
    return value


class Collected:
    """Values by key of all prefixes together. Raises `FetchError` beyond the caps.

    From `settle` on, values are decoded while the next are read, and their bytes are dropped. All
    large rings together with their decoded values would need twice the memory.
    """

    def __init__(self, decode: Decode = as_it_is) -> None:
        self._decode = decode
        self._pending: dict[str, bytes] = {}
        self._values: dict[str, Any] = {}
        self._broken: dict[str, str] = {}
        self._modified: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._total = 0
        self._times: tuple[float, float | None] | None = None
        self._turn = asyncio.Semaphore(1)
        self._decoding: list[asyncio.Task[None]] = []

    def witness(self, answer: Answer) -> Answer:
        """Pass an answer on, and keep the times of the first."""
        self._times = self._times or (answer.asked_at, answer.date)
        return answer

    def add(self, key: str, value: bytes | None, index: int) -> None:
        """Take one key. Consul's folders have no value and no content, and are left out. Any other key
        without a value was emptied, and does not decode.
        """
        if not value and key.endswith("/"):
            return
        value = value or b""
        self._total += len(value) - self._sizes.get(key, 0)
        self._pending[key], self._modified[key], self._sizes[key] = value, index, len(value)
        if len(key) > MAX_KEY or len(value) > MAX_VALUE:
            raise FetchError(Reason.TOO_LARGE, "a key or a value beyond any ring's size")
        if len(self._sizes) > MAX_KEYS or self._total > MAX_TOTAL:
            raise FetchError(Reason.TOO_LARGE, "more keys or bytes than any ring store has")

    async def settle(self) -> None:
        """Begin to decode what was added since, as soon as what was added before is decoded."""
        pending, self._pending = self._pending, {}
        if pending:
            await self._turn.acquire()
            self._decoding.append(asyncio.create_task(self._in_thread(pending)))

    async def _in_thread(self, pending: dict[str, bytes]) -> None:
        try:
            await asyncio.to_thread(self._decoded, pending)
        finally:
            self._turn.release()

    async def finish(self) -> None:
        """Wait until everything is decoded."""
        await self.settle()
        await asyncio.gather(*self._decoding)

    def _decoded(self, pending: dict[str, bytes]) -> None:
        for key in list(pending):
            found = self._decode(key, pending.pop(key))
            self._values.pop(key, None)
            self._broken.pop(key, None)
            if isinstance(found, Undecoded):
                self._broken[key] = found.why
            else:
                self._values[key] = found

    def __contains__(self, key: str) -> bool:
        return key in self._sizes

    def ok(
        self, kind: str, prefixes: tuple[str, ...], cluster: str = "", revision: int = 0
    ) -> StoreRead[Any]:
        """All of it, finished, as read below these prefixes."""
        asked_at, clock = self._times or (0.0, None)
        return StoreRead(
            kind,
            Outcome.OK,
            values=MappingProxyType(self._values),
            broken=MappingProxyType(self._broken),
            modified=self._modified,
            asked_at=asked_at,
            clock=clock,
            prefixes=prefixes,
            cluster=cluster,
            revision=revision,
        )

    def failed(self, kind: str, error: FetchError) -> StoreRead[Any]:
        """A failure of all: with a part of a store, the rest would count as missing."""
        asked_at, clock = self._times or (0.0, None)
        return StoreRead(kind, Outcome.FAILED, error.reason, error.detail, asked_at=asked_at, clock=clock)
