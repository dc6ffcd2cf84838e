"""What a store reader gathers, bounded; half a store is no store."""

from __future__ import annotations

from exporter.errors import FetchError
from exporter.model.pages import Answer, Outcome, Reason
from exporter.model.stores import RawStore, StoreRead

MAX_KEYS = 200_000
MAX_KEY = 1024  # characters
MAX_VALUE = 16 * 1024 * 1024  # bytes; the largest rings hold some megabytes
MAX_TOTAL = 256 * 1024 * 1024


class Collected:
    """Values by key of all prefixes together. Raises `FetchError` beyond the caps."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._modified: dict[str, int] = {}
        self._total = 0
        self._first: Answer | None = None

    def witness(self, answer: Answer) -> Answer:
        """Pass an answer on, and keep the first for its times."""
        self._first = self._first or answer
        return answer

    def add(self, key: str, value: bytes | None, index: int) -> None:
        """Take one key. Consul's folders have no value and no content, and are left out; any other key
        without a value is one that somebody emptied, and does not decode.
        """
        if not value and key.endswith("/"):
            return
        value = value or b""
        self._total += len(value) - len(self._values.get(key, b""))
        self._values[key], self._modified[key] = value, index
        if len(key) > MAX_KEY or len(value) > MAX_VALUE:
            raise FetchError(Reason.TOO_LARGE, "a key or a value beyond any ring's size")
        if len(self._values) > MAX_KEYS or self._total > MAX_TOTAL:
            raise FetchError(Reason.TOO_LARGE, "more keys or bytes than any ring store holds")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def ok(self, kind: str, prefixes: tuple[str, ...], cluster: str = "", revision: int = 0) -> RawStore:
        """All of it, as read below these prefixes."""
        asked_at, clock = self._times()
        return StoreRead(
            kind,
            Outcome.OK,
            values=self._values,
            modified=self._modified,
            asked_at=asked_at,
            clock=clock,
            prefixes=prefixes,
            cluster=cluster,
            revision=revision,
        )

    def failed(self, kind: str, error: FetchError) -> RawStore:
        """None of it: a part of a store would make the rest look missing."""
        asked_at, clock = self._times()
        return StoreRead(kind, Outcome.FAILED, error.reason, error.detail, asked_at=asked_at, clock=clock)

    def _times(self) -> tuple[float, float | None]:
        return (self._first.asked_at, self._first.date) if self._first else (0.0, None)
