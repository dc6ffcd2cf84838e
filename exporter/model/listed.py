"""Lists: cut for a reader wherever a sentence is made, to the first few and how many more; and grouped."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def first(names: Iterable[str], most: int) -> tuple[tuple[str, ...], str]:
    """Cut a list: at most so many names, and "and 31 more", or "" where these are all."""
    listed = tuple(names)
    rest = len(listed) - most
    return listed[:most], f"and {rest} more" if rest > 0 else ""


def few(names: Iterable[str], most: int = 10, between: str = ", ") -> str:
    """Join at most so many names: `a, b and 31 more`."""
    shown, more = first(names, most)
    return between.join(shown) + (f" {more}" if more else "")


def grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    """The values by key; both stand in the order of the pairs."""
    found: dict[Key, list[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
