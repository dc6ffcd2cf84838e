"""The catalogue is the contract of boards, alerts and docs."""

from __future__ import annotations

import re

import pytest

from exporter.expose import catalogue
from exporter.expose.catalogue import ALL, by_name
from exporter.expose.metric import PREFIX, Metric


def constants() -> dict[str, Metric]:
    return {name: value for name, value in vars(catalogue).items() if isinstance(value, Metric)}


def test_every_constant_is_named_as_its_metric_and_every_metric_has_one() -> None:
    assert {PREFIX + name.lower() for name in constants()} == {metric.name for metric in ALL}
    assert all(PREFIX + name.lower() == metric.name for name, metric in constants().items())
    assert len(by_name) == len(ALL)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_names_labels_and_help_follow_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"kvmigration(_[a-z0-9]+)+", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert (metric.kind == "info") == metric.name.endswith("_info")
    assert not metric.name.endswith(("_count", "_sum", "_bucket", "_created"))
    assert not metric.unit or metric.name.removesuffix("_total").endswith("_" + metric.unit)
    assert not set(metric.labels) & {
        "job",
        "instance",
        "cluster",
        "zone",
        "le",
        "quantile",
        "type",
        "namespace",
    }
    assert len(set(metric.labels)) == len(metric.labels)
    assert metric.help.endswith(".")
    assert "Read every cycle" in metric.help
    assert "\n" not in metric.help
    assert metric.group


def test_no_family_hides_another_behind_an_openmetrics_suffix() -> None:
    families = {re.sub(r"_(total|info)$", "", metric.name) for metric in ALL}
    assert len(families) == len(ALL)
