"""May we go on? The one sentence that has to be found in five seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from exporter.expose.web.words import count, span
from exporter.expose.wording import checks as wording
from exporter.model.facts import Snapshot
from exporter.model.gate import Check, Step, Verdict
from exporter.model.listed import few
from exporter.model.migration import LABELS, STORE, Migration
from exporter.model.pages import Phase

TASKS: Final = {
    "preflight": "add the multi KV",
    "enable-mirroring": "switch mirroring on",
    "switch-primary": "make memberlist the primary",
    "disable-mirroring": "switch mirroring off",
    "remove-multi": "take the multi KV out",
    "decommission-store": "remove the external store",
    "set-label": "set the cluster label",
    "enforce-label": "switch label verification on",
    "retire-read-path": "stop the old read path and backend",
    "retire-write-path": "stop the old write path",
    "retire-microservices": "retire the microservices",
    "finish-read-write": "finish the move to read-write mode",
}
CULPRITS: Final = 10
_OF_A_ROLLOUT: Final = frozenset({"process-down", "process-restarting"})  # what restarts bring with them


@dataclass(frozen=True, slots=True)
class GoNoGo:
    """`tone` is open, wait, closed or unknown, and picks the shape; `word` is the text for it."""

    tone: str
    word: str
    sentence: str
    why: str = ""
    step: Step | None = None
    share: float | None = None  # of the soak time, while waiting


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check as it is shown. `tone` is a verdict; or none, where a shard's part does not show it."""

    check: Check
    tone: str
    word: str
    evidence: str
    culprits: tuple[str, ...]
    more: int
    remedy: str = ""


_WORDS: Final = {Verdict.PASSED: "passed", Verdict.FAILED: "failed", Verdict.UNKNOWN: "unknown"}
_IN_PART: Final = {Verdict.PASSED: "passed in this part", Verdict.UNKNOWN: "nothing in this part to check"}
_ORDER: Final = {Verdict.FAILED: 0, Verdict.UNKNOWN: 1, Verdict.PASSED: 2}


def task(step: str) -> str:
    """What a step does, in a few words; its name where it is unknown."""
    return TASKS.get(step, step)


def word_of(step: Step) -> tuple[str, str]:
    """A step's tone and word."""
    if step.open:
        return "open", "open"
    if step.verdict is Verdict.UNKNOWN:
        return "unknown", "unknown"
    return ("wait", "waiting") if step.verdict is Verdict.PASSED else ("closed", "closed")


def withheld(snapshot: Snapshot) -> GoNoGo:
    """The answer of a snapshot with a withheld gate, with the reason."""
    return GoNoGo("unknown", "UNKNOWN", "Do not go on.", snapshot.fleet.headline)


def answer_of(snapshot: Snapshot) -> GoNoGo:
    """The answer for the next step on the way."""
    if snapshot.is_withheld:
        return withheld(snapshot)
    step = next_step_of(snapshot)
    resting = [one.name for one in snapshot.migrations if not one.begun]
    if step is None and snapshot.fleet.phase is Phase.MEMBERLIST and resting:
        why = f"{', '.join(resting)} has not begun and needs the external store."
        return GoNoGo("wait", "NO STEP", "All that has begun to move is on memberlist. Keep the store.", why)
    if step is None:
        why = "The phase of the processes is unknown, so there is no next step."
        return GoNoGo("unknown", "UNKNOWN", "Do not go on.", why)
    if (rolling := _rolling_out(snapshot, step)) is not None:
        return rolling
    found = answer_to(snapshot, step)
    if snapshot.fleet.uniform is False and found.tone == "closed":
        return replace(found, sentence="Do not go on: the clients are in different phases.")
    return found


def next_step_of(snapshot: Snapshot) -> Step | None:
    """The next step, of the migration with the phase before it."""
    return step_of(snapshot, snapshot.fleet.next_step)


def step_of(snapshot: Snapshot, wanted: str) -> Step | None:
    """The step `[MIGRATION/]STEP`; without a migration the next one, else the first."""
    having = [step for step in snapshot.steps if wanted in (step.name, step.title)]
    return next((step for step in having if step.place == "next"), having[0] if having else None)


def _rolling_out(snapshot: Snapshot, step: Step) -> GoNoGo | None:
    """The answer while a rollout of the step's migration is in progress and nothing is wrong with it. The end
    of the store waits for every rollout.
    """
    if snapshot.part is not None or step.open:
        return None
    for one in snapshot.migrations:
        if one.rollout is not None and not set(one.causes) - _OF_A_ROLLOUT and _waits_for(step, one):
            rollout = one.rollout
            prefix = "" if step.migration in (one.name, STORE) else f"{one.name}: "
            done = f"{rollout.done} of {rollout.processes} processes"
            sentence = f"{prefix}rolling out into {rollout.into_name}: {done}."
            return GoNoGo("wait", "WAIT", sentence, f"Left: {few(rollout.left, CULPRITS)}.", step)
    return None


def _waits_for(step: Step, migration: Migration) -> bool:
    """Whether a step waits for a rollout: its own, any other one before the store goes, and one of labels
    where nothing else fails.
    """
    if migration.name != LABELS:
        return step.migration in (migration.name, STORE)
    return step.migration == LABELS or _failing(step) <= {"labels-agree"}


def _failing(step: Step) -> set[str]:
    """The checks that fail, without those that fail because a process is away for a moment."""
    failing = (check for check in step.checks if check.verdict is Verdict.FAILED)
    return {c.id for c in failing if c.id != "targets-answer" and c.cause != "process-down"}


def answer_to(snapshot: Snapshot, step: Step) -> GoNoGo:
    """The answer for one step. Where checks fail only because a process is away, it is to wait."""
    is_warned = bool(snapshot.fleet.warnings or snapshot.fleet.risks)
    found = judged(step, is_warned, part=snapshot.part is not None)
    if found.tone != "closed" or not snapshot.fleet.notes or snapshot.fleet.warnings or _failing(step):
        return found
    return GoNoGo("wait", "WAIT", "a process is away, as in a restart.", snapshot.fleet.notes[0], step)


def judged(step: Step, warned: bool = False, *, part: bool = False) -> GoNoGo:
    """The answer for one step, whatever its age. In a shard's part only failed checks decide."""
    if part and step.verdict is not Verdict.FAILED:
        return _of_a_part(step)
    bad = [check for check in step.checks if check.verdict is not Verdict.PASSED]
    fails = sum(1 for check in bad if check.verdict is Verdict.FAILED)
    blind = len(bad) - fails
    what = task(step.name)
    if step.open:
        held = f"Every check has passed for {span(step.soaked_for)}."
        if warned:
            return GoNoGo("wait", "OPEN, BUT", f"read the warnings and risks before you {what}.", held, step)
        return GoNoGo("open", "GO ON", f"You may {what}.", held, step)
    if step.verdict is Verdict.PASSED:
        share = min(1.0, step.soaked_for / step.soak) if step.soak else None
        left = span(ceil(max(0.0, step.soak - step.soaked_for)))
        return GoNoGo(
            "wait", "WAIT", f"{left} more before you {what}.",
            f"Every check has passed for {span(step.soaked_for)}; the soak time is {span(step.soak)}.",
            step, share,
        )  # fmt: skip
    if step.verdict is Verdict.UNKNOWN:
        why = f"{count(blind, 'check')} of {len(step.checks)} could not be answered."
        return GoNoGo("unknown", "UNKNOWN", f"Do not {what}.", why, step)
    why = f"{count(fails, 'check')} of {len(step.checks)} failed" + (f", {blind} unknown." if blind else ".")
    return GoNoGo("closed", "STOP", f"Do not {what}.", why, step)


def _of_a_part(step: Step) -> GoNoGo:
    blind = sum(1 for check in step.checks if check.verdict is Verdict.UNKNOWN and not check.vacuous)
    detail = f"{count(blind, 'check')} could not be answered in it." if blind else "No check in it failed."
    why = f"{detail} To judge all shards, run: kvmigration check {step.name} --prometheus URL"
    sentence = f"one shard's part does not show whether you may {task(step.name)}."
    return GoNoGo("unknown", "UNKNOWN", sentence, why, step)


def check_rows(
    step: Step, limit: int = CULPRITS, *, part: bool = False
) -> tuple[tuple[CheckRow, ...], tuple[CheckRow, ...]]:
    """Checks that have not passed, failed checks first; and checks that have passed."""
    ordered = sorted(step.checks, key=lambda check: _ORDER[check.verdict])
    rows = [_in_part(_row(check, limit)) if part else _row(check, limit) for check in ordered]
    good = ("holds", "none")
    bad = tuple(r for r in rows if r.tone not in good)
    remedies = wording.remedies((row.check.id, row.check.remedy) for row in bad)
    bad = tuple(replace(row, remedy=remedy) for row, remedy in zip(bad, remedies, strict=True))
    return bad, tuple(r for r in rows if r.tone in good)


def _in_part(row: CheckRow) -> CheckRow:
    """A check that passed in one part may fail in all, and is not shown as passed."""
    if row.check.verdict is Verdict.PASSED or row.check.vacuous:
        return replace(row, tone="none", word=_IN_PART[row.check.verdict])
    return row


def _row(check: Check, limit: int) -> CheckRow:
    """Where there are culprits they are listed, and the evidence counts them."""
    culprits = wording.culprits(check, limit)
    return CheckRow(
        check=check,
        tone=check.verdict.value,
        word=_WORDS[check.verdict],
        evidence=wording.heading(check) if culprits else wording.evidence(check),
        culprits=culprits,
        more=len(check.culprits) - len(culprits),
    )
