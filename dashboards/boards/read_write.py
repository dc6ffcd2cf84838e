"""Read-write mode: members and traffic of the old and the new group."""

from __future__ import annotations

from dashboards import fields as f
from dashboards.panel_specifications import Ask, Band, Board, Lines, Row, Style, Table, Tile, Uid, band
from dashboards.queries import NOT_ASKED, RATE, Queries
from exporter.expose import catalogue as c

ABOUT = (
    "From microservices to read-write mode: which rings have members of both groups, which still have "
    "members of the old group, and where the traffic goes. Groups are named in the exporter's configuration."
)
STEPS = 'step=~"retire-.*|finish-read-write"'
NEW = 'group="read-write"'
OLD = 'group="microservices"'
NOT_ACTIVE = 'state!="active"'
PUSH = 'route=~".*(push|Push|otlp).*"'
QUERY = 'route=~".*api_v1_.+"'


def build(q: Queries) -> Board:
    """Read-write mode."""
    rows = (
        Row("Which group has members in the rings?", (_tiles(q), _rings(q))),
        Row("Members over time", (_members(q),)),
        Row("Traffic, from the components' own metrics", (_traffic(q),)),
    )
    return Board(Uid.READ_WRITE, ABOUT, rows, ("key",))


def _active(q: Queries, *matchers: str) -> str:
    return q.once(c.RING_MEMBERS, *matchers, 'state="active"')


def _gate(q: Queries) -> Tile:
    return Tile(
        "Gates of this migration",
        "Whether the step's gate is open. Blue: no group is moved, so there is no such migration.",
        [Ask(_or_no_migration(q, f"min by (step) ({q.of(c.GATE_OPEN, STEPS)})"), "{{step}}")],
        Style(
            "none",
            f.good_at_one(f.WARN),
            f.mapped({1: ("open", f.GOOD), 0: ("closed", f.WARN), -1: ("no migration", f.PLAIN)}, "unknown"),
        ),
        named=True,
    )


def _or_no_migration(q: Queries, gates: str) -> str:
    """The gates; one line where the exporter has gates and none of these."""
    of_others = f"group({q.of(c.GATE_OPEN)})"
    return f"{gates} or {NOT_ASKED} * ({of_others} unless on () {q.of(c.GATE_OPEN, STEPS)})"


def _tiles(q: Queries) -> Band:
    every = f"count by {q.by('key')} ({_active(q)} > 0)"
    new = f"count by {q.by('key')} ({_active(q, NEW)} > 0)"
    old = f"count by {q.by('key')} ({q.once(c.RING_MEMBERS, OLD)} > 0)"
    tiles = (
        Tile(
            "Members of read-write mode",
            "Active members of the new group, over the chosen rings.",
            [Ask(f"sum({_active(q, NEW)}) or 0 * sum({q.once(c.RING_MEMBERS)})")],
        ),
        Tile(
            "Members of microservices",
            "Members of the old group in any state, over the chosen rings.",
            [Ask(f"sum({q.once(c.RING_MEMBERS, OLD)}) or 0 * sum({q.once(c.RING_MEMBERS)})")],
        ),
        Tile(
            "Rings without the new group",
            "Rings that have active members, but none of read-write mode: retiring the old group now would "
            "empty them.",
            [Ask(f"(count({every} unless {new}) or vector(0)) and on () (count({every}) > 0)")],
            Style(steps=f.above(1, worst=f.WARN), mappings=f.nothing_found()),
        ),
        Tile(
            "Rings with the old group",
            "Rings that still have a member of microservices mode. The migration is finished at 0.",
            [Ask(f"(count({old}) or vector(0)) and on () (count({every}) > 0)")],
            Style(steps=f.above(1, worst=f.WARN), mappings=f.nothing_found()),
        ),
    )
    return band(4, *tiles, _gate(q), widths=(5, 5, 5, 5, 4))


def _rings(q: Queries) -> Band:
    every = f"0 * sum by (ring) ({q.once(c.RING_MEMBERS)})"
    members = {
        "microservices": _active(q, OLD),
        "read-write": _active(q, NEW),
        "microservices, not active": q.once(c.RING_MEMBERS, OLD, NOT_ACTIVE),
        "read-write, not active": q.once(c.RING_MEMBERS, NEW, NOT_ACTIVE),
    }
    table = Table(
        "Active members of each ring by group",
        "Before the old group is retired, every ring needs members of both groups; at the end no ring "
        "has members of the old group.",
        [Ask(f"sum by (ring) ({chosen}) or {every}") for chosen in members.values()],
        Style("short", f.plain(), [f.absent()], [
            f.coloured("microservices"), f.coloured("read-write"),
        ]),
        columns={"ring": "ring"} | f.values(*members),
        sort="ring",
    )  # fmt: skip
    checks = Table(
        "Checks of this migration",
        "Every check of the two steps; unknown keeps the gate closed.",
        [Ask(q.checks("(step, check)", STEPS))],
        Style("none", f.good_at_one(), f.verdicts(), [f.coloured("verdict")], empty="No group is moved"),
        columns={"step": "step", "check": "check", "Value": "verdict"},
        sort="verdict",
    )
    return band(9, table, checks, widths=(14, 10))


def _members(q: Queries) -> Band:
    groups = Lines(
        "Members by group",
        "Members of the chosen rings in any state, by group.",
        [Ask(f"sum by (group) ({q.once(c.RING_MEMBERS)})", "{{group}}")],
        stacked=True,
    )
    by_ring = Lines(
        "Members by ring and group",
        "Active members of each ring and group.",
        [Ask(f"sum by (ring, group) ({_active(q)})", "{{ring}} {{group}}")],
    )
    zones = Lines(
        "Members by zone and group",
        "Active members of each zone and group: read-write mode needs every zone.",
        [Ask(f"sum by (member_zone, group) ({_active(q)})", "{{member_zone}} {{group}}")],
    )
    return band(8, groups, by_ring, zones)


def _by_group(q: Queries, name: str, *matchers: str) -> list[Ask]:
    options = q.options
    new = f'{options.pod_label}=~"{options.read_write_pods}"'
    old = f'{options.pod_label}!~"{options.read_write_pods}"'
    return [
        Ask(f"sum(rate({q.component(name, new, *matchers)}{RATE}))", "read-write"),
        Ask(f"sum(rate({q.component(name, old, *matchers)}{RATE}))", "microservices"),
    ]


def _traffic(q: Queries) -> Band:
    colours = {"read-write": "green", "microservices": "orange"}
    looks = Style("reqps", colours=colours, empty=f.NOT_SCRAPED)
    requests = "cortex_request_duration_seconds_count"
    writes = Lines(
        "Write requests by group",
        "Push requests per second of the pods of either group, as the guide checks them.",
        _by_group(q, requests, PUSH),
        looks,
    )
    reads = Lines(
        "Read requests by group",
        "Query requests per second of the pods of either group.",
        _by_group(q, requests, QUERY),
        looks,
    )
    queries = Lines(
        "Queries by group",
        "Queries per second at the query frontends of either group: it must have stopped at the old "
        "group before that group is scaled down.",
        _by_group(q, "cortex_query_frontend_queries_total"),
        looks,
    )
    return band(8, writes, reads, queries)
