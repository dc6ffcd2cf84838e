"""The shapes of the history and of the report."""

from __future__ import annotations

from msgspec import Struct

from exporter.expose.api.shapes import StatusOut, Unix

Named = tuple[str, ...]


class SpanOut(Struct, frozen=True):
    """One state from when to when; `ended_at` is null while it lasts. `began_seen` is false where the first
    cycle had this state already.
    """

    track: str
    subject: str
    value: str
    began_at: Unix
    ended_at: Unix | None
    began_seen: bool


class LagOut(Struct, frozen=True):
    """The greatest lag of one key, minute by minute: (unix seconds, seconds)."""

    key: str
    points: tuple[tuple[float, float], ...]


class HistoryOut(Struct, frozen=True):
    """Phases, steps, gates, checks, deviations and rollouts, oldest first."""

    spans: tuple[SpanOut, ...]
    lags: tuple[LagOut, ...]


class OpenedOut(Struct, frozen=True):
    """When a gate opened, since when it had not been open, and the last checks that did not pass then.
    There are none where only the soak time was left.
    """

    step: str
    opened_at: Unix
    closed_since: Unix
    last_checks: Named


class NamesOut(Struct, frozen=True):
    """The names and addresses that a report has, for `--redact`."""

    processes: Named
    hosts: Named
    members: Named
    labels: Named


class ReportOut(Struct, frozen=True):
    """Everything that a report shows."""

    made_at: Unix
    status: StatusOut
    processes: tuple[tuple[str, int], ...]  # component, how many
    history: HistoryOut
    opened: tuple[OpenedOut, ...]
    restarts: str  # how long processes did not answer in restarts, "" where none was observed
    pages: tuple[tuple[str, str, int], ...]  # page, outcome, how often since the start
    config: str
    unknown: Named
    names: NamesOut
