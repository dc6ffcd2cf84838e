"""May we take the next step? Every step's checks, since when they pass, and which step is next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from exporter.derive.gate import soak
from exporter.derive.gate.causes import explained, together, warned
from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import CheckFunction, Results
from exporter.derive.gate.coverage import COPIES, FROM_METRICS, RESTS_ON
from exporter.derive.gate.rollback import judge_rollback
from exporter.derive.gate.step_table import STEPS, Rule
from exporter.derive.judging_rules import Rules, judged_by
from exporter.model.facts import Fleet, Snapshot
from exporter.model.findings import Finding, FindingKind
from exporter.model.gate import Check, Step, Verdict
from exporter.model.migration import READ_WRITE, RINGS, STORE, Migration
from exporter.model.pages import Phase

# Checks that compare two readings: the first one leaves them unknown.
NEED_TWO_CYCLES = frozenset({"gossip-port-quiet", "store-idle", "store-has-no-clients", "old-group-idle"})


DOCS = "docs/"  # what the path of each check's explanation begins with
_PATHS = (("old-read-path-present", "retire-read-path"), ("old-write-path-present", "retire-write-path"))


def with_steps(now: Snapshot, before: Snapshot | None, rules: Rules) -> Snapshot:
    """The snapshot with each migration's steps and way back, and what follows from them for the fleet."""
    now = replace(
        now,
        newcomers=soak.newcomers(now, before),
        judged_by=judged_by(rules),
        interval=rules.interval,
    )
    migrations = tuple(
        replace(
            one, steps=linked(one.steps, rules.docs_url), rollback=judge_rollback(now, one, rules.max_lag)
        )
        for one in judge_migrations(now, before, rules)
    )
    now = replace(now, migrations=migrations)
    return replace(now, fleet=_fleet(now))


def _fleet(snapshot: Snapshot) -> Fleet:
    """The fleet with its migrations' results: every warning, and what is next in the leading one."""
    migrations, lead = snapshot.migrations, snapshot.leading
    begun = [one for one in migrations if one.is_under_way] or [lead]
    last = next((one.next_step for one in migrations if one.name == STORE), "")
    return replace(
        snapshot.fleet,
        next_step=lead.next_step or last,
        rollback=lead.rollback,
        findings=together(one.findings for one in migrations),
        dangers=tuple(dict.fromkeys(risk for one in begun for risk in one.dangers)),
    )


def judge_migrations(now: Snapshot, before: Snapshot | None, rules: Rules) -> tuple[Migration, ...]:
    """Judge every step of the snapshot's migrations, each on its own evidence."""
    previous, results = _previous(now, before, rules), Results()
    shared = Evidence(now, rules)
    return tuple(_judge_migration(one, shared.of(one.name), previous, results) for one in now.migrations)


def linked(steps: tuple[Step, ...], base: str) -> tuple[Step, ...]:
    """Put the address of the docs before each check's place in them; without one it stays a path."""
    if not base:
        return steps
    return tuple(replace(step, checks=tuple(_linked(check, base) for check in step.checks)) for step in steps)


def _linked(check: Check, base: str) -> Check:
    if not check.doc.startswith(DOCS):
        return check
    return replace(check, doc=f"{base}/{check.doc.removeprefix(DOCS)}")


def _judge_migration(
    migration: Migration, evidence: Evidence, previous: Previous, results: Results
) -> Migration:
    steps = [rule for rule in STEPS if rule.is_of(migration)]
    judged_rules = [rule for rule in steps if _is_judged(rule, migration)]
    functions = dict.fromkeys(f for rule in judged_rules for f in rule.checks_of(migration.name))
    checks = {function: results.of(function, evidence) for function in functions}
    migration = replace(
        migration,
        findings=warned(migration.findings, checks.values(), migration.phase),
        next_step=migration.next_step
        or _following(migration, {c.id: c.verdict for c in checks.values()}, evidence),
    )
    causes = (*migration.causes, *(found.id for found in evidence.now.fleet.passing))
    checks = {function: explained(check, causes) for function, check in checks.items()}
    judged = (
        _judge(rule, migration, checks, evidence, previous)
        if rule in judged_rules
        else _unasked(rule, migration, evidence.rules)
        for rule in steps
    )
    return replace(migration, steps=tuple(judged))


def _is_judged(rule: Rule, migration: Migration) -> bool:
    """Whether a step is judged: of a migration that has not begun, only the first one is."""
    return migration.begun or rule.phase is Phase.EXTERNAL


def _unasked(rule: Rule, migration: Migration, rules: Rules) -> Step:
    return Step(rule.name, False, Verdict.FAILED, (), "ahead", rules.soak, migration=migration.name)


def _following(migration: Migration, verdicts: Mapping[str, Verdict], evidence: Evidence) -> str:
    """The next step of a migration of KV clients or of groups, "" where it has ended or is unknown."""
    if migration.name == READ_WRITE:
        return _following_of_groups(verdicts, evidence)
    if not migration.is_of_clients:
        return ""
    return next((rule.name for rule in STEPS if rule.phase is migration.phase and rule.is_of(migration)), "")


def _following_of_groups(verdicts: Mapping[str, Verdict], evidence: Evidence) -> str:
    """The step that stops what the old group still has: its read path, its write path, the rest. A shard has
    no answer: what its part lacks may be in another one.
    """
    if evidence.is_part:
        return ""
    for check, step in _PATHS:
        if verdicts[check] is not Verdict.FAILED:  # where it is unknown, so is the next step
            return step if verdicts[check] is Verdict.PASSED else ""
    remains = verdicts["old-group-left"] is Verdict.FAILED
    runs = any(target.group == evidence.rules.leaving for target in evidence.up)
    return "finish-read-write" if remains or runs else ""


@dataclass(frozen=True, slots=True)
class Previous:
    """What the soak goes by: the steps as they were, why nothing of them counts, and what was read."""

    steps: Mapping[tuple[str, str], Step]
    broken: Finding | None
    reads: soak.Reads


def _previous(now: Snapshot, before: Snapshot | None, rules: Rules) -> Previous:
    broken = soak.interrupted(now, before, rules)
    steps = {(step.migration, step.name): step for step in before.steps} if before else {}
    return Previous(steps, broken, soak.reads(now, before, rules.soak))


def _judge(
    rule: Rule,
    migration: Migration,
    results: Mapping[CheckFunction, Check],
    evidence: Evidence,
    previous: Previous,
) -> Step:
    was = previous.steps.get((migration.name, rule.name))
    old = {check.id: check for check in was.checks} if was and not previous.broken else {}
    plain = (results[function] for function in rule.checks_of(migration.name))
    timed = [soak.carried(one, old.get(one.id), previous.reads, evidence.now.at) for one in plain]
    checks = tuple(sorted(timed, key=lambda check: bool(check.cause)))  # what is an effect comes last
    verdict = _overall(checks)
    passed_from = max((check.since or evidence.now.at for check in checks), default=evidence.now.at)
    soaked = evidence.now.at - passed_from if verdict is Verdict.PASSED else 0.0
    looks = min((check.looks for check in checks), default=0)
    if evidence.is_part and verdict is Verdict.PASSED:
        verdict = Verdict.UNKNOWN  # the remaining parts may differ
    enough = soaked >= evidence.rules.soak and (looks >= soak.LEAST_LOOKS or not evidence.rules.soak)
    is_open = verdict is Verdict.PASSED and enough
    since = (
        (was.open_since if was and was.open and not previous.broken else evidence.now.at) if is_open else None
    )
    broken, broken_at = _broken(checks, old, was, previous, evidence.now.at)
    return Step(
        name=rule.name,
        open=is_open,
        verdict=verdict,
        checks=checks,
        place=place_of(rule, migration.phase),
        soak=evidence.rules.soak,
        open_since=since,
        soaked_for=soaked,
        broken=broken,
        broken_at=broken_at,
        migration=migration.name,
    )


def _broken(
    checks: tuple[Check, ...], old: Mapping[str, Check], was: Step | None, previous: Previous, at: float
) -> tuple[Finding | None, float | None]:
    """What broke the soak last, and when: now, or in an earlier cycle."""
    lapsed = [check for check in checks if check.since is None and check.paused is None]
    fresh = [c for c in lapsed if c.id in old and (old[c.id].since or old[c.id].paused) is not None]
    if was is not None and (previous.broken or fresh):
        return previous.broken or _failed(fresh[0]), at
    return (was.broken, was.broken_at) if was else (None, None)


def _failed(check: Check) -> Finding:
    kind = FindingKind.CHECK_UNKNOWN if check.verdict is Verdict.UNKNOWN else FindingKind.CHECK_FAILED
    return Finding(kind, check.id, culprits=check.culprits, looked=check.evidence)


def _overall(checks: tuple[Check, ...]) -> Verdict:
    verdicts = {check.verdict for check in checks}
    if Verdict.FAILED in verdicts:
        return Verdict.FAILED
    return Verdict.PASSED if verdicts == {Verdict.PASSED} else Verdict.UNKNOWN


def nothing_read(migration: str = "") -> Evidence:
    """The checks' input before anything was read."""
    return Evidence(Snapshot(at=0.0, started=0.0, cycle=0, fleet=Fleet()), Rules(), migration)


def blank(name: str, migration: str = "") -> Step:
    """A step with unknown checks: their sentences and remedies, of the named migration, else of the migration
    that has it, or `rings`. `KeyError` for unknown names.
    """
    migration = migration or next((rule.migration for rule in STEPS if rule.name == name), "") or RINGS
    nothing = nothing_read(migration)
    previous = _previous(nothing.now, None, nothing.rules)
    judged = _judge_migration(Migration(migration), nothing, previous, Results())
    return {step.name: step for step in judged.steps}[name]


def place_of(rule: Rule, where: Phase | None) -> str:
    """Where a step stands on the way: "behind", "next", "ahead" or "any"."""
    if rule.phase is None:
        return "any"
    if where is None or where is Phase.UNKNOWN:
        return "ahead"
    if rule.phase is where:
        return "next"
    return "behind" if rule.phase < where else "ahead"


def are_views_needed(snapshot: Snapshot | None) -> bool:
    """Whether a check of some migration's next step compares views. A migration that has not begun counts
    only if there is no other: an HA tracker may stay on its store for years. The same is true for a store
    beside a fleet that has left it: the last step counts where the exporter reads the store.
    """
    if snapshot is None or not snapshot.migrations:
        return False
    begun = (one for one in snapshot.migrations if one.begun or one is snapshot.leading)
    return any(_compares(one) for one in begun if one.name != STORE or snapshot.stores)


def _compares(migration: Migration) -> bool:
    checks = (c for step in migration.steps if step.name == migration.next_step for c in step.checks)
    return any(COPIES in RESTS_ON.get(check.id, FROM_METRICS) for check in checks)
