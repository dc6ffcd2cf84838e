"""The text of a report: its headings, and what was unknown."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from exporter.expose.report.shapes import OpenedOut, SpanOut
from exporter.expose.wording import checks
from exporter.expose.wording.durations import span
from exporter.expose.wording.lists import few
from exporter.model.facts import Snapshot
from exporter.model.gate import Verdict
from exporter.model.pages import Outcome

TRACKS: Final[Mapping[str, str]] = {
    "phase": "Phases",
    "step": "Next steps",
    "gate": "Gates",
    "rollout": "Rollouts",
    "deviation": "Deviations",
    "check": "Checks that did not pass",
    "gap": "Times without a cycle",
}
REDACTED: Final = "Left out by --redact."


def clock(at: float | None) -> str:
    """A time, UTC; "now" for a state that lasts."""
    return "now" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def lasted(one: SpanOut, now: float) -> str:
    """How long a state lasted, or has lasted so far."""
    return span((one.ended_at if one.ended_at is not None else now) - one.began_at)


def passed_last(one: OpenedOut) -> str:
    """Which checks were the last to pass before a gate opened."""
    if one.last_checks:
        return ", ".join(one.last_checks)
    if one.closed_since >= one.opened_at:
        return "none: every check passed from the start"
    return f"none: every check passed from {clock(one.closed_since)} on, and only the soak time was left"


def restart_durations(seconds: Sequence[float]) -> str:
    """How long processes did not answer in their last restart, "" where none was observed."""
    if not seconds:
        return ""
    count = "1 process was" if len(seconds) == 1 else f"{len(seconds)} processes were"
    return (
        f"{count} restarted: answering again after {span(median(seconds))} in the middle, "
        f"{span(max(seconds))} at most."
    )


def unknown(snapshot: Snapshot) -> tuple[str, ...]:
    """What the report does not have, because it was not read."""
    down = [target.name for target in snapshot.targets if not target.up]
    gaps = (
        [f"{len(down)} of {len(snapshot.targets)} processes do not answer: {few(down, 10)}."] if down else []
    )
    gaps += [f"{store.title} was not read." for store in snapshot.stores if store.outcome is not Outcome.OK]
    if not snapshot.stores:
        gaps.append("No external store is read.")
    gaps += [f"Targets from {source} are not completely listed." for source in snapshot.unsure]
    for step in snapshot.steps:
        if step.place == "next":
            gaps += [
                f"{step.title}, {check.id}: {checks.evidence(check)}"
                for check in step.checks
                if check.verdict is Verdict.UNKNOWN
            ]
    return tuple(gaps)
