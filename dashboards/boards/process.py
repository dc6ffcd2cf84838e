"""One process: its views of the rings and of the gossip, and the phases of its own KV clients."""

from __future__ import annotations

from dashboards import fields as f
from dashboards import frame, limits
from dashboards.layout import Band, Row, band
from dashboards.panel_specifications import Ask, Columns, Show, Style
from dashboards.panels import House
from exporter.expose import catalogue as c

ABOUT = (
    "One process's views of each ring and of the gossip, how stale they are, and which phase its KV clients "
    "are in. Every process that a table or a legend names leads here."
)
ONE = 'target=~"$target"'
ALIVE = 'state="alive"'


def build(house: House) -> f.Json:
    """Process."""
    rows = (
        Row("Has this process a fault?", (_tiles(house), _tables(house))),
        Row("Its views, over time", (_views(house),)),
        Row("Its gossip", (_gossip(house),)),
        Row("Its KV clients and pages", (_clients(house), _pages(house))),
    )
    return frame.board(house, frame.PROCESS, ABOUT, rows, "component", "key", "process")


def _first_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    return (
        Show(
            "Answers",
            "Whether any page of this process could be read in the last cycle.",
            [Ask(f"min({q.of(c.TARGET_UP, ONE)})")],
            Style("none", f.steps((0, f.BAD), (1, f.GOOD)), f.yes_no()),
            [
                house.page("target/${target}", "This process on the exporter's page"),
                house.runbook("KVMigrationTargetsDown"),
            ],
        ),
        Show(
            "Phase of its clients",
            "The earliest phase of its writing KV clients, of each migration.",
            [Ask(f"min by (migration) ({q.of(c.TARGET_PHASE, ONE)})", "{{migration}}")],
            Style(unit="none", mappings=f.phases()),
            [house.runbook("KVMigrationPrimariesMixed")],
        ),
        Show(
            "Stalest view",
            "How far its stalest view of a ring is behind the latest view, beyond one heartbeat period.",
            [Ask(f"max({q.beyond_a_period(c.RING_VIEW_STALENESS_SECONDS, ONE)})")],
            Style("s", f.above(limits.VIEW_STALENESS), [f.absent()]),
            [house.runbook("KVMigrationRingViewStale")],
        ),
        Show(
            "Members its views lack",
            "Healthy members that the latest views of a ring have and a view of this process lacks.",
            [Ask(f"max({q.of(c.RING_VIEW_MISSING_MEMBERS, ONE)})")],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [house.runbook("KVMigrationRingViewsDiverged")],
        ),
    )


def _second_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    here, most = (f"max by {q.by()} ({q.of(c.GOSSIP_MEMBERS, *of, ALIVE)})" for of in ((ONE,), ()))
    return (
        Show(
            "Gossip members in its list",
            "Running gossip members in this process's list, this process included.",
            [Ask(q.if_gossip(f"max({q.of(c.GOSSIP_MEMBERS, ONE, ALIVE)})"))],
            Style(mappings=f.measured(f.NO_GOSSIP)),
        ),
        Show(
            "Fewer than the most",
            "How many running gossip members fewer its list has than the longest list of any process.",
            [Ask(q.if_gossip(f"max({most} - on {q.by()} {here})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.NO_GOSSIP)),
            [house.runbook("KVMigrationGossipSplit")],
        ),
        Show(
            "Newest heartbeat of other processes",
            "Age of the newest heartbeat of another process that its gossip has: high where it is isolated.",
            [Ask(q.if_rings_gossip(f"max({q.of(c.GOSSIP_HEARTBEAT_AGE_SECONDS, ONE)})"))],
            Style("s", f.above(limits.ISOLATED_AGE), f.measured("no ring in it yet")),
            [house.runbook("KVMigrationGossipProcessIsolated")],
        ),
        Show(
            "Uptime",
            "Time since the process started, by its own clock.",
            [Ask(f"max(time() - {q.of(c.TARGET_START_TIME_SECONDS, ONE)})")],
            Style("dtdurations"),
        ),
    )


def _tiles(house: House) -> Band:
    shows = (*_first_tiles(house), *_second_tiles(house))
    named = {"Phase of its clients": "value_and_name"}
    return band(4, *((house.stat(show, named.get(show.title, "value")), 3) for show in shows))


def _tables(house: House) -> Band:
    q = house.queries
    by = "by (key, ring, view)"
    views = Show(
        "Its views of each ring",
        "Each view that this process gives of a ring: its ring page, its gossip copy, its metrics. Staleness "
        "is what one heartbeat period does not explain.",
        [
            Ask(f"max {by} ({q.beyond_a_period(c.RING_VIEW_STALENESS_SECONDS, ONE)})"),
            Ask(f"max {by} ({q.of(c.RING_VIEW_MISSING_MEMBERS, ONE)})"),
        ],
        Style("short", f.plain(), [f.absent("?")], [
            f.coloured("staleness", unit="s", thresholds=f.absolute(f.above(limits.VIEW_STALENESS))),
            f.coloured("members missing", thresholds=f.absolute(f.above(1))),
        ], empty="It shows no ring"),
    )  # fmt: skip
    headings = {"ring": "ring", "key": "key", "view": "view", "Value #A": "staleness",
                "Value #B": "members missing"}  # fmt: skip
    clients = Show(
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
    )  # fmt: skip
    of_client = {"kv_name": "client", "key": "key", "writes": "writes", "Value #A": "phase",
                 "store": "primary", "Value #C": "mirrors"}  # fmt: skip
    return band(
        10,
        (house.table(views, Columns(headings, "staleness", True)), 12),
        (house.table(clients, Columns(of_client, "client")), 12),
    )


def _views(house: House) -> Band:
    q = house.queries
    stale = Show(
        "Staleness of its views",
        "How far its views of each ring are behind the latest view, beyond one heartbeat period. The line "
        "is the usual heartbeat timeout.",
        [Ask(f"max by (ring, view) ({q.beyond_a_period(c.RING_VIEW_STALENESS_SECONDS, ONE)})",
             "{{ring}} {{view}}")],
        Style("s", f.above(limits.VIEW_STALENESS), empty="It shows no ring"),
        [house.runbook("KVMigrationRingViewStale")],
    )  # fmt: skip
    lacking = Show(
        "Members that its views lack",
        "Healthy members that the latest views of a ring have and this process's view lacks.",
        [Ask(f"max by (ring, view) ({q.of(c.RING_VIEW_MISSING_MEMBERS, ONE)})", "{{ring}} {{view}}")],
        Style(steps=f.above(1), empty="It shows no ring"),
        [house.runbook("KVMigrationRingViewsDiverged")],
    )
    return band(8, (house.series(stale, line=True), 12), (house.series(lacking), 12))


def _gossip(house: House) -> Band:
    q = house.queries
    most = q.of(c.GOSSIP_MEMBERS, ALIVE)
    size = Show(
        "Size of its gossip list",
        "Gossip members by state in this process's list, and the most running members in any list.",
        [
            Ask(f"max by (state) ({q.of(c.GOSSIP_MEMBERS, ONE)})", "{{state}}"),
            Ask(f"max({most})", "most running members of any"),
        ],
        Style(overrides=[f.shade("alive", "green"), f.shade("suspect", "orange"), f.shade("dead", "red"),
                        f.shade("left", "#8e8e8e"), f.shade("most running members of any", "blue")],
             empty=f.NO_MEMBERLIST),
        [house.runbook("KVMigrationGossipSplit")],
    )  # fmt: skip
    heartbeat_age = Show(
        "Newest heartbeat of another process, here",
        "Age of the newest heartbeat of another process that it has. The line is the heartbeat timeout.",
        [Ask(f"max({q.of(c.GOSSIP_HEARTBEAT_AGE_SECONDS, ONE)})", "newest heartbeat")],
        Style("s", f.above(limits.ISOLATED_AGE), empty=f.NO_MEMBERLIST),
        [house.runbook("KVMigrationGossipProcessIsolated")],
    )
    score = Show(
        "Health score of its gossip",
        "Its own memberlist health score: 0 is healthy, 8 the worst.",
        [Ask(f"max({q.of(c.GOSSIP_HEALTH_SCORE, ONE)})", "health score")],
        Style(steps=f.above(limits.HEALTH_SCORE + 1), empty=f.NO_MEMBERLIST),
        [house.runbook("KVMigrationGossipUnhealthy")],
    )
    return band(
        8,
        (house.series(size), 8),
        (house.series(heartbeat_age, line=True), 8),
        (house.series(score, line=True), 8),
    )


def _clients(house: House) -> Band:
    q = house.queries
    phase = Show(
        "Phase of its KV clients over time",
        "The phase of each of its KV clients.",
        [Ask(f"min by (kv_name) ({q.of(c.CLIENT_PHASE, ONE)})", "{{kv_name}}")],
        Style(unit="none", mappings=f.phases(), empty="It has no KV client"),
        [house.runbook("KVMigrationMirroringPartial")],
    )
    requests = Show(
        "Its requests by store",
        "Requests per second of its KV clients to each kind of store.",
        [Ask(f"sum by (store) ({q.rate(c.CLIENT_STORE_REQUESTS_TOTAL, ONE)})", "{{store}}")],
        Style("reqps", empty="Its clients count no requests"),
    )
    mirrored = Show(
        "Its mirror writes",
        "Attempts to mirror a write, and those that fail, per second.",
        [
            Ask(f"sum({q.rate(c.MIRROR_WRITES_TOTAL, ONE)})", "attempts"),
            Ask(f"sum({q.rate(c.MIRROR_WRITE_ERRORS_TOTAL, ONE)})", "failures"),
        ],
        Style(
            "wps", overrides=[f.shade("attempts", "blue"), f.shade("failures", "red")], empty=f.NOT_MIRRORED
        ),
        [house.runbook("KVMigrationMirrorWriteErrors")],
    )
    return band(8, (house.timeline(phase), 8), (house.series(requests), 8), (house.series(mirrored), 8))


def _pages(house: House) -> Band:
    q = house.queries
    pages = Show(
        "Its pages",
        "Each page of this process that the exporter reads. One that the process does not have is not here.",
        [Ask(f"min by (page) ({q.of(c.PAGE_UP, ONE)})")],
        Style("none", f.steps((0, f.BAD), (1, f.GOOD)), f.mapped({1: ("read", f.GOOD), 0: ("failed", f.BAD)}),
             [f.coloured("state")], empty="No page of it is read"),
        [house.runbook("KVMigrationPagesFailing")],
    )  # fmt: skip
    skew = Show(
        "Its clock",
        "Its clock less the exporter's. Ages are judged by its own clock.",
        [Ask(f"max({q.of(c.TARGET_CLOCK_SKEW_SECONDS, ONE)})", "clock skew")],
        Style("s"),
        [house.runbook("KVMigrationClockSkew")],
    )
    restarts = Show(
        "Its restarts",
        "Restarts since the exporter watches it.",
        [Ask(f"max(increase({q.of(c.TARGET_RESTARTS_TOTAL, ONE)}[$__rate_interval]))", "restarts")],
        Style(low=0),
    )
    columns = Columns({"page": "page", "Value": "state"}, "state")
    return band(8, (house.table(pages, columns), 8), (house.series(skew), 8), (house.series(restarts), 8))
