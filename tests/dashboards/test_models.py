"""Grafana's own models (grafana-foundation-sdk) read every board and panel."""

from __future__ import annotations

import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import bargauge, common, dashboard, stat, statetimeline, table, timeseries

from dashboards.fields import Json
from tests.dashboards.every import BOARDS, panels

OPTIONS: dict[str, Any] = {
    "stat": stat.Options,
    "timeseries": timeseries.Options,
    "state-timeline": statetimeline.Options,
    "table": table.Options,
    "bargauge": bargauge.Options,
}
FIELDS: dict[str, Any] = {
    "timeseries": timeseries.FieldConfig,
    "state-timeline": statetimeline.FieldConfig,
    "table": common.TableFieldOptions,
}
NOT_IN_THE_MODEL = {"state-timeline": {"spanNulls", "insertNulls"}}  # the panel has them, the SDK not yet
EACH_BOARD = pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["uid"])


def _plain(model: object) -> Json:
    read: Json = json.loads(json.dumps(model, cls=JSONEncoder))
    return read


@EACH_BOARD
def test_the_board_survives_the_model(board: Json) -> None:
    read = _plain(dashboard.Dashboard.from_json(board))
    for key in ("uid", "title", "refresh", "schemaVersion", "tags", "editable", "graphTooltip", "time"):
        assert read[key] == board[key]
    assert [panel["gridPos"] for panel in read["panels"]] == [panel["gridPos"] for panel in board["panels"]]
    names = [variable["name"] for variable in board["templating"]["list"]]
    assert [variable["name"] for variable in read["templating"]["list"]] == names


@EACH_BOARD
def test_the_options_and_fields_of_every_panel_survive_their_models(board: Json) -> None:
    for panel in panels(board):
        options = _plain(OPTIONS[panel["type"]].from_json(panel["options"]))
        assert set(panel["options"]) <= set(options), panel["title"]
        if model := FIELDS.get(panel["type"]):
            custom = set(panel["fieldConfig"]["defaults"]["custom"])
            custom -= NOT_IN_THE_MODEL.get(panel["type"], set())
            read = model.from_json(panel["fieldConfig"]["defaults"]["custom"])
            assert custom <= set(_plain(read)), panel["title"]
