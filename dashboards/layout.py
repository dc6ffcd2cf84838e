"""Where panels stand: bands of equal height across the full width, under headed rows."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from exporter.errors import ConfigError

COLUMNS = 24
FIRST_SCREEN = 22
"""Grid units of 38 px that a browser of 1080 px shows without scrolling, Grafana's own bars taken off."""


@dataclass(frozen=True, slots=True)
class Band:
    """Panels in one line, (panel, width) each."""

    height: int
    cells: tuple[tuple[Any, int], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A headed row of bands."""

    title: str
    bands: tuple[Band, ...]


def band(height: int, *cells: tuple[Any, int]) -> Band:
    """A band that fills the width exactly.

    Raises:
        ConfigError: it does not, so the grid would be ragged.
    """
    width = sum(cell[1] for cell in cells)
    if width != COLUMNS:
        raise ConfigError(f"band of {[cell[0].title for cell in cells]}: {width} columns of {COLUMNS}")
    return Band(height, cells)


def panel_id(title: str) -> int:
    """An id that stays when panels come and go around it, so that links to a panel keep working."""
    return zlib.crc32(title.encode()) % 999_983 + 1
