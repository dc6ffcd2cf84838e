"""What is unknown never looks good: no panel is green without a series, or shows an old value as now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from alerts import thresholds
from dashboards import fields
from dashboards.fields import Json
from dashboards.preview.value_display import colour, settings, shown
from tests.dashboards.every import BOARDS, panels

EVERY = [panel for board in BOARDS.values() for panel in panels(board)]
EACH_PANEL = pytest.mark.parametrize("panel", EVERY, ids=lambda panel: panel["title"])
NAN = float("nan")


def _looks(panel: Json) -> Iterator[Json]:
    yield settings(panel)
    for override in panel["fieldConfig"]["overrides"]:
        yield settings(panel, override["matcher"]["options"])


@EACH_PANEL
@pytest.mark.parametrize("nothing", [None, NAN])
def test_null_and_nan_are_grey_and_said_in_words(panel: Json, nothing: Any) -> None:
    for look in _looks(panel):
        seen = shown(nothing, look)
        assert seen.colour == fields.UNKNOWN
        assert not seen.text.isdigit()


@EACH_PANEL
def test_the_lowest_threshold_step_is_grey(panel: Json) -> None:
    for look in _looks(panel):
        assert look["thresholds"]["steps"][0] == {"color": fields.UNKNOWN, "value": None}


@EACH_PANEL
def test_a_panel_of_the_present_asks_for_the_present(panel: Json) -> None:
    """A range query reduced to its last value goes on showing a dead exporter's last word for an hour."""
    now = panel["type"] in {"stat", "table", "bargauge"}
    assert all(target["instant"] is now and target["range"] is not now for target in panel["targets"])


@EACH_PANEL
def test_lines_and_lanes_have_gaps_where_data_is_missing(panel: Json) -> None:
    if panel["type"] in {"timeseries", "state-timeline"}:
        custom = panel["fieldConfig"]["defaults"]["custom"]
        assert custom["spanNulls"] is False
        assert custom["insertNulls"] is False


@EACH_PANEL
def test_a_panel_without_series_says_so(panel: Json) -> None:
    assert panel["fieldConfig"]["defaults"]["noValue"]


def test_every_phase_has_a_name_and_a_colour_of_its_own() -> None:
    look = {"mappings": fields.phases(), "thresholds": {"steps": fields.plain()}}
    seen = [shown(float(number), look) for number in range(-1, 6)]
    assert [one.text for one in seen] == [
        "unknown", "external", "multi", "mirroring", "switched", "detached", "memberlist",
    ]  # fmt: skip
    assert len({one.colour for one in seen}) == 7


def test_a_gate_check_holds_does_not_hold_or_is_unknown() -> None:
    look = {"mappings": fields.verdicts(), "thresholds": {"steps": fields.plain()}}
    assert [shown(value, look).text for value in (1.0, 0.0, NAN)] == ["passed", "failed", "unknown"]


def test_lag_turns_orange_and_red_where_the_alerts_do() -> None:
    tile = next(panel for panel in EVERY if panel["title"] == "Worst lag")
    limit = thresholds.MAX_LAG.value
    below, warned, late = (
        shown(value, settings(tile)).colour
        for value in (limit - 1, limit, thresholds.HEARTBEAT_TIMEOUT.value)
    )
    assert (below, warned, late) == (colour("green"), colour("orange"), colour("red"))
