"""One response, read within its bounds: size after decompression, share of its process, memory of all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

import aiohttp

from exporter.errors import FetchError
from exporter.model.pages import Answer, Outcome, Reason
from exporter.sources.http.body import Body
from exporter.sources.http.failures import plain
from exporter.sources.http.loop_fairness import Pace
from exporter.sources.http.process_limits import Spending

MAX_ERROR_BODY = 64 * 1024
LARGE = 8 * 1024 * 1024  # bytes; of bodies beyond this one is in memory at a time
_OUTCOMES = {
    200: (Outcome.OK, None),
    404: (Outcome.ABSENT, None),
    401: (Outcome.FAILED, Reason.DENIED),
    403: (Outcome.FAILED, Reason.DENIED),
}


@dataclass(slots=True)
class Reply:
    """Reads a response. `received` is how many bytes came, decompressed, complete or not.

    With a `spending`, a body beyond `LARGE` keeps its place until the caller has decoded it and calls
    `spending.let_go`. A few of them at once would fill the memory.
    """

    pace: Pace
    large: asyncio.Semaphore
    spending: Spending | None = None
    received: int = 0

    async def answer(self, response: aiohttp.ClientResponse, cap: int, index: str = "") -> Answer:
        """The response as an answer, with the number in the header `index`; raises `FetchError`."""
        outcome, reason = _OUTCOMES.get(response.status, (Outcome.FAILED, Reason.STATUS))
        read = self._content if outcome is Outcome.OK else self._error
        return Answer(
            outcome,
            reason,
            "" if reason is None else f"status {response.status}",
            status=response.status,
            body=await read(response, cap),
            content_type=plain(response.headers.get("Content-Type", "")),
            date=_date(response.headers.get("Date", "")[:64]),
            index=_index(response.headers.get(index, "")) if index else 0,
        )

    async def _content(self, response: aiohttp.ClientResponse, cap: int) -> bytes:
        if (response.content_length or 0) > cap:
            raise FetchError(Reason.TOO_LARGE, f"more than {cap} bytes announced")
        body, held = Body(cap, response.headers.get("Content-Encoding", ""), self._received), False
        try:
            async for chunk in response.content.iter_any():
                await self.pace.wait()
                body.feed(chunk)
                if not held and self.received > LARGE:
                    held = await self.large.acquire()
            await self.pace.wait()
            content = body.finish()
            if held and self.spending is not None:
                self.spending.hold(content, self.large)
                held = False
            return content
        finally:
            if held:
                self.large.release()

    async def _error(self, response: aiohttp.ClientResponse, cap: int) -> bytes:
        """The text of an error, if it is short; read mostly so that the connection can be used again."""
        try:
            return await self._content(response, min(cap, MAX_ERROR_BODY))
        except (FetchError, aiohttp.ClientError):
            return b"unread"

    def _received(self, count: int) -> None:
        self.received += count
        if self.spending is not None:
            self.spending.take_bytes(count)


def _index(header: str) -> int:
    return int(header) if len(header) < 20 and header.isascii() and header.isdigit() else 0


@lru_cache(maxsize=1_024)  # a thousand answers of one cycle have a handful of dates
def _date(header: str) -> float | None:
    try:
        at = parsedate_to_datetime(header)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
