"""A check of the gate in words: what it read, its culprits, and what of it is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from exporter.expose.wording import check_evidence
from exporter.expose.wording.culprits import detail
from exporter.expose.wording.culprits import name as culprit
from exporter.expose.wording.lists import counted
from exporter.model.culprits import Culprit, Looked, LookedKind
from exporter.model.gate import Check, Verdict

UNKNOWN: Final = "Unknown: "

__all__ = ["UNKNOWN", "adds_nothing", "culprit", "culprits", "evidence", "heading", "paragraph", "remedies"]


def culprits(check: Check, most: int | None = None) -> tuple[str, ...]:
    """The culprits by name, all or the first few."""
    return tuple(map(culprit, check.culprits[:most]))


def evidence(check: Check) -> str:
    """All of it in one paragraph; evidence that has the culprits already takes their place."""
    return paragraph(check.verdict, check.culprits, check.evidence)


def paragraph(verdict: Verdict, failing: tuple[Culprit, ...], notes: tuple[Looked, ...]) -> str:
    """The same of its parts."""
    own_words = any(one.kind is LookedKind.VERBATIM for one in notes)
    sentences = [_blamed(verdict, failing)] if failing and not own_words else []
    return " ".join([*sentences, *map(check_evidence.text, notes)])


def _blamed(verdict: Verdict, failing: Iterable[Culprit]) -> str:
    listed = counted(tuple(map(detail, failing)))
    return f"{UNKNOWN}{listed}" if verdict is Verdict.UNKNOWN else listed


def heading(check: Check) -> str:
    """What stands above a list of the culprits."""
    listed = UNKNOWN.rstrip() if check.verdict is Verdict.UNKNOWN else ""
    return listed if len(check.culprits) == 1 else f"{len(check.culprits)} found. {listed}".rstrip()


def adds_nothing(evidence: str, names: tuple[str, ...]) -> bool:
    """Whether a check's evidence, as the API gives it, is but a list of these culprits."""
    listed = counted(names)
    return evidence in (listed, f"{UNKNOWN}{listed}")


def remedies(shown: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The remedies of checks in their order, by id: a repeated one is named by the first check with it."""
    first: dict[str, str] = {}
    for check, remedy in shown:
        above = first.setdefault(remedy, check)
        yield remedy if above == check or not remedy else f"As for {above}."
