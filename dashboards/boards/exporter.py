"""Exporter: can the other boards be believed."""

from __future__ import annotations

from dashboards import fields as f
from dashboards import frame, limits
from dashboards.layout import Band, Row, band
from dashboards.panel_specifications import Ask, Columns, Show, Style
from dashboards.panels import House
from dashboards.queries import RATE
from exporter.expose import catalogue as c
from exporter.model.migration import HA_TRACKER

ABOUT = "The exporter itself: whether it runs, reads everything in time, and leaves nothing out."


MISSING = "shards missing"


NOT_TRACKER = f'migration!="{HA_TRACKER}"'


def build(house: House) -> f.Json:
    """Exporter."""
    rows = (
        Row("Can the other boards be believed?", (_tiles(house), _cycle(house))),
        Row("What could not be read", (_pages(house),)),
        Row("Processes it watches", (_targets(house), _clocks(house))),
        Row("The process", (_process(house), _scrape(house))),
    )
    return frame.board(house, frame.EXPORTER, ABOUT, rows, "instance", "component")


def _first_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    return (
        Show(
            "Age of the snapshot",
            "Seconds since the last cycle ended, of the oldest exporter chosen, or by which its clock is "
            "ahead. Everything on every board has that age.",
            [Ask(f"max(abs(time() - {q.own(c.SNAPSHOT_TIMESTAMP_SECONDS)}))")],
            Style("s", f.above(limits.STALE_AGE), [f.absent()], decimals=0),
            [house.runbook("KVMigrationExporterStale")],
        ),
        Show(
            "Last cycle",
            "How long the slowest exporter's last cycle took.",
            [Ask(f"max({q.own(c.CYCLE_DURATION_SECONDS)})")],
            Style("s"),
        ),
        Show(
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
            [house.runbook("KVMigrationExporterDown"), house.runbook("KVMigrationShardsIncomplete")],
        ),
        Show(
            "Configuration",
            "Whether the configuration was last loaded without errors.",
            [Ask(f"min({q.own(c.CONFIG_LAST_RELOAD_SUCCESSFUL)})")],
            Style("none", f.steps((0, f.BAD), (1, f.GOOD)), f.yes_no(1, "loaded", "reload failed")),
            [house.runbook("KVMigrationExporterReloadFailed")],
        ),
    )


def _second_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    return (
        Show(
            "Series left out",
            "Series left out because of scale.max_series: their values are unknown.",
            [Ask(f"sum({q.own(c.SERIES_DROPPED)})")],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [house.runbook("KVMigrationExporterSeriesDropped")],
        ),
        Show(
            "Pages that failed",
            "Pages that could not be read or decoded in the last cycle, of processes that answer.",
            [Ask(q.how_many(f"{q.once(c.PAGE_UP)} == bool 0"))],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [house.runbook("KVMigrationPagesFailing")],
        ),
        Show(
            "Processes not answering",
            "Targets of which no page could be read in the last cycle.",
            [Ask(q.how_many(f"{q.once(c.TARGET_UP)} == bool 0"))],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [house.runbook("KVMigrationTargetsDown")],
        ),
        Show(
            "Greatest clock skew",
            "Greatest difference between a process's clock and the exporter's, either way.",
            [Ask(f"max(abs({q.of(c.TARGET_CLOCK_SKEW_SECONDS)}))")],
            Style("s", f.above(limits.CLOCK_SKEW)),
            [house.runbook("KVMigrationClockSkew")],
        ),
    )


def _tiles(house: House) -> Band:
    shows = (*_first_tiles(house), *_second_tiles(house))
    named = {"Exporters": "value_and_name"}
    return band(4, *((house.stat(show, named.get(show.title, "value")), 3) for show in shows))


def _cycle(house: House) -> Band:
    q = house.queries
    took = Show(
        "Cycle time and view sweep",
        "How long a cycle takes, and how long until every view has been read once. A cycle that reaches the "
        "interval is too slow.",
        [
            Ask(f"max by (instance) ({q.own(c.CYCLE_DURATION_SECONDS)})", "{{instance}} cycle"),
            Ask(f"max by (instance) ({q.own(c.VIEW_SWEEP_SECONDS)})", "{{instance}} sweep"),
        ],
        Style("s"),
    )
    age = Show(
        "Age of the snapshot over time",
        "Seconds since the last cycle ended, by Prometheus's clock.",
        [Ask(f"time() - max by (instance) ({q.own(c.SNAPSHOT_TIMESTAMP_SECONDS)})", "{{instance}}")],
        Style("s", f.above(limits.STALE_AGE)),
        [house.runbook("KVMigrationExporterStale")],
    )
    found = Show(
        "Targets discovered",
        "Targets found by each kind of discovery, and entries of targets that fail: processes that "
        "only they list are not watched.",
        [
            Ask(f"max by (source) ({q.own(c.DISCOVERED_TARGETS)})", "{{source}}"),
            Ask(f"max({q.own(c.DISCOVERY_FAILING_SOURCES)})", "failing sources"),
        ],
        Style(),
        [house.runbook("KVMigrationNoTargets")],
    )
    return band(8, (house.series(took), 8), (house.series(age, line=True), 8), (house.series(found), 8))


def _pages(house: House) -> Band:
    q = house.queries
    fetches = f"sum by (outcome) (rate({q.own(c.FETCHES_TOTAL)}{RATE}))"
    outcomes = Show(
        "Pages requested, by outcome",
        "Pages requested per second. Absent is no failure: the process has no such page.",
        [Ask(fetches, "{{outcome}}")],
        Style(
            "reqps", overrides=[f.shade("ok", "green"), f.shade("absent", "blue"), f.shade("failed", "red")]
        ),
    )
    failing = Show(
        "Failures by page",
        "Failed requests per second, by page.",
        [Ask(f'sum by (page) (rate({q.own(c.FETCHES_TOTAL, FAILED)}{RATE}))', "{{page}}")],
        Style("reqps"),
        [house.runbook("KVMigrationPagesFailing")],
    )  # fmt: skip
    now = Show(
        "Pages that fail now",
        "Pages of the chosen components that could not be read or decoded in the last cycle.",
        [Ask(f"{q.of_component(q.once(c.PAGE_UP))} == 0")],
        Style("none", f.steps((0, f.BAD), (1, f.GOOD)), f.mapped({0: ("failed", f.BAD)}),
             [f.coloured("state")], empty="No page failed"),
    )  # fmt: skip
    columns = Columns({"target": "process", "page": "page", "Value": "state"}, "process")
    return band(
        8, (house.series(outcomes, stack=True), 8), (house.series(failing), 8), (house.table(now, columns), 8)
    )


FAILED = 'outcome="failed"'


def _targets(house: House) -> Band:
    q = house.queries
    show = Show(
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
    )  # fmt: skip
    headings = {
        "target": "process", "component": "component", "product": "product", "version": "version",
        "Value #A": "answers", "Value #C": "phase", "Value #D": "skew", "Value #E": "uptime",
    }  # fmt: skip
    return band(10, (house.table(show, Columns(headings, "process")), 24))


def _clocks(house: House) -> Band:
    q = house.queries
    away = f"max by (target) ({q.of_component(q.once(c.TARGET_CLOCK_SKEW_SECONDS))})"
    skew = Show(
        "Clock skew, the furthest ahead and behind",
        "A process's clock less the exporter's. Ages are judged by the process's own clock.",
        [Ask(f"{q.worst(away)} or {q.worst(away, lowest=True)}", "{{target}}")],
        Style("s"),
        [house.runbook("KVMigrationClockSkew")],
    )
    down = Show(
        "Processes that do not answer, by component",
        "Processes of which no page could be read. The table above names them.",
        [Ask(f"sum by (component) ({q.once(c.TARGET_UP)} == bool 0)", "{{component}}")],
        Style("none", f.above(1), low=0),
    )
    return band(9, (house.series(down), 12), (house.series(skew), 12))


def _process(house: House) -> Band:
    q = house.queries
    cpu = Show(
        "CPU",
        "Cores used by the exporter.",
        [Ask(f"sum by (instance) (rate({q.process('process_cpu_seconds_total')}{RATE}))", "{{instance}}")],
        Style("none", low=0),
    )
    memory = Show(
        "Memory",
        "Resident memory of the exporter.",
        [Ask(f"max by (instance) ({q.process('process_resident_memory_bytes')})", "{{instance}}")],
        Style("bytes"),
    )
    files = Show(
        "Open files",
        "Open file descriptors of the exporter, as a share of what it may open.",
        [Ask(f"max by (instance) ({q.process('process_open_fds')} / {q.process('process_max_fds')})",
             "{{instance}}")],
        Style("percentunit", f.above(0.9, 0.7)),
    )  # fmt: skip
    return band(7, (house.series(cpu), 8), (house.series(memory), 8), (house.series(files), 8))


def _scrape(house: House) -> Band:
    q = house.queries
    samples = Show(
        "Series exposed",
        "Samples that Prometheus takes from each scrape of the exporter.",
        [Ask(f"max by (instance) ({q.process('scrape_samples_scraped')})", "{{instance}}")],
    )
    duration = Show(
        "Scrape time",
        "How long Prometheus waits for the exporter; the page is rendered beforehand.",
        [Ask(f"max by (instance) ({q.process('scrape_duration_seconds')})", "{{instance}}")],
        Style("s"),
    )
    build = Show(
        "Version and uptime",
        "What runs.",
        [
            Ask(f"max by (instance, version, python_version) ({q.own(c.BUILD_INFO)}) * 0"),
            Ask(f"time() - max by (instance) ({q.process('process_start_time_seconds')})"),
        ],
        Style("dtdurations", f.plain(), [f.absent("?")]),
    )
    headings = {
        "instance": "instance",
        "version": "version",
        "python_version": "Python",
        "Value #B": "uptime",
    }
    return band(
        7, (house.series(samples), 8), (house.series(duration), 8), (house.table(build, Columns(headings)), 8)
    )
