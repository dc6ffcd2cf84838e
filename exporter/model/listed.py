"""A list of names cut for a reader, wherever a sentence is made: the first few, and how many more."""

from __future__ import annotations

from collections.abc import Iterable


def first(names: Iterable[str], most: int) -> tuple[tuple[str, ...], str]:
    """Cut a list: at most so many names, and "and 31 more", or "" where these are all."""
    listed = tuple(names)
    rest = len(listed) - most
    return listed[:most], f"and {rest} more" if rest > 0 else ""


def few(names: Iterable[str], most: int = 10, between: str = ", ") -> str:
    """Join at most so many names: `a, b and 31 more`."""
    shown, more = first(names, most)
    return between.join(shown) + (f" {more}" if more else "")
