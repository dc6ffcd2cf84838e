"""A board as a picture: the grid, and one drawing for each kind of panel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dashboards.fields import Json
from dashboards.preview import panel_drawings
from dashboards.preview.canvas import MUTED, Box, Canvas
from dashboards.preview.prometheus_client import Prometheus, QueryError, Series, Window, filled, legend

CELL, GAP, COLUMN, HEAD = 30, 8, 80, 52
WIDTH = 24 * COLUMN


@dataclass(frozen=True, slots=True)
class Answers:
    """What a panel's queries gave: series by refId, named by their legends; `error` where one failed."""

    series: Mapping[str, Sequence[Series]]
    error: str = ""

    @property
    def every(self) -> list[Series]:
        """All series, in the queries' order."""
        return [one for series in self.series.values() for one in series]


_KINDS: Mapping[str, Callable[[Canvas, Box, Json, Any, Window], None]] = {
    "stat": panel_drawings.stat,
    "timeseries": panel_drawings.lines,
    "state-timeline": panel_drawings.lanes,
    "table": panel_drawings.cells,
    "bargauge": panel_drawings.bars,
}


def asked(panel: Json, prometheus: Prometheus, window: Window, values: Mapping[str, str]) -> Answers:
    """Put a panel's queries to Prometheus."""
    found: dict[str, Sequence[Series]] = {}
    for target in panel["targets"]:
        query = filled(target["expr"], values, window.rate_interval)
        try:
            answer = (
                prometheus.instant(query, window.end) if target["instant"] else prometheus.over(query, window)
            )
        except QueryError as error:
            return Answers({}, str(error))
        found[target["refId"]] = [
            Series(one.labels, one.points, legend(target["legendFormat"], one.labels)) for one in answer
        ]
    return Answers(found)


def marks(
    board: Json, prometheus: Prometheus, window: Window, values: Mapping[str, str]
) -> list[panel_drawings.Mark]:
    """The annotations inside a window: the start of each run of samples."""
    found = []
    for annotation in board["annotations"]["list"]:
        if "expr" not in annotation:
            continue
        for one in prometheus.over(filled(annotation["expr"], values, window.rate_interval), window):
            starts = [
                at for index, (at, _) in enumerate(one.points)
                if index == 0 or at - one.points[index - 1][0] > 1.5 * window.step
            ]  # fmt: skip
            text = legend(annotation["titleFormat"], one.labels)
            found += [panel_drawings.Mark(at, text, annotation["iconColor"]) for at in starts]
    return found


def drawing(
    board: Json, prometheus: Prometheus, window: Window, values: Mapping[str, str], out: Path
) -> None:
    """Draw a board to a PNG file."""
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    canvas = Canvas(WIDTH + GAP, HEAD + bottom * (CELL + GAP) + GAP)
    _head(canvas, board, window, values)
    canvas.marks = marks(board, prometheus, window, values)
    for panel in board["panels"]:
        box = _box(panel["gridPos"])
        if panel["type"] == "row":
            canvas.text(box.left + 4, box.top + box.height / 2, f"▾ {panel['title']}", 15, weight="bold")
            continue
        _panel(canvas, box, panel, asked(panel, prometheus, window, values), window)
    canvas.save(out)


def _box(place: Mapping[str, int]) -> Box:
    return Box(
        place["x"] * COLUMN + GAP,
        HEAD + place["y"] * (CELL + GAP),
        place["w"] * COLUMN - GAP,
        place["h"] * (CELL + GAP) - GAP,
    )


def _head(canvas: Canvas, board: Json, window: Window, values: Mapping[str, str]) -> None:
    canvas.text(GAP + 4, HEAD / 2, board["title"], 20, weight="bold")
    chosen = "  ".join(
        f"{variable.get('label', name)}: {'All' if values[name] in {'.*', '.+', ''} else values[name]}"
        for variable in board["templating"]["list"]
        if (name := variable["name"]) and variable["type"] == "query"
    )
    ends = [datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") for at in (window.start, window.end)]
    canvas.text(WIDTH / 3, HEAD / 2, chosen, 12, MUTED)
    canvas.text(WIDTH - 4, HEAD / 2, f"{ends[0]} to {ends[1]} UTC", 12, MUTED, align="right")


def _panel(canvas: Canvas, box: Box, panel: Json, answers: Answers, window: Window) -> None:
    canvas.card(box)
    canvas.text(box.left + 8, box.top + 15, canvas.shortened(panel["title"], box.width - 12, 13), 13)
    inside = Box(box.left + 8, box.top + 28, box.width - 16, box.height - 34)
    if answers.error:
        canvas.text(
            inside.left, inside.top + 20, canvas.shortened(answers.error, inside.width, 11), 11, "#f2495c"
        )
        return
    if not answers.every and panel["type"] != "stat":
        middle = inside.left + inside.width / 2, inside.top + inside.height / 2
        canvas.text(*middle, panel["fieldConfig"]["defaults"]["noValue"], 15, MUTED, align="center")
        return
    _KINDS[panel["type"]](canvas, inside, panel, answers, window)
