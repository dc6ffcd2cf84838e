"""How many series a configuration will give, before it gives them: `kvmigration validate --estimate`.

An upper estimate from each metric's number of series in the catalogue. It counts the targets that discovery
finds at this moment, each with as many KV clients and rings as its product can have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.config import Config, each_store
from exporter.expose import catalogue
from exporter.expose import shard_catalogue as shards
from exporter.expose.metric import Metric
from exporter.model.migration import FIXED
from exporter.model.pages import Product
from exporter.polling.sharding import MOST_COMMON
from exporter.products.ring_pages import pages_of
from exporter.sources.discovery.targets import Discovery

KV_CLIENTS = 8  # of one process that runs every component
ZONES = 3
LABELS = 3  # different gossip labels found at one time
OTHER_PAGES = 8  # metrics, memberlist, its values, config, build information, HA tracker, Consul, etcd


@dataclass(frozen=True, slots=True)
class Estimate:
    """`series` at most, of which `largest` are the metrics with the most."""

    letters: Mapping[str, int]
    series: int
    largest: tuple[tuple[str, int], ...]


def estimate(config: Config, targets: int) -> Estimate:
    """The series of one exporter, or of one of several shards, that watches so many targets."""
    letters = _letters(config, targets)
    counts = {metric.name: series_of(metric.estimate, letters) for metric in _metrics(config)}
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]
    return Estimate(letters, sum(counts.values()), tuple(largest))


def _metrics(config: Config) -> Iterable[Metric]:
    """What one exporter shows. A shard has metrics of its parts in place of those that the rules join."""
    if config.scale.shards == 1:
        return catalogue.ALL
    own = (m for m in catalogue.ALL if m not in shards.JOINED and m not in shards.JUDGED_ANEW)
    return (*own, *shards.ALL)


def _watched(targets: int, count: int) -> int:
    """How many processes a shard may have: no hash shares out evenly, and some are common to all."""
    if count == 1:
        return targets
    mean = targets / count
    return min(targets, math.ceil(mean + 4 * math.sqrt(mean)) + MOST_COMMON)


def series_of(formula: str, letters: Mapping[str, int]) -> int:
    """`K × 2 × T` with numbers for the letters; words such as `about` do not count."""
    words = [word for word in formula.split() if word in letters or word.isdigit()]
    return math.prod(letters[word] if word in letters else int(word) for word in words)


def report(config: Config, targets: int) -> str:
    """The estimate as the operator reads it."""
    found = estimate(config, targets)
    lines = [f"about {found.series} series at most; scale.max_series is {config.scale.max_series}"]
    lines += [
        f"  {letter} = {number} {catalogue.ESTIMATE_LETTERS[letter]}"
        for letter, number in found.letters.items()
    ]
    lines += [f"  {name}: {number}" for name, number in found.largest]
    if found.series > config.scale.max_series:
        lines.append("  more than scale.max_series: raise it, or some series are left out")
    return "\n".join(lines)


async def count_targets(config: Config) -> int:
    """Query every source once, as `serve` does when it starts."""
    discovery = Discovery(config)
    try:
        await discovery.refresh()
        return len(discovery.targets())
    finally:
        await discovery.stop()


def _letters(config: Config, targets: int) -> dict[str, int]:
    product = Product.UNKNOWN if config.product == "auto" else Product(config.product)
    one_product = [product] if product is not Product.UNKNOWN else [*Product][:-1]
    pages = max(len({page.path for page in pages_of(each)}) for each in one_product)
    keys = max(len({page.key for page in pages_of(each)}) for each in one_product)
    if config.rings != "auto":
        pages = keys = len(config.rings)
    return {
        "T": _watched(targets, config.scale.shards),
        "C": KV_CLIENTS,
        "K": keys + 1,
        "P": pages + OTHER_PAGES,
        "Z": ZONES,
        "G": max(2, len(config.groups)),
        "S": len(list(each_store(config.stores))),
        "D": len({entry.kind for entry in config.targets}),
        "L": LABELS,
        "Y": len(FIXED) + len(config.migrations),
    } | ({"M": targets} if config.scale.shards > 1 else {})
