"""Text that strangers chose, fit for a terminal."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text with a question mark for whatever could steer a terminal or deceive its reader: control
    characters, line breaks, direction marks, what nobody sees.
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)
