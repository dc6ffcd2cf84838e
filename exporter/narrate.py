"""What goes into the log: one line for a change, none for a cycle in which nothing changed."""

from __future__ import annotations

from exporter import logs
from exporter.facts import PageFacts, Snapshot
from exporter.model import Outcome

log = logs.get("kvmigration")
MAX_LINES = 50


class Narrator:
    """Tells the log about each snapshot."""

    def __init__(self) -> None:
        self._told_at: float | None = None
        self._failing: frozenset[tuple[str, str, str]] = frozenset()

    def tell(self, snapshot: Snapshot) -> None:
        """Write what is new in a snapshot."""
        if self._told_at is None:
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
            for event in [e for e in snapshot.events if e.at > self._told_at][:MAX_LINES]:
                log.info(event.text, kind=event.kind, subject=event.subject)
        self._told_at = snapshot.at
        self._pages(snapshot)

    def _pages(self, snapshot: Snapshot) -> None:
        pages = {(t.name, page.name): page for t in snapshot.targets for page in t.pages}
        failing = frozenset(
            (target, name, page.reason or "")
            for (target, name), page in pages.items()
            if page.outcome is Outcome.FAILED
        )
        for target, name, reason in sorted(failing - self._failing)[:MAX_LINES]:
            log.warning(
                "page failed", target=target, page=name, reason=reason, detail=_detail(pages, target, name)
            )
        known = {(target, name) for target, name, _ in failing}
        for target, name, _ in sorted(self._failing - failing)[:MAX_LINES]:
            if (target, name) not in known:
                log.info("page answers again", target=target, page=name)
        self._failing = failing


def _detail(pages: dict[tuple[str, str], PageFacts], target: str, name: str) -> str:
    return pages[target, name].detail
