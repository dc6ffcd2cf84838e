"""Tables as Grafana makes them from instant queries: merged on their labels, arranged, sorted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.fields import Json
from dashboards.preview.prometheus_client import Series

Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows, ready to be drawn."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def table(panel: Json, answers: Mapping[str, Sequence[Series]]) -> Table:
    """The table of a panel from its queries' answers, by refId."""
    rows: dict[tuple[tuple[str, str], ...], dict[str, Cell]] = {}
    for letter, series in answers.items():
        value = "Value" if len(answers) == 1 else f"Value #{letter}"
        for one in series:
            labels = {name: text for name, text in one.labels.items() if name != "__name__"}
            key = tuple(sorted(labels.items()))
            rows.setdefault(key, dict(labels))[value] = one.points[-1][1]
    return _sorted(panel, _arranged(panel, _merged(list(rows.values()))))


def _merged(rows: list[dict[str, Cell]]) -> list[dict[str, Cell]]:
    """Rows with equal common labels become one, as Grafana's merge does with narrower answers."""
    done: list[dict[str, Cell]] = []
    for row in sorted(rows, key=lambda one: -len(_names(one))):
        home = [other for other in done if _agree(other, row)]
        for other in home:
            other.update({name: value for name, value in row.items() if name not in other})
        if not home:
            done.append(row)
    return done


def _agree(one: Mapping[str, Cell], other: Mapping[str, Cell]) -> bool:
    common = [name for name in _names(other) if name in one]
    return bool(common) and all(one[name] == other[name] for name in common)


def _names(row: Mapping[str, Cell]) -> list[str]:
    return [name for name in row if not name.startswith("Value")]


def _arranged(panel: Json, rows: Sequence[Mapping[str, Cell]]) -> Table:
    options = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    present = {name for row in rows for name in row}
    names = [name for name in options["indexByName"] if name in present or not rows]
    extra = sorted(present - set(options["indexByName"]) - set(options["excludeByName"]))
    headings = [options["renameByName"].get(name, name) for name in [*names, *extra]]
    return Table(headings, [[row.get(name) for name in [*names, *extra]] for row in rows])


def _sorted(panel: Json, unsorted: Table) -> Table:
    wanted = panel["options"].get("sortBy") or []
    if not wanted or wanted[0]["displayName"] not in unsorted.headings:
        return unsorted
    index = list(unsorted.headings).index(wanted[0]["displayName"])
    backwards = bool(wanted[0]["desc"])

    def rank(row: Sequence[Cell]) -> tuple[bool, float, str]:
        cell = row[index]
        number = cell if isinstance(cell, float) else 0.0
        unknown = cell is None or (isinstance(cell, float) and math.isnan(cell))
        return unknown != backwards, 0.0 if unknown else number, str(cell)

    return Table(unsorted.headings, sorted(unsorted.rows, key=rank, reverse=backwards))
