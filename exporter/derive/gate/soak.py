"""What the soak counts: time that was watched, and evidence that is good for two cycles more.

Ordinary events break nothing: a process that comes or leaves in good order, a single failed reading. What
breaks it is named: a pause, a step of the clock, a failed cycle, changed rules, an unlisted process that is
still in a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from exporter.derive.identity.member_processes import census_of, stands_in
from exporter.derive.judging_rules import Rules
from exporter.model.culprits import Kind, Looked, LookedKind
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.findings import Finding, FindingKind
from exporter.model.gate import Check, Verdict

CLOCK_STEP = 2.0  # seconds by which the wall clock may differ from the monotonic one in a cycle
LEAST_LOOKS = 3  # cycles after the first one in which a check passes
NEW_FOR = 120.0  # seconds in which a process that is new to the list breaks nothing
FEW = 10  # what is missed of one in so many processes is stood in for by what was read before
NOT_HAD = frozenset(
    {
        Kind.PROCESS_NOT_RESPONDING, Kind.PROCESS_STARTED, Kind.PROCESS_WITHOUT_CLIENTS, Kind.PAGE_UNREAD,
        Kind.UNREAD, Kind.CLIENT_UNREAD, Kind.VIEW_UNREAD, Kind.SECONDARY_UNREAD_VIEW, Kind.VERSION_UNKNOWN,
        Kind.MIRROR_NOTHING_YET, Kind.GOSSIP_MEMBER_UNKNOWN, Kind.GOSSIP_LIST_HIDDEN, Kind.LOOKED_ONCE,
        Kind.STORE_REQUESTED_BEFORE,
    }
)  # fmt: skip
"""What a check lacks of one process, and of that one only."""
ANSWER = "targets-answer"  # the one check that fails, and is not unknown, where a read fails


def interrupted(now: Snapshot, before: Snapshot | None, rules: Rules) -> Finding | None:
    """Why nothing counts that passed before this cycle, `None` where it does."""
    if before is None:
        return Finding(FindingKind.STARTED)
    if why := _unwatched(now, before, rules):
        return why
    if now.cycle > before.cycle + 1:
        return Finding(FindingKind.CYCLES_FAILED, count=now.cycle - before.cycle - 1)
    if before.judged_by != now.judged_by or _shards(before) != _shards(now):
        return Finding(FindingKind.CONFIGURATION_CHANGED)
    return _listed(now, before)


def _shards(snapshot: Snapshot) -> int:
    return snapshot.part.share.shards if snapshot.part is not None else 0


def _unwatched(now: Snapshot, before: Snapshot, rules: Rules) -> Finding | None:
    """When nothing was observed: between the cycles, in this one, or by a clock that was set."""
    pause, length = now.started - before.at, now.at - now.started
    if not 0 <= pause <= rules.longest_gap:
        return (
            Finding(FindingKind.NO_CYCLE, count=pause) if pause > 0 else Finding(FindingKind.CLOCK_SET_BACK)
        )
    if length > rules.longest_gap:
        return Finding(FindingKind.CYCLE_LONG, count=length)
    if now.ticked is not None and before.ticked is not None:
        step = (now.at - before.at) - (now.ticked - before.ticked)
        if abs(step) > CLOCK_STEP:
            return Finding(FindingKind.SLEPT, count=step)
    return None


def _listed(now: Snapshot, before: Snapshot) -> Finding | None:
    """Which processes changed on the list, in a way that no rollout explains."""
    return _left(now, before) or _unwatched_before(now, before)


def _owned(snapshot: Snapshot) -> tuple[TargetFacts, ...]:
    """The processes that this shard judges when they come and go. Processes common to all shards belong to
    their owner, which watches them in any case.
    """
    theirs = snapshot.part.share.borrowed if snapshot.part is not None else frozenset[str]()
    return tuple(t for t in snapshot.targets if t.name not in theirs) if theirs else snapshot.targets


def _unwatched_before(now: Snapshot, before: Snapshot) -> Finding | None:
    """The processes that are new to the list and have run for longer: they were not watched."""
    responded = {t.name for t in before.targets if t.up or t.name not in before.newcomers}
    old = tuple(t.name for t in _owned(now) if t.name not in responded and t.up and not _is_new(t, now.at))
    return Finding(FindingKind.RAN_ALREADY, names=old[:3]) if old else None


def _is_new(target: TargetFacts, at: float) -> bool:
    return target.started is not None and at + (target.skew or 0.0) - target.started < NEW_FOR


def _left(now: Snapshot, before: Snapshot) -> Finding | None:
    """The processes that left the list and may still run unwatched."""
    listed = {target.name for target in now.targets}
    unlisted = tuple(t.name for t in _owned(before) if t.name not in listed and not _has_left(t, now, before))
    return Finding(FindingKind.LEFT_THE_LIST, names=unlisted[:3]) if unlisted else None


def _has_left(target: TargetFacts, now: Snapshot, before: Snapshot) -> bool:
    """Whether a process that responded until it left the list is in no ring and no member list."""
    ids = {
        (key.key, member.id) for key in before.keys for member in key.members if member.target == target.name
    }
    in_rings = any((key.key, member.id) in ids for key in now.keys for member in key.members)
    own = target.gossip.own_member if target.gossip else ""
    lists = (t.gossip.members for t in now.targets if t.gossip is not None)
    in_gossip = bool(own) and any(own in census_of(members).alive for members in lists)
    return target.up and not in_rings and not in_gossip


def newcomers(now: Snapshot, before: Snapshot | None) -> Mapping[str, float]:
    """The processes that are new to the list, and since when, our clock."""
    if before is None:
        return {}
    listed = {target.name for target in before.targets}
    fresh = {t.name: before.newcomers.get(t.name, now.at) for t in now.targets if t.name not in listed}
    here = {target.name for target in now.targets}
    recent = {n: at for n, at in before.newcomers.items() if n in here and 0 <= now.at - at < NEW_FOR}
    return fresh | recent


@dataclass(frozen=True, slots=True)
class Reads:
    """Names of processes: those with a page missed in this or the previous cycle and still valid evidence,
    and those new to the list. `of` is the count of all.
    """

    missed: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    of: int = 0
    soak: float = 0.0  # seconds


def reads(now: Snapshot, before: Snapshot | None, soak: float) -> Reads:
    """Which processes have evidence that replaces what was not read. A check that compares two cycles lacks
    the second one after a miss.
    """
    earlier = {t.name for t in before.targets if stands_in(t, before.at)} if before else set()
    missed = (t.name for t in now.targets if (stands_in(t, now.at) if t.missed else t.name in earlier))
    return Reads(frozenset(missed), frozenset(now.newcomers), len(now.targets), soak)


def carried(check: Check, old: Check | None, readings: Reads, at: float) -> Check:
    """The check with its time: `since` and `looks` where it passes, `paused` where it does not for now.

    One that is unknown of a few processes passes on what it had of them.
    """
    began, about = _began(old), _lacking(check, readings)
    if old and old.wavered != check.wavered:
        check = replace(check, wavered=old.wavered)
    few = about and about <= readings.missed and FEW * len(about) <= readings.of
    if few and (began is not None or (old and about.isdisjoint(_about(old) or about))):
        evidence = (Looked(LookedKind.READ_BEFORE, culprits=check.culprits[:5]),)
        check = replace(check, verdict=Verdict.PASSED, evidence=evidence, culprits=(), vacuous=False)
    if check.verdict is not Verdict.PASSED:
        return _pausing(check, old, readings, at)
    looks = old.looks + 1 if old and began is not None else 0
    return replace(check, since=at if began is None else began, looks=looks)


def _pausing(check: Check, old: Check | None, readings: Reads, at: float) -> Check:
    """A check keeps its time while it is unknown only of processes that are new or were missed. Once in a
    soak it also does when it is unknown for one cycle for another reason. A process that does not respond and
    is neither breaks the soak: it is down.
    """
    began, about = _began(old), _lacking(check, readings)
    if not _is_excused(check):
        return check
    if old is None or began is None:
        return check if about else replace(check, wavered=at)
    if about and about <= readings.new | readings.missed:
        return replace(check, paused=began, looks=old.looks)
    if check.id == ANSWER and _about(check):
        return check
    first = old.wavered is None or at - old.wavered > readings.soak
    keeps = old.verdict is Verdict.PASSED and first
    check = replace(check, wavered=at)  # from here on a soak must pass before the next one is excused
    return replace(check, paused=began, looks=old.looks) if keeps else check


def _began(check: Check | None) -> float | None:
    return None if check is None else check.paused if check.since is None else check.since


def _is_excused(check: Check) -> bool:
    return check.verdict is Verdict.UNKNOWN or (check.id == ANSWER and bool(_named(check)))


def _lacking(check: Check, readings: Reads) -> frozenset[str]:
    """The processes that a check lacks; mostly none was missed or is new."""
    return _about(check) if readings.missed or readings.new else frozenset()


def _about(check: Check) -> frozenset[str]:
    """The processes that a check lacks; none where it lacks, or finds, anything else."""
    return _named(check) if _is_excused(check) else frozenset()


def _named(check: Check) -> frozenset[str]:
    names = [culprit.target for culprit in check.culprits if culprit.target and culprit.kind in NOT_HAD]
    return frozenset(names) if len(names) == len(check.culprits) else frozenset()
