"""What is said of bytes that did not decode."""

from __future__ import annotations

from exporter.errors import DecodeError
from exporter.log import logger

log = logger("kvmigration.trouble")
MAX_DETAIL = 300


def trouble_of(error: Exception, **where: str) -> str:
    """One line about it. An error that is no `DecodeError` is a bug in a decoder: it must cost what found
    it, not everybody's cycle, and its trace goes into the log, with `where` as its fields.
    """
    if isinstance(error, DecodeError):
        return str(error)[:MAX_DETAIL]
    log.error("a page could not be decoded", exc_info=error, extra={"fields": where})
    return "an error of our own; see the log"
