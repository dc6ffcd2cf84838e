"""Do the clients agree where they are, and do they go on?"""

from __future__ import annotations

from alerts import thresholds as t
from alerts.groups.mirroring import CLIENT, WRITERS
from alerts.promql import Queries
from alerts.rule import COUNT, Alert, Group, Names, Severity
from exporter.derive.gate.cause_advice import ADVICE
from exporter.expose import catalogue as c
from exporter.model.pages import Phase

RINGS = 'key!="ha-tracker/"'


def mixed(q: Queries) -> str:
    """Keys with mixed primaries: memberlist for some clients, the external store for the rest."""
    phases = q.series(c.CLIENT_PHASE, 'key!=""') + " >= 0"
    return (
        f"max {q.by('key')} ({phases}) >= {Phase.SWITCHED}\n"
        f"and {q.on('key')} (min {q.by('key')} ({phases}) < {Phase.SWITCHED})"
    )


def _apart(q: Queries) -> str:
    """Migrations with writing clients in different phases that no rollout explains."""
    uniform, rollout = (
        q.most(metric, "migration") for metric in (c.PHASE_UNIFORM, c.ROLLOUT_MOVED_TIMESTAMP_SECONDS)
    )
    return f"{uniform} == 0\nunless {q.on('migration')} {rollout}"


def _lingering(q: Queries) -> str:
    return f"({q.writing_phase('min', matchers=RINGS)}) >= {Phase.MULTI} <= {Phase.DETACHED}"


def _stages(q: Queries) -> str:
    """KV clients by phase, in words."""
    return f"sum {q.by('phase')} ({q.most(c.KV_CLIENTS, 'kv_name', 'phase')}) > 0"


def _stands(q: Queries) -> str:
    """Migrations with a rollout that has not moved, by how long."""
    return f"time() - {q.most(c.ROLLOUT_MOVED_TIMESTAMP_SECONDS, 'migration')} > {q.seconds(t.QUIET)}"


def _in_words(value: str) -> str:
    """Template: a phase as a word."""
    first, *others = (
        f"if eq {value} {phase:d}.0 }}}}{phase.label}{{{{ " for phase in Phase if phase is not Phase.UNKNOWN
    )
    return "{{ " + first + "".join(f"else {other}" for other in others) + "end }}"


def _unknown(q: Queries) -> str:
    return q.lasting(c.CLIENT_PHASE, -1, t.PHASE_UNKNOWN, *CLIENT, matchers=WRITERS)


def _blind(q: Queries) -> str:
    """Clients without a phase. Where the complete fleet has none: its processes, for all their clients."""
    up = f"{q.most(c.TARGET_UP, 'target')} == 1\nunless {q.on()} {q.writing_phase('count')}"
    return f'{_unknown(q)}\nor {q.on()}\nlabel_replace(\n{up},\n"kv_name", "(all clients)", "", ""\n)'


GROUP = Group(
    "phases",
    "Where the clients are, and whether they agree",
    alerts=(
        Alert(
            "KVMigrationPrimariesMixed",
            Severity.CRITICAL,
            t.PRIMARIES_MIXED,
            Names(mixed, ("key",)),
            "KV clients of the same ring use different primary stores",
            (
                "{{ $value }} key(s) of <fleet> have memberlist as primary in some processes and the "
                "external store in other processes: <names>. Complete values overwrite each other, and a "
                f"process with a small view can overwrite the ring. {ADVICE['primaries-mixed'].now}"
            ),
            "Some clients of a key have memberlist as primary, other clients the external store.",
            about=("primaries-mixed",),
        ),
        Alert(
            "KVMigrationPhaseStalled",
            Severity.WARNING,
            t.STALLED,
            Names(_apart, ("migration",)),
            "A step of the migration reached only some clients",
            (
                "Writing KV clients of <fleet> are in different phases, and no rollout is in progress: "
                "<names>. KV clients by phase: <more>."
            ),
            "The writing clients disagree about the phase, and no rollout is in progress.",
            more=Names(_stages, ("phase",), value=COUNT),
        ),
        Alert(
            "KVMigrationRolloutStalled",
            Severity.WARNING,
            t.ROLLOUT_STALLED,
            Names(_stands, ("migration",), value="humanizeDuration", total="max"),
            "A rollout makes no progress",
            (
                "A rollout of <fleet> has not reached another process for {{ $value | humanizeDuration }}: "
                "<names>. kvmigration status names the processes that are left."
            ),
            "A rollout has reached no further process for a quarter of an hour.",
            about=("rollout-stalled",),
        ),
        Alert(
            "KVMigrationPhaseLingering",
            Severity.INFO,
            t.LINGERING,
            _lingering,
            "The migration has used two stores for a week",
            (
                f"<fleet> has been in phase {_in_words('$value')} for a week or longer. Take the next step, "
                "or roll back."
            ),
            "The fleet has used the external store and memberlist for a week.",
        ),
        Alert(
            "KVMigrationPhaseUnknown",
            Severity.WARNING,
            t.PHASE_UNKNOWN,
            Names(_blind, CLIENT),
            "The phase of the migration is unknown",
            (
                "Processes of <fleet> answer, but {{ $value }} KV client(s) or process(es) show no phase: "
                "<names>. Alerts that depend on the phase cannot fire meanwhile."
            ),
            "Writing clients, or the complete fleet, show no phase: other alerts cannot judge.",
        ),
    ),
)
