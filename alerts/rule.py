"""What a rule is here, and what the reader of the generator may choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from alerts.promql import Queries
from alerts.thresholds import KEEP, Wait


class Severity(StrEnum):
    """`critical` wakes somebody: users are harmed now or nobody watches. `warning` is a ticket."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


Text = Callable[[Queries], str]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `expr`, `summary` and `description` are built with the reader's own label names.

    `meaning` is one sentence for docs/alerts.md; `board` names the dashboard to look at first.
    Two alerts may share a name where only the phase decides upon the severity.
    """

    name: str
    severity: Severity
    wait: Wait
    expr: Text
    summary: str
    description: Text
    meaning: str
    board: str = "overview"
    keep: Wait | None = KEEP


@dataclass(frozen=True, slots=True)
class Record:
    """One recording rule, named level:metric:operation."""

    name: str
    expr: Text
    meaning: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together."""

    name: str
    alerts: tuple[Alert, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What `python -m alerts` can be told. `scale` multiplies every wait and window, for trials."""

    selector: str = ""
    loki_selector: str = 'job=~".+"'
    cluster_label: str = "cluster"
    namespace_label: str = "namespace"
    job_label: str = "job"
    labels: dict[str, str] = field(default_factory=dict)
    runbook_base: str = "https://kvmigration.example/runbooks"
    dashboard_base: str = "https://grafana.example"
    scale: float = 1.0

    def queries(self) -> Queries:
        """Give the query builder for these options."""
        fleet = tuple(name for name in (self.cluster_label, self.namespace_label, self.job_label) if name)
        return Queries(self.selector, fleet, self.scale)
