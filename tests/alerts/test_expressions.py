"""Expressions and annotations use only metrics that exist and labels that are still there."""

from __future__ import annotations

import inspect
import re

import promql_parser
import pytest

from alerts.registry import ALERTS, NAMES
from alerts.rule import Alert, Options, Record
from alerts.shard_queries import FAILS, NOT_KNOWN, NOT_KNOWN_OF_KEYS
from alerts.shard_rules import SHARD_RECORDS
from exporter.cli.source import gate_from_prometheus
from exporter.derive.gate.step_table import STEPS
from exporter.derive.gate.step_verdicts import nothing_read
from exporter.expose import catalogue, shard_catalogue
from exporter.expose.shard_catalogue import UNBROKEN
from tests.alerts import promql
from tests.dashboards.every import queries

Q = Options().queries()
KNOWN = (
    catalogue.by_name.keys()
    | shard_catalogue.by_name.keys()
    | promql.RECORDED.keys()
    | {"up", "process_start_time_seconds"}
)
FLEET = {"cluster", "namespace", "job"}
QUERY = re.compile(
    r"printf `(.+?)` \$labels\.cluster \$labels\.namespace \$labels\.job \| query(.*?){{ else }}none"
)
ids = [f"{alert.name}-{alert.severity}" for alert in ALERTS]


def queries_of(alert: Alert) -> list[tuple[str, str]]:
    """Each query of the description, as Prometheus asks it, and the template behind it."""
    found = QUERY.findall(alert.described(Q))
    assert len(found) == len(alert.listed)
    return [(re.sub(r"%\[\d\]q", '"x"', query).replace("%%", "%"), rest) for query, rest in found]


def expressions() -> list[str]:
    in_words = [query for alert in ALERTS for query, _ in queries_of(alert)]
    return [alert.expr(Q) for alert in ALERTS] + [record.expr(Q) for record in SHARD_RECORDS] + in_words


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_exists_and_has_the_labels_it_is_asked_for(expression: str) -> None:
    selectors = promql.selectors(promql_parser.parse(expression))
    assert selectors
    for selector in selectors:
        name = promql.metric(selector)
        assert name in KNOWN
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


@pytest.mark.parametrize("record", SHARD_RECORDS, ids=lambda record: record.name)
def test_what_joins_shards_has_the_labels_that_one_exporter_gives_it(record: Record) -> None:
    """Boards and alerts read the one like the other, but for the instance."""
    known = catalogue.by_name.get(record.name)
    wanted = frozenset(known.labels) if known else promql.RECORDED[record.name]
    assert promql.surviving(promql_parser.parse(record.expr(Q))) == FLEET | wanted


def test_every_family_of_the_whole_is_joined_and_by_one_rule() -> None:
    names = [record.name for record in SHARD_RECORDS]
    whole = {metric.name for metric in (*shard_catalogue.JOINED, *shard_catalogue.JUDGED_ANEW)}
    assert sorted(names) == sorted(whole | promql.RECORDED.keys())


def test_a_rule_reads_only_what_those_before_it_recorded() -> None:
    """Rules of a group are evaluated one after the other; only the soak's reads its own last value."""
    ahead = {record.name for record in SHARD_RECORDS}
    for record in SHARD_RECORDS:
        read = {promql.metric(found) for found in promql.selectors(promql_parser.parse(record.expr(Q)))}
        assert read & ahead <= ({UNBROKEN} if record.name == UNBROKEN else set())
        ahead.remove(record.name)


def test_every_recording_rule_is_read_or_gives_what_one_exporter_shows() -> None:
    """By an alert, a board, another rule or `check --prometheus`."""
    text = inspect.getsource(gate_from_prometheus)
    by_check = {str(getattr(shard_catalogue, name)) for name in re.findall(r"\bs\.([A-Z]+)\b", text)}
    asked = " ".join([*expressions(), *(query.expr for query in queries())])
    recorded = {record.name for record in SHARD_RECORDS} - catalogue.by_name.keys() - by_check
    assert recorded
    assert {name for name in recorded if name not in asked} == set()


def test_every_check_that_is_judged_across_shards_is_one_of_the_gates() -> None:
    asked = {check(nothing_read()).id for rule in STEPS for check in rule.checks}
    assert {*FAILS, *NOT_KNOWN, *NOT_KNOWN_OF_KEYS} <= asked


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
