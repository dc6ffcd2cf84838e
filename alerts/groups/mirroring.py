"""Does every client that should mirror its writes do so, and do the writes arrive?"""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries, number
from alerts.rule import COUNT, Alert, Group, Names, Severity
from exporter.expose import catalogue as c
from exporter.model.pages import Phase

WRITERS = 'writes="true"'
# Keys that are hardly ever written are left out: no writes is no evidence there.
HEARTBEATING = WRITERS + ',key!~"ha-tracker/|.*partition.*"'
CLIENT = ("target", "kv_name")


def _unreached(q: Queries) -> str:
    """Clients that do not mirror while another client does, by name, as the exporter judges it."""
    return f"{q.most(c.UNREACHED_CLIENTS, 'migration', 'kv_name')} > 0"


def failing(q: Queries) -> str:
    """Clients with failed mirror writes: a ratio above the limit, and more than a few of them."""
    span = q.span(t.ERROR_WINDOW)
    errors, writes = (
        f"max {q.by(*CLIENT)} (increase({q.series(metric)}[{span}]))"
        for metric in (c.MIRROR_WRITE_ERRORS_TOTAL, c.MIRROR_WRITES_TOTAL)
    )
    many = f"and {q.on(*CLIENT)} ({errors} > {number(t.ERRORS_LEAST)})"
    lately = f"increase({q.series(c.MIRROR_WRITE_ERRORS_TOTAL)}[{q.span(t.ERRORS_LATELY)}])"
    still = f"and {q.on(*CLIENT)} (max {q.by(*CLIENT)} ({lately}) > 0)"
    return f"{errors}\n/ {writes}\n> {number(t.ERROR_RATIO)}\n{many}\n{still}"


def _mirrors(q: Queries, matchers: str) -> str:
    phase = q.most(c.CLIENT_PHASE, *CLIENT, matchers=matchers)
    return f"and {q.on(*CLIENT)} ({phase} >= {Phase.MIRRORING} <= {Phase.SWITCHED})"


def stopped(q: Queries) -> str:
    """Clients that mirror, have written since they started, and write no more."""
    writes = q.series(c.MIRROR_WRITES_TOTAL)
    return (
        f"max {q.by(*CLIENT)} (rate({writes}[{q.span(t.STOPPED_WINDOW)}])) == 0\n"
        f"and {q.on(*CLIENT)} ({q.most(c.MIRROR_WRITES_TOTAL, *CLIENT)} > 0)\n"
        f"{_mirrors(q, HEARTBEATING)}"
    )


GROUP = Group(
    "mirroring",
    "Mirror writes from the primary to the secondary",
    alerts=(
        Alert(
            "KVMigrationMirroringPartial",
            Severity.WARNING,
            t.PARTIAL,
            Names(_unreached, ("migration", "kv_name"), value=COUNT, total="sum"),
            "Mirroring is on for some KV clients only",
            (
                "{{ $value }} writing KV client(s) of <fleet> do not mirror while other clients do, and no "
                "rollout in progress will reach them: <names>. The rings they write will be missing after "
                "the switch."
            ),
            "Some writing KV clients mirror and other clients do not: the switch did not reach them.",
            about=("mirroring-partial", "without-multi"),
        ),
        Alert(
            "KVMigrationMirrorWriteErrors",
            Severity.WARNING,
            t.ERRORS,
            lambda q: f"max {q.by()} (\n{failing(q)}\n{_mirrors(q, WRITERS)}\n)",
            "Mirror writes fail",
            (
                "Up to {{ $value | humanizePercentage }} of the mirror writes of a KV client of "
                "<fleet> fail (above a ratio of <ERROR_RATIO> that is not benign): <names>."
            ),
            "Mirror writes fail at more than the benign rate.",
            names=Names(failing, CLIENT, value="humanizePercentage"),
            about=("mirror-errors",),
            memory=t.ERRORS_LATELY,
        ),
        Alert(
            "KVMigrationMirrorWritesStopped",
            Severity.WARNING,
            t.STOPPED,
            Names(stopped, CLIENT),
            "Mirror writes have stopped while mirroring is on",
            (
                "{{ $value }} KV client(s) of <fleet> have mirroring on and write no more: <names>. "
                "Their entries in the secondary become stale."
            ),
            "Clients that mirror and used to write have stopped writing.",
            about=("mirror-writes",),
        ),
    ),
)
