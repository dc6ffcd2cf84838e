"""Expressions and annotations use only metrics that exist and labels that are still there."""

from __future__ import annotations

import re

import promql_parser
import pytest

from alerts.pack import ALERTS, NAMES
from alerts.recording import RECORDS
from alerts.rule import Alert, Options
from exporter.expose import catalogue
from tests.alerts import promql

Q = Options().queries()
FLEET = {"cluster", "namespace", "job"}
QUERY = re.compile(
    r"printf `(.+?)` \$labels\.cluster \$labels\.namespace \$labels\.job \| query(.*?){{ else }}none"
)
ids = [f"{alert.name}-{alert.severity}" for alert in ALERTS]


def queries_of(alert: Alert) -> list[tuple[str, str]]:
    """Each query of the description, as Prometheus asks it, and the template behind it."""
    found = QUERY.findall(alert.described(Q))
    assert len(found) == sum(names is not None for names in (alert.names, alert.more))
    return [(re.sub(r"%\[\d\]q", '"x"', query).replace("%%", "%"), rest) for query, rest in found]


def expressions() -> list[str]:
    in_words = [query for alert in ALERTS for query, _ in queries_of(alert)]
    return [alert.expr(Q) for alert in ALERTS] + [record.expr(Q) for record in RECORDS] + in_words


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_exists_and_has_the_labels_it_is_asked_for(expression: str) -> None:
    selectors = promql.selectors(promql_parser.parse(expression))
    assert selectors
    for selector in selectors:
        name = promql.metric(selector)
        assert name in catalogue.by_name or name == "up"
        assert {matcher.name for matcher in selector.matchers.matchers} <= promql.labels_of(name)


@pytest.mark.parametrize("expression", expressions())
def test_every_label_that_is_aggregated_or_matched_by_is_there(expression: str) -> None:
    for node in promql.walk(promql_parser.parse(expression)):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            assert set(node.modifier.labels) <= promql.surviving(node.expr)
        matching = getattr(getattr(node, "modifier", None), "matching", None)
        if matching is not None:
            for side in (node.lhs, node.rhs):
                assert set(matching.labels) <= promql.surviving(side)


@pytest.mark.parametrize("alert", ALERTS, ids=ids)
def test_result_of_an_alert_has_the_fleets_labels_and_no_other(alert: Alert) -> None:
    """One alert per fleet, and every label that an annotation names is there."""
    assert promql.surviving(promql_parser.parse(alert.expr(Q))) == FLEET
    text = alert.described(Q) + Q.name
    assert set(re.findall(r"\$labels\.(\w+)", text)) <= FLEET


@pytest.mark.parametrize("alert", ALERTS, ids=ids)
def test_names_in_a_description_are_labels_of_its_query(alert: Alert) -> None:
    for query, rest in queries_of(alert):
        left = promql.surviving(promql_parser.parse(query))
        named = set(re.findall(r"\$s\.Labels\.(\w+)", rest)) | set(re.findall(r'sortByLabel "(\w+)"', rest))
        assert named and named <= left


@pytest.mark.parametrize("alert", ALERTS, ids=ids)
def test_no_place_in_a_description_is_left_open(alert: Alert) -> None:
    assert not re.search(r"<\w+>", alert.described(Q).replace("<=", ""))


def test_labels_that_are_gone_are_noticed() -> None:
    """The check itself is no decoration."""
    lag = "kvmigration_secondary_lag_seconds"
    assert promql.surviving(promql_parser.parse(f"max by (cluster) ({lag}) > 1")) == {"cluster"}
    assert "key" in promql.surviving(promql_parser.parse(f"rate({lag}[5m]) or absent({lag})"))
    assert promql.surviving(promql_parser.parse(f"time() - max by (job) ({lag})")) == {"job"}


def test_alerts_are_named_rated_and_aggregated_as_they_should() -> None:
    assert all(re.fullmatch(r"KVMigration[A-Z][A-Za-z]+", name) for name in NAMES)
    assert {str(alert.severity) for alert in ALERTS} == {"critical", "warning", "info"}
    assert len({(alert.name, alert.severity) for alert in ALERTS}) == len(ALERTS)
