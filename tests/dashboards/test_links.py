"""Links lead somewhere: between the boards, and to the runbook of an alert that exists."""

from __future__ import annotations

import re

import pytest

from alerts.registry import GROUPS
from dashboards.fields import Json
from dashboards.panel_specifications import Uid
from dashboards.queries import NOT_ASKED
from exporter.expose import catalogue
from tests.dashboards.every import BOARDS, panels, queries, selectors

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
        page = link["url"] == "http://${exporter}/target/${target}"
        assert page or (board and board[1] in BOARDS) or (runbook and runbook[1] in names), (title, link)


@EACH_BOARD
def test_every_table_and_every_line_of_a_process_leads_to_its_board_and_nothing_else_does(
    board: Json,
) -> None:
    for panel in panels(board):
        fields = panel["fieldConfig"]
        legends = [target["legendFormat"] for target in panel["targets"]]
        links = list(fields["defaults"].get("links", []))
        expected = panel["type"] == "timeseries" and any("{{target}}" in legend for legend in legends)
        for override in fields["overrides"]:
            for found in (one["value"] for one in override["properties"] if one["id"] == "links"):
                assert override["matcher"]["options"] == "process"
                links += found
        organised = [one["options"] for one in panel.get("transformations", []) if one["id"] == "organize"]
        expected = expected or any("target" in one["renameByName"] for one in organised)
        assert len(links) == expected, panel["title"]
        for link in links:
            path, _, query = link["url"].partition("?")
            assert path == f"/d/{Uid.PROCESS}"
            assert query.startswith("${__url_time_range}&${__all_variables}&var-target=${__")


def test_the_board_of_a_process_takes_the_process_from_the_link_and_shows_no_other() -> None:
    (variable,) = [one for one in BOARDS[Uid.PROCESS]["templating"]["list"] if one["name"] == "target"]
    assert not variable["multi"]
    assert not variable["includeAll"]
    compared = {"Fewer than the most", "Size of its gossip list"}
    own = [query for query in queries() if query.board["uid"] == Uid.PROCESS and "targets" in query.panel]
    for query in own:
        asked = query.expr.split(f" or {NOT_ASKED} * ")[0]  # behind it is what holds for the fleet
        asked = asked.replace("$__rate_interval", "1m")
        told = [one for one in selectors(asked) if "target" in catalogue.by_name[one.name].labels]
        of_one = all(one.matchers["target"] == "$target" for one in told if "target" in one.matchers)
        assert of_one
        assert query.panel["title"] in compared or all("target" in one.matchers for one in told)
    assert len(own) > len(compared)
