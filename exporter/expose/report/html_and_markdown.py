"""A report as HTML that needs no network, and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Final

import msgspec
from markupsafe import Markup

from exporter.expose.report.shapes import LagOut, ReportOut, SpanOut
from exporter.expose.web.environment import render
from exporter.expose.wording.planning.migration_report import TRACKS, clock, lasted, passed_last

_ESCAPED: Final = str.maketrans(
    {letter: f"\\{letter}" for letter in "\\`*_{}[]#|"} | {"<": "&lt;", ">": "&gt;"}
)
WIDTH: Final = 860
HEIGHT: Final = 220
LEFT, BOTTOM, TOP = 44, 24, 8
KEYS: Final = 8  # those with the greatest lag
LEAST: Final = 10.0  # seconds that fill the height at least
COLOURS: Final = ("#1f6feb", "#bf3989", "#1a7f37", "#9a6700", "#8250df", "#cf222e", "#0a7ea4", "#57606a")


def html(report: ReportOut) -> str:
    """One file with its own style; every text is escaped."""
    drawn = Markup(svg(report.history.lags))  # noqa: S704 - made here, of numbers and escaped names
    return render(
        "report.html",
        report=report,
        tracks=tuple(_tracks(report)),
        picture=drawn,
        lasted=lasted,
        passed_last=passed_last,
        told=clock,
    )


def _tracks(report: ReportOut) -> Iterator[tuple[str, tuple[SpanOut, ...]]]:
    for track, heading in TRACKS.items():
        spans = tuple(one for one in report.history.spans if one.track == track)
        if spans:
            yield heading, _checks_together(spans) if track == "check" else spans


def _checks_together(spans: Iterable[SpanOut]) -> tuple[SpanOut, ...]:
    """One line for all checks of a step with one state at the same time: a process that does not answer
    makes many of them unknown at once.
    """
    found: dict[SpanOut, list[str]] = {}
    for one in spans:
        step, _, check = one.subject.partition(" ")
        found.setdefault(msgspec.structs.replace(one, subject=step), []).append(check)
    return tuple(
        msgspec.structs.replace(one, subject=f"{one.subject} {', '.join(checks)}")
        for one, checks in found.items()
    )


def markdown(report: ReportOut) -> str:
    """The same as Markdown, without the picture."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: ReportOut) -> Iterator[str]:
    status = report.status
    yield f"# Migration report, {clock(report.made_at)} UTC"
    yield f"\n{_plain(status.headline)}\n"
    yield f"- Product: {_plain(status.product)} {_plain(', '.join(status.versions))}"
    yield f"- Processes: {status.targets_up} answer, {status.targets_down} do not"
    yield from (f"- {_plain(component)}: {count}" for component, count in report.processes)
    yield from (f"- {_plain(one.line)}" for one in status.migrations)
    yield from ([f"- {report.restarts}"] if report.restarts else [])
    yield "\n## Gates that opened\n"
    yield from (
        f"- {clock(one.opened_at)} {_plain(one.step)}; last: {_plain(passed_last(one))}"
        for one in report.opened
    )
    for heading, spans in _tracks(report):
        yield f"\n## {heading}\n\n| from | to | lasted | what | state |\n|---|---|---|---|---|"
        for one in spans:
            before = "" if one.began_seen else "before "
            yield (
                f"| {before}{clock(one.began_at)} | {clock(one.ended_at)} | {lasted(one, report.made_at)} "
                f"| {_plain(one.subject)} | {_plain(one.value)} |"
            )
    yield "\n## Lag\n"
    yield from (
        f"- {_plain(lag.key)}: at most {max(seconds for _, seconds in lag.points):.0f} s "
        f"in {len(lag.points)} minutes"
        for lag in report.history.lags
    )
    yield "\n## Unknown\n"
    yield from (f"- {_plain(line)}" for line in report.unknown or ("Nothing.",))
    yield "\n## What was read\n\n| page | outcome | times |\n|---|---|---|"
    yield from (f"| {_plain(page)} | {outcome} | {count} |" for page, outcome, count in report.pages)
    yield "\n## Configuration of the exporter, without secrets\n"
    yield from (f"    {line}" for line in report.config.splitlines())


def _plain(text: str) -> str:
    """Text from a cluster, as one line that is no Markdown."""
    return "".join(letter if letter.isprintable() else "?" for letter in text).translate(_ESCAPED)


FORMATS: Final[Mapping[str, Callable[[ReportOut], str]]] = {"html": html, "markdown": markdown}


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
