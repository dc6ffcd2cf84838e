"""Where a primary was read, in words."""

from __future__ import annotations

from exporter.model.views import Origin


def origin_text(origin: Origin) -> str:
    """The place of a primary: "ring page of most of 9 processes"; "" where nothing was read."""
    if origin.target:
        return f"{origin.place} of {origin.target}"
    of_most = f" of most of {origin.processes} processes" if origin.processes else ""
    return f"{origin.place}{of_most}"
