"""The grid is whole, ids are stable, and the answer is on the first screen."""

from __future__ import annotations

import pytest

from dashboards.fields import Json
from dashboards.panel_specifications import COLUMNS, FIRST_SCREEN, Ask, Tile, band
from dashboards.panels import panel_id
from exporter.errors import ConfigError
from tests.dashboards.every import BOARDS, panels

EACH_BOARD = pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["uid"])
KINDS = {"row", "stat", "timeseries", "table", "state-timeline", "bargauge"}


@EACH_BOARD
def test_panels_cover_the_grid_without_overlaps_gaps_or_ragged_ends(board: Json) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not cells & taken
        taken |= cells
    height = 1 + max(y for _, y in taken)
    assert taken == {(x, y) for x in range(COLUMNS) for y in range(height)}


@EACH_BOARD
def test_ids_are_unique_and_come_from_titles(board: Json) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(panel["id"] == panel_id(panel["title"]) for panel in panels(board))


def test_uids_do_not_change() -> None:
    assert set(BOARDS) == {
        "kvmigration-overview", "kvmigration-rings", "kvmigration-gossip", "kvmigration-ha-tracker",
        "kvmigration-read-write", "kvmigration-exporter", "kvmigration-process",
    }  # fmt: skip
    assert all(uid == board["uid"] and 8 <= len(uid) <= 40 for uid, board in BOARDS.items())


@EACH_BOARD
def test_the_first_row_is_a_question_answered_by_tiles_without_scrolling(board: Json) -> None:
    rows = [panel for panel in board["panels"] if panel["type"] == "row"]
    assert rows[0]["title"].endswith("?")
    first = [panel for panel in panels(board) if panel["gridPos"]["y"] < rows[1]["gridPos"]["y"]]
    assert first[0]["type"] == "stat"
    assert max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in first) <= FIRST_SCREEN


def test_the_overview_shows_where_we_are_and_what_is_wrong_on_the_first_screen() -> None:
    for panel in panels(BOARDS["kvmigration-overview"]):
        if panel["title"] in {"Phase of each component", "Faults found now", "Checks of the next step"}:
            assert panel["gridPos"]["y"] + panel["gridPos"]["h"] <= FIRST_SCREEN


@EACH_BOARD
def test_only_panel_types_that_grafana_10_to_13_have(board: Json) -> None:
    assert {panel["type"] for panel in board["panels"]} <= KINDS


def test_a_band_that_does_not_fill_the_width_is_refused() -> None:
    panel = Tile("One", "One.", [Ask("up")])
    with pytest.raises(ConfigError, match=r"band of \['One'\]: 10 columns of 24"):
        band(4, panel, widths=(10,))
