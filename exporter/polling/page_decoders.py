"""What decodes a registered kind of page: the function of its name in the module of its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, cast

from exporter.products.page_kinds import PageKind

Decoder = Callable[[bytes, float | None], Any]


@cache
def decoder_of(kind: PageKind) -> Decoder:
    """The decoder of a kind, from a body and the time of the answer to a value; `None` is a notice."""
    module = import_module(f"exporter.decode.{kind.name}")
    return cast(Decoder, getattr(module, f"decode_{kind.name}"))
