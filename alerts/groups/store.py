"""The external store: reachable while needed, untouched when not."""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries
from alerts.rule import Alert, Group, Names, Severity
from exporter.expose import catalogue as c
from exporter.model.pages import Phase


def down(q: Queries) -> str:
    """Stores that no exporter could read."""
    return f"{q.most(c.STORE_UP, 'store')} == 0"


def replaced(q: Queries) -> str:
    """Stores that were replaced by another store, according to every exporter that reads them."""
    return f"{q.most(c.STORE_REPLACED, 'store')} == 1"


def written(q: Queries) -> str:
    """Stores that were written a moment ago."""
    age = f"time() - {q.most(c.STORE_LAST_WRITE_TIMESTAMP_SECONDS, 'store')}"
    return f"{age} < {q.seconds(t.STORE_WRITTEN)}"


def _unreachable(q: Queries, needed: str) -> str:
    return f"count {q.by()} ({down(q)})\nand {q.on()} ({q.writing_phase('min')} {needed})"


def _alert(harm: str) -> Alert:
    critical = harm == "primary"
    return Alert(
        "KVMigrationStoreUnreachable",
        Severity.CRITICAL if critical else Severity.WARNING,
        t.STORE_UNREACHABLE,
        lambda q: _unreachable(q, f"<= {Phase.MIRRORING}" if critical else f"== {Phase.SWITCHED}"),
        f"The external store cannot be read and is still the {harm}",
        (
            "The exporter cannot read <names>, and KV clients of <fleet> still have an external "
            f"store as their {harm}."
        ),
        f"The external store does not answer while it is still a client's {harm}.",
        names=Names(down, ("store",)),
        about=("store-unread",),
    )


GROUP = Group(
    "store",
    "The external store",
    alerts=(
        _alert("primary"),
        _alert("secondary"),
        Alert(
            "KVMigrationStoreReplaced",
            Severity.CRITICAL,
            t.STORE_REPLACED,
            lambda q: f"count {q.by()} ({replaced(q)})",
            "The exporter reads another external store than before",
            (
                "The exporter of <fleet> reads another store than before at <names>: another cluster, a "
                "restored backup, or a store without its data. Take no step before you have found which "
                "store the processes use."
            ),
            "The external store's cluster id changed, its revision decreased, or keys vanished together.",
            names=Names(replaced, ("store",)),
            about=("store-replaced",),
        ),
        Alert(
            "KVMigrationStoreStillWritten",
            Severity.WARNING,
            t.STILL_WRITTEN,
            lambda q: (
                f"count {q.by()} (\n{written(q)}\n)\n"
                f"and {q.on()} ({q.writing_phase('min')} >= {Phase.DETACHED})"
            ),
            "A process still writes to the external store",
            (
                "All KV clients of the targets of <fleet> have left the external store, but it is still "
                "written: <names>. Do not remove the store before you have found which process writes it."
            ),
            "The external store's keys still change after all clients of the targets have left it.",
            names=Names(written, ("store",), value='printf "last write %.0fs ago"'),
        ),
    ),
)
