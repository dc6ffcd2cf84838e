"""What a snapshot says against one process: in its gate, its findings and the rows of its pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from exporter.expose.wording import culprits, labels
from exporter.expose.wording.findings import text
from exporter.model.facts import KeyFacts, Snapshot, TargetFacts
from exporter.model.gate import Step, Verdict
from exporter.model.pages import Outcome


def complaints(snapshot: Snapshot, step: Step, target: str, names: tuple[str, ...]) -> set[str]:
    """Everything that speaks against a process and names it, or stands in its own row."""
    is_named = re.compile("|".join(rf"(?<![\w.-]){re.escape(name)}(?![\w-])" for name in (target, *names)))
    told = {said for said in _sentences(snapshot, step) if is_named.search(said)}
    own = next(t for t in snapshot.targets if t.name == target)
    return told | set(_of_its_row(own, snapshot)) | set(_of_its_views(snapshot, target))


def _sentences(snapshot: Snapshot, step: Step) -> Iterator[str]:
    for check in step.checks:
        if check.verdict is not Verdict.PASSED:
            yield from (f"{check.id}: {culprit}" for culprit in check.culprits)
    yield from map(text, (*snapshot.fleet.findings, *snapshot.fleet.dangers))
    gossip = snapshot.gossip
    if gossip is not None:
        for what in ("absent", "unread", "unidentified", "unverified", "doubts"):
            yield from (f"gossip {what}: {name}" for name in getattr(gossip, what))
        yield from (f"gossip short: {name}" for name, told in gossip.short.items() if told.wrong)
        yield from (
            f"label conflict: {labels.conflict(one)}"
            for one in (gossip.rollout.conflicts if gossip.rollout else ())
        )
        strangers = (*gossip.unknown, *gossip.namesakes, *gossip.doubtful, *gossip.orphaned)
        yield from (f"stranger {one.name} seen by {', '.join(one.seen_by)}" for one in strangers)
    for key in snapshot.keys:
        yield from _of_key(key)


def _of_key(key: KeyFacts) -> Iterator[str]:
    yield from (f"{key.key}: {culprits.name(told)}" for told in key.settings.differing)
    yield from (f"{key.key} orphaned: {name}" for name in key.orphaned or ())
    yield from (f"{key.key} ahead: {name}" for name in key.ahead)
    if key.secondary is not None:
        yield from (f"{key.key} missing in {view}" for view in key.secondary.missing_in)
    if key.writers is not None:
        yield from (f"{key.key} writer: {name}" for name in (*key.writers.missing, *key.writers.misplaced))
        claimed = (*key.writers.claimed.items(), *key.writers.shared.items())
        yield from (f"{key.key} claimed: {what} {', '.join(names)}" for what, names in claimed)


def _of_its_row(own: TargetFacts, snapshot: Snapshot) -> Iterator[str]:
    if not own.up:
        yield "down"
    yield from (f"page {page.name} failed" for page in own.pages if page.outcome is Outcome.FAILED)
    if own.why_none:
        yield culprits.name(own.why_none)
    phases = Counter(client.phase for target in snapshot.targets for client in target.clients)
    usual = max(phases, key=lambda phase: phases[phase], default=None)
    yield from (f"{c.name} is {c.phase.label}" for c in own.clients if c.phase is not usual)


def _of_its_views(snapshot: Snapshot, target: str) -> Iterator[str]:
    for key in snapshot.keys:
        for view in key.views:
            if view.target != target:
                continue
            wrong = view.known and (view.diverged or view.missing or view.extra or not view.present)
            if wrong or (view.against is not None and (view.against.missing_key or view.against.settled)):
                yield f"{key.key}: its {view.kind} view differs"
