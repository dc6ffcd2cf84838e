"""A step's answer and its headline in one line, and what to show of a headline beside the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ANSWERS: Final[Mapping[str, str]] = MappingProxyType(
    {"open": "open", "closed": "closed", "unknown": "unknown"}
)
OPEN: Final = "Open: every check passed."
_HELD: Final = re.compile(r"(?:Open|Closed): every check (?:has )?passed[^.]*\. ?")


def bad(answer: str, amount: int, of: int) -> str:
    """The headline of a step of which some checks have not passed."""
    return f"{ANSWERS[answer].capitalize()}: {amount} of {of} checks have not passed."


def soaking(soaked: float, soak: float) -> str:
    """The headline of a step that has to wait."""
    return f"Closed: every check has passed, for {soaked:.0f} s of {soak:.0f} s."


def answered(step: str, answer: str, headline: str) -> str:
    """`switch-primary: closed: 2 of 19 checks have not passed.`"""
    return f"{step}: {answer_of(answer, headline)}"


def answer_of(answer: str, headline: str) -> str:
    """`closed: 2 of 19 checks have not passed.` Another headline may begin otherwise."""
    for word in ANSWERS.values():
        headline = headline.removeprefix(f"{word.capitalize()}: ")
    return f"{ANSWERS[answer]}: {headline}"


def held(seconds: float, headline: str) -> str:
    """The headline of a step that somebody else has watched: what was said beside how long stays said, a
    risk above all.
    """
    return f"Open: every check has passed for {seconds:.0f} s. {_HELD.sub('', headline)}".rstrip()
