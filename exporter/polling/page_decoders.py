"""The decoder of a page: for a registered kind, the function of its name in the module of its name. Also the
text about bytes that did not decode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar, cast

from exporter.decode.formats.member_cache import MemberCache
from exporter.decode.partition import decode_partition_ring
from exporter.decode.ring_page import decode_ring
from exporter.errors import DecodeError, FetchError
from exporter.log import logger
from exporter.model.pages import NOTICE, Answer, Outcome, Page, PartitionRing, Reason, Ring
from exporter.polling.costly_page_pauses import HEAVY
from exporter.products.page_kinds import PAGE_KINDS, PageKind
from exporter.sources.http.loop_fairness import Pace
from exporter.sources.http.process_limits import Spending

T = TypeVar("T")
BIG = HEAVY  # bytes; decoding more than this leaves the loop: it can take more than some milliseconds
BIG_TABLE = BIG // 10  # the same for HTML, of which a byte takes longer
log = logger("kvmigration.trouble")
MAX_DETAIL = 300
Decoder = Callable[[bytes, float | None], Any]


def _decoder_of(kind: PageKind) -> Decoder:
    module = import_module(f"exporter.decode.{kind.name}")
    return cast(Decoder, getattr(module, f"decode_{kind.name}"))


# By kind, from a body and the time of the answer to a value; `None` is a notice. Loaded with this module and
# not with the first page: an exporter that has no file descriptor left cannot load one.
DECODERS = {kind.name: _decoder_of(kind) for kind in PAGE_KINDS}


def ring_of(body: bytes, clock: float | None, *, cache: MemberCache) -> Ring | None:
    """A ring page."""
    return decode_ring(body, clock=clock, cache=cache)


def partition_ring_of(body: bytes, clock: float | None) -> PartitionRing | None:
    """A partition ring's page."""
    return decode_partition_ring(body, clock=clock)


def trouble_of(error: Exception, **where: str) -> str:
    """One line about it. An error that is no `DecodeError` is a bug in a decoder. It must cost only that
    page, not the cycle, and its trace goes into the log, with `where` as its fields.
    """
    if isinstance(error, DecodeError):
        return str(error)[:MAX_DETAIL]
    log.error("a page could not be decoded", exc_info=error, extra={"fields": where})
    return "an error of the exporter itself; read its log"


def without(
    path: str, answer: Answer, outcome: Outcome, *, reason: Reason | None = None, detail: str = ""
) -> Page[Any]:
    """A page without a value; `reason` and `detail` default to the answer's."""
    return Page(
        path, outcome, None, reason or answer.reason, detail or answer.detail, answer.asked_at, answer.date
    )


@dataclass(frozen=True, slots=True)
class PageDecoder:
    """Decodes the answers of one process in one cycle."""

    target: str
    spending: Spending
    pace: Pace

    async def page(
        self, path: str, answer: Answer, decode: Callable[[bytes, float | None], T | None]
    ) -> Page[T]:
        """Decode an answer; a notice ("not running", "doesn't use memberlist") is absent, rubbish failed."""
        if answer.outcome is not Outcome.OK:
            return without(path, answer, answer.outcome)
        try:
            if len(answer.body) > (BIG_TABLE if answer.body[:64].lstrip().startswith(b"<") else BIG):
                value = await asyncio.to_thread(self.spending.timed, decode, answer.body, answer.date)
            else:
                await self.pace.wait_with_body()
                value = self.spending.timed(decode, answer.body, answer.date)
            self.spending.take_members_of(value)
        except FetchError as error:
            return without(path, answer, Outcome.FAILED, reason=error.reason, detail=error.detail)
        except Exception as error:
            detail = trouble_of(error, target=self.target, page=path)
            return without(path, answer, Outcome.FAILED, reason=Reason.DECODE, detail=detail)
        finally:
            self.spending.let_go(answer.body)
        if value is None:
            return without(path, answer, Outcome.ABSENT, detail=NOTICE)
        clock = getattr(value, "now", None) or answer.date
        return Page(path, Outcome.OK, value, answer.reason, answer.detail, answer.asked_at, clock)
