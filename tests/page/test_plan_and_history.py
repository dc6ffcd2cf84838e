"""The pages of the plan and of the history, and the report for download."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.demo import DemoSettings
from exporter.derive.planning.timeline import advanced
from exporter.model.pages import Phase
from exporter.model.planning.timeline import Timeline
from tests.page.test_answers import get
from tools.stage import Served, Stage


@pytest.fixture
def staged() -> Iterator[Stage]:
    """A demo in phase multi, looked at twice."""
    with Stage(DemoSettings(size=3, tokens=16, start_phase=Phase.MULTI, hold=True, manual=True)) as stage:
        stage.cycles(2)
        yield stage


def test_the_plan_has_lines_to_copy_in_each_format(staged: Stage) -> None:
    answer = get(staged, "/plan")
    assert answer.status == 200
    assert "rings/enable-mirroring" in answer.text
    assert answer.text.count('class="copy"') >= 3
    assert "mirror_enabled: true" in answer.text
    assert "Unknown for this release" in answer.text  # Cortex has no Jsonnet switches
    assert "<style" not in answer.text


@pytest.mark.parametrize(("path", "status"), [("/plan/rings/switch-primary", 200), ("/plan/nothing", 404)])
def test_a_step_has_its_page_and_another_name_has_none(staged: Stage, path: str, status: int) -> None:
    assert get(staged, path).status == status


def test_a_stale_plan_shows_no_open_gate(staged: Stage) -> None:
    staged.now += 10_000
    text = get(staged, "/plan").text
    assert "data-judged" not in text
    assert "This is stale." in text


def test_history_and_report_are_served_where_a_cycle_has_ended(staged: Stage) -> None:
    assert staged.snapshot is not None
    assert advanced(Timeline(), staged.snapshot).lasting
    assert get(staged, "/history").status == 200
    for path, kind in (("/report.html", "text/html"), ("/report.md?redact=1", "text/markdown")):
        answer = get(staged, path)
        assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, kind)
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "127.0.0.1" not in get(staged, "/report.md?redact=1").text
    with Served() as empty:
        assert get(empty, "/report.html").status == 503
