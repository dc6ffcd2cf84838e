"""PromQL for the boards: selectors that follow the variables, and the house idioms.

Two rules stand behind them. An exporter may run twice, or in shards, so every gauge is taken once for each of
its own labels, from whatever instance. And a count is a sum over a comparison with `bool`, never a count with
a zero put in. Without series there is thus no value, and the panel shows that.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.component_metrics import ANY_PREFIX, EXACT, PROMETHEUS, pattern
from dashboards.installation_settings import Options
from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as s
from exporter.expose.metric import Metric
from exporter.model.pages import Phase

RATE = "[$__rate_interval]"
VARIABLE_LABELS = ("component", "key")
WRITING = 'writes="true"'
EVERY_KEY = 'key=~".*"'
NAMED_KEY = 'key=~".+"'
MOST_LINES = 10
NOT_ASKED = -1  # what a tile has where its question does not arise; no value means unknown
MEMBERLIST, GOSSIP_PAGES = 'page="/memberlist"', 'page=~"/memberlist.*"'


def equal(label: str, value: str) -> str:
    """A matcher for one value."""
    return f'{label}="{value}"'


@dataclass(frozen=True, slots=True)
class Queries:
    """Makes the expressions of one set of options."""

    options: Options
    each: bool = False  # totals by installation in place of one over all

    def by(self, *labels: str) -> str:
        """`(cluster, namespace, job, …)`: a grouping that keeps installations apart."""
        return f"({', '.join((*self.options.place, *labels))})"

    def _matchers(self, labels: tuple[str, ...], extra: tuple[str, ...]) -> str:
        fixed = {text.split("=")[0].rstrip("!~") for text in extra}
        names = (*labels, *(label for label in self.options.place if label not in labels))
        own = [f'{name}=~"${name}"' for name in names if name not in fixed]
        return ", ".join(part for part in (*own, *extra, self.options.selector) if part)

    def of(self, metric: Metric, *extra: str) -> str:
        """A selector of one of our metrics; `extra` matchers replace those of a variable."""
        labels = tuple(label for label in VARIABLE_LABELS if label in metric.labels)
        return f"{metric.name}{{{self._matchers(labels, extra)}}}"

    def once(self, metric: Metric, *extra: str) -> str:
        """A gauge once for each of its label sets, the worst where several exporters have it."""
        if metric is c.GATE_CHECK:
            return self.checks(self.by(*metric.labels), *extra)
        worst = "min" if metric in _LOW_IS_BAD else "max"
        return f"{worst} by {self.by(*metric.labels)} ({self.of(metric, *extra)})"

    def checks(self, by: str, *extra: str) -> str:
        """The gate's checks, the worst of each group: failed, unknown, passed. Only a `min` would let one
        exporter's unknown, NaN, pass for the verdict of another exporter.
        """
        verdicts = self.of(c.GATE_CHECK, *extra)
        fails, unknown = (
            f"0 * count by {by} ({verdicts} == 0)",
            f"NaN * count by {by} ({verdicts} != {verdicts})",
        )
        return f"({fails} or {unknown} or min by {by} ({verdicts}))"

    def beyond_a_period(self, metric: Metric, *extra: str) -> str:
        """Seconds beyond one heartbeat period of the key; all seconds where the period is unknown."""
        value = self.once(metric, *extra)
        period = f"max by {self.by('key')} ({self.of(c.RING_HEARTBEAT_PERIOD_SECONDS, EVERY_KEY)})"
        less = f"clamp_min({value} - on {self.by('key')} group_left () {period}, 0)"
        return f"({less} or {value})"

    def rate(self, metric: Metric, *extra: str) -> str:
        """Per second, once for each label set."""
        return f"max by {self.by(*metric.labels)} (rate({self.of(metric, *extra)}{RATE}))"

    def how_many(self, condition: str) -> str:
        """How many series fulfil a comparison written with `bool`; no series, no answer."""
        return self.total("sum", condition)

    def total(self, how: str, expression: str) -> str:
        """`sum` or `count` over everything, or of each installation."""
        return f"{how} by {self.by()} ({expression})" if self.each else f"{how}({expression})"

    def worst(self, expression: str, *, lowest: bool = False) -> str:
        """The few series that matter most: a line for each of hundreds of processes shows none of them."""
        return f"{'bottomk' if lowest else 'topk'}({MOST_LINES}, {expression})"

    def of_component(self, expression: str) -> str:
        """Only the targets of the chosen components."""
        return f"(({expression}) and on {self.by('target')} {self.of(c.TARGET_UP)})"

    def component_phase(self) -> str:
        """The earliest phase of each component in each migration, as a number."""
        phase = self.once(c.TARGET_PHASE)
        up = f"max by {self.by('target', 'component')} ({self.of(c.TARGET_UP)})"
        joined = f"{phase} + on {self.by('target')} group_left (component) 0 * {up}"
        return f"min by (component, migration) ({joined})"

    def migration_phases(self) -> str:
        """Each migration's phase as a number, the earliest where several installations are chosen."""
        parts = [f"({self.of(c.PHASE, equal('phase', phase.label))} == 1) * 0 + {phase}" for phase in Phase]
        return f"min by (migration) ({' or '.join(parts)})"

    def clients(self) -> str:
        """The phase of each writing KV client, once."""
        return f"max by {self.by('target', 'kv_name')} ({self.of(c.CLIENT_PHASE, WRITING)})"

    def clients_by_key(self) -> str:
        """The phase of each writing KV client, once, with the key that it writes."""
        clients = self.of(c.CLIENT_PHASE, WRITING, EVERY_KEY)
        return f"max by {self.by('target', 'kv_name', 'key')} ({clients})"

    def while_mirroring(self, expression: str) -> str:
        """Only where some KV client mirrors now: before that an empty secondary, and after it an old one, is
        as it should be.

        Every client counts and not only the key's own: a key that the switch did not reach must not be left
        out.
        """
        return f"(({expression}) and on {self.by()} ({self.mirroring()}))"

    def mirrored(self, metric: Metric, *extra: str) -> str:
        """A gauge of the secondary, only while some KV client mirrors."""
        return self.while_mirroring(self.once(metric, *extra))

    def if_mirroring(self, number: str) -> str:
        """The number; `NOT_ASKED` where every writing client has a phase and none mirrors."""
        clients = self.of(c.CLIENT_PHASE, WRITING, EVERY_KEY)
        idle = f"group({clients} >= 0) unless on () ({self.mirroring()}) unless on () ({clients} < 0)"
        return f"({number}) or {NOT_ASKED} * ({idle})"

    def if_gossip(self, number: str) -> str:
        """The number; `NOT_ASKED` where every writing client is external, and no process has memberlist."""
        clients = self.of(c.CLIENT_PHASE, WRITING, EVERY_KEY)
        page = self.of(c.PAGE_UP, MEMBERLIST)
        none = f"group({clients} == 0) unless on () ({clients} != 0) unless on () {page}"
        return f"({number}) or {NOT_ASKED} * ({none})"

    def if_rings_gossip(self, number: str) -> str:
        """The number; `NOT_ASKED` where no client mirrors yet, so that no ring is in the gossip."""
        clients = self.of(c.CLIENT_PHASE, WRITING, EVERY_KEY)
        early = f"{clients} >= 0 < {Phase.MIRRORING}"
        late = f"{clients} >= {Phase.MIRRORING} or {clients} < 0"
        unread = f"{self.of(c.PAGE_UP, GOSSIP_PAGES)} == 0"
        none = f"group({early}) unless on () ({late}) unless on () ({unread})"
        return f"({number}) or {NOT_ASKED} * ({none})"

    def if_any(self, number: str) -> str:
        """The number; `NOT_ASKED` where there is nothing to count, and an exporter that could count it."""
        return f"({number}) or {NOT_ASKED} * group({self.of(c.BUILD_INFO)})"

    def mirroring(self) -> str:
        """A metric that exists only while a writing KV client mirrors: the clients that were left out."""
        return self.of(c.UNREACHED_CLIENTS)

    def next_step(self, metric: Metric) -> str:
        """The gate's metric, only for the step that comes next."""
        return f"({self.once(metric)} and on {self.by('migration', 'step')} ({self.once(c.NEXT_STEP)} == 1))"

    def complete(self) -> str:
        """1 where all shards are there and agree, else 0, as the joining rules record it."""
        return f"min by {self.by()} ({s.COMPLETE}{{{self._matchers((), ())}}})"

    def age(self) -> str:
        """Seconds between now and the end of the last cycle, of the chosen exporter that is furthest from
        now. With a clock ahead a stopped exporter would else pass for a recent one.
        """
        return f"max(abs(time() - {self.of(c.SNAPSHOT_TIMESTAMP_SECONDS)}))"

    def without_cycle(self) -> str:
        """Exporters that answer and have not ended a single cycle: no timestamp of theirs grows old."""
        ended = self.of(c.SNAPSHOT_TIMESTAMP_SECONDS)
        return f"{self.of(c.BUILD_INFO)} unless on {self.by('instance')} {ended}"

    def missing(self) -> str:
        """Installations that had an exporter an hour or a day ago and have none."""
        here = self.of(c.BUILD_INFO)
        return f"(group by {self.by()} ({here} offset 1h or {here} offset 1d) unless on {self.by()} {here})"

    def shards_missing(self) -> str:
        """How many shards are missing; no value where there are no shards."""
        expected = self.of(s.SHARDS)
        there = f"count by {self.by()} (group by {self.by('shard')} ({expected}))"
        return f"sum(max by {self.by()} ({expected}) - {there})"

    def component(self, name: str, *extra: str) -> str:
        """A selector of a component's own metric: its job is not the exporter's."""
        place = [f'{label}=~"${label}"' for label in self.options.place if label != "job"]
        parts = [*place, *extra, self.options.selector]
        if name in ANY_PREFIX:
            return f"{{{', '.join(part for part in (pattern(name), *parts) if part)}}}"
        if name not in EXACT and name != "ALERTS":
            raise KeyError(name)
        return f"{name}{{{', '.join(part for part in parts if part)}}}"

    def process(self, name: str) -> str:
        """A selector of the metrics that Prometheus or a client library adds to the exporter's own."""
        if name not in PROMETHEUS:
            raise KeyError(name)
        return f"{name}{{{self._matchers(('instance',), ())}}}"

    def own(self, metric: Metric, *extra: str) -> str:
        """One of our metrics per instance of the exporter."""
        return f"{metric.name}{{{self._matchers(('instance',), extra)}}}"


_LOW_IS_BAD = (c.PHASE_UNIFORM, c.TARGET_UP, c.PAGE_UP, c.STORE_UP, c.GATE_OPEN, c.GATE_CHECK,
               c.RING_QUORUM_MARGIN, c.GOSSIP_LABEL_VERIFIED, c.TARGET_PHASE, c.KEY_PHASE)  # fmt: skip
