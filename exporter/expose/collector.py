"""Rows of a snapshot as metric families: cleaned, free of duplicates, and never more than `max_series`.

::

    # HELP kvmigration_secondary_lag_seconds Greatest difference of a member's heartbeat, …
    # TYPE kvmigration_secondary_lag_seconds gauge
    kvmigration_secondary_lag_seconds{key="collectors/ring",ring="ingester"} 2.0
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric as Family

from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as shards
from exporter.expose.clean_label_values import clean
from exporter.expose.metric import Metric
from exporter.expose.series import rows_of
from exporter.expose.shard_rows import Row
from exporter.model.facts import Snapshot
from exporter.model.pages import Product
from exporter.products.ring_pages import HA_KEY, known_keys

Series = dict[tuple[str, ...], float]

# Counts: where two rows meet in one series, the series has both.
_COUNTS = frozenset({c.RING_MEMBERS, c.KV_CLIENTS, c.GOSSIP_LABEL_TARGETS, c.FOREIGN_LABEL_REJECTIONS_TOTAL})
_SUMS = _COUNTS | {shards.PART_OF[metric] for metric in _COUNTS if metric in shards.PART_OF}
# Labels with as many values as the cluster, or a hostile process in it, sends.
_STANDARD_KEYS = known_keys(Product.UNKNOWN) | {HA_KEY}
# Which processes answer, and their phases: an alert that needs these series is the last to lose them.
_UP = frozenset({c.TARGET_UP, c.TARGET_INFO, c.TARGET_PHASE, c.PAGE_UP})
_OPEN_LABELS = frozenset({"key", "kv_name", "label", "member_zone", "member", "serves"})


@dataclass(slots=True)
class Gathered:
    """The families of one exposition, and how many series were left out of it."""

    families: dict[Metric, Series]
    dropped: int


def gather(rows: Iterable[Row], max_series: int) -> Gathered:
    """Clean, unite and cut. A later row that repeats a label set is counted as dropped."""
    families: dict[Metric, Series] = {metric: {} for metric in (*c.ALL, *shards.ALL)}
    repeated = 0
    for metric, raw, value in rows:
        number = _number(metric, value)
        if number is None:
            continue
        labels = tuple(map(clean, raw))
        series = families[metric]
        if labels not in series:
            series[labels] = number
        elif metric in _SUMS:
            series[labels] += number
        else:
            repeated += 1
    return Gathered(families, repeated + _truncate(families, max_series))


def _number(metric: Metric, value: float | None) -> float | None:
    """The value as a float; `None` where an exposition must not have it. Only a gate check may be NaN."""
    if value is None:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if metric is c.GATE_CHECK:
        return number
    if not math.isfinite(number) or (metric.kind == "counter" and number < 0):
        return None
    return number


def _truncate(families: dict[Metric, Series], max_series: int) -> int:
    """Cut the largest families to one common size: first those with a `target`, then those by key, then
    `_UP`.

    Fleet-wide families are never cut. The same snapshot always loses the same series (`_ranked`).
    """
    dropped = 0
    per_target = [metric for metric in families if "target" in metric.labels]
    details = [metric for metric in per_target if metric not in _UP]
    per_key = [m for m in families if m not in per_target and _OPEN_LABELS & set(m.labels)]
    for tier in (details, per_key, [metric for metric in per_target if metric in _UP]):
        over = sum(map(len, families.values())) - max_series
        if over <= 0:
            break
        sizes = [len(families[metric]) for metric in tier]
        size = _common_size(sizes, sum(sizes) - over)
        for metric in tier:
            largest = dict(_ranked(metric, families[metric])[:size])
            dropped += len(families[metric]) - len(largest)
            families[metric] = largest
    return dropped


def _ranked(metric: Metric, series: Series) -> list[tuple[tuple[str, ...], float]]:
    """The series in the order in which they are kept. Those of keys that products have come first, then the
    first of each target, then the second. The target with the most series thus loses the most.
    """
    owner = metric.labels.index("target") if "target" in metric.labels else None
    key = metric.labels.index("key") if "key" in metric.labels else None
    count = Counter[str]()
    ranked = []
    for labels, value in sorted(series.items()):
        rank = 0
        if owner is not None:
            rank, count[labels[owner]] = count[labels[owner]], count[labels[owner]] + 1
        ranked.append((key is not None and labels[key] not in _STANDARD_KEYS, rank, labels, value))
    return [(labels, value) for _, _, labels, value in sorted(ranked)]


def _common_size(sizes: list[int], budget: int) -> int:
    """The greatest size to which all may be cut so that they fit into `budget` together."""
    left = len(sizes)
    for size in sorted(sizes):
        if size * left > budget:
            return max(0, budget // left)
        budget -= size
        left -= 1
    return max(sizes, default=0)


def family_of(metric: Metric, series: Series) -> Family:
    """A prometheus_client family, series in the order of their labels."""
    suffix = {"counter": "_total", "info": "_info", "gauge": ""}[metric.kind]
    family = Family(metric.name.removesuffix(suffix), metric.help, metric.kind, metric.unit)
    for labels, value in sorted(series.items()):
        family.add_sample(metric.name, dict(zip(metric.labels, labels, strict=True)), value)
    return family


def exposed(snapshot: Snapshot, max_series: int) -> Iterator[tuple[Metric, Series]]:
    """What is exposed of a snapshot, in the catalogue's order; a family without series is left out."""
    gathered = gather(rows_of(snapshot), max_series)
    gathered.families[c.SERIES_DROPPED][()] = float(gathered.dropped)
    return ((metric, series) for metric, series in gathered.families.items() if series)
