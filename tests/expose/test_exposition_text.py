"""Our text is the library's, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest as plain_text
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from exporter.expose import catalogue as c
from exporter.expose.collector import Series, exposed, family_of
from exporter.expose.exposition import EOF, openmetrics_text, text_of
from exporter.expose.metric import Metric
from tests.expose import snapshots
from tests.registry import registry_of

Families = list[tuple[Metric, Series]]


class Library(Collector):
    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        return (family_of(metric, series) for metric, series in self._families)


def series_of(metric: Metric) -> st.SearchStrategy[tuple[Metric, Series]]:
    values = st.tuples(*[st.text(st.characters(codec="utf-8"), max_size=9)] * len(metric.labels))
    numbers = st.one_of(st.floats(), st.integers(-(10**12), 10**12).map(float))
    return st.tuples(st.just(metric), st.dictionaries(values, numbers, min_size=1, max_size=5))


families = st.lists(
    st.sampled_from(c.ALL).flatmap(series_of), max_size=6, unique_by=lambda each: each[0].name
)


@given(families, st.booleans())
def test_any_families_are_written_as_the_library_writes_them(some: Families, openmetrics: bool) -> None:
    write = openmetrics_text if openmetrics else plain_text
    assert text_of(some, openmetrics=openmetrics) == write(Library(some)).removesuffix(EOF)


@pytest.mark.parametrize("openmetrics", [True, False])
@pytest.mark.parametrize("max_series", [1_000_000, 100])
def test_a_snapshot_is_written_as_the_library_writes_it(openmetrics: bool, max_series: int) -> None:
    snapshot = snapshots.rich()
    write = openmetrics_text if openmetrics else plain_text
    ours = text_of(exposed(snapshot, max_series), openmetrics=openmetrics)
    assert ours == write(registry_of(snapshot, max_series)).removesuffix(EOF)
