"""The rules of grafana/dashboard-linter that apply to boards over Prometheus, under the rules' names.

Exclusions are read from `dashboards/built/.lint`, which the linter itself reads too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import promql_parser
import pytest
import yaml

from dashboards.build import BUILT
from dashboards.fields import Json
from tests.dashboards.every import BOARDS, Query, Selector, panels, queries, selectors, used_variables

EXCLUSIONS: Mapping[str, Any] = yaml.safe_load((BUILT / ".lint").read_text(encoding="utf-8"))["exclusions"]
EVERY = [query for query in queries() if query.panel["type"] != "annotation"]
PANELS = [(board, panel) for board in BOARDS.values() for panel in panels(board)]
UNITS = {"short", "none", "s", "bytes", "percentunit", "reqps", "wps", "cps", "opm", "dtdurations"}
EACH_BOARD = pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["uid"])
EACH_PANEL = pytest.mark.parametrize(
    ("board", "panel"), PANELS, ids=lambda one: one["title"] if isinstance(one, dict) else one
)
EACH_QUERY = pytest.mark.parametrize("query", EVERY, ids=lambda query: query.place)


def excluded(rule: str, board: str, panel: str = "") -> bool:
    if rule not in EXCLUSIONS:
        return False
    entries = EXCLUSIONS[rule].get("entries", [])
    return not entries or any(
        entry["dashboard"] == board and entry.get("panel", panel) == panel for entry in entries
    )


def _variable(board: Json, name: str) -> Json:
    return next((one for one in board["templating"]["list"] if one["name"] == name), {})


def _is_multi_query(board: Json, name: str) -> None:
    variable = _variable(board, name)
    assert variable["datasource"]["uid"] == "${datasource}"
    assert variable["type"] == "query"
    assert variable["label"] == name.title()
    assert variable["multi"] is True
    assert variable["includeAll"] is True
    assert variable["allValue"] == ".+"


@EACH_BOARD
def test_template_datasource_rule(board: Json) -> None:
    (source,) = [one for one in board["templating"]["list"] if one["type"] == "datasource"]
    assert (source["name"], source["label"], source["query"]) == ("datasource", "Data source", "prometheus")


@EACH_BOARD
def test_template_job_rule(board: Json) -> None:
    _is_multi_query(board, "job")


@EACH_BOARD
def test_template_instance_rule(board: Json) -> None:
    if not excluded("template-instance-rule", board["title"]):
        _is_multi_query(board, "instance")


@EACH_BOARD
def test_template_label_promql_rule(board: Json) -> None:
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        label = "instance" if variable["name"] == "exporter" else variable["name"]
        inner = variable["query"].removeprefix("label_values(").removesuffix(f", {label})")
        assert inner != variable["query"]
        promql_parser.parse(inner)
        assert variable["definition"] == variable["query"]


@EACH_BOARD
def test_template_on_time_change_reload(board: Json) -> None:
    assert all(one["refresh"] == 2 for one in board["templating"]["list"] if one["type"] == "query")


@EACH_PANEL
def test_panel_datasource_rule(board: Json, panel: Json) -> None:
    expected = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == expected
    assert all(target["datasource"] == expected for target in panel["targets"])


@EACH_PANEL
def test_panel_title_description_rule(board: Json, panel: Json) -> None:
    assert panel["title"]
    assert panel["description"].endswith((".", ")"))


@EACH_PANEL
def test_panel_units_rule(board: Json, panel: Json) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    for override in panel["fieldConfig"]["overrides"]:
        assert all(one["value"] in UNITS for one in override["properties"] if one["id"] == "unit")


@EACH_PANEL
def test_panel_no_targets_rule(board: Json, panel: Json) -> None:
    assert panel["targets"]


@EACH_QUERY
def test_target_promql_rule(query: Query) -> None:
    promql_parser.parse(query.concrete)


def _is_ranged(one: Selector) -> bool:
    return bool(one.inside) and isinstance(one.inside[-1], promql_parser.MatrixSelector)


@EACH_QUERY
def test_target_rate_interval_rule(query: Query) -> None:
    ranges = [one for one in selectors(query.concrete) if _is_ranged(one)]
    assert query.expr.count("[$__rate_interval]") == len(ranges)


@EACH_QUERY
@pytest.mark.parametrize("label", ["job", "instance"])
def test_target_job_and_instance_rules(query: Query, label: str) -> None:
    if excluded(f"target-{label}-rule", query.board["title"], query.panel["title"]):
        return
    raw = query.expr.replace("$__rate_interval", "1m")
    assert all(one.matchers.get(label) == f"${label}" for one in selectors(raw))


@EACH_QUERY
def test_target_counter_agg_rule(query: Query) -> None:
    for one in selectors(query.concrete):
        if (one.name or one.matchers["__name__"]).endswith(("_total", "_count", "_bucket")):
            assert _is_ranged(one)
            assert one.inside[-2].func.name in {"rate", "irate", "increase"}


@EACH_BOARD
def test_uneditable_dashboard_rule(board: Json) -> None:
    assert board["editable"] is False


def test_the_rules_about_logql_do_not_apply() -> None:
    assert {panel["datasource"]["type"] for _, panel in PANELS} == {"prometheus"}


@EACH_BOARD
def test_every_variable_is_used_and_every_used_one_is_there(board: Json) -> None:
    texts = [query.expr for query in EVERY if query.board is board]
    texts += [one.get("query", "") for one in board["templating"]["list"]]
    texts += [link["url"] for panel in panels(board) for link in panel["links"] if "/docs/" in link["url"]]
    there = {one["name"] for one in board["templating"]["list"]}
    used = set().union(*(used_variables(text) for text in texts)) | {"datasource"}
    assert used == there


def test_every_exclusion_has_a_reason_and_names_what_exists() -> None:
    titles = {(board["title"], panel["title"]) for board, panel in PANELS}
    for rule in EXCLUSIONS.values():
        assert len(rule["reason"]) > 40
        for entry in rule.get("entries", []):
            assert any(
                entry["dashboard"] == board and entry.get("panel", panel) == panel for board, panel in titles
            )
