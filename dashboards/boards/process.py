"""One process: its views of the rings and of the gossip, and the phases of its own KV clients."""

from __future__ import annotations

from alerts import thresholds as t
from dashboards import fields as f
from dashboards.panel_specifications import Ask, Band, Board, Lanes, Lines, Row, Style, Table, Tile, Uid, band
from dashboards.queries import Queries
from exporter.expose import catalogue as c

ABOUT = (
    "One process's views of each ring and of the gossip, how stale they are, and which phase its KV clients "
    "are in. Every process that a table or a legend names leads here."
)
ONE = 'target=~"$target"'
ALIVE = 'state="alive"'


def build(q: Queries) -> Board:
    """Process."""
    tiles = band(4, *_first_tiles(q), *_second_tiles(q))
    rows = (
        Row("Has this process a fault?", (tiles, _tables(q))),
        Row("Its views, over time", (_views(q),)),
        Row("Its gossip", (_gossip(q),)),
        Row("Its KV clients and pages", (_clients(q), _pages(q))),
    )
    return Board(Uid.PROCESS, ABOUT, rows, ("component", "key", "process"))


def _first_tiles(q: Queries) -> tuple[Tile, ...]:
    return (
        Tile(
            "Answers",
            "Whether any page of this process could be read in the last cycle.",
            [Ask(f"min({q.of(c.TARGET_UP, ONE)})")],
            Style("none", f.good_at_one(), f.yes_no()),
            [f.PAGE_OF_PROCESS, "KVMigrationTargetsDown"],
        ),
        Tile(
            "Phase of its clients",
            "The earliest phase of its writing KV clients, of each migration.",
            [Ask(f"min by (migration) ({q.of(c.TARGET_PHASE, ONE)})", "{{migration}}")],
            Style(unit="none", mappings=f.phases()),
            ["KVMigrationPrimariesMixed"],
            named=True,
        ),
        Tile(
            "Stalest view",
            "How far its stalest view of a ring is behind the latest view, beyond one heartbeat period.",
            [Ask(f"max({q.beyond_a_period(c.RING_VIEW_STALENESS_SECONDS, ONE)})")],
            Style("s", f.above(t.VIEW_STALENESS.value), [f.absent()]),
            ["KVMigrationRingViewStale"],
        ),
        Tile(
            "Members its views lack",
            "Healthy members that the latest views of a ring have and a view of this process lacks.",
            [Ask(f"max({q.of(c.RING_VIEW_MISSING_MEMBERS, ONE)})")],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            ["KVMigrationRingViewsDiverged"],
        ),
    )


def _second_tiles(q: Queries) -> tuple[Tile, ...]:
    here, most = (f"max by {q.by()} ({q.of(c.GOSSIP_MEMBERS, *of, ALIVE)})" for of in ((ONE,), ()))
    return (
        Tile(
            "Gossip members in its list",
            "Running gossip members in this process's list, this process included.",
            [Ask(q.if_gossip(f"max({q.of(c.GOSSIP_MEMBERS, ONE, ALIVE)})"))],
            Style(mappings=f.measured(f.NO_GOSSIP)),
        ),
        Tile(
            "Fewer than the most",
            "How many running gossip members fewer its list has than the longest list of any process.",
            [Ask(q.if_gossip(f"max({most} - on {q.by()} {here})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.NO_GOSSIP)),
            ["KVMigrationGossipSplit"],
        ),
        Tile(
            "Newest heartbeat of other processes",
            "Age of the newest heartbeat of another process that its gossip has: high where it is isolated.",
            [Ask(q.if_rings_gossip(f"max({q.of(c.GOSSIP_HEARTBEAT_AGE_SECONDS, ONE)})"))],
            Style("s", f.above(t.ISOLATED_AGE.value), f.measured("no ring in it yet")),
            ["KVMigrationGossipProcessIsolated"],
        ),
        Tile(
            "Uptime",
            "Time since the process started, by its own clock.",
            [Ask(f"max(time() - {q.of(c.TARGET_START_TIME_SECONDS, ONE)})")],
            Style("dtdurations"),
        ),
    )


def _tables(q: Queries) -> Band:
    by = "by (key, ring, view)"
    views = Table(
        "Its views of each ring",
        "Each view that this process gives of a ring: its ring page, its gossip copy, its metrics. Staleness "
        "is what one heartbeat period does not explain.",
        [
            Ask(f"max {by} ({q.beyond_a_period(c.RING_VIEW_STALENESS_SECONDS, ONE)})"),
            Ask(f"max {by} ({q.of(c.RING_VIEW_MISSING_MEMBERS, ONE)})"),
        ],
        Style("short", f.plain(), [f.absent("?")], [
            f.coloured("staleness", unit="s", thresholds=f.absolute(f.above(t.VIEW_STALENESS.value))),
            f.coloured("members missing", thresholds=f.absolute(f.above(1))),
        ], empty="It shows no ring"),
        columns={"ring": "ring", "key": "key", "view": "view"} | f.values("staleness", "members missing"),
        sort="staleness",
        descending=True,
    )  # fmt: skip
    clients = Table(
        "Its KV clients",
        "The KV clients of this process: the key that each one uses, its phase, and, of a multi client, its "
        "primary and whether it mirrors.",
        [
            Ask(f"min by (kv_name, key, writes) ({q.of(c.CLIENT_PHASE, ONE)})"),
            Ask(f"max by (kv_name, store) ({q.of(c.PRIMARY_STORE, ONE)} == 1) * 0"),
            Ask(f"min by (kv_name) ({q.of(c.MIRROR_ENABLED, ONE)})"),
        ],
        Style("none", f.plain(), [f.absent("-")], [
            f.coloured("phase", mappings=f.phases()),
            f.override("mirrors", mappings=f.mapped({1: ("yes", f.PLAIN), 0: ("no", f.PLAIN)}, "-")),
        ], empty="It has no KV client"),
        columns={"kv_name": "client", "key": "key", "writes": "writes", "Value #A": "phase",
                 "store": "primary", "Value #C": "mirrors"},
        sort="client",
    )  # fmt: skip
    return band(10, views, clients)


def _views(q: Queries) -> Band:
    stale = Lines(
        "Staleness of its views",
        "How far its views of each ring are behind the latest view, beyond one heartbeat period. The line "
        "is the usual heartbeat timeout.",
        [Ask(f"max by (ring, view) ({q.beyond_a_period(c.RING_VIEW_STALENESS_SECONDS, ONE)})",
             "{{ring}} {{view}}")],
        Style("s", f.above(t.VIEW_STALENESS.value), empty="It shows no ring"),
        ["KVMigrationRingViewStale"],
        marked=True,
    )  # fmt: skip
    lacking = Lines(
        "Members that its views lack",
        "Healthy members that the latest views of a ring have and this process's view lacks.",
        [Ask(f"max by (ring, view) ({q.of(c.RING_VIEW_MISSING_MEMBERS, ONE)})", "{{ring}} {{view}}")],
        Style(steps=f.above(1), empty="It shows no ring"),
        ["KVMigrationRingViewsDiverged"],
    )
    return band(8, stale, lacking)


def _gossip(q: Queries) -> Band:
    most = q.of(c.GOSSIP_MEMBERS, ALIVE)
    size = Lines(
        "Size of its gossip list",
        "Gossip members by state in this process's list, and the most running members in any list.",
        [
            Ask(f"max by (state) ({q.of(c.GOSSIP_MEMBERS, ONE)})", "{{state}}"),
            Ask(f"max({most})", "most running members of any"),
        ],
        Style(
            colours=f.GOSSIP_COLOURS | {"most running members of any": "blue"},
            empty=f.NO_MEMBERLIST,
        ),
        ["KVMigrationGossipSplit"],
    )  # fmt: skip
    heartbeat_age = Lines(
        "Newest heartbeat of another process, here",
        "Age of the newest heartbeat of another process that it has. The line is the heartbeat timeout.",
        [Ask(f"max({q.of(c.GOSSIP_HEARTBEAT_AGE_SECONDS, ONE)})", "newest heartbeat")],
        Style("s", f.above(t.ISOLATED_AGE.value), empty=f.NO_MEMBERLIST),
        ["KVMigrationGossipProcessIsolated"],
        marked=True,
    )
    score = Lines(
        "Health score of its gossip",
        "Its own memberlist health score: 0 is healthy, 8 the worst.",
        [Ask(f"max({q.of(c.GOSSIP_HEALTH_SCORE, ONE)})", "health score")],
        Style(steps=f.above(t.HEALTH_SCORE.value + 1), empty=f.NO_MEMBERLIST),
        ["KVMigrationGossipUnhealthy"],
        marked=True,
    )
    return band(8, size, heartbeat_age, score)


def _clients(q: Queries) -> Band:
    phase = Lanes(
        "Phase of its KV clients over time",
        "The phase of each of its KV clients.",
        [Ask(f"min by (kv_name) ({q.of(c.CLIENT_PHASE, ONE)})", "{{kv_name}}")],
        Style(unit="none", mappings=f.phases(), empty="It has no KV client"),
        ["KVMigrationMirroringPartial"],
    )
    requests = Lines(
        "Its requests by store",
        "Requests per second of its KV clients to each kind of store.",
        [Ask(f"sum by (store) ({q.rate(c.CLIENT_STORE_REQUESTS_TOTAL, ONE)})", "{{store}}")],
        Style("reqps", empty="Its clients count no requests"),
    )
    mirrored = Lines(
        "Its mirror writes",
        "Attempts to mirror a write, and those that fail, per second.",
        [
            Ask(f"sum({q.rate(c.MIRROR_WRITES_TOTAL, ONE)})", "attempts"),
            Ask(f"sum({q.rate(c.MIRROR_WRITE_ERRORS_TOTAL, ONE)})", "failures"),
        ],
        Style("wps", colours={"attempts": "blue", "failures": "red"}, empty=f.NOT_MIRRORED),
        ["KVMigrationMirrorWriteErrors"],
    )
    return band(8, phase, requests, mirrored)


def _pages(q: Queries) -> Band:
    pages = Table(
        "Its pages",
        "Each page of this process that the exporter reads. One that the process does not have is not here.",
        [Ask(f"min by (page) ({q.of(c.PAGE_UP, ONE)})")],
        Style("none", f.good_at_one(), f.mapped({1: ("read", f.GOOD), 0: ("failed", f.BAD)}),
             [f.coloured("state")], empty="No page of it is read"),
        ["KVMigrationPagesFailing"],
        columns={"page": "page", "Value": "state"},
        sort="state",
    )  # fmt: skip
    skew = Lines(
        "Its clock",
        "Its clock less the exporter's. Ages are judged by its own clock.",
        [Ask(f"max({q.of(c.TARGET_CLOCK_SKEW_SECONDS, ONE)})", "clock skew")],
        Style("s"),
        ["KVMigrationClockSkew"],
    )
    restarts = Lines(
        "Its restarts",
        "Restarts since the exporter watches it.",
        [Ask(f"max(increase({q.of(c.TARGET_RESTARTS_TOTAL, ONE)}[$__rate_interval]))", "restarts")],
        Style(low=0),
    )
    return band(8, pages, skew, restarts)
