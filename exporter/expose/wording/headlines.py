"""A step's answer and its headline in one line, and what to show of a headline beside the answer."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from exporter.expose.wording.lists import few
from exporter.model.facts import Fleet, Snapshot
from exporter.model.gate import Step, Verdict
from exporter.model.migration import STORE, Migration, Rollout
from exporter.model.pages import Phase
from exporter.model.shard import Share

ANSWERS: Final = ("open", "closed", "unknown")
OPEN: Final = "Open: every check passed."
_PASSED: Final = re.compile(r"(?:Open|Closed): every check (?:has )?passed[^.]*\. ?")


def bad(answer: str, failed: int, unknown: int, of: int) -> str:
    """The headline of a step with checks that have not passed. One process that restarts makes nearly every
    check unknown, so failed checks are counted by themselves.
    """
    split = f": {failed} failed, {unknown} unknown" if failed and unknown else ""
    return f"{answer.capitalize()}: {failed + unknown} of {of} checks have not passed{split}."


def soaking(soaked: float, soak: float) -> str:
    """The headline of a step that has to wait: for its soak, then for as many cycles as one reading needs."""
    opens = "; the step opens with the next cycles" if soaked >= soak else ""
    return f"Closed: {passed_for(soaked, soak)}{opens}."


def passed_for(soaked: float, soak: float) -> str:
    """How much of its soak a step has behind it, in full seconds."""
    return f"every check has passed, for {math.floor(soaked)} s of {soak:.0f} s"


def answered(step: str, answer: str, headline: str) -> str:
    """`switch-primary: closed: 2 of 19 checks have not passed.`"""
    return f"{step}: {answer_of(answer, headline)}"


def answer_of(answer: str, headline: str) -> str:
    """`closed: 2 of 19 checks have not passed.` Another headline may begin otherwise."""
    for word in ANSWERS:
        headline = headline.removeprefix(f"{word.capitalize()}: ")
    return f"{answer}: {headline}"


def passed(seconds: float, headline: str) -> str:
    """The headline of a step that another exporter has watched: the gate's own headline with this time, and
    with its risk above all.
    """
    return f"Open: every check has passed for {seconds:.0f} s. {_PASSED.sub('', headline)}".rstrip()


def of_step(step: Step, migration: Migration, now: Snapshot) -> str:
    """Danger comes before everything, and a risk comes before the step is taken."""
    if not migration.begun and not step.checks:
        return f"This step is not yet reachable: {migration.name} has not begun."
    if now.part is not None:
        return _partly(step, now.part.share)
    if migration.warnings and not step.open:
        return migration.warnings[0]
    if users := _users_of_the_store(step, migration, now):
        return f"This step is not yet reachable: the store is in use by {few(users, 3)}."
    text = _of_gate(step, now.at)
    if migration.rollout is not None and step.place == "next" and not step.open:
        text = _rolling_out(step.answer, text, migration.rollout)
    if migration.risks and step.name in _RISKY and step.place == "next":
        return f"{text} Risk: {migration.risks[0]}"
    return text


def _rolling_out(answer: str, text: str, rollout: Rollout) -> str:
    """`Closed: rollout in progress, 2 of 6 processes are in mirroring; 3 of 19 checks have not passed.`"""
    word = answer.capitalize()
    done = f"{rollout.done} of {rollout.processes} processes are in {rollout.into_name}"
    return f"{word}: rollout in progress, {done}; {text.removeprefix(f'{word}: ')}"


def _users_of_the_store(step: Step, migration: Migration, now: Snapshot) -> tuple[str, ...]:
    """The migrations with clients that still need the store, where its end is not yet reachable."""
    if migration.name != STORE or step.place != "ahead":
        return ()
    free = (None, Phase.MEMBERLIST, Phase.UNKNOWN)
    return tuple(one.name for one in now.migrations if one.is_of_clients and one.phase not in free)


def _partly(step: Step, share: Share) -> str:
    failed = sum(1 for check in step.checks if check.verdict is not Verdict.PASSED and not check.vacuous)
    word = "Closed" if step.verdict is Verdict.FAILED else "Unknown"
    found = (
        f"{failed} of {len(step.checks)} checks have not passed in it"
        if failed
        else "no check has failed in it"
    )
    return (
        f"{word}: this is the part of shard {share.shard} of {share.shards} (from 0), {found}. "
        f"For all shards run kvmigration check {step.migration}/{step.name} --prometheus URL."
    )


def _of_gate(step: Step, at: float) -> str:
    if step.open:
        return OPEN
    if step.place in _PLACED:
        return _PLACED[step.place]
    verdicts = Counter(check.verdict for check in step.checks)
    if verdicts[Verdict.FAILED] or verdicts[Verdict.UNKNOWN]:
        return bad(step.answer, verdicts[Verdict.FAILED], verdicts[Verdict.UNKNOWN], len(step.checks))
    text = soaking(step.soaked_for, step.soak)
    if step.broken is None or step.broken_at is None:
        return text
    return f"{text} The soak was broken {at - step.broken_at:.0f} s ago: {step.broken.text.rstrip('.')}."


# After these, or in the restarts they need, a gossip view with few members would overwrite a store.
_RISKY: Final = frozenset({"enable-mirroring", "switch-primary", "disable-mirroring", "remove-multi"})
_PLACED: Final[Mapping[str, str]] = {
    "behind": "This step is behind.",
    "ahead": "This step is not yet reachable.",
}
AGREED: Final[Mapping[bool | None, str]] = {
    True: "",
    False: ", clients in different phases",
    None: ", unknown for some processes",
}


def of_fleet(now: Snapshot) -> str:
    """In one line where we are and what comes next."""
    if now.part is None:
        return _of_fleet(now.fleet, now)
    share = now.part.share
    return f"Shard {share.shard} of {share.shards} (from 0), its part only. {_of_fleet(now.fleet, now)}"


def _of_fleet(fleet: Fleet, now: Snapshot) -> str:
    if fleet.warnings:
        return fleet.warnings[0]
    lead = now.leading
    named, agreed = f"Phase {fleet.phase.label}", AGREED[fleet.uniform]
    if fleet.phase is Phase.UNKNOWN:
        named, agreed = "The phase is unknown", ""
    done = f" Beside keys on memberlist already: {few(lead.arrived, 4)}." if lead.arrived else ""
    agreed = f"{'' if lead.rollout else agreed}.{done}"
    following = _following(now, lead)
    if following is None:
        return f"{named}{agreed}"
    return f"{named}{agreed} Next step {following.name}: {'open' if following.open else 'closed'}."


def _following(now: Snapshot, lead: Migration) -> Step | None:
    """The next step of the leading migration; a shard's part has none."""
    here = {lead.name, STORE}
    steps = now.steps if now.part is None else ()
    return next((s for s in steps if s.name == now.fleet.next_step and s.migration in here), None)
