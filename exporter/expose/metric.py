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


class Traits(TypedDict, total=False):
    """What the metrics of a section share, or one of them has of its own. `labels` are separated by spaces,
    `page` is where the value is read, `per` is `Metric.estimate`.
    """

    labels: str
    page: str
    per: str
    join: Join


class Section:
    """Metrics below one heading. A call registers one in `made`, in the order in which metrics are shown and
    documented: by its name without prefix, its text and what it has of its own.
    """

    def __init__(self, made: list[Metric], heading: str, **shared: Unpack[Traits]) -> None:
        self._made, self._heading, self._shared = made, heading, shared

    def __call__(self, name: str, text: str, **own: Unpack[Traits]) -> Metric:
        """A counter's name ends in `_total`, that of an info, which is always 1, in `_info`."""
        traits = self._shared | own
        page = traits.get("page", "")
        metric = Metric(
            name=PREFIX + name,
            kind="counter" if name.endswith("_total") else "info" if name.endswith("_info") else "gauge",
            unit="seconds" if name.endswith("_seconds") else "",
            labels=tuple(traits.get("labels", "").split()),
            help=f"{text} Read every cycle{f' from {page}' if page else ''}.",
            estimate=traits.get("per", "1"),
            group=self._heading,
            page=page,
            join=traits.get("join", ""),
        )
        self._made.append(metric)
        return metric
