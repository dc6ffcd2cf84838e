"""Exporter: can the other boards be believed."""

from __future__ import annotations

from alerts import thresholds as t
from dashboards import fields as f
from dashboards.panel_specifications import Ask, Band, Board, Lines, Row, Style, Table, Tile, Uid, band
from dashboards.queries import RATE, Queries
from exporter.expose import catalogue as c
from exporter.model.migration import HA_TRACKER

ABOUT = "The exporter itself: whether it runs, reads everything in time, and leaves nothing out."
MISSING = "shards missing"
NOT_TRACKER = f'migration!="{HA_TRACKER}"'
FAILED = 'outcome="failed"'


def build(q: Queries) -> Board:
    """Exporter."""
    tiles = band(4, *_first_tiles(q), *_second_tiles(q))
    rows = (
        Row("Can the other boards be believed?", (tiles, _cycle(q))),
        Row("What could not be read", (_pages(q),)),
        Row("Processes it watches", (_targets(q), _clocks(q))),
        Row("The process", (_process(q), _scrape(q))),
    )
    return Board(Uid.EXPORTER, ABOUT, rows, ("instance", "component"))


def _first_tiles(q: Queries) -> tuple[Tile, ...]:
    return (
        Tile(
            "Age of the snapshot",
            "Seconds since the last cycle ended, of the oldest exporter chosen, or by which its clock is "
            "ahead. Everything on every board has that age.",
            [Ask(f"max(abs(time() - {q.own(c.SNAPSHOT_TIMESTAMP_SECONDS)}))")],
            Style("s", f.above(t.STALE_AGE.value), [f.absent()], decimals=0),
            ["KVMigrationExporterStale"],
        ),
        Tile(
            "Last cycle",
            "How long the slowest exporter's last cycle took.",
            [Ask(f"max({q.own(c.CYCLE_DURATION_SECONDS)})")],
            Style("s"),
        ),
        Tile(
            "Exporters",
            "How many exporters answer Prometheus. It is blue, because the expected number is unknown. With "
            "shards it is configured, and the number of missing shards is beside it.",
            [Ask(f"count({q.own(c.BUILD_INFO)})", "answer"), Ask(q.shards_missing(), MISSING)],
            Style(
                mappings=[f.absent()],
                overrides=[
                    f.override(MISSING, thresholds=f.absolute(f.above(1)), mappings=f.nothing_found())
                ],
            ),
            ["KVMigrationExporterDown", "KVMigrationShardsIncomplete"],
            named=True,
        ),
        Tile(
            "Configuration",
            "Whether the configuration was last loaded without errors.",
            [Ask(f"min({q.own(c.CONFIG_LAST_RELOAD_SUCCESSFUL)})")],
            Style("none", f.good_at_one(), f.yes_no(1, "loaded", "reload failed")),
            ["KVMigrationExporterReloadFailed"],
        ),
    )


def _second_tiles(q: Queries) -> tuple[Tile, ...]:
    return (
        Tile(
            "Series left out",
            "Series left out because of scale.max_series: their values are unknown.",
            [Ask(f"sum({q.own(c.SERIES_DROPPED)})")],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            ["KVMigrationExporterSeriesDropped"],
        ),
        Tile(
            "Pages that failed",
            "Pages that could not be read or decoded in the last cycle, of processes that answer.",
            [Ask(q.how_many(f"{q.once(c.PAGE_UP)} == bool 0"))],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            ["KVMigrationPagesFailing"],
        ),
        Tile(
            "Processes not answering",
            "Targets of which no page could be read in the last cycle.",
            [Ask(q.how_many(f"{q.once(c.TARGET_UP)} == bool 0"))],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            ["KVMigrationTargetsDown"],
        ),
        Tile(
            "Greatest clock skew",
            "Greatest difference between a process's clock and the exporter's, either way.",
            [Ask(f"max(abs({q.of(c.TARGET_CLOCK_SKEW_SECONDS)}))")],
            Style("s", f.above(t.CLOCK_SKEW.value)),
            ["KVMigrationClockSkew"],
        ),
    )


def _cycle(q: Queries) -> Band:
    took = Lines(
        "Cycle time and view sweep",
        "How long a cycle takes, and how long until every view has been read once. A cycle that reaches the "
        "interval is too slow.",
        [
            Ask(f"max by (instance) ({q.own(c.CYCLE_DURATION_SECONDS)})", "{{instance}} cycle"),
            Ask(f"max by (instance) ({q.own(c.VIEW_SWEEP_SECONDS)})", "{{instance}} sweep"),
        ],
        Style("s"),
    )
    age = Lines(
        "Age of the snapshot over time",
        "Seconds since the last cycle ended, by Prometheus's clock.",
        [Ask(f"time() - max by (instance) ({q.own(c.SNAPSHOT_TIMESTAMP_SECONDS)})", "{{instance}}")],
        Style("s", f.above(t.STALE_AGE.value)),
        ["KVMigrationExporterStale"],
        marked=True,
    )
    found = Lines(
        "Targets discovered",
        "Targets found by each kind of discovery, and entries of targets that fail: processes that "
        "only they list are not watched.",
        [
            Ask(f"max by (source) ({q.own(c.DISCOVERED_TARGETS)})", "{{source}}"),
            Ask(f"max({q.own(c.DISCOVERY_FAILING_SOURCES)})", "failing sources"),
        ],
        Style(),
        ["KVMigrationNoTargets"],
    )
    return band(8, took, age, found)


def _pages(q: Queries) -> Band:
    fetches = f"sum by (outcome) (rate({q.own(c.FETCHES_TOTAL)}{RATE}))"
    outcomes = Lines(
        "Pages requested, by outcome",
        "Pages requested per second. Absent is no failure: the process has no such page.",
        [Ask(fetches, "{{outcome}}")],
        Style("reqps", colours={"ok": "green", "absent": "blue", "failed": "red"}),
        stacked=True,
    )
    failing = Lines(
        "Failures by page",
        "Failed requests per second, by page.",
        [Ask(f'sum by (page) (rate({q.own(c.FETCHES_TOTAL, FAILED)}{RATE}))', "{{page}}")],
        Style("reqps"),
        ["KVMigrationPagesFailing"],
    )  # fmt: skip
    now = Table(
        "Pages that fail now",
        "Pages of the chosen components that could not be read or decoded in the last cycle.",
        [Ask(f"{q.of_component(q.once(c.PAGE_UP))} == 0")],
        Style("none", f.good_at_one(), f.mapped({0: ("failed", f.BAD)}),
             [f.coloured("state")], empty="No page failed"),
        columns={"target": "process", "page": "page", "Value": "state"},
        sort="process",
    )  # fmt: skip
    return band(8, outcomes, failing, now)


def _targets(q: Queries) -> Band:
    show = Table(
        "Processes",
        "Every process the exporter watches: what runs there, whether it answers, its phase, its clock. "
        "Grey is unknown.",
        [
            Ask(f"max by (target, component) ({q.of(c.TARGET_UP)})"),
            Ask(f"max by (target, component, product, version) ({q.of(c.TARGET_INFO)}) * 0"),
            Ask(f"min by (target) ({q.of_component(q.once(c.TARGET_PHASE, NOT_TRACKER))})"),
            Ask(f"max by (target) ({q.of_component(q.once(c.TARGET_CLOCK_SKEW_SECONDS))})"),
            Ask(f"time() - max by (target) ({q.of_component(q.once(c.TARGET_START_TIME_SECONDS))})"),
        ],
        Style("short", f.plain(), [f.absent("?")], [
            f.coloured("answers", mappings=f.yes_no()),
            f.coloured("phase", mappings=f.phases()),
            f.override("skew", unit="s"),
            f.override("uptime", unit="dtdurations"),
        ]),
        columns={
            "target": "process", "component": "component", "product": "product", "version": "version",
            "Value #A": "answers", "Value #C": "phase", "Value #D": "skew", "Value #E": "uptime",
        },
        sort="process",
    )  # fmt: skip
    return band(10, show)


def _clocks(q: Queries) -> Band:
    away = f"max by (target) ({q.of_component(q.once(c.TARGET_CLOCK_SKEW_SECONDS))})"
    skew = Lines(
        "Clock skew, the furthest ahead and behind",
        "A process's clock less the exporter's. Ages are judged by the process's own clock.",
        [Ask(f"{q.worst(away)} or {q.worst(away, lowest=True)}", "{{target}}")],
        Style("s"),
        ["KVMigrationClockSkew"],
    )
    down = Lines(
        "Processes that do not answer, by component",
        "Processes of which no page could be read. The table above names them.",
        [Ask(f"sum by (component) ({q.once(c.TARGET_UP)} == bool 0)", "{{component}}")],
        Style("none", f.above(1), low=0),
    )
    return band(9, down, skew)


def _process(q: Queries) -> Band:
    cpu = Lines(
        "CPU",
        "Cores used by the exporter.",
        [Ask(f"sum by (instance) (rate({q.process('process_cpu_seconds_total')}{RATE}))", "{{instance}}")],
        Style("none", low=0),
    )
    memory = Lines(
        "Memory",
        "Resident memory of the exporter.",
        [Ask(f"max by (instance) ({q.process('process_resident_memory_bytes')})", "{{instance}}")],
        Style("bytes"),
    )
    files = Lines(
        "Open files",
        "Open file descriptors of the exporter, as a share of what it may open.",
        [Ask(f"max by (instance) ({q.process('process_open_fds')} / {q.process('process_max_fds')})",
             "{{instance}}")],
        Style("percentunit", f.above(0.9, 0.7)),
    )  # fmt: skip
    return band(7, cpu, memory, files)


def _scrape(q: Queries) -> Band:
    samples = Lines(
        "Series exposed",
        "Samples that Prometheus takes from each scrape of the exporter.",
        [Ask(f"max by (instance) ({q.process('scrape_samples_scraped')})", "{{instance}}")],
    )
    duration = Lines(
        "Scrape time",
        "How long Prometheus waits for the exporter; the page is rendered beforehand.",
        [Ask(f"max by (instance) ({q.process('scrape_duration_seconds')})", "{{instance}}")],
        Style("s"),
    )
    build = Table(
        "Version and uptime",
        "What runs.",
        [
            Ask(f"max by (instance, version, python_version) ({q.own(c.BUILD_INFO)}) * 0"),
            Ask(f"time() - max by (instance) ({q.process('process_start_time_seconds')})"),
        ],
        Style("dtdurations", f.plain(), [f.absent("?")]),
        columns={
            "instance": "instance",
            "version": "version",
            "python_version": "Python",
            "Value #B": "uptime",
        },
    )
    return band(7, samples, duration, build)
