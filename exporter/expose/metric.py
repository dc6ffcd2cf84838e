"""A metric, and how metrics are registered: one call has all that series, shards, boards and docs need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict, Unpack

PREFIX = "kvmigration_"
Kind = Literal["gauge", "counter", "info"]
# How the shards' parts are joined: by this operation, or by a recording rule of its own (`rule`). Not at all
# where the rules judge anew (`anew`). "" takes the series from the one shard that has it.
Join = Literal["", "max", "min", "sum", "rule", "anew"]


@dataclass(frozen=True, slots=True, eq=False)  # each is made once, and is a key for each series
class Metric:
    """One family. `estimate` is how many series it has at most, in the letters of `ESTIMATE_LETTERS`."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    help: str
    estimate: str = "1"
    group: str = ""
    page: str = ""  # where the value is read, "" where it is our own
    join: Join = ""


class OfSeries(TypedDict, total=False):
    """How many series a metric has at most (`Metric.estimate`), and how shards join them."""

    per: str
    join: Join


class Metrics:
    """Registers metrics, in the order in which they are shown and documented, below headings."""

    def __init__(self, heading: str = "") -> None:
        self.made: list[Metric] = []
        self._heading = heading

    def section(self, heading: str) -> None:
        """Begin another heading."""
        self._heading = heading

    def gauge(self, name: str, labels: str, text: str, page: str = "", **more: Unpack[OfSeries]) -> Metric:
        """`labels` are separated by spaces; `page` is where the value is read."""
        return self._make("gauge", name, (labels, text, page), more)

    def counter(self, name: str, labels: str, text: str, page: str = "", **more: Unpack[OfSeries]) -> Metric:
        """A name that ends in `_total`."""
        return self._make("counter", name, (labels, text, page), more)

    def info(self, name: str, labels: str, text: str, page: str = "", **more: Unpack[OfSeries]) -> Metric:
        """A name that ends in `_info`; its value is always 1."""
        return self._make("info", name, (labels, text, page), more)

    def _make(self, kind: Kind, name: str, texts: tuple[str, str, str], more: OfSeries) -> Metric:
        labels, text, page = texts
        unit = "seconds" if name.endswith("_seconds") else ""
        full = f"{text} Read every cycle{f' from {page}' if page else ''}."
        per, join = more.get("per", "1"), more.get("join", "")
        metric = Metric(
            PREFIX + name, kind, unit, tuple(labels.split()), full, per, self._heading, page, join
        )
        self.made.append(metric)
        return metric
