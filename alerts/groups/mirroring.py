"""Does every client that should mirror its writes do so, and do the writes arrive?"""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries, number
from alerts.rule import Alert, Group, Names, Severity
from exporter.expose import catalogue as c

WRITERS = 'writes="true"'
# Keys that are hardly ever written: silence says nothing there.
HEARTBEATING = WRITERS + ',key!~"ha-tracker/|.*partition.*"'
CLIENT = ("target", "kv_name")


def behind(q: Queries) -> str:
    """Clients that do not mirror: in multi, or still external while others mirror the same key.

    A key that is external everywhere may be left for later (the HA tracker often is), and one that
    some already have in memberlist is a matter of mixed primaries.
    """
    phase = q.most(c.CLIENT_PHASE, *CLIENT, "key", matchers=WRITERS)
    mirrored = f"max {q.by('key')} ({q.series(c.CLIENT_PHASE, WRITERS)} >= {t.MIRRORING} <= {t.SWITCHED})"
    switched = q.writing_phase("max", "key", matchers='key!=""') + f" >= {t.SWITCHED}"
    return (
        f"(\n{phase} == {t.MULTI}\nor\n{phase} == 0 and {q.on('key')} {mirrored}\n)\n"
        f"unless {q.on('key')} ({switched})"
    )


def moving(q: Queries) -> str:
    """Clients on their way: in another phase than a while ago, and not to and fro all the time."""
    labels = (*CLIENT, "key")
    now, then = (
        f"({at.most(c.CLIENT_PHASE, *labels, matchers=WRITERS)} >= 0)" for at in (q, q.before(t.QUIET))
    )
    window = f"[{q.span(t.FLAP_PHASES_WINDOW)}:{q.span(t.FLAP_PHASES_LOOK)}]"
    changes = f"changes(({q.series(c.CLIENT_PHASE, WRITERS)} >= 0){window})"
    flapping = f"max {q.by(*labels)} ({changes}) > {number(t.FLAP_PHASES)}"
    return f"{now}\n!= {q.on(*labels)} {then}\nunless {q.on(*labels)} ({flapping})"


def still(q: Queries) -> str:
    """Hold unless a writing client has gone on lately: then the rollout is in progress."""
    return f"unless {q.on()} (count {q.by()} (\n{moving(q)}\n))"


def _left_behind(q: Queries) -> str:
    mirroring = f"{q.series(c.CLIENT_PHASE, WRITERS)} >= {t.MIRRORING} <= {t.SWITCHED}"
    return f"(\n{behind(q)}\n)\nand {q.on()} (count {q.by()} ({mirroring}))"


def _partial(q: Queries) -> str:
    """Nobody moves; or somebody does, and those who were behind half a day ago are so still."""
    long = f"{_left_behind(q)}\nand {q.on(*CLIENT, 'key')} (\n{_left_behind(q.before(t.ROLLOUT))}\n)"
    return f"count {q.by()} (\n{_left_behind(q)}\n)\n{still(q)}\nor\ncount {q.by()} (\n{long}\n)"


def failing(q: Queries) -> str:
    """Clients whose mirror writes fail: a ratio above the limit, and more than a few of them."""
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
    return f"and {q.on(*CLIENT)} ({phase} >= {t.MIRRORING} <= {t.SWITCHED})"


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
    (
        Alert(
            "KVMigrationMirroringPartial",
            Severity.WARNING,
            t.PARTIAL,
            _partial,
            "Mirroring is on for some KV clients only",
            (
                "{{ $value }} writing KV client(s) of <fleet> do not mirror while others do, and no rollout "
                "goes on that would reach them (none moved within <QUIET>, or it takes longer than "
                "<ROLLOUT>): <names>. The rings they write will be missing after the switch."
            ),
            "Some writing KV clients mirror and others do not: the switch did not reach them.",
            names=Names(behind, CLIENT),
            about=("mirroring-partial",),
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
            lambda q: f"count {q.by()} (\n{stopped(q)}\n)",
            "Mirror writes have stopped while mirroring is on",
            (
                "{{ $value }} KV client(s) of <fleet> have mirroring on and write no more: <names>. "
                "What they write ages in the secondary."
            ),
            "Clients that mirror and used to write have stopped writing.",
            names=Names(stopped, CLIENT),
            about=("mirror-writes",),
        ),
    ),
    "Mirror writes from the primary to the secondary",
)
