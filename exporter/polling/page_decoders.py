"""What decodes a registered kind of page: the function of its name in the module of its name. And what is
said of bytes that did not decode.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, cast

from exporter.errors import DecodeError
from exporter.log import logger
from exporter.products.page_kinds import PageKind

log = logger("kvmigration.trouble")
MAX_DETAIL = 300
Decoder = Callable[[bytes, float | None], Any]


@cache
def decoder_of(kind: PageKind) -> Decoder:
    """The decoder of a kind, from a body and the time of the answer to a value; `None` is a notice."""
    module = import_module(f"exporter.decode.{kind.name}")
    return cast(Decoder, getattr(module, f"decode_{kind.name}"))


def trouble_of(error: Exception, **where: str) -> str:
    """One line about it. An error that is no `DecodeError` is a bug in a decoder: it must cost what found
    it, not everybody's cycle, and its trace goes into the log, with `where` as its fields.
    """
    if isinstance(error, DecodeError):
        return str(error)[:MAX_DETAIL]
    log.error("a page could not be decoded", exc_info=error, extra={"fields": where})
    return "an error of our own; see the log"
