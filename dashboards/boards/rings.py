"""Ring consistency: is the secondary a true and recent copy, and do all processes show the same ring."""

from __future__ import annotations

from dashboards import fields as f
from dashboards import frame, limits
from dashboards.layout import Band, Row, band
from dashboards.panel_specifications import Ask, Columns, Show, Style
from dashboards.panels import House
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


def build(house: House) -> f.Json:
    """Ring consistency."""
    rows = (
        Row("Is every ring complete, and its secondary the same?", (_tiles(house), _keys(house))),
        Row("Members", (_members(house),)),
        Row("The secondary over time", (_copy(house),)),
        Row("Each process's view of the ring", (_views(house), _view_table(house))),
        Row("Conflicts, losses, partitions", (_conflicts(house), _partitions(house))),
    )
    return frame.board(house, frame.RINGS, ABOUT, rows, "key")


def _first_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    unhealthy = q.once(c.RING_MEMBERS, 'state="unhealthy"')
    return (
        Show(
            "Unhealthy members",
            "Members with a heartbeat older than the timeout, over the chosen keys.",
            [Ask(f"sum({unhealthy}) or 0 * sum({q.once(c.RING_MEMBERS)})")],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [house.runbook("KVMigrationRingMembersUnhealthy")],
        ),
        Show(
            "Quorum margin",
            "Healthy members, or zones, that the weakest ring may still lose before writes fail. Below 0 "
            "they fail.",
            [Ask(f"min({q.of(c.RING_QUORUM_MARGIN)})")],
            Style(steps=f.below(0, 1), mappings=[f.absent()]),
            [house.runbook("KVMigrationRingQuorumLost")],
        ),
        Show(
            "Greatest lag",
            "Greatest lag of the chosen keys' secondary beyond one heartbeat period, while anything mirrors.",
            [Ask(q.if_mirroring(f"max({q.while_mirroring(q.beyond_a_period(c.SECONDARY_LAG_SECONDS))})"))],
            Style("s", f.above(limits.HEARTBEAT_TIMEOUT, limits.MAX_LAG), f.measured(f.IDLE)),
            [house.runbook("KVMigrationSecondaryLagHigh")],
        ),
        Show(
            "Missing keys",
            "Keys that a view of the secondary lacks, while anything mirrors.",
            [Ask(q.if_mirroring(f"sum({q.while_mirroring(q.once(c.SECONDARY_KEY_MISSING))})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
            [house.runbook("KVMigrationSecondaryKeyMissing")],
        ),
    )


def _second_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    return (
        Show(
            "Missing members",
            "Members that only the primary has, while anything mirrors.",
            [Ask(q.if_mirroring(f"sum({q.while_mirroring(q.once(c.SECONDARY_MISSING_MEMBERS))})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
            [house.runbook("KVMigrationSecondaryMembersMissing")],
        ),
        Show(
            "Members that differ",
            "Members with a different state, token, address, zone or replica, while anything mirrors.",
            [Ask(q.if_mirroring(f"sum({q.while_mirroring(q.once(c.SECONDARY_MISMATCHED_MEMBERS))})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
            [house.runbook("KVMigrationSecondaryMismatch")],
        ),
        Show(
            "Rings with differing views",
            "Rings of which two processes show different contents. A rollout passes through it.",
            [Ask(q.how_many(f"{q.once(c.RING_VIEWS)} > bool 1"))],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [house.runbook("KVMigrationRingViewsDiverged")],
        ),
        Show(
            "Views not read",
            "Views of the secondary that could not be read: above 0 the other numbers prove nothing.",
            [Ask(q.if_mirroring(f"sum({q.once(c.SECONDARY_UNREAD_VIEWS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
        ),
    )


def _tiles(house: House) -> Band:
    shows = (*_first_tiles(house), *_second_tiles(house))
    return band(4, *((house.stat(show), 3) for show in shows))


def _key_columns() -> list[f.Json]:
    counts = [
        f.coloured(name, thresholds=f.absolute(f.above(1))) for name in ("missing", "differ", "conflicts")
    ]
    lag = f.above(limits.HEARTBEAT_TIMEOUT, limits.MAX_LAG)
    return [
        f.coloured("phase", mappings=f.phases()),
        f.override("oldest heartbeat", unit="s"),
        f.coloured("quorum margin", thresholds=f.absolute(f.below(0, 1))),
        f.coloured("key missing", mappings=f.yes_no(0, "missing", "present")),
        f.coloured("lag", unit="s", thresholds=f.absolute(lag)),
        f.coloured("views", thresholds=f.absolute(f.steps((1, f.GOOD), (2, f.BAD)))),
        *counts,
    ]


def _keys(house: House) -> Band:
    q = house.queries
    by = "by (key, ring)"
    queries = [
        Ask(f"min {by} ({q.of(c.KEY_PHASE)})"),
        Ask(f"sum {by} ({q.once(c.RING_MEMBERS)})"),
        Ask(f"max {by} ({q.of(c.RING_OLDEST_HEARTBEAT_AGE_SECONDS)})"),
        Ask(f"min {by} ({q.of(c.RING_QUORUM_MARGIN)})"),
        Ask(f"max {by} ({q.while_mirroring(q.once(c.SECONDARY_KEY_MISSING))})"),
        Ask(f"max {by} ({q.while_mirroring(q.beyond_a_period(c.SECONDARY_LAG_SECONDS))})"),
        Ask(f"max {by} ({q.while_mirroring(q.once(c.SECONDARY_MISSING_MEMBERS))})"),
        Ask(f"max {by} ({q.while_mirroring(q.once(c.SECONDARY_EXTRA_MEMBERS))})"),
        Ask(f"sum {by} ({q.while_mirroring(q.once(c.SECONDARY_MISMATCHED_MEMBERS))})"),
        Ask(f"max {by} ({q.of(c.RING_VIEWS)})"),
        Ask(f"max {by} ({q.of(c.RING_TOKEN_CONFLICTS)})"),
    ]
    named = ("phase", "members", "oldest heartbeat", "quorum margin", "key missing", "lag", "missing",
             "extra", "differ", "views", "conflicts")  # fmt: skip
    headings = {"ring": "ring", "key": "key"}
    headings |= {f"Value #{chr(ord('A') + index)}": name for index, name in enumerate(named)}
    overrides = _key_columns()
    show = Show(
        "Keys at a glance",
        "One line for each key: its phase, its members in the primary, and, while anything mirrors, how its "
        "secondary compares; lag is what one heartbeat period does not explain. Grey is unknown. Extra "
        "members are no fault: deletes are never mirrored.",
        queries,
        Style("short", f.plain(), [f.absent("?")], overrides),
    )
    return band(9, (house.table(show, Columns(headings, "ring")), 24))


def _members(house: House) -> Band:
    q = house.queries
    by_state = Show(
        "Members by state",
        "Members of the chosen rings in the primary, by state; tombstones are not members.",
        [Ask(f"sum by (state) ({q.once(c.RING_MEMBERS)})", "{{state}}")],
        Style(overrides=[f.shade(state, colour) for state, colour in STATES.items()]),
        [house.runbook("KVMigrationRingMembersUnhealthy")],
    )
    by_ring = Show(
        "Members of each ring",
        "A sudden fall to half or less is a store overwritten by a smaller view.",
        [Ask(f"sum by (ring) ({q.once(c.RING_MEMBERS)})", "{{ring}}")],
        Style(),
        [house.runbook("KVMigrationRingShrunk")],
    )
    age = Show(
        "Oldest heartbeat of each ring",
        "Age of the oldest heartbeat of any member. The line is the usual heartbeat timeout.",
        [Ask(f"max by (ring) ({q.of(c.RING_OLDEST_HEARTBEAT_AGE_SECONDS)})", "{{ring}}")],
        Style("s", f.above(limits.HEARTBEAT_TIMEOUT)),
    )
    transit = Show(
        "Longest in transition",
        "The longest time that a member has been leaving, joining or pending. Such a member takes no writes "
        "and keeps its tokens.",
        [Ask(f"max by (ring) ({q.of(c.RING_LONGEST_TRANSITION_SECONDS)})", "{{ring}}")],
        Style("s"),
    )
    return band(
        8,
        (house.series(by_state, stack=True), 6),
        (house.series(by_ring), 6),
        (house.series(age, line=True), 6),
        (house.series(transit), 6),
    )


def _copy(house: House) -> Band:
    q = house.queries
    lag = Show(
        "Lag of each key",
        "How far the secondary is behind beyond one heartbeat period. Lines: gate.max_lag and the usual "
        "heartbeat timeout.",
        [Ask(f"max by (ring) ({q.beyond_a_period(c.SECONDARY_LAG_SECONDS)})", "{{ring}}")],
        Style("s", f.above(limits.HEARTBEAT_TIMEOUT, limits.MAX_LAG), empty=f.NOT_COMPARED),
        [house.runbook("KVMigrationSecondaryLagHigh")],
    )
    differ = Show(
        "Members that differ, by field",
        "Members with a different state, token, address, zone or, in the HA tracker, replica in primary "
        "and secondary.",
        [Ask(f"sum by (ring, field) ({q.once(c.SECONDARY_MISMATCHED_MEMBERS)})", "{{ring}} {{field}}")],
        Style(steps=f.above(1), empty=f.NOT_COMPARED),
        [house.runbook("KVMigrationSecondaryMismatch")],
    )
    members = Show(
        "Members missing and extra",
        "Members that only the primary has (missing) and that only the secondary has (extra).",
        [
            Ask(f"max by (ring) ({q.of(c.SECONDARY_MISSING_MEMBERS)})", "{{ring}} missing"),
            Ask(f"max by (ring) ({q.of(c.SECONDARY_EXTRA_MEMBERS)})", "{{ring}} extra"),
        ],
        Style(steps=f.above(1), empty=f.NOT_COMPARED),
        [house.runbook("KVMigrationSecondaryMembersMissing")],
    )
    return band(8, (house.series(lag, line=True), 8), (house.series(members), 8), (house.series(differ), 8))


def _views(house: House) -> Band:
    q = house.queries
    stale_by = q.beyond_a_period(c.RING_VIEW_STALENESS_SECONDS)
    contents = Show(
        "Different contents shown",
        "How many different contents the processes' views of a ring show; 1 is agreement.",
        [Ask(f"max by (ring, view) ({q.of(c.RING_VIEWS)})", "{{ring}} {{view}}")],
        Style(steps=f.steps((0, f.GOOD), (2, f.BAD))),
        [house.runbook("KVMigrationRingViewsDiverged")],
    )
    stale = Show(
        "Staleness of views, the worst",
        "How far a process's view is behind the latest view beyond one heartbeat period, worst key. The "
        "line is the usual heartbeat timeout.",
        [Ask(q.worst(f"max by (target, view) ({stale_by})"), "{{target}} {{view}}")],
        Style("s", f.above(limits.VIEW_STALENESS)),
        [house.runbook("KVMigrationRingViewStale")],
    )
    return band(8, (house.series(contents), 12), (house.series(stale, line=True), 12))


def _view_table(house: House) -> Band:
    q = house.queries
    by = "by (ring, view, target)"
    stale = f"topk(50, max {by} ({q.beyond_a_period(c.RING_VIEW_STALENESS_SECONDS)}))"
    show = Show(
        "Views and their staleness",
        "The 50 stalest views, by what one heartbeat period does not explain, and how many healthy members "
        "of the latest views each view lacks.",
        [
            Ask(stale),
            Ask(f"max {by} ({q.of(c.RING_VIEW_MISSING_MEMBERS)}) > 0 or "
                f"(max {by} ({q.of(c.RING_VIEW_MISSING_MEMBERS)}) and {stale})"),
        ],
        Style("short", f.plain(), [f.absent("?")], [
            f.coloured("staleness", unit="s", thresholds=f.absolute(f.above(limits.VIEW_STALENESS))),
            f.coloured("members missing", thresholds=f.absolute(f.above(1))),
        ]),
    )  # fmt: skip
    headings = {"ring": "ring", "view": "view", "target": "process", "Value #A": "staleness",
                "Value #B": "members missing"}  # fmt: skip
    return band(9, (house.table(show, Columns(headings, "staleness", True)), 24))


def _conflicts(house: House) -> Band:
    q = house.queries
    conflicts = Show(
        "Token conflicts of each ring",
        "Tokens claimed by more than one member.",
        [Ask(f"max by (ring) ({q.of(c.RING_TOKEN_CONFLICTS)})", "{{ring}}")],
        Style(steps=f.above(1)),
        [house.runbook("KVMigrationRingTokenConflicts")],
    )
    orphaned = Show(
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
        [house.runbook("KVMigrationRingForeignMembers"), house.runbook("KVMigrationRingGhostMembers")],
    )
    lost = Show(
        "Members lost at once, and returned",
        "Members still missing since a ring lost half or more at once; members that returned with an "
        "earlier heartbeat after they had left, per second.",
        [
            Ask(f"max by (ring) ({q.of(c.RING_SHRUNK_MEMBERS)})", "{{ring}} lost"),
            Ask(f"sum by (ring) ({q.rate(c.RING_MEMBERS_RETURNED_TOTAL)}) > 0", "{{ring}} returning"),
        ],
        Style(steps=f.above(1)),
        [house.runbook("KVMigrationRingShrunk")],
    )
    return band(8, (house.series(conflicts), 8), (house.series(orphaned), 8), (house.series(lost), 8))


def _partitions(house: House) -> Band:
    q = house.queries
    states = Show(
        "Partitions by state",
        "Partitions of partition rings by state; they have no heartbeats and hardly ever write.",
        [Ask(f"sum by (ring, state) ({q.once(c.RING_PARTITIONS)})", "{{ring}} {{state}}")],
        Style(empty=NO_PARTITIONS),
    )
    corrupted = Show(
        "Corrupted partitions",
        "Partitions that the page marks as corrupted.",
        [Ask(f"max by (ring) ({q.of(c.RING_CORRUPTED_PARTITIONS)})", "{{ring}}")],
        Style(steps=f.above(1), empty=NO_PARTITIONS),
        [house.runbook("KVMigrationPartitionsCorrupted")],
    )
    return band(7, (house.series(states), 12), (house.series(corrupted), 12))
