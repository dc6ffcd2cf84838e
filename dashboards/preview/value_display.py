"""How a value is shown: mappings, thresholds, units, as Grafana resolves them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.fields import Json

NAMED = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
}
PALETTE = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d",
    "#fade2a", "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477", "#b7dbab", "#f4d598",
    "#70dbed", "#f9ba8f", "#f29191", "#82b5d8", "#e5a8e2", "#aea2e0", "#629e51", "#e5ac0e", "#64b0c8",
)  # fmt: skip
_TIMES = ((86400, "d"), (3600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Shown:
    """A value's text and colour."""

    text: str
    colour: str


def colour(name: str) -> str:
    """A Grafana colour as hex."""
    return NAMED.get(name, name)


def settings(panel: Json, name: str = "") -> Json:
    """The field settings of a panel's field: its defaults with the overrides for this name."""
    merged = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == name:
            merged |= {entry["id"]: entry["value"] for entry in override["properties"]}
    return merged


def by_thresholds(value: float | None, marks: Sequence[Json]) -> str:
    """The colour of the last step at or below the value; of the lowest without a value."""
    chosen = marks[0]["color"]
    for mark in marks[1:]:
        if value is not None and not math.isnan(value) and value >= mark["value"]:
            chosen = mark["color"]
    return colour(chosen)


def _mapping(value: float | None, mappings: Sequence[Json]) -> Json:
    unknown = value is None or math.isnan(value)
    for mapping in mappings:
        if mapping["type"] == "special" and unknown:
            return dict(mapping["options"]["result"])
        if mapping["type"] == "value" and not unknown and f"{value:g}" in mapping["options"]:
            return dict(mapping["options"][f"{value:g}"])
    return {}


def shown(value: float | None, look: Json) -> Shown:
    """A value as a stat, a cell or a lane shows it."""
    if found := _mapping(value, look.get("mappings", [])):
        return Shown(found["text"], colour(found["color"]))
    painted = by_thresholds(value, look["thresholds"]["steps"])
    return Shown(measured(value, look.get("unit", "short"), look.get("decimals")), painted)


def measured(value: float | None, unit: str, decimals: int | None = None) -> str:
    """A number with its unit, short."""
    if value is None or math.isnan(value):
        return "no data"
    if unit in {"s", "dtdurations"}:
        return _time(value, decimals)
    if unit == "percentunit":
        return f"{100 * value:.3g}%"
    if unit == "bytes":
        return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB"))
    suffix = {"reqps": " req/s", "wps": " wr/s", "cps": " c/s", "opm": " ops/min"}.get(unit, "")
    if decimals is not None:
        return f"{value:.{decimals}f}{suffix}"
    return _scaled(value, 1000, ("", " K", " Mil")) + suffix


def _time(value: float, decimals: int | None) -> str:
    for size, name in _TIMES:
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    if value and abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.{decimals}f} s" if decimals is not None else f"{value:.3g} s"


def _scaled(value: float, base: int, names: Sequence[str]) -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value, power = value / base, power + 1
    return f"{value:.3g}{'' if not names[power] or names[power][0] == ' ' else ' '}{names[power]}"
