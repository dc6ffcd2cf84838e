"""What a board shows, before Grafana's form is put on it: panels with their queries and form, in bands under
headed rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dashboards.fields import Json, absent, plain
from exporter.errors import ConfigError


class Uid(StrEnum):
    """The boards. Lines and cells of a process lead to that of one process."""

    OVERVIEW = "kvmigration-overview"
    RINGS = "kvmigration-rings"
    GOSSIP = "kvmigration-gossip"
    HA_TRACKER = "kvmigration-ha-tracker"
    READ_WRITE = "kvmigration-read-write"
    EXPORTER = "kvmigration-exporter"
    PROCESS = "kvmigration-process"


TITLES: Mapping[str, str] = {
    Uid.OVERVIEW: "Overview",
    Uid.RINGS: "Ring consistency",
    Uid.GOSSIP: "Gossip and labels",
    Uid.HA_TRACKER: "HA tracker",
    Uid.READ_WRITE: "Read-write mode",
    Uid.EXPORTER: "Exporter",
    Uid.PROCESS: "Process",
}
COLUMNS = 24
FIRST_SCREEN = 22
"""Grid units of 38 px that a browser of 1080 px shows without scrolling, Grafana's own bars taken off."""


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
    colours: Mapping[str, str] = field(default_factory=dict)  # of series by name
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    empty: str = ""  # the text of a panel of lines or rows without any; the word for no value where not set


@dataclass(frozen=True, slots=True)
class Panel:
    """What a panel shows, whatever its kind. A link is a board, `fields.PAGE_OF_PROCESS`, or an alert, which
    leads to its runbook.
    """

    title: str
    text: str
    queries: Sequence[Ask]
    look: Style = field(default_factory=Style)
    links: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tile(Panel):
    """One number, or one for each series with its name."""

    named: bool = False


@dataclass(frozen=True, slots=True)
class Lines(Panel):
    """Lines over time, or stacked areas. `marked` draws the thresholds."""

    stacked: bool = False
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Lanes(Panel):
    """States over time, one lane for each series."""


@dataclass(frozen=True, slots=True)
class Table(Panel):
    """What is so now, a line for each label set. `columns` are field to heading, in order: labels, and
    `Value #A`, or `Value` of one query.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Bars(Panel):
    """A bar for each series, as it is now."""


@dataclass(frozen=True, slots=True)
class Band:
    """Panels of equal height in one line, (panel, width) each."""

    height: int
    cells: tuple[tuple[Panel, int], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A headed row of bands."""

    title: str
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. `variables` are those that it has besides its place."""

    uid: Uid
    text: str
    rows: tuple[Row, ...]
    variables: tuple[str, ...]


def band(height: int, *panels: Panel, widths: Sequence[int] = ()) -> Band:
    """A band that fills the width exactly; its panels are equally wide where no widths are given.

    Raises:
        ConfigError: it does not, so the grid would be ragged.
    """
    widths = widths or [COLUMNS // len(panels)] * len(panels)
    if sum(widths) != COLUMNS:
        titles = [panel.title for panel in panels]
        raise ConfigError(f"band of {titles}: {sum(widths)} columns of {COLUMNS}")
    return Band(height, tuple(zip(panels, widths, strict=True)))
