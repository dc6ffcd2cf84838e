"""Where the clients are, whether they agree, and whether they go on."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case
from tests.alerts.cases.mirroring import reader, ring, tracker
from tests.alerts.fleet import phases

ROLLING_STILL = "KVMigrationRolloutStalled"
MIXED, STALLED, LINGERING, UNKNOWN = (
    "KVMigrationPrimariesMixed",
    "KVMigrationPhaseStalled",
    "KVMigrationPhaseLingering",
    "KVMigrationPhaseUnknown",
)
HOUR, STEPS = 3600, 60


def apart(migrations: str, clients: str) -> str:
    return (
        "Writing KV clients of <fleet> are in different phases, and no rollout is in progress: "
        f"{migrations}. KV clients by phase: {clients}."
    )


def clients(**counts: int) -> dict[str, str]:
    return {f'kv_clients{{kv_name="all",phase="{phase}"}}': f"{count}x220" for phase, count in counts.items()}


UNIFORM = 'phase_uniform{migration="rings"}'
ROLLING = 'rollout_moved_timestamp_seconds{migration="rings"}'


CASES = (
    Case(
        MIXED,
        FIRES,
        "one process has memberlist as primary, the others the old store",
        {ring(0): "2x9 3x100"},
        at=11,
        severity="critical",
        says=(
            "1 key(s) of <fleet> have memberlist as primary in some processes and the external store in "
            "other processes: collectors/ring. Complete values overwrite each other, and a process with a "
            "small view can overwrite the ring. "
            "Stop: take no step, restart nothing and forget no member while primaries are mixed."
        ),
    ),
    Case(
        MIXED,
        FIRES,
        "a reader was not switched: it looks up the old ring",
        phases("2x9 3x100") | {reader(2): "2x120"},
        at=11,
        severity="critical",
        says=(
            "1 key(s) of <fleet> have memberlist as primary in some processes and the external store in "
            "other processes: collectors/ring. Complete values overwrite each other, and a process with a "
            "small view can overwrite the ring. "
            "Stop: take no step, restart nothing and forget no member while primaries are mixed."
        ),
    ),
    Case(MIXED, THRESHOLD, "mixed for one step less than its time", {ring(0): "2x9 3 2x100"}),
    Case(
        MIXED,
        LOOKALIKE,
        "the runtime switch reaches one process a minute before the others",
        phases("2x10 3x100") | {ring(0): "2x9 3x100"},
    ),
    Case(
        MIXED,
        LOOKALIKE,
        "the HA tracker is on memberlist for long, the rings still on the old store",
        {tracker(0): "5x120", tracker(1): "5x120", tracker(2): "5x120"},
        phase=1,
    ),
    Case(
        MIXED,
        LOOKALIKE,
        "clients without multi beside clients with it, all with memberlist first",
        {ring(0): "4x9 5x100"},
        phase=4,
    ),
    Case(
        MIXED,
        LOOKALIKE,
        "a process that has just come shows no phase yet",
        {ring(0): "3x5 -1x100"},
        phase=3,
        also=(UNKNOWN,),
    ),
    Case(
        STALLED,
        FIRES,
        "one component of each process has a store setting of its own and no multi",
        {UNIFORM: "1x9 0x120"} | clients(external=3, multi=9),
        phase=1,
        at=40,
        says=apart("rings", "multi (9), external (3)"),
    ),
    Case(
        STALLED,
        THRESHOLD,
        "they agree again one step before its time",
        {UNIFORM: "1x9 0x29 1x90"},
        phase=1,
        until=110,
    ),
    Case(
        STALLED,
        LOOKALIKE,
        "a rolling restart of hours, one process every ten minutes",
        {UNIFORM: "1x9 0x110", ROLLING: "_x9 600x9 1200x9 1800x9 2400x9 3000x9 3600x9 4200x9"},
        phase=1,
        until=80,
        also=(ROLLING_STILL,),
    ),
    Case(
        STALLED,
        LOOKALIKE,
        "the HA tracker waits for its own migration",
        {tracker(0): "0x120", tracker(1): "0x120", tracker(2): "0x120"}
        | {'phase_uniform{migration="ha-tracker"}': "1x120"},
        phase=5,
        until=110,
    ),
    Case(STALLED, LOOKALIKE, "a reader lags behind the writers", {reader(0): "0x120"}, phase=1, until=110),
    Case(
        ROLLING_STILL,
        FIRES,
        "the rollout's next process does not get ready",
        {ROLLING: "540x100"},
        at=27,
        says="A rollout of <fleet> has not reached another process for 18m 0s: rings (18m 0s). kvmigration "
        "status names the processes that are left.",
    ),
    Case(
        ROLLING_STILL,
        THRESHOLD,
        "a quarter of an hour between two processes",
        {ROLLING: "0x15 960x100"},
        until=29,
    ),
    Case(
        ROLLING_STILL,
        LOOKALIKE,
        "a rollout of a hundred processes, 20 s each",
        {ROLLING: "0+60x33 stale"},
    ),
    Case(ROLLING_STILL, LOOKALIKE, "no rollout", {}),
    Case(
        LINGERING,
        FIRES,
        "a week in mirroring",
        {},
        at=168,
        until=170,
        step=HOUR,
        severity="info",
        says=("<fleet> has been in phase mirroring for a week or longer. Take the next step, or roll back."),
    ),
    Case(
        LINGERING,
        THRESHOLD,
        "done an hour before the week is over",
        phases("2x167 5x100"),
        without=("store_last",),
        step=HOUR,
        until=200,
    ),
    Case(LINGERING, LOOKALIKE, "never begun", {}, phase=0, step=HOUR, until=120),
    Case(LINGERING, LOOKALIKE, "done long since", {}, phase=5, step=HOUR, until=120),
    Case(
        LINGERING,
        LOOKALIKE,
        "only the HA tracker waits",
        {tracker(0): "1x200", tracker(1): "1x200", tracker(2): "1x200"},
        phase=5,
        step=HOUR,
        until=120,
    ),
    Case(
        UNKNOWN,
        FIRES,
        "one client of a process shows no phase",
        {ring(1): "2x9 -1x100"},
        at=40,
        says=(
            "Processes of <fleet> answer, but 1 KV client(s) or process(es) show no phase: "
            "ingester-1 ingester-lifecycler. Alerts that depend on the phase cannot fire meanwhile."
        ),
    ),
    Case(
        UNKNOWN,
        FIRES,
        "nobody's metrics can be read: no phase at all",
        {},
        without=("client_phase", "mirror_"),
        at=15,
        says=(
            "Processes of <fleet> answer, but 3 KV client(s) or process(es) show no phase: "
            "ingester-0 (all clients), ingester-1 (all clients), ingester-2 (all clients). "
            "Alerts that depend on the phase cannot fire meanwhile."
        ),
    ),
    Case(UNKNOWN, THRESHOLD, "unknown for one step less than its time", {ring(1): "2x9 -1x29 2x100"}),
    Case(
        UNKNOWN,
        LOOKALIKE,
        "a rolling restart: each process is unknown for five minutes",
        {ring(0): "2x4 -1x4 2x100", ring(1): "2x9 -1x4 2x100", ring(2): "2x14 -1x4 2x100"},
    ),
    Case(
        UNKNOWN,
        LOOKALIKE,
        "new processes come one after the other, each unknown at first",
        {ring(3): "_x4 -1x9 2x100", ring(4): "_x14 -1x9 2x100", ring(5): "_x24 -1x9 2x100"},
    ),
    Case(
        UNKNOWN,
        LOOKALIKE,
        "a process without KV clients",
        {'target_up{target="query-frontend-0",component="query-frontend"}': "1x120"},
    ),
)
