"""Read-write mode: members and traffic of the old and the new group."""

from __future__ import annotations

from dashboards import fields as f
from dashboards import frame
from dashboards.layout import Band, Row, band
from dashboards.panel_specifications import Ask, Columns, Show, Style
from dashboards.panels import House
from dashboards.queries import NOT_ASKED, RATE
from exporter.expose import catalogue as c

ABOUT = (
    "From microservices to read-write mode: which rings have members of both groups, which still have "
    "members of the old group, and where the traffic goes. Groups are named in the exporter's configuration."
)
STEPS = 'step=~"retire-.*|finish-read-write"'
NEW = 'group="read-write"'
OLD = 'group="microservices"'
PUSH = 'route=~".*(push|Push|otlp).*"'
QUERY = 'route=~".*api_v1_.+"'


def build(house: House) -> f.Json:
    """Read-write mode."""
    rows = (
        Row("Which group has members in the rings?", (_tiles(house), _rings(house))),
        Row("Members over time", (_members(house),)),
        Row("Traffic, from the components' own metrics", (_traffic(house),)),
    )
    return frame.board(house, frame.READ_WRITE, ABOUT, rows, "key")


def _active(house: House, *matchers: str) -> str:
    return house.queries.once(c.RING_MEMBERS, *matchers, 'state="active"')


def _gate(house: House) -> Show:
    q = house.queries
    return Show(
        "Gates of this migration",
        "Whether the step's gate is open. Blue: no group is moved, so there is no such migration.",
        [Ask(_or_no_migration(house, f"min by (step) ({q.of(c.GATE_OPEN, STEPS)})"), "{{step}}")],
        Style(
            "none",
            f.steps((0, f.WARN), (1, f.GOOD)),
            f.mapped({1: ("open", f.GOOD), 0: ("closed", f.WARN), -1: ("no migration", f.PLAIN)}, "unknown"),
        ),
    )


def _or_no_migration(house: House, gates: str) -> str:
    """The gates; one line where the exporter has gates and none of these."""
    of_others = f"group({house.queries.of(c.GATE_OPEN)})"
    return f"{gates} or {NOT_ASKED} * ({of_others} unless on () {house.queries.of(c.GATE_OPEN, STEPS)})"


def _tiles(house: House) -> Band:
    q = house.queries
    every = f"count by {q.by('key')} ({_active(house)} > 0)"
    new = f"count by {q.by('key')} ({_active(house, NEW)} > 0)"
    old = f"count by {q.by('key')} ({q.once(c.RING_MEMBERS, OLD)} > 0)"
    shows = (
        (Show(
            "Members of read-write mode",
            "Active members of the new group, over the chosen rings.",
            [Ask(f"sum({_active(house, NEW)}) or 0 * sum({q.once(c.RING_MEMBERS)})")],
        ), 5),
        (Show(
            "Members of microservices",
            "Members of the old group in any state, over the chosen rings.",
            [Ask(f"sum({q.once(c.RING_MEMBERS, OLD)}) or 0 * sum({q.once(c.RING_MEMBERS)})")],
        ), 5),
        (Show(
            "Rings without the new group",
            "Rings that have active members, but none of read-write mode: retiring the old group now would "
            "empty them.",
            [Ask(f"(count({every} unless {new}) or vector(0)) and on () (count({every}) > 0)")],
            Style(steps=f.above(1, worst=f.WARN), mappings=f.nothing_found()),
        ), 5),
        (Show(
            "Rings with the old group",
            "Rings that still have a member of microservices mode. The migration is finished at 0.",
            [Ask(f"(count({old}) or vector(0)) and on () (count({every}) > 0)")],
            Style(steps=f.above(1, worst=f.WARN), mappings=f.nothing_found()),
        ), 5),
    )  # fmt: skip
    tiles = [(house.stat(show), width) for show, width in shows]
    return band(4, *tiles, (house.stat(_gate(house), mode="value_and_name"), 4))


def _rings(house: House) -> Band:
    q = house.queries
    every = f"0 * sum by (ring) ({q.once(c.RING_MEMBERS)})"
    table = Show(
        "Active members of each ring by group",
        "Before the old group is retired, every ring needs members of both groups; at the end no ring "
        "has members of the old group.",
        [
            Ask(f"sum by (ring) ({chosen}) or {every}")
            for chosen in (
                _active(house, OLD),
                _active(house, NEW),
                q.once(c.RING_MEMBERS, OLD, NOT_ACTIVE),
                q.once(c.RING_MEMBERS, NEW, NOT_ACTIVE),
            )
        ],
        Style("short", f.plain(), [f.absent()], [
            f.coloured("microservices"), f.coloured("read-write"),
        ]),
    )  # fmt: skip
    checks = Show(
        "Checks of this migration",
        "Every check of the two steps; unknown keeps the gate closed.",
        [Ask(q.checks("(step, check)", STEPS))],
        Style(
            "none",
            f.steps((0, f.BAD), (1, f.GOOD)),
            f.verdicts(),
            [f.coloured("verdict")],
            empty="No group is moved",
        ),
    )
    columns = Columns({"step": "step", "check": "check", "Value": "verdict"}, "verdict")
    return band(9, (house.table(table, Columns(HEADINGS, "ring")), 14), (house.table(checks, columns), 10))


HEADINGS = {
    "ring": "ring",
    "Value #A": "microservices",
    "Value #B": "read-write",
    "Value #C": "microservices, not active",
    "Value #D": "read-write, not active",
}
NOT_ACTIVE = 'state!="active"'


def _members(house: House) -> Band:
    q = house.queries
    groups = Show(
        "Members by group",
        "Members of the chosen rings in any state, by group.",
        [Ask(f"sum by (group) ({q.once(c.RING_MEMBERS)})", "{{group}}")],
    )
    by_ring = Show(
        "Members by ring and group",
        "Active members of each ring and group.",
        [Ask(f"sum by (ring, group) ({_active(house)})", "{{ring}} {{group}}")],
    )
    zones = Show(
        "Members by zone and group",
        "Active members of each zone and group: read-write mode needs every zone.",
        [Ask(f"sum by (member_zone, group) ({_active(house)})", "{{member_zone}} {{group}}")],
    )
    return band(
        8, (house.series(groups, stack=True), 8), (house.series(by_ring), 8), (house.series(zones), 8)
    )


def _by_group(house: House, name: str, *matchers: str) -> list[Ask]:
    q, options = house.queries, house.options
    new = f'{options.pod_label}=~"{options.read_write_pods}"'
    old = f'{options.pod_label}!~"{options.read_write_pods}"'
    return [
        Ask(f"sum(rate({q.component(name, new, *matchers)}{RATE}))", "read-write"),
        Ask(f"sum(rate({q.component(name, old, *matchers)}{RATE}))", "microservices"),
    ]


def _traffic(house: House) -> Band:
    shades = [f.shade("read-write", "green"), f.shade("microservices", "orange")]
    looks = Style("reqps", overrides=shades, empty=f.NOT_SCRAPED)
    requests = "cortex_request_duration_seconds_count"
    writes = Show(
        "Write requests by group",
        "Push requests per second of the pods of either group, as the guide checks them.",
        _by_group(house, requests, PUSH),
        looks,
    )
    reads = Show(
        "Read requests by group",
        "Query requests per second of the pods of either group.",
        _by_group(house, requests, QUERY),
        looks,
    )
    queries = Show(
        "Queries by group",
        "Queries per second at the query frontends of either group: it must have stopped at the old "
        "group before that group is scaled down.",
        _by_group(house, "cortex_query_frontend_queries_total"),
        looks,
    )
    return band(8, (house.series(writes), 8), (house.series(reads), 8), (house.series(queries), 8))
