"""The report: one file that needs no network, with nothing in it that acts, and other names on demand."""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType

import pytest

from exporter.expose.report.history_and_report import history_out, report_out
from exporter.expose.report.html_and_markdown import html, markdown
from exporter.expose.report.redaction import redacted
from exporter.model.facts import Snapshot
from exporter.model.planning.timeline import Span, Timeline, Track
from tests.expose import snapshots

EVIL = "<script>alert(1)</script>|`x`"
CHECK = Span(Track.CHECK, "rings/switch-primary lag", "failed", 10.0, 40.0)
EARLY = Span(Track.CHECK, "rings/switch-primary views-agree", "failed", 10.0, 20.0)
OPEN = Span(Track.GATE, "rings/switch-primary", "open", 40.0)
EVENT = Span(Track.DEVIATION, "process-down", f"mimir-write-0 at 10.0.0.1:80 is down {EVIL}", 5.0, 35.0)


def timeline(*spans: Span) -> Timeline:
    """A history of these."""
    lasting = {(s.track, s.subject): s for s in spans if s.ended is None}
    ended = tuple(s for s in spans if s.ended is not None)
    lags = (("collectors/ring", 0.0, 3.0), ("collectors/ring", 60.0, 9.0), (EVIL, 60.0, 2.0))
    return Timeline(MappingProxyType(lasting), ended, lags, 100.0)


def snapshot() -> Snapshot:
    """The rich one."""
    return snapshots.rich()


def test_a_gate_that_opened_names_the_check_that_was_last() -> None:
    report = report_out(snapshot(), timeline(CHECK, EARLY, OPEN), "1.0", "a: 1\n")
    assert [(one.step, one.opened_at, one.last_checks) for one in report.opened] == [
        ("rings/switch-primary", 40.0, ("lag",))
    ]
    before = report_out(snapshot(), timeline(CHECK, replace(OPEN, start_observed=False)), "1.0", "")
    assert before.opened == ()


STEP = "rings/remove-multi"


def gate(value: str, began: float, ended: float | None = None, *, seen: bool = True) -> Span:
    """A gate in one state."""
    return Span(Track.GATE, STEP, value, began, ended, seen)


def check(name: str, began: float, ended: float) -> Span:
    """A check of it that did not pass."""
    return Span(Track.CHECK, f"{STEP} {name}", "failed", began, ended)


GAP = Span(Track.GAP, "exporter", "not watched", 20.0, 400.0)
OPENINGS = [
    ("a check was last", (gate("closed", 10, 40), check("lag", 10, 30)), 10.0, ("lag",)),
    ("two at once", (gate("closed", 10, 40), check("lag", 10, 30), check("clocks", 5, 30)), 10.0,
     ("clocks", "lag")),
    ("only the soak was left", (gate("closed", 10, 40),), 10.0, ()),
    ("it was unknown and then closed", (gate("unknown", 10, 20), gate("closed", 20, 40)), 10.0, ()),
    ("a kill broke its soak, and an earlier check is none of this time",
     (gate("closed", 1, 5), check("lag", 1, 5), gate("open", 5, 20), gate("closed", 20, 40)), 20.0, ()),
    ("a check failed again after the kill",
     (gate("closed", 1, 5), check("lag", 1, 5), gate("open", 5, 20), gate("closed", 20, 40),
      check("processes-settled", 20, 30)), 20.0, ("processes-settled",)),
    ("what was before the first cycle is not told of", (gate("closed", 10, 40, seen=False),), 10.0, ()),
    ("nor what was in a gap", (gate("closed", 10, 410), GAP), 400.0, ()),
]  # fmt: skip


@pytest.mark.parametrize("case", OPENINGS, ids=[case[0] for case in OPENINGS])
def test_what_was_last_before_a_gate_opened_is_of_the_time_in_which_it_was_not_open(
    case: tuple[str, tuple[Span, ...], float, tuple[str, ...]],
) -> None:
    _, before, since, last = case
    at = max(span.ended or 0.0 for span in before)
    report = report_out(snapshot(), timeline(*before, gate("open", at)), "1.0", "")
    told = next(one for one in report.opened if one.opened_at == at)
    assert (told.closed_since, told.last_checks) == (since, last)
    words = ", ".join(last) or "none: every check passed from 1970-01-01 00:0"
    assert f"{STEP}; last: {words}" in markdown(report)
    assert "last: unknown" not in markdown(report)


def test_checks_that_failed_together_are_one_line_and_others_have_their_own() -> None:
    spans = (check("lag", 10, 30), check("clocks-agree", 10, 30), check("views-agree", 12, 30))
    lines = [line for line in markdown(report_out(snapshot(), timeline(*spans), "1.0", "")).splitlines()
             if line.endswith("| failed |")]  # fmt: skip
    assert [line.split("|")[4].strip() for line in lines] == [
        f"{STEP} lag, clocks-agree",
        f"{STEP} views-agree",
    ]


def test_history_has_each_state_with_its_times() -> None:
    history = history_out(timeline(CHECK, OPEN))
    assert [(one.track, one.ended_at) for one in history.spans] == [("check", 40.0), ("gate", None)]
    assert [(lag.key, len(lag.points)) for lag in history.lags] == [(EVIL, 1), ("collectors/ring", 2)]


def test_html_needs_no_network_and_escapes_what_strangers_chose() -> None:
    text = html(report_out(snapshot(), timeline(CHECK, OPEN, EVENT), "1.0", f"a: {EVIL}\n"))
    assert "<script" not in text
    assert not re.search(r"(src|href)\s*=|url\(|@import", text)
    assert "<svg" in text and "polyline" in text


def test_markdown_has_the_same_and_no_markup_of_strangers() -> None:
    text = markdown(report_out(snapshot(), timeline(CHECK, OPEN, EVENT), "1.0", "a: 1\n"))
    assert "<script" not in text
    assert "## Deviations" in text
    assert "rings/switch-primary; last: lag" in text


@pytest.mark.parametrize("form", [html, markdown])
def test_redacted_has_the_same_other_names_everywhere(form: object) -> None:
    left = replace(EVENT, value="gone-7 at old.example is down", began=1.0, ended=4.0)
    report = report_out(
        snapshot(),
        timeline(CHECK, OPEN, replace(EVENT, ended=None), left),
        "1.0",
        "targets: [secret.example]\n",
    )
    told = form(redacted(report))  # type: ignore[operator] # one of two functions
    names = report.names
    for name in (*names.processes, *names.members, *names.labels):
        assert not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", told), name
    assert "10.0.0.1" not in told
    assert "secret.example" not in told
    assert "gone-7" not in told
    assert "old.example" not in told
    assert "process-down" in told
    assert "process-1" in told or "host-1" in told


def test_without_redact_the_names_are_those_of_the_cluster() -> None:
    report = report_out(snapshot(), timeline(EVENT), "1.0", "")
    assert "10.0.0.1:80" in markdown(report)
