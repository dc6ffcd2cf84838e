"""What every board has around its panels: variables and annotations."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.fields import Json
from dashboards.panel_specifications import Board
from dashboards.panels import House
from dashboards.queries import Queries
from exporter.expose import catalogue as c


def finished(house: House, board: Board) -> Json:
    """The dashboard of a board, with the frame that every board has."""
    return house.board(board, variables(house, board.variables), marks(house))


def variables(house: House, wanted: Sequence[str]) -> list[Json]:
    """Cluster, namespace and job, each narrowed by those before it, then `wanted`."""
    place = house.options.place
    process = house.single("target", c.TARGET_UP, (*place, "component"), ".+")
    every = {
        "component": house.several("component", c.TARGET_UP, place),
        "key": house.several("key", c.KEY_PHASE, place),
        "instance": house.several("instance", c.BUILD_INFO, place, ".+"),
        "process": {**process, "label": "Process"},
    }
    of_place = [
        house.several(label, c.BUILD_INFO, place[:index], ".+" if label == "job" else ".*")
        for index, label in enumerate(place)
    ]
    return of_place + [every[name] for name in wanted]


def marks(house: House) -> list[Json]:
    """The fleet entered a phase; an alert of ours fires."""
    q = house.queries
    place = " ".join(f"{{{{{label}}}}}" for label in house.options.place)
    before = f"max by {q.by('migration', 'phase')} ({q.of(c.PHASE)} offset 1m)"
    entered = f"{q.once(c.PHASE)} == 1 and {before} == 0"
    return [
        house.annotation("Phase changes", "purple", entered, "{{migration}}: phase {{phase}}", place),
        house.annotation("Alerts", "red", firing(q), "{{alertname}} ({{severity}})", place),
    ]


def firing(q: Queries) -> str:
    """Our alerts that fire. They carry the labels of the place, but not always a job."""
    return q.component("ALERTS", 'alertname=~"KVMigration.+"', 'alertstate="firing"')
