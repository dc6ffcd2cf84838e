"""An exporter that comes and goes: the other alerts begin to wait anew each time."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case
from tests.alerts.cases.exporting import ALL, BUILD, build, cycling
from tests.alerts.fleet import healthy

RESTARTING = "KVMigrationExporterRestarting"
LOOPING = "1 1 1 stale _ _ _ _ _ " * 20
"""Three minutes there, six minutes gone."""
STARTS = "process_start_time_seconds"


def said(times: int, names: str) -> str:
    return (
        f"The exporter of <fleet> restarted, or its series returned, {times} times within 1h: {names}. "
        f"Each time the other KVMigration alerts begin their wait again, so most of them never fire."
    )


def looping() -> dict[str, str]:
    """All that the exporter shows comes and goes with it."""
    shown = {name: LOOPING.replace("1", values.split("x")[0]) for name, values in healthy().items()
             if "+" not in values}  # fmt: skip
    return shown | {"up": "1 1 1 0 0 0 0 0 0 " * 20, "snapshot_timestamp_seconds": ended()}


def ended() -> str:
    return " ".join(
        " ".join([*(str(60 * (9 * n + i)) for i in range(3)), "stale _ _ _ _ _"]) for n in range(20)
    )


def addresses() -> dict[str, str]:
    """Each time it is another pod with another address: no instance comes back."""
    return {
        name: values
        for n in range(12)
        for name, values in build(f"10.0.0.{n}:9895", f"{f'_x{9 * n} ' if n else ''}1 1 1 stale").items()
    }


SLOW = "KVMigrationExporterSlow"
CASES = (
    Case(
        RESTARTING,
        FIRES,
        "it crashes after three minutes and is back after six, again and again",
        looping(),
        at=28,
        severity="critical",
        says=said(4, "exporter-0:9895 (4 times)"),
    ),
    Case(
        RESTARTING,
        FIRES,
        "it is said while it is away, too",
        looping(),
        at=70,
        served_by="",
        held=True,
        severity="critical",
        says=said(6, "exporter-0:9895 (6 times)"),
    ),
    Case(
        RESTARTING,
        FIRES,
        "it is started again within seconds, so that no scrape misses it",
        {STARTS: "0x9 600x9 1200x9 1800x9 2400x100"},
        at=41,
        severity="critical",
        says=said(4, "exporter-0:9895 (4 times)"),
    ),
    Case(
        RESTARTING,
        FIRES,
        "one of two exporters is in a loop, and the other stays",
        build("exporter-1:9895", LOOPING)
        | cycling('instance="exporter-1:9895"', ended())
        | {'up{instance="exporter-1:9895"}': "1 1 1 0 0 0 0 0 0 " * 20},
        at=28,
        severity="critical",
        says=said(4, "exporter-1:9895 (4 times)"),
    ),
    Case(
        RESTARTING,
        FIRES,
        "each time it has another address: no instance returns, and the fleet does",
        addresses(),
        without=ALL,
        at=28,
        served_by="10.0.0.3:9895",
        severity="critical",
        says=said(4, "none"),
    ),
    Case(
        RESTARTING,
        THRESHOLD,
        "three starts in an hour",
        {BUILD: "1 1 1 stale _ _ _ _ 1 1 1 stale _ _ _ _ 1x100", STARTS: "0x9 600x9 1200x9 1800x100"},
        until=100,
    ),
    Case(
        RESTARTING,
        THRESHOLD,
        "one start every twenty minutes: alerts have time to fire",
        {STARTS: " ".join(f"{1200 * n}x19" for n in range(10))},
        until=110,
    ),
    Case(RESTARTING, LOOKALIKE, "a first installation", {BUILD: "_x4 1x100", STARTS: "_x4 300x100"}),
    Case(
        RESTARTING,
        LOOKALIKE,
        "one restart that takes four minutes",
        {BUILD: "1x9 stale _x3 1x100", STARTS: "0x9 stale _x3 840x100"},
    ),
    Case(
        RESTARTING,
        LOOKALIKE,
        "a rolling update of eight shards",
        {
            name: values
            for n in range(8)
            for name, values in build(f"exporter-{n}:9895", f"1x{2 * n + 3} stale _ 1x100").items()
        }
        | {f'snapshot_timestamp_seconds{{instance="exporter-{n}:9895"}}': "0+60x200" for n in range(8)},
    ),
    Case(
        RESTARTING,
        LOOKALIKE,
        "eight pods are replaced, each by one of another address",
        {
            name: values
            for n in range(8)
            for name, values in (
                build(f"10.0.0.{n}:9895", f"1x{2 * n + 3} stale")
                | cycling(f'instance="10.0.0.{n}:9895"', f"0+60x{2 * n + 3} stale")
                | build(f"10.0.1.{n}:9895", f"_x{2 * n + 4} 1x100")
                | cycling(f'instance="10.0.1.{n}:9895"', f"_x{2 * n + 4} {60 * (2 * n + 5)}+60x100")
            ).items()
        },
        without=("build_", "snapshot_"),
    ),
    Case(
        RESTARTING,
        LOOKALIKE,
        "a process of the same job that is no exporter restarts all the time",
        {f'{STARTS}{{instance="node-exporter:9100"}}': "0+60x200"},
    ),
    Case(
        SLOW,
        FIRES,
        "two processes hang, and each cycle waits for them",
        {"cycle_duration_seconds": "2x9 31x100"},
        at=25,
        says="A cycle of the exporter of <fleet> takes 31s, longer than its interval: exporter-0:9895 (31s). "
        "Values and warnings are late by that time.",
    ),
    Case(SLOW, THRESHOLD, "exactly as long as the interval", {"cycle_duration_seconds": "15x200"}),
    Case(
        SLOW,
        LOOKALIKE,
        "a rollout: some cycles are slow",
        {"cycle_duration_seconds": "2x3 20x10 2x3 20x10 2x100"},
    ),
    Case(SLOW, LOOKALIKE, "no cycle has ended yet", {}, without=("cycle_",)),
)
