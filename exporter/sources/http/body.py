"""A response body as it comes in, counted after decompression so that a bomb stops early."""

from __future__ import annotations

from collections.abc import Callable

from zlib_ng import zlib_ng

from exporter.errors import FetchError
from exporter.model.pages import Reason

_STEP = 1024 * 1024  # decompressed at once at most; most pages are one part, which is not copied
_TOGETHER = 128 * 1024  # compressed bytes that are waited for, so that most pages are unpacked at once
_GZIP = 16 + zlib_ng.MAX_WBITS


class Body:
    """Collects at most `cap` bytes; raises `FetchError` where there are more or they do not unpack.
    `received` is called for each part, and may raise too.
    """

    def __init__(
        self, cap: int, encoding: str = "", received: Callable[[int], None] = lambda _: None
    ) -> None:
        self._cap = cap
        self._received = received
        self._size = 0
        self._parts: list[bytes] = []
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise FetchError(Reason.DECODE, "compressed in a way that the exporter did not request")
        self._unpack = zlib_ng.decompressobj(_GZIP) if "gzip" in encoding else None
        self._packed: list[bytes] = []
        self._waiting = 0
        self._begun = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes off the wire."""
        if self._unpack is None:
            self._keep(chunk)
            return
        self._begun = True
        self._packed.append(chunk)
        self._waiting += len(chunk)
        if self._waiting >= _TOGETHER:
            self._inflate_waiting()

    def finish(self) -> bytes:
        """The complete body; raises `FetchError` where the compressed stream ends too early."""
        if self._unpack is not None and self._begun:
            self._inflate_waiting()
            if not self._unpack.eof:
                raise FetchError(Reason.CLOSED, "the compressed body ends too early")
        return b"".join(self._parts)

    def _inflate_waiting(self) -> None:
        self._inflate(b"".join(self._packed))
        self._packed, self._waiting = [], 0

    def _inflate(self, chunk: bytes) -> None:
        unpack = self._unpack
        while unpack is not None:
            if unpack.eof and chunk:  # gzip members may follow one another
                self._unpack = unpack = zlib_ng.decompressobj(_GZIP)
            try:
                part = unpack.decompress(chunk, _STEP)
            except zlib_ng.error:  # type: ignore[misc] # its stub takes the class for an instance
                raise FetchError(Reason.DECODE, "the compressed body is damaged") from None
            self._keep(part)
            chunk = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
            if not chunk and len(part) < _STEP:
                return

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        self._received(len(part))
        if self._size > self._cap:
            raise FetchError(Reason.TOO_LARGE, f"more than {self._cap} bytes")
        if part:
            self._parts.append(part)
