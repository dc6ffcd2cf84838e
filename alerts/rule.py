"""What a rule is here, and what the reader of the generator may choose."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from alerts import thresholds
from alerts.promql import Queries, number
from alerts.thresholds import KEEP, Limit, Wait


class Severity(StrEnum):
    """`critical` is a page: users are harmed now, or nothing watches. `warning` is a ticket."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


COUNT = 'printf "%.0f"'
_PLACE = re.compile(r"<(\w+)>")


def _threshold(q: Queries, name: str) -> str:
    value = getattr(thresholds, name)
    return number(value) if isinstance(value, Limit) else q.span(value)


Text = Callable[[Queries], str]


@dataclass(frozen=True, slots=True)
class Names:
    """The culprits for a description: what `text` gives, by these labels, at most ten of them.

    `value` is a template pipeline for the number behind each name. `quoted` is for names that a foreign
    process chooses. `total` is how one number for the fleet comes of them: `count`, `sum` or `max`.
    """

    text: Text
    labels: tuple[str, ...]
    value: str = ""
    quoted: bool = False
    total: str = "count"

    def template(self, q: Queries) -> str:
        """The template that queries Prometheus for the names, for the alert's own fleet."""
        return q.culprits(self.text(q.pinned), *self.labels, value=self.value, quoted=self.quoted)


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. It fires for the total of its culprits, or for an expression of its own beside `names`. In
    `description` stand `<fleet>` for the fleet's name, `<names>` and `<more>` for the culprits, and
    `<MAX_LAG>` for a number or wait of `alerts.thresholds`.

    `meaning` is one sentence for docs/alerts.md. `about` are the findings and checks that it reports, by the
    ids of `exporter.derive.gate.causes`. `memory` is how long its expression stays true after the end of the
    fault. Two alerts may share a name where only the phase decides upon the severity.
    """

    name: str
    severity: Severity
    wait: Wait
    condition: Text | Names
    summary: str
    description: str
    meaning: str
    names: Names | None = None
    more: Names | None = None
    keep: Wait | None = KEEP
    about: tuple[str, ...] = ()
    memory: Wait | None = None

    def expr(self, q: Queries) -> str:
        """The expression that is true, once for the fleet, while the fault is there."""
        if not isinstance(self.condition, Names):
            return self.condition(q)
        return f"{self.condition.total} {q.by()} (\n{self.condition.text(q)}\n)"

    @property
    def listed(self) -> dict[str, Names]:
        """The culprits by their place in the description."""
        names = self.condition if isinstance(self.condition, Names) else self.names
        return {place: found for place, found in (("names", names), ("more", self.more)) if found}

    def described(self, q: Queries) -> str:
        """The description as a Prometheus template."""
        given = {"fleet": q.name} | {place: names.template(q) for place, names in self.listed.items()}
        return _PLACE.sub(lambda found: given.get(found[1]) or _threshold(q, found[1]), self.description)


@dataclass(frozen=True, slots=True)
class Record:
    """One recording rule, named level:metric:operation."""

    name: str
    expr: Text


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that are evaluated together. `board` is the dashboard to open first."""

    name: str
    about: str
    alerts: tuple[Alert, ...]
    board: str = "overview"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `python -m alerts`. `scale` multiplies every wait and window, for trials."""

    selector: str = ""
    loki_selector: str = 'job=~".+"'
    cluster_label: str = "cluster"
    namespace_label: str = "namespace"
    job_label: str = "job"
    labels: dict[str, str] = field(default_factory=dict)
    runbook_base: str = ""  # "": the exporter's own docs, by the address at which it is scraped
    dashboard_base: str = ""  # "": no link to a board
    scale: float = 1.0

    def links(
        self, alert: str, board: str, documents: str = "", fleet: tuple[str, ...] = ()
    ) -> dict[str, str]:
        """The annotations that lead on. The runbook is below `runbook_base`, else below `documents`. The
        board is there where its address is configured, with variables named as the fleet's labels.
        """
        base = self.runbook_base and f"{self.runbook_base}/{alert}.md"
        runbook = base or (documents and documents.replace("<path>", f"runbooks/{alert}"))
        chosen = "&".join(f"var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in fleet)
        query = f"?{chosen}" if chosen else ""
        dashboard = self.dashboard_base and f"{self.dashboard_base}/d/kvmigration-{board}{query}"
        addresses = {"runbook_url": runbook, "dashboard_url": dashboard}
        return {name: url for name, url in addresses.items() if url}

    def queries(self) -> Queries:
        """The query builder for these options."""
        fleet = tuple(name for name in (self.cluster_label, self.namespace_label, self.job_label) if name)
        return Queries(self.selector, fleet, self.scale)
