"""Text from a cluster, fit for a terminal."""

from __future__ import annotations

import textwrap

WIDTH = 80


def plain(text: str) -> str:
    """The text with a question mark for each character that could steer a terminal or deceive a reader. These
    are control and invisible characters, line breaks and direction marks.
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def wrapped(text: str, first: str = "", then: str = "", width: int = WIDTH) -> list[str]:
    """Wrap text, made fit for a terminal: no control characters, no direction marks."""
    return textwrap.wrap(plain(text), width, initial_indent=first, subsequent_indent=then or first) or [
        first.rstrip()
    ]
