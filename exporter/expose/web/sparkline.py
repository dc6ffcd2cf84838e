"""A small curve as SVG: presentation attributes only, so that no style has to be allowed for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup

from exporter.expose.lag_history import SPAN, STEP, Point
from exporter.expose.web.words import span

WIDTH: Final = 132
HEIGHT: Final = 26
_TOP: Final = 3.0
_FLOOR: Final = 10.0  # seconds of lag that fill the height at least, so that a small lag is a low curve


def draw(points: Sequence[Point], now: float, interval: float) -> Markup:
    """The lag over the last hour. The line has a gap where it was unknown or not recorded."""
    lags = [lag for _, lag in points if lag is not None]
    if not lags:
        return Markup("")
    top = max(_FLOOR, *lags)
    lines = [[_place(at, lag, now, top) for at, lag in run] for run in _runs(points, 3 * max(interval, STEP))]
    drawn = "".join(_line(line) for line in lines)
    gaps = sum(1 for _, lag in points if lag is None)
    label = f"Lag over the last hour: now {span(points[-1][1])}, at most {span(max(lags))}" + (
        f", at times unknown ({gaps} of {len(points)} points)" if gaps else ""
    )
    drawing = (
        f'<svg class="spark" role="img" aria-label="{label}" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><line class="base" x1="0" x2="{WIDTH}" y1="{HEIGHT - 2}" '
        f'y2="{HEIGHT - 2}"/>{drawn}</svg>'
    )
    return Markup(drawing)  # noqa: S704 - made of numbers of our own


def _runs(points: Iterable[Point], widest: float) -> Iterable[list[tuple[float, float]]]:
    """Stretches without a gap: neither an unknown lag nor a time without points."""
    run: list[tuple[float, float]] = []
    for at, lag in points:
        if run and (lag is None or at - run[-1][0] > widest):
            yield run
            run = []
        if lag is not None:
            run.append((at, lag))
    if run:
        yield run


def _place(at: float, lag: float, now: float, top: float) -> tuple[float, float]:
    across = WIDTH - 3 - (now - at) / SPAN * (WIDTH - 6)
    return round(across, 1), round(HEIGHT - 2 - min(lag / top, 1) * (HEIGHT - 2 - _TOP), 1)


def _line(line: list[tuple[float, float]]) -> str:
    x, y = line[-1]
    dot = f'<circle class="now" cx="{x}" cy="{y}" r="2"/>'
    if len(line) == 1:
        return dot
    path = " ".join(f"{x},{y}" for x, y in line)
    return f'<polyline class="line" fill="none" points="{path}"/>{dot}'
