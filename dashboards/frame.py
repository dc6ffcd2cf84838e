"""What every board has around its panels: uid, variables, annotations."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.fields import Json
from dashboards.layout import Row
from dashboards.panel_specifications import Board
from dashboards.panels import PROCESS, House
from exporter.expose import catalogue as c

OVERVIEW = "kvmigration-overview"
RINGS = "kvmigration-rings"
GOSSIP = "kvmigration-gossip"
HA_TRACKER = "kvmigration-ha-tracker"
READ_WRITE = "kvmigration-read-write"
EXPORTER = "kvmigration-exporter"
__all__ = ("EXPORTER", "GOSSIP", "HA_TRACKER", "OVERVIEW", "PROCESS", "READ_WRITE", "RINGS")

TITLES = {
    OVERVIEW: "Overview",
    RINGS: "Ring consistency",
    GOSSIP: "Gossip and labels",
    HA_TRACKER: "HA tracker",
    READ_WRITE: "Read-write mode",
    EXPORTER: "Exporter",
    PROCESS: "Process",
}


def board(house: House, uid: str, about: str, rows: Sequence[Row], *wanted: str) -> Json:
    """A finished board with these rows, and the variables that are `wanted` in it besides its place."""
    title = f"KV migration / {TITLES[uid]}"
    return house.board(Board(uid, title, about, rows, variables(house, *wanted), marks(house)))


def variables(house: House, *wanted: str) -> Sequence[Json]:
    """Cluster, namespace and job, each narrowed by those before it, then `wanted`."""
    place = house.options.place
    every = [
        house.variable(label, c.BUILD_INFO.name, place[:index], ".+" if label == "job" else ".*")
        for index, label in enumerate(place)
    ]
    source = {"component": (c.TARGET_UP, ".*"), "key": (c.KEY_PHASE, ".*"), "instance": (c.BUILD_INFO, ".+")}
    return [
        *every,
        *(
            house.process_variable()
            if name == "process"
            else house.variable(name, source[name][0].name, place, source[name][1])
            for name in wanted
        ),
    ]


def marks(house: House) -> Sequence[Json]:
    """The fleet entered a phase; an alert of ours fires."""
    q = house.queries
    place = " ".join(f"{{{{{label}}}}}" for label in house.options.place)
    before = f"max by {q.by('migration', 'phase')} ({q.of(c.PHASE)} offset 1m)"
    entered = f"{q.once(c.PHASE)} == 1 and {before} == 0"
    return [
        house.annotation("Phase changes", "purple", entered, "{{migration}}: phase {{phase}}", place),
        house.annotation("Alerts", "red", firing(house), "{{alertname}} ({{severity}})", place),
    ]


def firing(house: House) -> str:
    """Our alerts that fire. They carry the labels of the place, but not always a job."""
    return house.queries.component("ALERTS", 'alertname=~"KVMigration.+"', 'alertstate="firing"')
