"""Ring consistency: is the secondary a true and recent copy, and do all processes show the same ring."""

from __future__ import annotations

from alerts import thresholds as t
from dashboards import fields as f
from dashboards.panel_specifications import Ask, Band, Board, Lines, Row, Style, Table, Tile, Uid, band
from dashboards.queries import Queries
from exporter.expose import catalogue as c

ABOUT = "Every key of the store, member by member: the primary, the secondary, and each process's view."
NO_PARTITIONS = "No ring has partitions"
STATES = {
    "active": "green",
    "joining": "blue",
    "pending": "purple",
    "leaving": "yellow",
    "read_only": "#8ab8ff",
    "unhealthy": "red",
}


def build(q: Queries) -> Board:
    """Ring consistency."""
    tiles = band(4, *_first_tiles(q), *_second_tiles(q))
    rows = (
        Row("Is every ring complete, and its secondary the same?", (tiles, _keys(q))),
        Row("Members", (_members(q),)),
        Row("The secondary over time", (_copy(q),)),
        Row("Each process's view of the ring", (_views(q), _view_table(q))),
        Row("Conflicts, losses, partitions", (_conflicts(q), _partitions(q))),
    )
    return Board(Uid.RINGS, ABOUT, rows, ("key",))


def _first_tiles(q: Queries) -> tuple[Tile, ...]:
    unhealthy = q.once(c.RING_MEMBERS, 'state="unhealthy"')
    return (
        Tile(
            "Unhealthy members",
            "Members with a heartbeat older than the timeout, over the chosen keys.",
            [Ask(f"sum({unhealthy}) or 0 * sum({q.once(c.RING_MEMBERS)})")],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            ["KVMigrationRingMembersUnhealthy"],
        ),
        Tile(
            "Quorum margin",
            "Healthy members, or zones, that the weakest ring may still lose before writes fail. Below 0 "
            "they fail.",
            [Ask(f"min({q.of(c.RING_QUORUM_MARGIN)})")],
            Style(steps=f.below(0, 1), mappings=[f.absent()]),
            ["KVMigrationRingQuorumLost"],
        ),
        Tile(
            "Greatest lag",
            "Greatest lag of the chosen keys' secondary beyond one heartbeat period, while anything mirrors.",
            [Ask(q.if_mirroring(f"max({q.while_mirroring(q.beyond_a_period(c.SECONDARY_LAG_SECONDS))})"))],
            Style("s", f.above(t.HEARTBEAT_TIMEOUT.value, t.MAX_LAG.value), f.measured(f.IDLE)),
            ["KVMigrationSecondaryLagHigh"],
        ),
        Tile(
            "Missing keys",
            "Keys that a view of the secondary lacks, while anything mirrors.",
            [Ask(q.if_mirroring(f"sum({q.mirrored(c.SECONDARY_KEY_MISSING)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
            ["KVMigrationSecondaryKeyMissing"],
        ),
    )


def _second_tiles(q: Queries) -> tuple[Tile, ...]:
    return (
        Tile(
            "Missing members",
            "Members that only the primary has, while anything mirrors.",
            [Ask(q.if_mirroring(f"sum({q.mirrored(c.SECONDARY_MISSING_MEMBERS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
            ["KVMigrationSecondaryMembersMissing"],
        ),
        Tile(
            "Members that differ",
            "Members with a different state, token, address, zone or replica, while anything mirrors.",
            [Ask(q.if_mirroring(f"sum({q.mirrored(c.SECONDARY_MISMATCHED_MEMBERS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
            ["KVMigrationSecondaryMismatch"],
        ),
        Tile(
            "Rings with differing views",
            "Rings of which two processes show different contents. A rollout passes through it.",
            [Ask(q.how_many(f"{q.once(c.RING_VIEWS)} > bool 1"))],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            ["KVMigrationRingViewsDiverged"],
        ),
        Tile(
            "Views not read",
            "Views of the secondary that could not be read: above 0 the other numbers prove nothing.",
            [Ask(q.if_mirroring(f"sum({q.once(c.SECONDARY_UNREAD_VIEWS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
        ),
    )


def _key_columns() -> list[f.Json]:
    counts = [
        f.coloured(name, thresholds=f.absolute(f.above(1))) for name in ("missing", "differ", "conflicts")
    ]
    lag = f.above(t.HEARTBEAT_TIMEOUT.value, t.MAX_LAG.value)
    return [
        f.coloured("phase", mappings=f.phases()),
        f.override("oldest heartbeat", unit="s"),
        f.coloured("quorum margin", thresholds=f.absolute(f.below(0, 1))),
        f.coloured("key missing", mappings=f.yes_no(0, "missing", "present")),
        f.coloured("lag", unit="s", thresholds=f.absolute(lag)),
        f.coloured("views", thresholds=f.absolute(f.steps((1, f.GOOD), (2, f.BAD)))),
        *counts,
    ]


def _keys(q: Queries) -> Band:
    by = "by (key, ring)"
    asked = {
        "phase": f"min {by} ({q.of(c.KEY_PHASE)})",
        "members": f"sum {by} ({q.once(c.RING_MEMBERS)})",
        "oldest heartbeat": f"max {by} ({q.of(c.RING_OLDEST_HEARTBEAT_AGE_SECONDS)})",
        "quorum margin": f"min {by} ({q.of(c.RING_QUORUM_MARGIN)})",
        "key missing": f"max {by} ({q.mirrored(c.SECONDARY_KEY_MISSING)})",
        "lag": f"max {by} ({q.while_mirroring(q.beyond_a_period(c.SECONDARY_LAG_SECONDS))})",
        "missing": f"max {by} ({q.mirrored(c.SECONDARY_MISSING_MEMBERS)})",
        "extra": f"max {by} ({q.mirrored(c.SECONDARY_EXTRA_MEMBERS)})",
        "differ": f"sum {by} ({q.mirrored(c.SECONDARY_MISMATCHED_MEMBERS)})",
        "views": f"max {by} ({q.of(c.RING_VIEWS)})",
        "conflicts": f"max {by} ({q.of(c.RING_TOKEN_CONFLICTS)})",
    }
    show = Table(
        "Keys at a glance",
        "One line for each key: its phase, its members in the primary, and, while anything mirrors, how its "
        "secondary compares; lag is what one heartbeat period does not explain. Grey is unknown. Extra "
        "members are no fault: deletes are never mirrored.",
        [Ask(expr) for expr in asked.values()],
        Style("short", f.plain(), [f.absent("?")], _key_columns()),
        columns={"ring": "ring", "key": "key"} | f.values(*asked),
        sort="ring",
    )
    return band(9, show)


def _members(q: Queries) -> Band:
    by_state = Lines(
        "Members by state",
        "Members of the chosen rings in the primary, by state; tombstones are not members.",
        [Ask(f"sum by (state) ({q.once(c.RING_MEMBERS)})", "{{state}}")],
        Style(colours=STATES),
        ["KVMigrationRingMembersUnhealthy"],
        stacked=True,
    )
    by_ring = Lines(
        "Members of each ring",
        "A sudden fall to half or less is a store overwritten by a smaller view.",
        [Ask(f"sum by (ring) ({q.once(c.RING_MEMBERS)})", "{{ring}}")],
        Style(),
        ["KVMigrationRingShrunk"],
    )
    age = Lines(
        "Oldest heartbeat of each ring",
        "Age of the oldest heartbeat of any member. The line is the usual heartbeat timeout.",
        [Ask(f"max by (ring) ({q.of(c.RING_OLDEST_HEARTBEAT_AGE_SECONDS)})", "{{ring}}")],
        Style("s", f.above(t.HEARTBEAT_TIMEOUT.value)),
        marked=True,
    )
    transit = Lines(
        "Longest in transition",
        "The longest time that a member has been leaving, joining or pending. Such a member takes no writes "
        "and keeps its tokens.",
        [Ask(f"max by (ring) ({q.of(c.RING_LONGEST_TRANSITION_SECONDS)})", "{{ring}}")],
        Style("s"),
    )
    return band(8, by_state, by_ring, age, transit)


def _copy(q: Queries) -> Band:
    lag = Lines(
        "Lag of each key",
        "How far the secondary is behind beyond one heartbeat period. Lines: gate.max_lag and the usual "
        "heartbeat timeout.",
        [Ask(f"max by (ring) ({q.beyond_a_period(c.SECONDARY_LAG_SECONDS)})", "{{ring}}")],
        Style("s", f.above(t.HEARTBEAT_TIMEOUT.value, t.MAX_LAG.value), empty=f.NOT_COMPARED),
        ["KVMigrationSecondaryLagHigh"],
        marked=True,
    )
    differ = Lines(
        "Members that differ, by field",
        "Members with a different state, token, address, zone or, in the HA tracker, replica in primary "
        "and secondary.",
        [Ask(f"sum by (ring, field) ({q.once(c.SECONDARY_MISMATCHED_MEMBERS)})", "{{ring}} {{field}}")],
        Style(steps=f.above(1), empty=f.NOT_COMPARED),
        ["KVMigrationSecondaryMismatch"],
    )
    members = Lines(
        "Members missing and extra",
        "Members that only the primary has (missing) and that only the secondary has (extra).",
        [
            Ask(f"max by (ring) ({q.of(c.SECONDARY_MISSING_MEMBERS)})", "{{ring}} missing"),
            Ask(f"max by (ring) ({q.of(c.SECONDARY_EXTRA_MEMBERS)})", "{{ring}} extra"),
        ],
        Style(steps=f.above(1), empty=f.NOT_COMPARED),
        ["KVMigrationSecondaryMembersMissing"],
    )
    return band(8, lag, members, differ)


def _views(q: Queries) -> Band:
    stale_by = q.beyond_a_period(c.RING_VIEW_STALENESS_SECONDS)
    contents = Lines(
        "Different contents shown",
        "How many different contents the processes' views of a ring show; 1 is agreement.",
        [Ask(f"max by (ring, view) ({q.of(c.RING_VIEWS)})", "{{ring}} {{view}}")],
        Style(steps=f.steps((0, f.GOOD), (2, f.BAD))),
        ["KVMigrationRingViewsDiverged"],
    )
    stale = Lines(
        "Staleness of views, the worst",
        "How far a process's view is behind the latest view beyond one heartbeat period, worst key. The "
        "line is the usual heartbeat timeout.",
        [Ask(q.worst(f"max by (target, view) ({stale_by})"), "{{target}} {{view}}")],
        Style("s", f.above(t.VIEW_STALENESS.value)),
        ["KVMigrationRingViewStale"],
        marked=True,
    )
    return band(8, contents, stale)


def _view_table(q: Queries) -> Band:
    by = "by (ring, view, target)"
    stale = f"topk(50, max {by} ({q.beyond_a_period(c.RING_VIEW_STALENESS_SECONDS)}))"
    show = Table(
        "Views and their staleness",
        "The 50 stalest views, by what one heartbeat period does not explain, and how many healthy members "
        "of the latest views each view lacks.",
        [
            Ask(stale),
            Ask(f"max {by} ({q.of(c.RING_VIEW_MISSING_MEMBERS)}) > 0 or "
                f"(max {by} ({q.of(c.RING_VIEW_MISSING_MEMBERS)}) and {stale})"),
        ],
        Style("short", f.plain(), [f.absent("?")], [
            f.coloured("staleness", unit="s", thresholds=f.absolute(f.above(t.VIEW_STALENESS.value))),
            f.coloured("members missing", thresholds=f.absolute(f.above(1))),
        ]),
        columns={"ring": "ring", "view": "view", "target": "process"}
        | f.values("staleness", "members missing"),
        sort="staleness",
        descending=True,
    )  # fmt: skip
    return band(9, show)


def _conflicts(q: Queries) -> Band:
    conflicts = Lines(
        "Token conflicts of each ring",
        "Tokens claimed by more than one member.",
        [Ask(f"max by (ring) ({q.of(c.RING_TOKEN_CONFLICTS)})", "{{ring}}")],
        Style(steps=f.above(1)),
        ["KVMigrationRingTokenConflicts"],
    )
    orphaned = Lines(
        "Members that should not be there, and writers that should",
        "Foreign members belong to another product, cluster or release. Orphaned members belong to no "
        "process that answers and to no gossip member. Active members without tokens own nothing. Writers "
        "without a member write the ring and are not in it.",
        [
            Ask(f"max by (ring) ({q.of(c.RING_FOREIGN_MEMBERS)})", "{{ring}} foreign"),
            Ask(f"max by (ring) ({q.of(c.RING_WRITERS_MISSING)})", "{{ring}} writers without a member"),
            Ask(f"max by (ring) ({q.of(c.RING_DUPLICATE_ADDRESSES)})", "{{ring}} shared addresses"),
            Ask(f"max by (ring) ({q.of(c.RING_GHOST_MEMBERS)})", "{{ring}} orphaned"),
            Ask(f"max by (ring) ({q.of(c.RING_MEMBERS_WITHOUT_TOKENS)})", "{{ring}} without tokens"),
        ],
        Style(steps=f.above(1)),
        ["KVMigrationRingForeignMembers", "KVMigrationRingGhostMembers"],
    )
    lost = Lines(
        "Members lost at once, and returned",
        "Members still missing since a ring lost half or more at once; members that returned with an "
        "earlier heartbeat after they had left, per second.",
        [
            Ask(f"max by (ring) ({q.of(c.RING_SHRUNK_MEMBERS)})", "{{ring}} lost"),
            Ask(f"sum by (ring) ({q.rate(c.RING_MEMBERS_RETURNED_TOTAL)}) > 0", "{{ring}} returning"),
        ],
        Style(steps=f.above(1)),
        ["KVMigrationRingShrunk"],
    )
    return band(8, conflicts, orphaned, lost)


def _partitions(q: Queries) -> Band:
    states = Lines(
        "Partitions by state",
        "Partitions of partition rings by state; they have no heartbeats and hardly ever write.",
        [Ask(f"sum by (ring, state) ({q.once(c.RING_PARTITIONS)})", "{{ring}} {{state}}")],
        Style(empty=NO_PARTITIONS),
    )
    corrupted = Lines(
        "Corrupted partitions",
        "Partitions that the page marks as corrupted.",
        [Ask(f"max by (ring) ({q.of(c.RING_CORRUPTED_PARTITIONS)})", "{{ring}}")],
        Style(steps=f.above(1), empty=NO_PARTITIONS),
        ["KVMigrationPartitionsCorrupted"],
    )
    return band(7, states, corrupted)
