"""Every query is PromQL, over metrics that exist, with labels that they have."""

from __future__ import annotations

import re

import promql_parser
import pytest

from dashboards.component_metrics import ANY_PREFIX, EXACT, PROMETHEUS
from dashboards.installation_settings import Options
from dashboards.queries import Queries
from exporter.expose import catalogue
from exporter.expose.shard_catalogue import COMPLETE, SHARDS
from tests.dashboards.every import Query, nodes, queries, selectors

EVERY = queries()
PLACE = {"cluster", "namespace", "job", "instance", "pod"}
THEIR_LABELS = {"alertname", "alertstate", "severity", "route", "user", "exported_cluster", "le", "__name__"}
MADE = {"problem"}
OF_SHARDS = {"shard"}
UNSHOWN = {
    "kvmigration_rollout_moved_timestamp_seconds": "KVMigrationRolloutStalled reads it; the phases are shown",
    "kvmigration_foreign_member_info": "the alerts name the members; the boards count them",
    "kvmigration_gossip_cluster_targets": "the alert names the sides; the members of each process are shown",
    "kvmigration_kv_clients": "kvmigration_client_phase says the same per process",
    "kvmigration_phase_uniform": "the boards count who is behind",
    "kvmigration_interval_seconds": "a setting, by which check --prometheus bounds an age",
    "kvmigration_config_last_reload_success_timestamp_seconds": "the tile says whether, the log says when",
}


def _metrics(query: Query) -> set[str]:
    return {one.name or one.matchers["__name__"].removeprefix("(.+_)?") for one in selectors(query.concrete)}


@pytest.mark.parametrize("query", EVERY, ids=lambda query: query.place)
def test_a_query_asks_only_for_metrics_of_the_catalogue_or_the_list(query: Query) -> None:
    known = {*catalogue.by_name, *ANY_PREFIX, *EXACT, *PROMETHEUS, COMPLETE, SHARDS.name}
    found = _metrics(query)
    assert found
    assert found <= known


@pytest.mark.parametrize("query", EVERY, ids=lambda query: query.place)
def test_a_query_matches_only_labels_that_the_metric_has(query: Query) -> None:
    for one in selectors(query.concrete):
        metric = catalogue.by_name.get(one.name)
        own = set(metric.labels) if metric else THEIR_LABELS
        assert set(one.matchers) - {"__name__"} <= own | PLACE


@pytest.mark.parametrize("query", EVERY, ids=lambda query: query.place)
def test_a_query_groups_only_by_labels_that_some_metric_in_it_has(query: Query) -> None:
    known = {label for name in _metrics(query) if name in catalogue.by_name
             for label in catalogue.by_name[name].labels}  # fmt: skip
    for node, _ in nodes(promql_parser.parse(query.concrete)):
        modifier = getattr(node, "modifier", None)
        labels = set(getattr(modifier, "labels", None) or ())
        assert labels <= known | PLACE | THEIR_LABELS | MADE | OF_SHARDS


@pytest.mark.parametrize("query", EVERY, ids=lambda query: query.place)
def test_legends_and_columns_name_labels_that_the_query_leaves(query: Query) -> None:
    if query.panel["type"] == "annotation":
        return
    legend = query.panel["targets"][query.index]["legendFormat"]
    for label in re.findall(r"\{\{(\w+)\}\}", legend):
        assert re.search(rf"\bby \([^)]*\b{label}\b", query.expr)


def test_every_metric_of_the_catalogue_is_on_a_board_or_said_why_not() -> None:
    shown = set().union(*(_metrics(query) for query in EVERY))
    assert {metric.name for metric in catalogue.ALL} - shown == set(UNSHOWN)


def test_every_listed_metric_of_the_components_is_on_a_board() -> None:
    shown = set().union(*(_metrics(query) for query in EVERY))
    assert {*ANY_PREFIX, *EXACT} <= shown


def test_a_metric_that_nobody_listed_is_refused() -> None:
    with pytest.raises(KeyError):
        Queries(Options()).component("cortex_made_up")
    with pytest.raises(KeyError):
        Queries(Options()).process("made_up")


@pytest.mark.parametrize("query", EVERY, ids=lambda query: query.place)
def test_no_count_invents_a_zero_where_there_are_no_series(query: Query) -> None:
    """`or vector(0)` is good news without a source, unless the whole is tied to series that exist."""
    if "vector(0)" in query.expr and query.panel["title"] != "Alerts firing":
        assert "and on ()" in query.expr or " + (" in query.expr
