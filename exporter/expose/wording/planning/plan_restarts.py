"""The sentences of a plan about restarts: in which order, what to watch between them, how long they take."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Final

from exporter.expose.plan.shapes import PlanOut
from exporter.expose.wording.durations import span
from exporter.expose.wording.lists import Number, few
from exporter.expose.wording.planning.migration_report import restart_durations
from exporter.model.listed import grouped
from exporter.model.planning.plan import Plan, Spare

SHOWN: Final = 6
LAST_SWIFT_WAY_BACK: Final = (
    "If you can, stay in phase switched for a day before this step: it is the last phase from which you can "
    "roll back quickly."
)


def restart(plan: Plan) -> list[str]:
    """In which order, how many at a time, and what may be lost."""
    if not plan.waves:
        return ["No process restarts."]
    total = len({name for wave in plan.waves for name in wave.targets})
    verb = "restarts" if total == 1 else "restart, in this order"
    sentences = [f"{Number(total): processes} {verb}:"]
    for number, wave in enumerate(plan.waves, start=1):
        zone = f" of zone {wave.zone}" if wave.zone else ""
        how = "may restart together" if wave.together and len(wave.targets) > 1 else "one at a time"
        how = "" if len(wave.targets) == 1 else f", {how}"
        names = few(wave.targets, SHOWN)
        sentences.append(f"{number}. {wave.component or 'processes'}{zone}: {names}{how}.")
    sentences += [_spare(one) for one in plan.spare]
    return [*sentences, *_mixed(plan)] if plan.at_once else sentences


def _mixed(plan: Plan) -> list[str]:
    """The switch by restarts: one block after another, and what all blocks in one restart save and cost."""
    sentences = [
        "Primaries are mixed while these restarts last, and small rings can overwrite complete rings. "
        "Change one block after another: restart all its processes quickly, then check the size of its "
        "ring before you change the next one."
    ]
    rounds, once = len(plan.rounds), len(plan.restarting)
    if plan.restarts <= once:
        return sentences
    sentences.append(f"These are {Number(rounds): rollouts} with {Number(plan.restarts): restarts}.")
    one = f"All blocks in one rollout are {Number(once): restarts}. "
    if not plan.together_safe:
        return [*sentences, f"{one}Do not do that before the gate is open and each risk above is mended."]
    return [
        *sentences,
        f"{one}That is safe here: no process would start with a small view. Each ring is mixed for as long, "
        "but all rings at the same time: you cannot check one ring before you change the next ring.",
    ]


def _spare(spare: Spare) -> str:
    ring, left = spare.ring, spare.members
    what = "zone" if spare.zones else "member"
    if left is None:
        return f"How many {what}s of {ring} may be lost is unknown. Find out before you restart any."
    if left <= 0:
        return f"{ring}: no {what} may be lost. Writes fail while one of them restarts."
    more = f"{left} more {what}s" if left > 1 else f"1 more {what}"
    return f"{ring}: {more} may be lost before writes fail. Wait for each restart to end."


def watch(plan: Plan) -> list[str]:
    """What to run between restarts and afterwards."""
    sentences = [LAST_SWIFT_WAY_BACK] if plan.step == "disable-mirroring" and plan.is_next else []
    if plan.waves:
        sentences.append(
            "After each restart wait until kvmigration status shows that every process answers and no member "
            "is unhealthy."
        )
    if plan.watched:
        sentences.append(
            f"Afterwards run kvmigration check {_title(plan, plan.watched)} --wait=30m: "
            "its exit status is 0 once this step took effect everywhere."
        )
    elif not plan.waves:
        sentences.append(f"Run kvmigration check {plan.migration}/{plan.step} --wait=30m before you begin.")
    return sentences


def _title(plan: Plan, step: str) -> str:
    return step if step == "decommission-store" else f"{plan.migration}/{step}"


def time(plan: Plan) -> list[str]:
    """How long it takes at least; what was not measured is left out."""
    sentences = []
    if plan.runtime_seconds is not None and plan.runtime_due:
        sentences.append(f"The runtime configuration is read every {span(plan.runtime_seconds)}.")
    if plan.waves:
        total = _one_after_another(plan)
        least = total * plan.settle_seconds
        sentences.append(
            f"A process is judged {span(plan.settle_seconds)} after its start. {Number(total): restarts}, "
            f"one after another: at least {span(least)}, and as long as the processes need to start."
        )
        sentences += [_measured(plan, total)] if plan.restart_durations else []
    if plan.soak_seconds:
        sentences.append(f"The next gate then needs {span(plan.soak_seconds)} without a failed check.")
    return sentences


def _one_after_another(plan: Plan) -> int:
    """How many restarts wait for the one before: a zone that goes together counts once in each rollout."""
    rollouts = [{name for change in one for name in change.targets} for one in plan.rounds]
    found = ((wave, len(due.intersection(wave.targets))) for due in rollouts for wave in plan.waves)
    return sum(min(count, 1) if wave.together else count for wave, count in found)


def _measured(plan: Plan, total: int) -> str:
    """How long the observed restarts took, and how long these would take by that."""
    usual, longest = median(plan.restart_durations), max(plan.restart_durations)
    about, most = (span(total * (seconds + plan.settle_seconds)) for seconds in (usual, longest))
    rest = "" if most == about else f", or {most} if each takes as long as the longest"
    return f"{restart_durations(plan.restart_durations)} By that, these take about {about}{rest}."


def together(plans: Iterable[PlanOut]) -> str:
    """Which plans restart the same processes, so that one rollout makes their changes; "" for none."""
    found = grouped((plan.restarting, plan.title) for plan in plans if plan.restarting)
    shared = [" and ".join(titles) for titles in found.values() if len(titles) > 1]
    return " ".join(f"{one} restart the same processes: make both changes in one rollout." for one in shared)
