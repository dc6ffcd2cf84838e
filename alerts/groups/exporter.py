"""The exporter itself: without it no other alert can fire."""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries, number
from alerts.rule import Alert, Group, Names, Severity
from alerts.shard_queries import fresh
from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as s


def _in_memory(q: Queries, *labels: str) -> str:
    return f"count {q.by(*labels)} (last_over_time({q.series(c.BUILD_INFO)}[{q.span(t.MEMORY)}]))"


def _missing(q: Queries) -> str:
    """A fleet that had an exporter and has none; or no exporter at all, without labels and end."""
    here = q.series(c.BUILD_INFO)
    return (
        f"{_in_memory(q)}\nunless {q.on()} count {q.by()} ({here})\n"
        f"or\nabsent({here}) unless on () {_in_memory(q)}"
    )


def unanswering(q: Queries) -> str:
    """Instances that Prometheus cannot scrape and that were exporters within the last week."""
    return f"{q.series('up')} == 0\nand {q.on('instance')} {_in_memory(q, 'instance')}"


def _some(q: Queries) -> str:
    others = f"count {q.by()} ({q.series(c.BUILD_INFO)})"
    return f"count {q.by()} (\n{unanswering(q)}\n)\nand {q.on()} {others}"


def _appeared(q: Queries, *labels: str) -> str:
    """How often an exporter appeared that was not there a minute before."""
    here, look = q.series(c.BUILD_INFO), q.span(t.RESTARTS_LOOK)
    anew = f"group {q.by(*labels)} ({here}) unless group {q.by(*labels)} ({here} offset {look})"
    return f"count_over_time(({anew})[{q.span(t.RESTARTS_WINDOW)}:{look}]) > {number(t.RESTARTS)}"


def returning(q: Queries) -> str:
    """Instances that come and go, or start anew between two scrapes. An instance that is only now away
    counts, too.
    """
    starts = f"changes({q.series('process_start_time_seconds')}[{q.span(t.RESTARTS_WINDOW)}])"
    restarted = f"max {q.by('instance')} ({starts}) > {number(t.RESTARTS)}"
    return f"{_appeared(q, 'instance')}\nor\n{restarted}\nand {q.on('instance')} {_in_memory(q, 'instance')}"


def _restarting(q: Queries) -> str:
    """Of an instance; or of the fleet, because its exporter may have another address each time."""
    return f"max {q.by()} (\n{returning(q)}\n)\nor\n{_appeared(q)}"


def old(q: Queries) -> str:
    """Instances with old values, by age, in either direction: a clock that is ahead would else hide a stopped
    exporter. Each shard and each replica counts for itself.
    """
    return f"abs(time() - {q.series(c.SNAPSHOT_TIMESTAMP_SECONDS)}) > {number(t.STALE_AGE)}"


def never(q: Queries) -> str:
    """Instances that answer and show no cycle at all: without its timestamp nothing of theirs grows old."""
    return f"{q.series(c.BUILD_INFO)} unless {q.on('instance')} {q.series(c.SNAPSHOT_TIMESTAMP_SECONDS)}"


def _stale(q: Queries) -> str:
    """The greatest age. An exporter that has not ended any cycle has no age, and counts as 0."""
    return f"max {q.by()} (\n{old(q)}\n)\nor\n0 * count {q.by()} (\n{never(q)}\n)"


def present(q: Queries) -> str:
    """Shards with an instance that shows values of a recent cycle."""
    return f"group {q.by('shard')} ({fresh(q)})"


def missing(q: Queries) -> str:
    """The missing shards of the last week, of as many as there are now. A shard that discovery has lost has
    no series any more, not even one that it is down.
    """
    earlier = f"last_over_time({q.series(s.SHARDS)}[{q.span(t.MEMORY)}])"
    of_as_many = f"{earlier} == {q.on()} group_left () {q.most(s.SHARDS)}"
    return f"group {q.by('shard')} ({of_as_many}) unless {q.on('shard')} {present(q)}"


def slow(q: Queries) -> str:
    """Instances with cycles longer than their interval, by how long."""
    interval = q.series(c.INTERVAL_SECONDS)
    return f"{q.series(c.CYCLE_DURATION_SECONDS)} > {q.on('instance')} {interval}"


def refused(q: Queries) -> str:
    """Instances that run on an old configuration."""
    return f"{q.series(c.CONFIG_LAST_RELOAD_SUCCESSFUL)} == 0"


GROUP = Group(
    "exporter",
    "The exporter itself",
    board="exporter",
    alerts=(
        Alert(
            "KVMigrationExporterDown",
            Severity.CRITICAL,
            t.EXPORTER_DOWN,
            _missing,
            "No exporter watches the migration",
            (
                "No series of kvmigration-exporter arrive any more for <fleet>. All other KVMigration "
                "alerts have no data and cannot fire."
            ),
            "No exporter of this fleet is scraped any more.",
            keep=None,
        ),
        Alert(
            "KVMigrationExporterDown",
            Severity.WARNING,
            t.EXPORTER_DOWN,
            _some,
            "An exporter instance does not answer Prometheus",
            (
                "{{ $value }} exporter instance(s) of <fleet> cannot be scraped while other instances can: "
                "<names>. A shard's processes are not watched meanwhile."
            ),
            "One of several exporters (shards, replicas) cannot be scraped.",
            names=Names(unanswering, ("instance",)),
            keep=None,
        ),
        Alert(
            "KVMigrationExporterRestarting",
            Severity.CRITICAL,
            t.RESTARTING,
            _restarting,
            "The exporter restarts again and again: no other alert can fire",
            (
                "The exporter of <fleet> restarted, or its series returned, {{ $value }} times within "
                "<RESTARTS_WINDOW>: <names>. Each time the other KVMigration alerts begin their wait again, "
                "so most of them never fire."
            ),
            "The exporter restarts, or its series end and return, again and again: other alerts cannot fire.",
            names=Names(returning, ("instance",), value='printf "%.0f times"'),
        ),
        Alert(
            "KVMigrationExporterStale",
            Severity.CRITICAL,
            t.STALE,
            _stale,
            "The exporter shows stale values, or none",
            (
                "{{ if $value }}The exporter of <fleet> ended its last cycle {{ $value | humanizeDuration "
                "}} ago, or its clock is ahead by that: <names>. All other KVMigration alerts judge stale "
                "values.{{ else }}The exporter of <fleet> answers, but has not finished its first cycle: "
                "<more>. All other KVMigration alerts have no data of its processes.{{ end }}"
            ),
            "The exporter answers, but its last cycle ended minutes ago, or its first cycle has not ended.",
            names=Names(old, ("instance",), value="humanizeDuration"),
            more=Names(never, ("instance",)),
            keep=None,
        ),
        Alert(
            "KVMigrationExporterSlow",
            Severity.WARNING,
            t.SLOW,
            lambda q: f"max {q.by()} ({slow(q)})",
            "The exporter's cycles take longer than its interval",
            (
                "A cycle of the exporter of <fleet> takes {{ $value | humanizeDuration }}, longer than its "
                "interval: <names>. Values and warnings are late by that time."
            ),
            "Cycles take longer than the configured interval: every value is shown late.",
            names=Names(slow, ("instance",), value="humanizeDuration"),
        ),
        Alert(
            "KVMigrationShardsIncomplete",
            Severity.CRITICAL,
            t.SHARDS_INCOMPLETE,
            lambda q: f"min {q.by()} ({q.series(s.COMPLETE)}) == 0",
            "A shard is missing, or the shards do not agree",
            (
                "The shards of <fleet> are incomplete. Present: <more>. Missing or stale, but present within "
                "the last week: <names>. If all are present, they differ in discovery or configuration, or "
                "leave series out. No gate is open. Other alerts may have ended although their cause is "
                "still there."
            ),
            "With several shards: a shard is missing or stale, or they discover different processes.",
            names=Names(missing, ("shard",)),
            more=Names(present, ("shard",)),
        ),
        Alert(
            "KVMigrationExporterReloadFailed",
            Severity.WARNING,
            t.RELOAD_FAILED,
            lambda q: f"count {q.by()} ({refused(q)})",
            "The exporter refused its new configuration",
            (
                "{{ $value }} exporter instance(s) of <fleet> run with their former configuration, because "
                "the new configuration is wrong: <names>."
            ),
            "The last reload of the configuration failed; the former configuration is in use.",
            names=Names(refused, ("instance",)),
        ),
        Alert(
            "KVMigrationExporterSeriesDropped",
            Severity.WARNING,
            t.SERIES_DROPPED,
            lambda q: f"sum {q.by()} ({q.series(c.SERIES_DROPPED)}) > 0",
            "The exporter leaves series out",
            (
                "The exporter of <fleet> leaves out {{ $value }} series because of scale.max_series. "
                "What they would show is not judged."
            ),
            "There are more series than scale.max_series allows.",
        ),
    ),
)
