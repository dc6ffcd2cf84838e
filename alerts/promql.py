"""PromQL and templates, built from catalogue metrics and the reader's own label names.

A *fleet* is what one exporter (or its shards, or its replicas) watches: the labels that Prometheus
adds to all its series. Every alert is one per fleet. Replicas and shards show the same fact more
than once, so expressions take `max` or `min` by what names the fact before they count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from alerts.thresholds import Limit, Wait
from exporter.expose import catalogue as c
from exporter.expose.metric import Metric
from exporter.model.pages import Phase

CULPRITS = 10
"""How many names an annotation lists at most."""

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"))


def duration(seconds: float) -> str:
    """Write a duration as Prometheus does: `10m`, `7d`, `900ms`."""
    if seconds < 1 or seconds != int(seconds):
        return f"{max(1, round(seconds * 1000))}ms"
    unit, letter = next((unit, letter) for unit, letter in _UNITS if seconds % unit == 0)
    return f"{int(seconds / unit)}{letter}"


def number(limit: Limit) -> str:
    """Write a limit without a needless fraction."""
    return f"{limit.value:g}"


def indented(expr: str) -> str:
    """Indent what stands between a parenthesis at the end of a line and the line that closes it."""
    depth, lines = 0, []
    for line in expr.splitlines():
        depth -= line.startswith(")")
        lines.append("  " * depth + line)
        depth += line.endswith("(")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Queries:
    """Builds selectors, clauses and templates. `pins` are matchers added to every selector."""

    selector: str
    fleet: tuple[str, ...]
    scale: float = 1.0
    pins: str = ""

    def series(self, metric: Metric | str, matchers: str = "") -> str:
        """A selector: the metric, the reader's own matchers, the pins, and these."""
        name = metric if isinstance(metric, str) else metric.name
        inside = ",".join(part for part in (self.selector, self.pins, matchers) if part)
        return f"{name}{{{inside}}}" if inside else name

    def by(self, *labels: str) -> str:
        """An aggregation clause: the fleet's labels and these."""
        return f"by ({', '.join((*self.fleet, *labels))})"

    def on(self, *labels: str) -> str:
        """A matching clause: the fleet's labels and these."""
        return f"on ({', '.join((*self.fleet, *labels))})"

    def span(self, wait: Wait) -> str:
        """A wait as a PromQL duration, scaled."""
        return duration(wait.seconds * self.scale)

    def seconds(self, wait: Wait) -> str:
        """A wait as a number of seconds, scaled."""
        return f"{wait.seconds * self.scale:g}"

    def most(self, metric: Metric, *labels: str, matchers: str = "") -> str:
        """The greatest value by fleet and labels: replicas of the exporter count once."""
        return f"max {self.by(*labels)} ({self.series(metric, matchers)})"

    def least(self, metric: Metric, *labels: str, matchers: str = "") -> str:
        """The least value by fleet and labels."""
        return f"min {self.by(*labels)} ({self.series(metric, matchers)})"

    def beyond_a_period(self, value: str, limit: Limit, *labels: str) -> str:
        """True where a value in seconds is above a limit and one heartbeat period of its key. Without a
        period it is true above the limit. `labels` are the value's own, `key` among them.
        """
        above = f"{value} > {number(limit)}"
        period = f"{self.on('key')} group_left () {self.most(c.RING_HEARTBEAT_PERIOD_SECONDS, 'key')}"
        return f"({above}\nunless {self.on(*labels)} ({value} - {period} <= {number(limit)}))"

    def writing_phase(self, operation: str, *labels: str, matchers: str = "") -> str:
        """The `min` or `max` phase of the writing clients that have one."""
        wanted = ",".join(part for part in ('writes="true"', matchers) if part)
        return f"{operation} {self.by(*labels)} ({self.series(c.CLIENT_PHASE, wanted)} >= 0)"

    def any_from(self, phase: Phase) -> str:
        """True where at least one writing client of the fleet is in this phase or a later one."""
        return f"and {self.on()} ({self.writing_phase('max')} >= {phase})"

    def none_from(self, phase: Phase) -> str:
        """True where no writing client of the fleet has this phase or a later one."""
        return f"unless {self.on()} ({self.writing_phase('max')} >= {phase})"

    def key_within(self, expr: str, first: Phase, last: Phase) -> str:
        """True for keys with their last writer within these phases. The writers of some keys are unknown,
        because the client's name has no key in it: there the fleet's last writer counts.
        """
        own = self.writing_phase("min", "key", matchers='key!=""')
        rings = self.writing_phase("min", matchers='key!="ha-tracker/"')
        return (
            f"{expr} and {self.on('key')} ({own} >= {first} <= {last})\n"
            f"or\n{expr} unless {self.on('key')} {own} and {self.on()} ({rings} >= {first} <= {last})"
        )

    @property
    def name(self) -> str:
        """Template: the fleet, by those of its labels that exist."""
        *wider, job = self.fleet or ("",)
        if not job:
            return "the fleet"
        named = "{{ with $labels.JOB }}{{ . }}{{ else }}the fleet{{ end }}".replace("JOB", job)
        place = "{{ with or $labels.LABEL $externalLabels.LABEL }}, LABEL {{ . }}{{ end }}"
        return named + "".join(place.replace("LABEL", label) for label in wider)

    @property
    def pinned(self) -> Queries:
        """The same builder, for queries inside a template: every selector names this alert's fleet."""
        pins = ",".join(f"{label}=%[{place}]q" for place, label in enumerate(self.fleet, start=1))
        return replace(self, selector=self.selector.replace("%", "%%"), pins=pins)

    def lasting(self, metric: Metric, value: int, wait: Wait, *labels: str, matchers: str = "") -> str:
        """The series at this value now, all through the window, and there before it.

        A new process is thus not judged, and in a rolling restart no single process stays so long.
        """
        series, span = self.series(metric, matchers), self.span(wait)
        return (
            f"max {self.by(*labels)} ({series}) == {value}\n"
            f"and {self.on(*labels)} (max {self.by(*labels)} (max_over_time({series}[{span}])) == {value})\n"
            f"and {self.on(*labels)} (max {self.by(*labels)} ({series} offset {span}))"
        )

    def documents(self) -> str:
        """Template: the address of the exporter's own docs, where it is scraped by http; `<path>` is to be
        put in. Empty while Prometheus has no series of it.
        """
        arguments = "".join(f" $labels.{label}" for label in self.fleet)
        return (
            "{{ with printf `" + self.pinned.series(c.BUILD_INFO) + "`" + arguments + " | query }}"
            '{{ with sortByLabel "instance" . | first | label "instance" }}'
            "http://{{ . }}/docs/<path>{{ end }}{{ end }}"
        )

    def culprits(self, expr: str, *labels: str, value: str = "", quoted: bool = False) -> str:
        """Template: up to ten results of `expr`, by name; `expr` comes from a `pinned` builder.

        `value` is a template pipeline for the number behind each name: `humanizeDuration`. The ten are then
        those with the greatest numbers, the worst first. `quoted` is for names that a foreign process
        chooses.
        """
        text = " ".join(expr.split())
        query = f"sort_desc(topk({CULPRITS}, {text}))" if value else text
        ordered = "" if value else f' | sortByLabel "{labels[0]}"'
        arguments = "".join(f" $labels.{label}" for label in self.fleet)
        shown = '{{ $s.Labels.%s | printf "%%q" }}' if quoted else "{{ $s.Labels.%s }}"
        names = " ".join(shown % label for label in labels)
        behind = " ({{ $s.Value | " + value + " }})" if value else ""
        return (
            "{{ range $i, $s := printf `" + query + "`" + arguments + " | query" + ordered + " }}"
            f"{{{{ if lt $i {CULPRITS} }}}}"
            "{{ if $i }}, {{ end }}" + names + behind + "{{ else if eq $i " + str(CULPRITS) + " }} and more"
            "{{ end }}{{ else }}none{{ end }}"
        )
