"""A report as HTML that needs no network, and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec
from markupsafe import Markup

from exporter.expose.report.curve import svg
from exporter.expose.report.shapes import ReportOut, SpanOut
from exporter.expose.web.environment import render
from exporter.expose.wording.planning.migration_report import TRACKS, clock, lasted, passed_last

_ESCAPED: Final = str.maketrans(
    {letter: f"\\{letter}" for letter in "\\`*_{}[]#|"} | {"<": "&lt;", ">": "&gt;"}
)


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
