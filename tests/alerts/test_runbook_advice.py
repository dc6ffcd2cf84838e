"""Gate, alerts and runbooks give one advice for a state: no two verbs that contradict each other."""

from __future__ import annotations

import re

import pytest

from alerts.registry import ALERTS
from alerts.rule import Options
from alerts.runbook_advice import RUNBOOKS, runbooks
from exporter.derive.gate import step_verdicts
from exporter.derive.gate.cause_advice import ADVICE
from exporter.derive.gate.causes import CAUSES, explained
from exporter.derive.gate.step_table import STEPS
from exporter.model.gate import Check, Verdict
from exporter.model.migration import FIXED, Migration

VERBS = ("restart", "forget")
# The state of each of these alerts, by its id in the table.
STATES = {
    "KVMigrationPrimariesMixed": "primaries-mixed",
    "KVMigrationLabelsDisagree": "labels-split",
    "KVMigrationGossipSplit": "gossip-split",
    "KVMigrationRingShrunk": "ring-shrunk",
    "KVMigrationClockSkew": "clocks-differ",
    "KVMigrationStoreUnreachable": "store-unread",
    "KVMigrationStoreReplaced": "store-replaced",
    "KVMigrationTargetsDown": "process-down",
    "KVMigrationMirroringPartial": "mirroring-partial",
    "KVMigrationRingMembersUnhealthy": "member-unhealthy",
    "KVMigrationRingGhostMembers": "orphaned-member",
    "KVMigrationSecondaryMembersMissing": "members-missing",
    "KVMigrationRingTokenConflicts": "token-conflict",
}
FORBIDS = r"(?:never|not|nobody|nothing|no)"


def asks(verb: str, text: str) -> bool:
    """Whether a text asks for something, anywhere in it; the exporter itself may always be restarted."""
    kinds = (rf"\b{verb}\w* {FORBIDS}\b", rf"\b(?:do not|never|not) {verb}\b", rf"\b{verb} the exporter\b")
    said = re.sub(rf"(?i){'|'.join(kinds)}", "", text)
    return bool(re.search(rf"(?i)\b{verb}(?! member\b)\b", said))


def forbids(verb: str, text: str) -> bool:
    """Whether a text asks for the opposite."""
    return bool(re.search(rf"(?i)\b{verb} {FORBIDS}\b|\b(?:do not|never) {verb}\b", text))


def mitigation(name: str) -> str:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    return text.split("## Mend", 1)[1].split("## ", 1)[0]


def rendered(state: str) -> dict[str, str]:
    """Everything that is said in a state, by where it is said."""
    names = [name for name, of in STATES.items() if of == state]
    said = {f"runbook {name}": mitigation(name) for name in names}
    q = Options().queries()
    said |= {f"alert {a.name}": a.described(q) for a in ALERTS if a.name in names}
    for cause in CAUSES:
        if cause.id == state:
            said |= {f"gate {check.id}": check.remedy for check in effects(cause.id)}
    return said


def asked() -> dict[str, Check]:
    """Every check of every step of every migration: some are asked in one migration only."""
    of = [(rule.name, one) for one in FIXED for rule in STEPS if rule.is_of(Migration(one))]
    return {
        check.id: check for step, migration in of for check in step_verdicts.blank(step, migration).checks
    }


def effects(cause: str) -> list[Check]:
    """Every check of every step, failed and unknown, as it is shown while a cause is there."""
    bad = [
        Check(c.id, c.sentence, verdict, remedy=c.remedy)
        for c in asked().values()
        for verdict in (Verdict.FAILED, Verdict.UNKNOWN)
    ]
    return [check for check in (explained(check, (cause,)) for check in bad) if check.cause]


@pytest.mark.parametrize("state", ADVICE)
def test_what_one_text_of_a_state_forbids_no_other_text_of_it_asks_for(state: str) -> None:
    said = {"table": ADVICE[state].text, **rendered(state)}
    for verb in VERBS:
        without = {where: text for where, text in said.items() if forbids(verb, ADVICE[state].text)}
        wrong = {where for where, text in without.items() if asks(verb, text)}
        assert not wrong, (state, verb)
        assert (verb in ADVICE[state].never) <= bool(without), f"{state} does not say it of {verb}"


@pytest.mark.parametrize("state", [c.id for c in CAUSES if c.id in ADVICE and c.effects])
def test_every_effect_of_a_cause_is_given_the_advice_for_the_cause(state: str) -> None:
    found = effects(state)
    assert found
    assert {check.remedy for check in found} == {ADVICE[state].text}


def test_a_process_that_is_down_explains_a_copy_that_is_unknown_and_none_that_lacks_a_key() -> None:
    verdicts = {(found.id, found.verdict) for found in effects("process-down")}
    assert ("keys-copied", Verdict.UNKNOWN) in verdicts
    assert ("keys-copied", Verdict.FAILED) not in verdicts
    assert ("members-healthy", Verdict.FAILED) in verdicts


def test_no_cause_explains_itself_and_every_effect_is_a_check_or_a_cause() -> None:
    checks = asked().keys()
    causes = {cause.id for cause in CAUSES}
    effects_of = {cause.id: cause.effects for cause in CAUSES}
    for cause in CAUSES:
        assert cause.effects <= checks | causes, cause.effects - checks - causes
        assert cause.unknown <= cause.effects, cause.unknown - cause.effects
        assert not any(cause.id in effects_of[other] for other in cause.effects & causes), "in a circle"


def test_every_runbook_of_a_state_has_its_advice_as_the_table_has_it() -> None:
    for path, text in runbooks().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m alerts"
    for name, state in STATES.items():
        assert ADVICE[state].text in mitigation(name)


@pytest.mark.parametrize("name", sorted({path.stem for path in RUNBOOKS.glob("*.md")}))
def test_a_runbook_that_advises_to_forget_or_restart_a_member_has_the_guard(name: str) -> None:
    text = mitigation(name)
    without = re.sub(r"<!-- advice: .*?<!-- end of advice -->", "", text, flags=re.DOTALL)
    said = without if name in STATES else text
    if any(asks(verb, said) for verb in VERBS) and not name.startswith("KVMigrationExporter"):
        assert "<!-- advice: guard -->" in text


def test_the_reader_of_the_texts_is_not_deceived() -> None:
    assert asks("restart", "Then restart it.") and not asks("restart", "Restart nothing.")
    assert forbids("forget", "Forget no member.") and not forbids("forget", "Forget the member.")
    assert not asks("restart", "Do not restart anything.")
