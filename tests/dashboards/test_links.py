"""Links lead somewhere: between the boards, and to the runbook of an alert that exists."""

from __future__ import annotations

import re

import pytest

from alerts.registry import GROUPS
from dashboards.fields import Json
from tests.dashboards.every import BOARDS, panels

LINKS = [
    (panel["title"], link) for board in BOARDS.values() for panel in panels(board) for link in panel["links"]
]
EACH_BOARD = pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["uid"])


@EACH_BOARD
def test_a_board_links_to_the_others_and_takes_time_and_variables_along(board: Json) -> None:
    (link,) = board["links"]
    assert link["type"] == "dashboards"
    assert link["includeVars"] and link["keepTime"]
    assert all(set(link["tags"]) <= set(other["tags"]) for other in BOARDS.values())


def test_links_from_panels_lead_to_boards_and_runbooks_that_exist() -> None:
    names = {alert.name for group in GROUPS for alert in group.alerts}
    assert LINKS
    for title, link in LINKS:
        board = re.fullmatch(r"/d/([\w-]+)\?\$\{__url_time_range\}&\$\{__all_variables\}", link["url"])
        runbook = re.fullmatch(r"http://\$\{exporter\}/docs/runbooks/(\w+)", link["url"])
        assert (board and board[1] in BOARDS) or (runbook and runbook[1] in names), (title, link["url"])


@EACH_BOARD
def test_phase_changes_and_alerts_are_marked_on_every_board(board: Json) -> None:
    names = [annotation["name"] for annotation in board["annotations"]["list"]]
    assert names == ["Annotations & Alerts", "Phase changes", "Alerts"]
    for annotation in board["annotations"]["list"][1:]:
        assert annotation["expr"] == annotation["target"]["expr"]
