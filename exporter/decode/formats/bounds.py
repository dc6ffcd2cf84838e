"""The bounds that every decoder keeps: whatever a cluster sends becomes a label or a row somewhere."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from exporter.errors import DecodeError

MAX_TEXT = 512  # characters of an id, an address, a zone, a label
MAX_MEMBERS = 20_000  # of one ring or one gossip; several times the largest there is
MAX_TOKENS = 8_000_000  # of one ring
MAX_HTML = 16 * 1024 * 1024  # bytes of a page of tables; 20,000 rows have as many
MAX_ENTRIES = 100_000  # of one HA tracker
MAX_KEYS = 100_000  # of one gossip store; nearly all of them the HA tracker's
MAX_RING_KEYS = 1_000  # of these, that are not the HA tracker's: no product has a twentieth of it

S = TypeVar("S")


def text(value: str | None, place: str) -> str:
    """The value if it is fit for a page and a label; "" for none. `place` is part of the error."""
    if not value:
        return ""
    if len(value) > MAX_TEXT:
        raise DecodeError(f"{place}: {len(value)} characters, expected at most {MAX_TEXT}")
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise DecodeError(f"{place}: half a surrogate pair, expected text")
    return value


def identity(value: str | None, place: str) -> str:
    """As `text`, but there must be one."""
    found = text(value, place)
    if not found:
        raise DecodeError(f"{place}: empty, expected a name")
    return found


def at_most(count: int, limit: int, place: str) -> None:
    """Refuse before anything is built from so many."""
    if count > limit:
        raise DecodeError(f"{place}: {count}, expected at most {limit}")


def from_json(body: bytes | msgspec.Raw, kind: type[S], place: str, objects: int | None) -> S:
    """JSON of this shape. `objects` bounds how many objects the text may open, which bounds its memory."""
    if objects is not None:
        at_most(bytes(body).count(b"{"), objects, f"{place}: JSON objects")
    try:
        return msgspec.json.decode(body, type=kind)
    except RecursionError:
        raise DecodeError(f"{place}: nested too deeply") from None
    except ValueError as err:  # msgspec's own errors and UnicodeDecodeError are ValueErrors
        raise DecodeError(f"{place}: {str(err)[:200]}") from None


def looks_like_json(body: bytes) -> bool:
    """Whether the first relevant character opens a JSON object; pages ignore the Accept header."""
    return body[:64].lstrip()[:1] == b"{"
