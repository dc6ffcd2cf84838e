"""Numbers, ages and names as people read them. All that comes from a cluster passes `shown`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar
from urllib.parse import quote

from exporter.expose.clean_label_values import clean
from exporter.expose.wording.durations import ago, clock, span

__all__ = ["ago", "clock", "count", "first", "name", "number", "page_of", "path", "query", "shown", "span"]

T = TypeVar("T")
LONGEST: Final = 1200  # characters of one text; names are cut shorter
LONGEST_NAME: Final = 96
LONGEST_PATH: Final = 256
_BAD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def shown(text: str) -> str:
    """A text without what cannot be encoded, moves the reading direction or never ends."""
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    return _BAD.sub("\ufffd", text)


def name(text: str) -> str:
    """A name of bounded length, "(empty)" where there is none; different names stay different."""
    safe = clean(text)
    return f"{safe[: LONGEST_NAME - 10]}…{safe[-9:]}" if len(safe) > LONGEST_NAME else safe or "(empty)"


def number(value: float | None) -> str:
    """A number without needless digits; "unknown" where there is none."""
    return "unknown" if value is None else f"{value:,.10g}" if value == int(value) else f"{value:,.3g}"


def count(amount: int, one: str, many: str = "") -> str:
    """`1 member`, `3 members`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


class Excerpt(tuple[T, ...]):
    """Some of a list: `more` is how many of its `total` follow, `page` of `pages` is where it stands."""

    total: int
    more: int
    page: int
    pages: int


def first(items: Iterable[T], limit: int) -> Excerpt[T]:
    """The first few."""
    return page_of(tuple(items), 1, limit)


def path(text: str) -> str:
    """A name as the end of a URL's path; "" where it is too long, or a browser would not leave it so."""
    if not 0 < len(text) <= LONGEST_PATH or {".", ".."} & set(text.split("/")):
        return ""
    return quote(text, safe="/:@", errors="replace")


def query(text: str) -> str:
    """A name as a value in a URL's query."""
    return quote(text[:LONGEST_PATH], safe="", errors="replace")


def page_of(items: Sequence[T], number: int, size: int) -> Excerpt[T]:
    """One page of a list, counted from 1; the nearest one where there is no such page."""
    pages = max(1, -(-len(items) // size))
    number = min(max(1, number), pages)
    excerpt = Excerpt(items[(number - 1) * size : number * size])
    excerpt.page, excerpt.pages = number, pages
    excerpt.total, excerpt.more = len(items), max(0, len(items) - number * size)
    return excerpt
