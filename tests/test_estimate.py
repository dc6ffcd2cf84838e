"""What the estimate promises, held against what is exposed: no metric has more series than was said."""

from __future__ import annotations

from collections import Counter

import pytest

from exporter.cli.source.series_estimate import estimate, series_of
from exporter.expose import catalogue
from exporter.expose import shard_catalogue as shards
from exporter.expose.collector import exposed
from exporter.model.facts import Snapshot
from exporter.model.pages import Product
from tests.migration import migration
from tests.sharded import sharded

pytestmark = pytest.mark.asyncio


def counted(snapshot: Snapshot) -> Counter[str]:
    return Counter({metric.name: len(series) for metric, series in exposed(snapshot, 1_000_000)})


@pytest.mark.parametrize("product", [Product.MIMIR, Product.CORTEX, Product.LOKI])
@pytest.mark.parametrize("size", [3, 9])
async def test_no_metric_has_more_series_than_was_estimated(product: Product, size: int) -> None:
    async with migration("mirroring", product=product.value, size=size) as at:
        found = estimate(at.watch.config, len(at.watch.targets()))
        shown = counted(await at.look())
    said = {m.name: series_of(m.estimate, found.letters) for m in catalogue.by_name.values()}
    assert {name: (count, said[name]) for name, count in shown.items() if count > said[name]} == {}
    assert shown.total() <= found.series


@pytest.mark.parametrize("phase", ["external", "mirroring"])
async def test_no_metric_of_a_shard_has_more_series_than_was_estimated(phase: str) -> None:
    async with sharded(phase, product="mimir", size=9) as told:
        await told.look()
        found = [estimate(watch.config, len(watch.targets())) for watch in told.shards]
        shown = [counted(part) for part in told.parts[-1]]
    metrics = {**catalogue.by_name, **shards.by_name}
    for series, said in zip(shown, found, strict=True):
        limits = {name: series_of(metrics[name].estimate, said.letters) for name in series}
        assert {n: (count, limits[n]) for n, count in series.items() if count > limits[n]} == {}
        assert series.total() <= said.series
