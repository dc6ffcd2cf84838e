"""What the soak counts: time that was watched, and evidence that is at most two cycles old.

Ordinary life breaks nothing: a process that comes or leaves in good order, a single read that fails. What
does break it is named: a pause, a step of this machine's clock, a cycle that failed, other rules, a process
that left the list while something still has it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from exporter.derive.identity.member_index import census_of
from exporter.derive.limits import Rules
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.gate import Check, Verdict
from exporter.model.pages import Outcome

CLOCK_STEP = 2.0  # seconds by which the wall clock may differ from the monotonic one in a cycle
LEAST_LOOKS = 3  # cycles after the first one in which a check passes
NEW_FOR = 120.0  # seconds in which a process that is new to the list breaks nothing
FEW = 20  # a loss of one in so many processes is one that the cycle before stands in for
ANSWER = "targets-answer"  # the one check that fails, and is not unknown, where a read fails


def interrupted(now: Snapshot, before: Snapshot | None, rules: Rules) -> str:
    """Say why nothing counts that passed before this cycle, "" where it does."""
    if before is None:
        return "the exporter started"
    if why := _unwatched(now, before, rules):
        return why
    if now.cycle > before.cycle + 1:
        return f"{now.cycle - before.cycle - 1} cycles failed"
    return "the configuration changed" if before.judged_by != now.judged_by else _listed(now, before)


def _unwatched(now: Snapshot, before: Snapshot, rules: Rules) -> str:
    """Say when nothing was watched: between the cycles, in this one, or by a clock that was set."""
    pause, length = now.started - before.at, now.at - now.started
    if not 0 <= pause <= rules.longest_gap:
        return f"no cycle ran for {pause:.0f} s" if pause > 0 else "this machine's clock was set back"
    if length > rules.longest_gap:
        return f"one cycle took {length:.0f} s"
    if now.ticked is not None and before.ticked is not None:
        step = (now.at - before.at) - (now.ticked - before.ticked)
        if abs(step) > CLOCK_STEP:
            return f"this machine slept, or its clock was set, by {step:.0f} s"
    return ""


def _listed(now: Snapshot, before: Snapshot) -> str:
    """Say whose place on the list changed, and not in good order."""
    return _left(now, before) or _unwatched_before(now, before)


def _unwatched_before(now: Snapshot, before: Snapshot) -> str:
    """Name the processes that are new to the list and have run for longer: nobody watched them."""
    responded = {t.name for t in before.targets if t.up or t.name not in before.newcomers}
    old = [t.name for t in now.targets if t.name not in responded and t.up and not _is_new(t, now.at)]
    return f"{', '.join(old[:3])} ran already and was not on the list of processes" if old else ""


def _is_new(target: TargetFacts, at: float) -> bool:
    return target.started is not None and at + (target.skew or 0.0) - target.started < NEW_FOR


def _left(now: Snapshot, before: Snapshot) -> str:
    """Name the processes that left the list and are not gone: one may be there and not be watched."""
    listed = {target.name for target in now.targets}
    gone = [t.name for t in before.targets if t.name not in listed and not _is_gone(t, now, before)]
    return f"{', '.join(gone[:3])} left the list of processes, not in good order" if gone else ""


def _is_gone(target: TargetFacts, now: Snapshot, before: Snapshot) -> bool:
    """Tell whether no ring and no member list has a process that responded until it left the list."""
    ids = {
        (key.key, member.id) for key in before.keys for member in key.members if member.target == target.name
    }
    in_rings = any((key.key, member.id) in ids for key in now.keys for member in key.members)
    own = target.gossip.own_member if target.gossip else ""
    lists = (t.gossip.members for t in now.targets if t.gossip is not None)
    in_gossip = bool(own) and any(own in census_of(members).alive for members in lists)
    return target.up and not in_rings and not in_gossip


def newcomers(now: Snapshot, before: Snapshot | None) -> Mapping[str, float]:
    """Give the processes that are new to the list, and since when, our clock."""
    if before is None:
        return {}
    listed = {target.name for target in before.targets}
    fresh = {t.name: before.newcomers.get(t.name, now.at) for t in now.targets if t.name not in listed}
    here = {target.name for target in now.targets}
    kept = {n: at for n, at in before.newcomers.items() if n in here and 0 <= now.at - at < NEW_FOR}
    return fresh | kept


@dataclass(frozen=True, slots=True)
class Reads:
    """Names of processes: of which a page was not read in this cycle though every page was in the one before
    (none where they are many), of which one was not read in the cycle before, and which are new to the list.
    """

    once: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()


def reads(now: Snapshot, before: Snapshot | None) -> Reads:
    """Compare what this cycle read with what the one before did."""
    lost = _lost(now)
    if before is None or FEW * len(lost) > len(now.targets):
        return Reads(new=frozenset(now.newcomers))
    past = _lost(before)
    return Reads(lost - past, past, frozenset(now.newcomers))


def _lost(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(target.name for target in snapshot.targets if _is_lost(target))


def _is_lost(target: TargetFacts) -> bool:
    return not target.up or any(page.outcome is Outcome.FAILED for page in target.pages)


def carried(check: Check, old: Check | None, read: Reads, at: float) -> Check:
    """The check with its time: `since` and `looks` where it passes, `paused` where it does not for now.

    One that is not known for reads which failed once passes on what the cycle before had.
    """
    began = _began(old)
    had = began is not None or (old and _is_excused(old) and _names_only(old, read.before))
    if had and _is_excused(check) and _names_only(check, read.once):
        evidence = f"Read in the cycle before, not in this one: {', '.join(check.culprits[:5])}."
        check = replace(check, verdict=Verdict.HOLDS, evidence=evidence, culprits=(), vacuous=False)
    if check.verdict is not Verdict.HOLDS:
        return _pausing(check, old, read.new | read.once)
    looks = old.looks + 1 if old and began is not None else 0
    return replace(check, since=at if began is None else began, looks=looks)


def _pausing(check: Check, old: Check | None, names: Collection[str]) -> Check:
    """A check that is not known for one cycle, or only of processes that are new, keeps its time."""
    began = _began(old)
    if old is None or began is None or not _is_excused(check):
        return check
    keeps = old.verdict is Verdict.HOLDS or _names_only(check, names)
    return replace(check, paused=began, looks=old.looks) if keeps else check


def _began(check: Check | None) -> float | None:
    return None if check is None else check.paused if check.since is None else check.since


def _is_excused(check: Check) -> bool:
    return check.verdict is Verdict.UNKNOWN or (check.verdict is Verdict.FAILS and check.id == ANSWER)


def _names_only(check: Check, names: Collection[str]) -> bool:
    """Tell whether every culprit names one of these processes."""
    return bool(check.culprits) and all(
        any(word.strip("(),;") in names or word.strip("(),;:") in names for word in culprit.split())
        for culprit in check.culprits
    )
