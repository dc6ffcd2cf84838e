"""May we take the next step? Every step's checks, how long they have held, and which step is next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from exporter.derive.gate import soak
from exporter.derive.gate.causes import explained, warned
from exporter.derive.gate.check import CheckFunction, Evidence, covered
from exporter.derive.gate.harms import STEPS, Rule
from exporter.derive.limits import Rules
from exporter.model.facts import Fleet, Snapshot
from exporter.model.gate import NO_WORDS, Check, Step, Verdict, Words
from exporter.model.pages import Phase, Product
from exporter.model.shard import Share

# After these, or in the restarts they need, a small view would be written over a store.
RISKY = frozenset({"enable-mirroring", "switch-primary", "disable-mirroring", "remove-multi"})
SHOWN = 160  # characters of what broke a soak
# Checks that compare two looks: unknown at the first one, which says nothing yet.
NEED_TWO_LOOKS = frozenset({"gossip-port-quiet", "store-idle", "store-has-no-clients", "old-group-idle"})


def judge_steps(
    now: Snapshot, before: Snapshot | None, rules: Rules, words: Words
) -> tuple[tuple[Step, ...], str]:
    """Judge every step; the second value names the next one on the way, "" where none is."""
    seen = Evidence(now, rules)
    following = _following(seen)
    past = _past(now, before, rules, words)
    functions = dict.fromkeys(function for rule in STEPS for function in rule.checks)  # most are in several
    told = {function: covered(function(seen), seen.universe) for function in functions}
    fleet = warned(now.fleet, told.values(), words)
    told = {function: explained(check, fleet.causes) for function, check in told.items()}
    seen = replace(seen, now=replace(now, fleet=fleet))
    return tuple(_judge(rule, told, seen, past) for rule in STEPS), following


def _following(seen: Evidence) -> str:
    """Name the next step: none once all that is to move has moved and the rest stays on the store."""
    where = seen.now.fleet.phase
    if where is Phase.MEMBERLIST and seen.left_out:
        return ""
    return next((rule.name for rule in STEPS if rule.phase is where), "")


@dataclass(frozen=True, slots=True)
class Past:
    """What the soak goes by: the steps as they were, why nothing of them counts, and what was read."""

    steps: Mapping[str, Step]
    broken: str
    read: soak.Reads
    words: Words


def _past(now: Snapshot, before: Snapshot | None, rules: Rules, words: Words) -> Past:
    broken = soak.interrupted(now, before, rules)
    steps = {step.name: step for step in before.steps} if before else {}
    return Past(steps, broken, soak.reads(now, before, rules.soak), words)


def _judge(rule: Rule, told: Mapping[CheckFunction, Check], seen: Evidence, past: Past) -> Step:
    was = past.steps.get(rule.name)
    old = {check.id: check for check in was.checks} if was and not past.broken else {}
    plain = (told[function] for function in rule.checks)
    timed = [soak.carried(one, old.get(one.id), past.read, seen.now.at) for one in plain]
    checks = tuple(sorted(timed, key=lambda check: bool(check.cause)))  # what is an effect comes last
    verdict = _overall(checks)
    held_from = max((check.since or seen.now.at for check in checks), default=seen.now.at)
    soaked = seen.now.at - held_from if verdict is Verdict.HOLDS else 0.0
    looks = min((check.looks for check in checks), default=0)
    if seen.is_part and verdict is Verdict.HOLDS:
        verdict = Verdict.UNKNOWN  # the other parts may say otherwise
    enough = soaked >= seen.rules.soak and (looks >= soak.LEAST_LOOKS or not seen.rules.soak)
    is_open = verdict is Verdict.HOLDS and enough
    since = (was.open_since if was and was.open and not past.broken else seen.now.at) if is_open else None
    broken, broken_at = _broken(checks, old, was, past, seen.now.at)
    step = Step(
        name=rule.name,
        open=is_open,
        verdict=verdict,
        checks=checks,
        place=_place(rule, seen),
        soak=seen.rules.soak,
        open_since=since,
        soaked_for=soaked,
        broken=broken,
        broken_at=broken_at,
    )
    return replace(step, headline=_headline(step, seen.now))


def _broken(
    checks: tuple[Check, ...], old: Mapping[str, Check], was: Step | None, past: Past, at: float
) -> tuple[str, float | None]:
    """What broke the soak last, and when: now, or what is remembered of it."""
    lapsed = [check for check in checks if check.since is None and check.paused is None]
    fresh = [c for c in lapsed if c.id in old and (old[c.id].since or old[c.id].paused) is not None]
    if was is not None and (past.broken or fresh):
        return past.broken or f"{fresh[0].id}: {past.words.evidence(fresh[0])}"[:SHOWN], at
    return (was.broken, was.broken_at) if was else ("", None)


def _overall(checks: tuple[Check, ...]) -> Verdict:
    verdicts = {check.verdict for check in checks}
    if Verdict.FAILS in verdicts:
        return Verdict.FAILS
    return Verdict.HOLDS if verdicts == {Verdict.HOLDS} else Verdict.UNKNOWN


def nothing_read() -> Evidence:
    """What the checks look at before anything was read."""
    fleet = Fleet(Phase.UNKNOWN, None, "", Product.UNKNOWN, (), "")
    return Evidence(Snapshot(at=0.0, started=0.0, cycle=0, fleet=fleet), Rules())


def blank(name: str) -> Step:
    """A step of which nothing is known: its checks' sentences and remedies. `KeyError` for unknown names."""
    nothing = nothing_read()
    steps, _ = judge_steps(nothing.now, None, nothing.rules, NO_WORDS)
    return {step.name: step for step in steps}[name]


def _place(rule: Rule, seen: Evidence) -> str:
    """Give where a step stands; the end of the store is not reachable while keys stay on it."""
    place = place_of(rule, seen.now.fleet.phase)
    return "ahead" if place == "next" and not _following(seen) else place


def place_of(rule: Rule, where: Phase) -> str:
    """Give where a step stands on the way: "behind", "next", "ahead" or "any"."""
    if rule.phase is None:
        return "any"
    if where is Phase.UNKNOWN:
        return "ahead"
    if rule.phase is where:
        return "next"
    return "behind" if rule.phase < where else "ahead"


def _headline(step: Step, now: Snapshot) -> str:
    """Say it in one line. Danger comes before everything, and a risk is told before the step is taken."""
    fleet = now.fleet
    if now.part is not None:
        return _partly(step, now.part.share)
    if fleet.warnings and not step.open:
        return fleet.warnings[0]
    text = _said(step, now.at)
    if fleet.risks and step.name in RISKY and step.place == "next":
        return f"{text} Risk: {fleet.risks[0]}"
    return text


def _partly(step: Step, share: Share) -> str:
    bad = sum(1 for check in step.checks if check.verdict is not Verdict.HOLDS and not check.vacuous)
    word = "Closed" if step.verdict is Verdict.FAILS else "Cannot tell"
    found = (
        f"{bad} of {len(step.checks)} checks do not hold in it" if bad else "nothing in it speaks against it"
    )
    return (
        f"{word}: this is the part of shard {share.shard} of {share.shards} (from 0), {found}. "
        f"For the whole ask kvmigration check {step.name} --prometheus URL."
    )


def _said(step: Step, at: float) -> str:
    placed = {"behind": "This step is behind.", "ahead": "This step is not yet reachable."}.get(step.place)
    if placed and not step.open:
        return placed
    if step.open:
        return "Open: every check holds."
    bad = sum(1 for check in step.checks if check.verdict is not Verdict.HOLDS)
    if not bad:
        text = f"Closed: every check holds, for {step.soaked_for:.0f} s of {step.soak:.0f} s."
        if not step.broken or step.broken_at is None:
            return text
        return f"{text} The soak was broken {at - step.broken_at:.0f} s ago: {step.broken.rstrip('.')}."
    return f"Closed: {bad} of {len(step.checks)} checks do not hold."
