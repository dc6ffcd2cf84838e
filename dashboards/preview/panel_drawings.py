"""One drawing for each kind of panel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from dashboards.fields import Json
from dashboards.preview import value_display
from dashboards.preview.canvas import INK, LINE, MUTED, Box, Canvas
from dashboards.preview.prometheus_client import Series, Window
from dashboards.preview.tables import table

DARK_INK = "#111217"


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation."""

    at: float
    text: str
    colour: str


def stat(canvas: Canvas, box: Box, panel: Json, answers: Any, window: Window) -> None:
    """Coloured tiles in one line, one for each series; one grey tile where there is none."""
    found = answers.every or [Series({}, [(window.end, math.nan)])]
    named = panel["options"]["textMode"] == "value_and_name"
    width = box.width / len(found)
    for index, one in enumerate(found):
        part = Box(box.left + index * width - 4, box.top - 2, width + 8 / len(found), box.height + 6)
        text = value_display.shown(one.points[-1][1], value_display.settings(panel, one.name))
        canvas.card(part, text.colour, 1)
        middle = part.top + part.height / 2
        if named and one.name:
            name = canvas.shortened(one.name, width, 15)
            canvas.text(part.left + width / 2, middle - 16, name, 15, DARK_INK, align="center")
            middle += 12
        size = min(34.0, part.height * 0.42, width / max(4, len(text.text)) * 1.55)
        canvas.text(part.left + width / 2, middle, text.text, size, DARK_INK, align="center", weight="bold")


def _clock(axes: Any, window: Window) -> None:
    span = window.end - window.start
    form = "%H:%M:%S" if span < 900 else "%H:%M"
    ticks = [window.start + span * part / 5 for part in range(1, 5)]
    axes.set_xlim(window.start, window.end)
    axes.set_xticks(ticks, [datetime.fromtimestamp(at, UTC).strftime(form) for at in ticks])


def _marks(canvas: Canvas, axes: Any) -> None:
    for mark in canvas.marks:
        axes.axvline(
            mark.at, color=value_display.colour(mark.colour), linewidth=1, linestyle=(0, (4, 3)), alpha=0.9
        )


def _gaps(one: Series, step: float) -> tuple[list[float], list[float]]:
    """Times and values, with a hole where samples are missing."""
    times: list[float] = []
    values: list[float] = []
    for index, (at, value) in enumerate(one.points):
        if index and at - one.points[index - 1][0] > 1.5 * step:
            times.append(at - step)
            values.append(math.nan)
        times.append(at)
        values.append(value)
    return times, values


def _colour(panel: Json, one: Series, index: int) -> str:
    fixed = value_display.settings(panel, one.name).get("color", {}).get("fixedColor")
    return value_display.colour(fixed) if fixed else value_display.PALETTE[index % len(value_display.PALETTE)]


def lines(canvas: Canvas, box: Box, panel: Json, answers: Any, window: Window) -> None:
    """Lines over time with a legend below; stacked areas where the panel stacks."""
    every = answers.every
    rows = 1 if len(every) <= 4 else 2
    axes = canvas.axes(Box(box.left + 62, box.top + 4, box.width - 68, box.height - 28 - 16 * rows))
    custom = panel["fieldConfig"]["defaults"]["custom"]
    if custom["stacking"]["mode"] == "normal":
        _stack(axes, panel, every, window)
    else:
        for index, one in enumerate(every):
            painted = _colour(panel, one, index)
            times, values = _gaps(one, window.step)
            axes.step(times, values, where="post", color=painted, linewidth=1.4)
    _scale(axes, panel, custom["thresholdsStyle"]["mode"] != "off")
    _clock(axes, window)
    _marks(canvas, axes)
    _legend(canvas, Box(box.left, box.top + box.height - 16 * rows - 2, box.width, 16 * rows), panel, every)


def _stack(axes: Any, panel: Json, every: Sequence[Series], window: Window) -> None:
    times = sorted({at for one in every for at, _ in one.points})
    base = [0.0] * len(times)
    for index, one in enumerate(every):
        known = dict(one.points)
        top = [low + known.get(at, 0.0) for low, at in zip(base, times, strict=True)]
        axes.fill_between(
            times, base, top, step="post", color=_colour(panel, one, index), alpha=0.75, linewidth=0
        )
        base = top


def _scale(axes: Any, panel: Json, limits: bool) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    low, high = axes.get_ylim()
    flat = high <= 0.06 and defaults["unit"] != "percentunit"
    axes.set_ylim(0 if low > -0.06 else low, 1 if flat else high * 1.05)
    for mark in defaults["thresholds"]["steps"][1:] if limits else ():
        if mark["value"] > 0:
            painted = value_display.colour(mark["color"])
            axes.axhline(mark["value"], color=painted, linewidth=1, linestyle="--", alpha=0.8)
            axes.set_ylim(top=max(axes.get_ylim()[1], mark["value"] * 1.1))
    axes.yaxis.set_major_locator(_ticks(integers=defaults["unit"] == "short"))
    axes.yaxis.set_major_formatter(lambda value, _: value_display.measured(value, defaults["unit"]))


def _ticks(integers: bool) -> Any:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 (canvas reports what is missing)

    return MaxNLocator(4, integer=integers)


def _legend(canvas: Canvas, box: Box, panel: Json, every: Sequence[Series]) -> None:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    x, y = box.left + 4, box.top + 8
    for index, one in enumerate(every):
        text = canvas.shortened(
            f"{one.name}  {value_display.measured(one.points[-1][1], unit)}", box.width - 30, 11
        )
        width = 28 + len(text) * 11 * 0.56
        if x + width > box.left + box.width and x > box.left + 4:
            x, y = box.left + 4, y + 16
        if y > box.top + box.height:
            canvas.text(box.left + box.width, y - 16, "…", 12, MUTED, align="right")
            return
        canvas.fill(Box(x, y - 2, 12, 4), _colour(panel, one, index), 4)
        canvas.text(x + 17, y, text, 11)
        x += width


def lanes(canvas: Canvas, box: Box, panel: Json, answers: Any, window: Window) -> None:
    """One lane for each series, coloured by its state; a time without samples is empty."""
    every = sorted(answers.every, key=lambda one: one.name)
    fitting = max(1, min(len(every), int((box.height - 44) / 15)))
    margin = min(0.34 * box.width, 14 + 7 * max(len(one.name) for one in every))
    height = box.height - 42
    axes = canvas.axes(Box(box.left + margin, box.top, box.width - margin - 6, height))
    axes.grid(visible=False)
    axes.set_ylim(fitting, 0)
    axes.set_yticks([])
    _clock(axes, window)
    colours: dict[str, str] = {}
    for row, one in enumerate(every[:fitting]):
        centre = box.top + (row + 0.5) * height / fitting
        canvas.text(
            box.left + margin - 6, centre, canvas.shortened(one.name, margin - 8, 11), 11, align="right"
        )
        colours |= _lane(axes, panel, one, row, window)
    _marks(canvas, axes)
    x = box.left + margin
    for text, painted in colours.items():
        canvas.fill(Box(x, box.top + box.height - 8, 10, 8), painted, 4)
        canvas.text(x + 14, box.top + box.height - 4, text, 11)
        x += 30 + 7 * len(text)


def _lane(axes: Any, panel: Json, one: Series, row: int, window: Window) -> dict[str, str]:
    look = value_display.settings(panel, one.name)
    states = [(at, value_display.shown(value, look)) for at, value in one.points]
    ends = [
        min(after[0], before[0] + window.step) if after[0] - before[0] > 1.5 * window.step else after[0]
        for before, after in pairwise(states)
    ] + [states[-1][0] + window.step]
    runs: list[tuple[float, float, value_display.Shown]] = []
    for (at, state), end in zip(states, ends, strict=True):
        if runs and runs[-1][2] == state and at - runs[-1][1] < window.step / 2:
            runs[-1] = (runs[-1][0], end, state)
        else:
            runs.append((at, end, state))
    for at, end, state in runs:
        axes.broken_barh([(at, end - at)], (row + 0.08, 0.84), facecolors=state.colour, linewidth=0)
        if (end - at) / (window.end - window.start) > 0.011 * len(state.text) + 0.02:
            where = {"ha": "center", "va": "center", "clip_on": True}
            axes.text(
                (at + min(end, window.end)) / 2, row + 0.5, state.text, fontsize=7.5, color=DARK_INK, **where
            )
    return {state.text: state.colour for _, _, state in runs}


def cells(canvas: Canvas, box: Box, panel: Json, answers: Any, window: Window) -> None:
    """A table; what does not fit is counted below it."""
    made = table(panel, answers.series)
    widths = _widths(panel, box.width, made.headings, made.rows)
    fitting = int((box.height - 24) / 26)
    x = box.left
    for index, heading in enumerate(made.headings):
        canvas.text(x + 6, box.top + 12, canvas.shortened(heading, widths[index] - 6, 12), 12, "#6e9fff")
        for row, line in enumerate(made.rows[:fitting]):
            part = Box(x, box.top + 26 + row * 26, widths[index], 25)
            _cell(canvas, part, line[index], value_display.settings(panel, heading))
        x += widths[index]
    if len(made.rows) > fitting:
        more = f"{len(made.rows) - fitting} more"
        canvas.text(box.left + box.width, box.top + 12, more, 11, MUTED, align="right")


def _widths(panel: Json, width: float, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[float]:
    longest = []
    for index, heading in enumerate(headings):
        look = value_display.settings(panel, heading)
        texts = [
            row[index] if isinstance(row[index], str) else value_display.shown(row[index], look).text
            for row in rows
        ]
        longest.append(min(40, max(len(heading), *(len(text) for text in texts)) + 3))
    return [width * one / sum(longest) for one in longest]


def _cell(canvas: Canvas, box: Box, value: Any, look: Json) -> None:
    canvas.fill(Box(box.left, box.top + 25, box.width, 0.8), LINE)
    if isinstance(value, str):
        canvas.text(box.left + 6, box.top + 13, canvas.shortened(value, box.width - 8, 12), 12)
        return
    text = value_display.shown(value, look)
    painted = look.get("custom.cellOptions", {}).get("type") == "color-background"
    if painted:
        canvas.fill(box, text.colour)
    ink = DARK_INK if painted else (MUTED if value is None else INK)
    canvas.text(box.left + 6, box.top + 13, canvas.shortened(text.text, box.width - 8, 12), 12, ink)


def bars(canvas: Canvas, box: Box, panel: Json, answers: Any, window: Window) -> None:
    """A bar for each series."""
    every = answers.every
    most = max(1.0, *(one.points[-1][1] for one in every))
    height = min(46.0, box.height / len(every))
    for index, one in enumerate(every):
        text = value_display.shown(one.points[-1][1], value_display.settings(panel, one.name))
        top = box.top + index * height
        canvas.text(box.left, top + 9, canvas.shortened(one.name, box.width - 60, 12), 12)
        canvas.fill(Box(box.left, top + 19, box.width - 60, height - 26), LINE)
        canvas.fill(
            Box(box.left, top + 19, (box.width - 60) * one.points[-1][1] / most, height - 26), text.colour, 3
        )
        canvas.text(box.left + box.width, top + 30, text.text, 15, text.colour, align="right")
