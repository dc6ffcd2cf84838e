"""The exporter's log: one line for a change, none for a cycle in which nothing changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.expose.wording import culprits
from exporter.log import logger
from exporter.model.facts import PageFacts, Snapshot
from exporter.model.listed import grouped
from exporter.model.pages import Outcome, Reason

log = logger("kvmigration")
MAX_LINES = 50
Names = tuple[str, str]  # of a process and of its page


@dataclass(frozen=True, slots=True)
class _Failure:
    """A page that fails, and whether its process has answered before."""

    reason: Reason | None
    answered: bool


class Narrator:
    """Writes the log of each snapshot."""

    def __init__(self) -> None:
        self._written_at: float | None = None
        self._failing: Mapping[Names, _Failure] = {}
        self._answered: frozenset[str] = frozenset()
        self._none: Mapping[str, str] = {}

    def write(self, snapshot: Snapshot) -> None:
        """Write what is new in a snapshot."""
        if self._written_at is None:
            fleet = snapshot.fleet
            log.info(
                "first cycle",
                product=fleet.product.value,
                version=",".join(fleet.versions),
                phase=fleet.phase.label,
                uniform=fleet.uniform,
                targets=len(snapshot.targets),
                up=sum(1 for target in snapshot.targets if target.up),
                keys=len(snapshot.keys),
                headline=fleet.headline,
            )
        else:
            for event in [e for e in snapshot.events if e.at > self._written_at][:MAX_LINES]:
                log.info(event.text, kind=event.kind, subject=event.subject)
        self._written_at = snapshot.at
        self._pages(snapshot)
        self._no_targets(snapshot)

    def _pages(self, snapshot: Snapshot) -> None:
        pages = {(t.name, page.name): page for t in snapshot.targets for page in t.pages}
        current = {target.name for target in snapshot.targets}
        failing = {
            names: self._failing.get(names) or _Failure(page.reason, names[0] in self._answered)
            for names, page in pages.items()
            if page.outcome is Outcome.FAILED
        }
        new = [n for n in failing if n not in self._failing or pages[n].reason is not failing[n].reason]
        self._write_failures(new, pages)
        self._write_answers(names for names in self._failing if names in pages and names not in failing)
        # A page that was not requested this time keeps its former state.
        unasked = {n: f for n, f in self._failing.items() if n not in pages and n[0] in current}
        now = {n: _Failure(pages[n].reason, f.answered) for n, f in failing.items()}
        self._failing = unasked | now
        self._answered |= {target.name for target in snapshot.targets if target.up}
        self._answered &= current

    def _no_targets(self, snapshot: Snapshot) -> None:
        """One line for a target that is probably no process of a product, when that is new or changes."""
        none = {target.name: culprits.name(target.why_none) for target in snapshot.targets if target.why_none}
        new = [(name, why) for name, why in none.items() if self._none.get(name) != why]
        for name, why in new[:MAX_LINES]:
            log.warning("target is none", target=name, why=why)
        self._none = none

    def _write_failures(self, new: Iterable[Names], pages: Mapping[Names, PageFacts]) -> None:
        """One line for all pages of a process that fail alike."""
        alike: dict[tuple[str, Reason | None, str], list[str]] = {}
        for target, name in sorted(new):
            page = pages[target, name]
            alike.setdefault((target, page.reason, page.detail), []).append(name)
        for (target, reason, detail), names in list(alike.items())[:MAX_LINES]:
            log.warning(
                "page failed",
                target=target,
                page=names[0],
                pages=len(names),
                reason=reason or "",
                detail=detail,
            )

    def _write_answers(self, answering: Iterable[Names]) -> None:
        pages = ((target, self._failing[target, name].answered, name) for target, name in sorted(answering))
        alike = grouped(((target, answered), name) for target, answered, name in pages)
        for (target, before), names in list(alike.items())[:MAX_LINES]:
            text = "page answers again" if before else "page answers"
            log.info(text, target=target, page=names[0], pages=len(names))
