"""What a panel shows, before Grafana's form is put on it: queries, form, columns; and a board of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dashboards.fields import Json, absent, plain
from dashboards.layout import Row


@dataclass(frozen=True, slots=True)
class Ask:
    """One query of a panel. `legend` names its series."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Style:
    """How a panel's values are shown."""

    unit: str = "short"
    steps: Sequence[Json] = field(default_factory=plain)
    mappings: Sequence[Json] = field(default_factory=lambda: [absent()])
    overrides: Sequence[Json] = ()
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    empty: str = ""  # the text of a panel of lines or rows without any; the word for no value where not set


@dataclass(frozen=True, slots=True)
class Show:
    """What a panel shows, whatever its kind: title, description, queries, form, links."""

    title: str
    text: str
    queries: Sequence[Ask]
    look: Style = field(default_factory=Style)
    links: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """A table's columns: field to heading, in order. Values are `Value #A`, `Value` of one query."""

    headings: dict[str, str]
    sort: str = ""
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard before Grafana's form is put on it."""

    uid: str
    title: str
    text: str
    rows: Sequence[Row]
    variables: Sequence[Json]
    annotations: Sequence[Json]
