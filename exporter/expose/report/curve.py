"""The lag of all keys as one picture: SVG that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from exporter.expose.report.shapes import LagOut
from exporter.expose.wording.planning.migration_report import clock

WIDTH: Final = 860
HEIGHT: Final = 220
LEFT, BOTTOM, TOP = 44, 24, 8
KEYS: Final = 8  # those with the greatest lag
LEAST: Final = 10.0  # seconds that fill the height at least
COLOURS: Final = ("#1f6feb", "#bf3989", "#1a7f37", "#9a6700", "#8250df", "#cf222e", "#0a7ea4", "#57606a")


def svg(lags: Sequence[LagOut]) -> str:
    """The greatest lags over time; "" where none was measured."""
    shown = sorted(lags, key=lambda lag: -max(seconds for _, seconds in lag.points))[:KEYS] if lags else []
    points = [point for lag in shown for point in lag.points]
    if not points:
        return ""
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    top = max(LEAST, *(seconds for _, seconds in points))
    lines = "".join(_line(lag, COLOURS[n], first, last, top) for n, lag in enumerate(shown))
    key = "".join(_key(lag.key, COLOURS[n], n) for n, lag in enumerate(shown))
    height = HEIGHT + 18 * len(shown)
    floor = HEIGHT - BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Lag of the keys over time" '
        f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="11"><line x1="{LEFT}" y1="{floor}" x2="{WIDTH}" y2="{floor}" stroke="#8886"/>'
        f'<line x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{floor}" stroke="#8886"/>'
        f'<text x="2" y="{TOP + 8}" fill="currentColor">{top:.0f} s</text>'
        f'<text x="2" y="{floor}" fill="currentColor">0 s</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 8}" fill="currentColor">{clock(first)}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 8}" text-anchor="end" fill="currentColor">{clock(last)}</text>'
        f"{lines}{key}</svg>"
    )


def _line(lag: LagOut, colour: str, first: float, last: float, top: float) -> str:
    across = (WIDTH - LEFT) / max(last - first, 1.0)
    high = HEIGHT - BOTTOM - TOP
    places = " ".join(
        f"{LEFT + (at - first) * across:.1f},{HEIGHT - BOTTOM - seconds / top * high:.1f}"
        for at, seconds in lag.points
    )
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _key(name: str, colour: str, number: int) -> str:
    y = HEIGHT + 4 + 18 * number
    return (
        f'<rect x="{LEFT}" y="{y}" width="10" height="10" fill="{colour}"/>'
        f'<text x="{LEFT + 16}" y="{y + 9}" fill="currentColor">{escape(name)}</text>'
    )
