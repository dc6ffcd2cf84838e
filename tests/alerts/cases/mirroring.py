"""Mirror writes: on everywhere, arriving, going on."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case
from tests.alerts.fleet import phases

PARTIAL, ERRORS, STOPPED = (
    "KVMigrationMirroringPartial",
    "KVMigrationMirrorWriteErrors",
    "KVMigrationMirrorWritesStopped",
)


def client(target: int, name: str, key: str, writes: str = "true") -> str:
    return f'client_phase{{target="ingester-{target}",kv_name="{name}",key="{key}",writes="{writes}"}}'


def compactor(target: int) -> str:
    return client(target, "compactor-lifecycler", "collectors/compactor")


def ring(target: int) -> str:
    return client(target, "ingester-lifecycler", "collectors/ring")


def tracker(target: int) -> str:
    return client(target, "distributor-hatracker", "ha-tracker/")


def reader(target: int) -> str:
    return client(target, "ingester-ring", "collectors/ring", "false")


def writes(target: int, client: str = "ingester-lifecycler") -> str:
    return f'mirror_writes_total{{target="ingester-{target}",kv_name="{client}"}}'


def errors(target: int, client: str = "ingester-lifecycler") -> str:
    return f'mirror_write_errors_total{{target="ingester-{target}",kv_name="{client}"}}'


def partial(clients: int, names: str) -> str:
    return (
        f"{clients} writing KV client(s) of <fleet> do not mirror while other clients do, and no rollout in "
        f"progress will reach them: {names}. The rings they write will be missing after the switch."
    )


def unreached(values: str, name: str = "compactor-lifecycler", migration: str = "rings") -> dict[str, str]:
    return {f'unreached_clients{{migration="{migration}",kv_name="{name}"}}': values}


CASES = (
    Case(
        PARTIAL,
        FIRES,
        "the runtime switch reached the ingester's clients only, as in recording 2b",
        unreached("0x9 3x120"),
        at=11,
        says=partial(3, "rings compactor-lifecycler (3)"),
    ),
    Case(
        PARTIAL,
        FIRES,
        "clients of two rings are left out",
        unreached("0x9 3x120") | unreached("0x9 1x120", "ruler"),
        at=11,
        says=partial(4, "rings compactor-lifecycler (3), rings ruler (1)"),
    ),
    Case(PARTIAL, THRESHOLD, "resolved one step before its time", unreached("0x9 3 0x100")),
    Case(
        PARTIAL,
        LOOKALIKE,
        "a rolling restart is in progress, one process every ten minutes",
        {ring(0): "1x9 2x110", ring(1): "1x19 2x100", ring(2): "1x29 2x90"},
    ),
    Case(
        PARTIAL,
        LOOKALIKE,
        "the HA tracker stays on the old store and is migrated later",
        {tracker(0): "0x120", tracker(1): "0x120", tracker(2): "0x120"},
        until=110,
    ),
    Case(
        PARTIAL,
        LOOKALIKE,
        "a reader shows multi with mirroring off",
        {reader(0): "1x120"},
    ),
    Case(
        ERRORS,
        FIRES,
        "every other mirror write of one client fails",
        {errors(1): "0x9 0+10x110"},
        at=14,
        says="Up to 14.29% of the mirror writes of a KV client of <fleet> fail (above a ratio of 0.05"
        " that is not benign): ingester-1 ingester-lifecycler (14.29%).",
    ),
    Case(ERRORS, THRESHOLD, "exactly one write in twenty fails", {errors(1): "0+1x120"}),
    Case(
        ERRORS,
        LOOKALIKE,
        "a burst of benign 'no change detected' just after a start",
        {writes(1): "0+9x2 20+20x100", errors(1): "0+1x2 2x110"},
    ),
    Case(
        ERRORS,
        LOOKALIKE,
        "a client that writes once a minute has a benign error now and then",
        {writes(1): "0+1x200", errors(1): "0x9 1x19 2x19 3x100"},
    ),
    Case(
        ERRORS,
        LOOKALIKE,
        "mirroring is off again and the counters stand still",
        {errors(1): "500x120"},
        phase=1,
    ),
    Case(
        ERRORS,
        LOOKALIKE,
        "the process restarts and its counters begin anew",
        {writes(1): "0+20x20 0+20x90", errors(1): "9x20 0x90"},
    ),
    Case(
        STOPPED,
        FIRES,
        "one client goes silent",
        {writes(2): "0+20x10 200x100"},
        at=30,
        says="1 KV client(s) of <fleet> have mirroring on and write no more: ingester-2 ingester-"
        "lifecycler. Their entries in the secondary become stale.",
    ),
    Case(
        STOPPED, THRESHOLD, "silent until one step before its time", {writes(2): "0+20x10 200x18 220+20x90"}
    ),
    Case(
        STOPPED,
        LOOKALIKE,
        "one write in ten minutes is not silence",
        {writes(2): "10x8 11x9 12x9 13x9 14x9 15x90"},
    ),
    Case(STOPPED, LOOKALIKE, "a reader that never writes", {writes(2, "ingester-ring"): "0x120"}),
    Case(
        STOPPED,
        LOOKALIKE,
        "the HA tracker of quiet clusters and a partition ring",
        {
            writes(0, "distributor-hatracker"): "7x120",
            writes(1, "distributor-hatracker"): "7x120",
            writes(0, "ingester-partitions"): "3x120",
        },
    ),
    Case(
        STOPPED,
        LOOKALIKE,
        "the process is scaled down and takes its series with it",
        {writes(2): "0+20x10 stale"},
    ),
    Case(
        STOPPED,
        LOOKALIKE,
        "mirroring has just been switched on",
        phases("1x19 2x60") | {writes(0): "40x20 60+20x50"},
    ),
)
