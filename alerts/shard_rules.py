"""Recording rules that join the parts of several shards into the families of a single exporter.

Each shard (`kvmigration serve --shard I/N`) judges its own part. It names what only all parts together can
judge: gossip members that are none of its own, contents of views, clients by what they serve. These rules
make `kvmigration_gate_check`, `kvmigration_gate_open`, `kvmigration_phase` and the rest, under the names of a
single exporter. Boards, alerts and `kvmigration check --prometheus` thus work on either.

A check passes if it passes in every part, nothing across the parts is against it, and all shards are
complete. They are complete with recent values, one number of shards and one list of discovered processes.
"""

from __future__ import annotations

from alerts import shard_queries as across
from alerts.promql import Queries
from alerts.rule import Record, Text
from alerts.thresholds import Wait
from exporter.derive.gate.soak import NEW_FOR
from exporter.derive.gate.step_table import STEPS, Rule
from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as s
from exporter.expose.metric import Metric
from exporter.model.migration import LABELS, RINGS
from exporter.model.pages import Phase

INTERVAL = Wait(15.0, "one cycle of the exporter")
NEW = Wait(NEW_FOR, "what the exporter calls new: not every shard has found it yet")
GAP = Wait(
    50.0, "three evaluations and a little: after a longer gap it is unknown whether a check has passed"
)
FAILING = "check:kvmigration_shard_check:failing_across"
ELSEWHERE = "migration_check:kvmigration_shard_clients:elsewhere"
OPEN_QUESTION = "check:kvmigration_shard_check:unknown_across"
OPEN_OF_KEYS = "migration_check:kvmigration_shard_check:unknown_across"
MOVING = "migration_serves:kvmigration_shard_clients:moving"
LOWEST = "migration_step_check:kvmigration_shard_check:min"
EARLIEST = "migration:kvmigration_phase:earliest"


def _together(found: across.Across) -> Text:
    return lambda q: across.together(q, found(q))


def _by_check(found: dict[str, across.Across], *labels: str) -> Text:
    """Checks that fail across the parts, or that something across them leaves open."""

    def expr(q: Queries) -> str:
        parts = [
            f'label_replace(\ngroup {q.by(*labels)} (\n{fails(q)}\n),\n"check", "{check}", "", ""\n)'
            for check, fails in found.items()
        ]
        return "\nor\n".join(parts)

    return expr


def _gate_check(q: Queries) -> str:
    """In this order: what fails in a part or across, what passes everywhere, what is unknown. A check that
    some exporter does not make, perhaps one of another version, passes nowhere.
    """
    lowest, highest = q.series(LOWEST), q.most(s.SHARD_CHECK, "migration", "step", "check")
    asked = f"count {q.by('migration', 'step', 'check')} ({q.series(s.SHARD_CHECK)})"
    all_of_them = f"{asked} == {q.on()} group_left () count {q.by()} ({q.series(s.SHARDS)})"
    return (
        f"{lowest} == 0\n"
        f"or\n0 * {lowest} and {q.on('check')} {q.series(FAILING)}\n"
        f"or\n0 * {lowest} and {q.on('migration', 'check')} {q.series(ELSEWHERE)}\n"
        f"or\n(\n{highest} == 3 and {lowest} >= 2 and ({all_of_them})\n"
        f"and {q.on()} {q.series(s.COMPLETE)} == 1\nunless {q.on('check')} {q.series(OPEN_QUESTION)}\n"
        f"unless {q.on('migration', 'check')} {q.series(OPEN_OF_KEYS)}\n) / 3\n"
        f"or\nNaN * {lowest}"
    )


STEP = ("migration", "step")


def _lowest(q: Queries) -> str:
    """The least of the parts, by check. A migration that has not begun has only its preflight checks; one
    without a client has none. The rings are always there.
    """
    names = ("migration", "step", "check")
    first, later = (q.least(s.SHARD_CHECK, *names, matchers=f'step{op}"preflight"') for op in ("=", "!="))
    of_clients = f"group {q.by('migration')} ({q.series(s.SHARD_CHECK, _PREFLIGHT)})"
    begun = q.series(s.SHARD_CLIENTS, f'phase!="{Phase.EXTERNAL.label}"')
    return (
        f"({first}) and {q.on('migration')} (\n{_shown(q)}\n)\n"
        f"or\n({later}) unless {q.on('migration')} (\n"
        f"{of_clients} unless {q.on('migration')} ({begun} > 0)\n)"
    )


_PREFLIGHT = 'step="preflight"'


def _shown(q: Queries) -> str:
    """Migrations that have a client, and the rings."""
    rings = f'{_PREFLIGHT},migration="{RINGS}"'
    return (
        f"group {q.by('migration')} ({q.series(s.SHARD_CLIENTS)} > 0)\n"
        f"or {q.on('migration')} group {q.by('migration')} ({q.series(s.SHARD_CHECK, rings)})"
    )


def _holding(q: Queries) -> str:
    checks = q.series(c.GATE_CHECK)
    every = f"count {q.by(*STEP)} ({checks})"
    return f"(count {q.by(*STEP)} ({checks} == 1) == {q.on(*STEP)} {every})"


def _unbroken(q: Queries) -> str:
    """Since when nothing across the parts has been against a step, 0 where something is: it reads its own
    last value. Just after a change of the list of processes not every shard has it, which breaks nothing.
    """
    own = q.series(s.UNBROKEN)
    kept = f"max {q.by(*STEP)} ({own} > 0 and (timestamp({own}) > time() - {q.seconds(GAP)}))"
    return (
        f"{kept} and {q.on(*STEP)} ({_holding(q)} or {q.on(*STEP)} {_pausing(q)})\n"
        f"or {q.on(*STEP)}\n0 * {_holding(q)} + time()\n"
        f"or {q.on(*STEP)}\n0 * count {q.by(*STEP)} ({q.series(c.GATE_CHECK)})"
    )


def _pausing(q: Queries) -> str:
    """Steps without a failed check, a moment after discovery found other processes."""
    checks = q.series(c.GATE_CHECK)
    changed = f"max {q.by()} (changes({q.series(s.SHARD_DISCOVERY_DIGEST)}[{q.span(NEW)}])) > 0"
    return (
        f"(count {q.by(*STEP)} ({checks}) unless {q.on(*STEP)} ({checks} == 0)\n"
        f"and {q.on()} {q.series(s.PRESENT)} == 1 and {q.on()} ({changed}))"
    )


def _held(q: Queries) -> str:
    """Since when all checks of a step have passed, in every part and across, 0 where they have not."""
    parts = q.most(s.SHARD_HELD_SINCE_TIMESTAMP_SECONDS, *STEP)
    since = f"count {q.by(*STEP)} ({q.series(s.SHARD_HELD_SINCE_TIMESTAMP_SECONDS)})"
    everywhere = f"{since} == {q.on()} group_left () count {q.by()} ({q.series(s.SHARDS)})"
    ours = f"({q.series(s.UNBROKEN)} > 0 and {q.on(*STEP)} {_holding(q)} and {q.on(*STEP)} ({everywhere}))"
    return (
        f"({ours} >= {q.on(*STEP)} {parts}\nor {q.on(*STEP)}\n{parts} and {q.on(*STEP)} {ours})\n"
        f"or {q.on(*STEP)}\n0 * count {q.by(*STEP)} ({q.series(c.GATE_CHECK)})"
    )


def _gate_open(q: Queries) -> str:
    return (
        f"(time() - ({q.series(s.HELD)} > 0))\n"
        f">= bool {q.on()} group_left () {q.most(s.SHARD_SOAK_SECONDS)}\n"
        f"or {q.on(*STEP)}\n0 * count {q.by(*STEP)} ({q.series(c.GATE_CHECK)})"
    )


def _moving(q: Queries) -> str:
    """Writing clients of what has not arrived."""
    return f"count {q.by('migration', 'serves', 'phase')} (\n{across.moving(q, across.WRITERS)}\n)"


def _earliest(q: Queries) -> str:
    """The first phase in which a migration has a client; unknown where it has none."""
    here = ((phase, q.series(MOVING, f'phase="{phase.label}"')) for phase in Phase)
    found = [f"0 * group {q.by('migration')} ({clients}) + {phase:d}" for phase, clients in here]
    every = f"max {q.by('migration')} ({q.series(LOWEST, _PREFLIGHT)})"
    return f"\nor {q.on('migration')}\n".join([*found, f"0 * {every} - 1"])


def _phase(q: Queries) -> str:
    return "\nor\n".join(
        f'label_replace({q.series(EARLIEST)} == bool {phase:d}, "phase", "{phase.label}", "", "")'
        for phase in Phase
    )


def _next_step(q: Queries) -> str:
    """The store's step is next once every client is on memberlist. A migration without a phase has no next
    step. The labels' next step is in no shard's part.
    """
    return "\nor\n".join(
        f'label_replace({_is_next(q, rule)}, "step", "{rule.name}", "", "")'
        for rule in STEPS
        if rule.migration != LABELS
    )


def _is_next(q: Queries, rule: Rule) -> str:
    if not rule.migration and rule.phase is not None:
        return f"{q.series(EARLIEST)} == bool {rule.phase:d}"
    if rule.phase is None:
        of_step = q.most(s.SHARD_CHECK, "migration", matchers=f'step="{rule.name}"')
        return f"0 * {of_step}"
    clients = q.series(s.SHARD_CLIENTS, across.WRITERS)
    left = f"count {q.by()} ({q.series(s.SHARD_CLIENTS, f'{across.WRITERS},{across.BEFORE_MEMBERLIST}')} > 0)"
    there = f"(count {q.by()} ({clients} > 0) unless {q.on()} {left}) >= bool 0"
    end = f"{there}\nor {q.on()}\n0 * {q.most(s.SHARDS)}"
    return f'label_replace({end}, "migration", "{rule.migration}", "", "")'


def _uniform(q: Queries) -> str:
    """1 if all writing clients are in one phase, 0 if not; absent where unknown."""
    metrics = q.series(c.PAGE_UP, 'page="/metrics"')
    phases = f"count {q.by('migration')} (count {q.by('migration', 'phase')} ({q.series(MOVING)}))"
    not_responding = f"{q.series(c.TARGET_UP)} == 0 or {metrics} == 0"
    return (
        f"({phases} == bool 1 and {q.on('migration')} {q.series(EARLIEST)} >= 0)\n"
        f"unless {q.on('migration')} ({phases} == 1 and {q.on()} ({not_responding}))\n"
        f"and {q.on()} {q.series(s.COMPLETE)} == 1"
    )


def _views(q: Queries) -> str:
    """Different contents over all shards' views."""
    views = q.most(s.PART_OF[c.RING_VIEWS], "key", "ring", "view")
    return f"{views} > 1\nor\n{across.contents(q)}\nor\n{views}"


def _counted(metric: Metric, record: str, *labels: str) -> Text:
    def expr(q: Queries) -> str:
        baseline = across.together(q, f"0 * {q.most(s.PART_OF[metric], *labels)}")
        return f"count {q.by(*labels)} ({across.settled(q, record)})\nor\n{baseline}"

    return expr


def _joined(metric: Metric, operation: str) -> Record:
    """All shards' parts of a metric, joined by an operation."""
    part = s.PART_OF[metric]
    return Record(metric.name, lambda q: f"{operation} {q.by(*metric.labels)} ({q.series(part)})")


ACROSS = (
    Record(s.PRESENT, across.present),
    Record(s.COMPLETE, across.complete),
    Record(s.UNKNOWN_MEMBERS, _together(across.unknown_members)),
    Record(s.ABSENT, _together(across.absent)),
    Record(s.UNMET, across.unmet),
    Record(s.ORPHANED_MEMBERS, _together(across.orphaned_members)),
    Record(FAILING, _by_check(across.FAILS)),
    Record(ELSEWHERE, _by_check(across.CLIENTS, "migration")),
    Record(OPEN_QUESTION, _by_check(across.NOT_KNOWN)),
    Record(OPEN_OF_KEYS, _by_check(across.NOT_KNOWN_OF_KEYS, "migration")),
    Record(LOWEST, _lowest),
)
GATE = (
    Record(c.GATE_CHECK.name, _gate_check),
    Record(s.UNBROKEN, _unbroken),
    Record(s.HELD, _held),
    Record(c.GATE_OPEN.name, _gate_open),
)
FLEET = (
    Record(MOVING, _moving),
    Record(EARLIEST, _earliest),
    Record(c.PHASE.name, _phase),
    Record(c.PHASE_UNIFORM.name, _uniform),
    Record(c.NEXT_STEP.name, _next_step),
)
# Nothing reads these, and their sources may be one evaluation old: a group of their own.
COUNTS = (
    Record(c.RING_VIEWS.name, _views),
    Record(c.RING_GHOST_MEMBERS.name, _counted(c.RING_GHOST_MEMBERS, s.ORPHANED_MEMBERS, "key", "ring")),
    Record(c.GOSSIP_UNKNOWN_MEMBERS.name, _counted(c.GOSSIP_UNKNOWN_MEMBERS, s.UNKNOWN_MEMBERS)),
    Record(c.GOSSIP_ABSENT_MEMBERS.name, _counted(c.GOSSIP_ABSENT_MEMBERS, s.ABSENT)),
)
PARTS = tuple(_joined(metric, how) for metric, how in s.JOINED.items() if how != "rule")

JUDGED_ANEW = (*ACROSS, *GATE, *FLEET)
SHARD_RECORDS: tuple[Record, ...] = (*PARTS, *JUDGED_ANEW, *COUNTS)
