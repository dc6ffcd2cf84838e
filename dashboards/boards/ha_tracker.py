"""HA tracker: its own migration, and whether elections stay as calm as before."""

from __future__ import annotations

from alerts import thresholds as t
from dashboards import fields as f
from dashboards.panel_specifications import Ask, Band, Board, Lanes, Lines, Row, Style, Table, Tile, Uid, band
from dashboards.queries import RATE, WRITING, Queries, equal
from exporter.expose import catalogue as c
from exporter.products.ring_pages import HA_KEY

ABOUT = (
    "The HA tracker elects one replica of each pair of Prometheus servers. Its entries migrate like a ring, "
    "but entries of clusters that send little are seldom written, and a wrong election drops or doubles "
    "samples."
)
HA = equal("key", HA_KEY)
HA_CLIENTS = 'kv_name=~"(?i).*ha-?tracker.*"'
CHECKS = 'check=~"(.*-)?(ha|elections?)(-.*)?"'


def build(q: Queries) -> Board:
    """HA tracker."""
    tiles = band(4, *_first_tiles(q), *_second_tiles(q))
    rows = (
        Row("Has the HA tracker a fault?", (tiles, _progress(q))),
        Row("Elections", (_elections(q),)),
        Row("The secondary of its entries", (_copy(q), _writes(q))),
    )
    return Board(Uid.HA_TRACKER, ABOUT, rows, ("component",))


def _first_tiles(q: Queries) -> tuple[Tile, ...]:
    return (
        Tile(
            "Phase of the HA tracker",
            "The earliest phase of its writing KV clients. The runtime switch does not reach them in every "
            "product.",
            [Ask(f"min({q.of(c.KEY_PHASE, HA)})")],
            Style(unit="none", mappings=f.phases()),
        ),
        Tile(
            "Entries",
            "HA-tracker entries, one for each user and cluster, in the primary.",
            [Ask(f"sum({q.once(c.HA_TRACKER_ENTRIES)})")],
            Style(mappings=[f.absent()]),
        ),
        Tile(
            "Entries missing",
            "Entries that only the primary has, while anything mirrors.",
            [Ask(q.if_mirroring(f"sum({q.mirrored(c.SECONDARY_MISSING_MEMBERS, HA)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
            ["KVMigrationSecondaryMembersMissing"],
        ),
    )


def _second_tiles(q: Queries) -> tuple[Tile, ...]:
    elections = f"sum({q.rate(c.HA_TRACKER_ELECTIONS_TOTAL)}) * 60"
    return (
        Tile(
            "Elections that differ",
            "Entries with different elected replicas in primary and secondary: the switch would fail "
            "over there.",
            [Ask(q.if_mirroring(f"sum({q.mirrored(c.SECONDARY_MISMATCHED_MEMBERS, HA)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
            ["KVMigrationHATrackerElectionsDiffer"],
        ),
        Tile(
            "Lag of the entries",
            "Greatest difference of the received time between primary and secondary, while anything mirrors.",
            [Ask(q.if_mirroring(f"max({q.mirrored(c.SECONDARY_LAG_SECONDS, HA)})"))],
            Style("s", f.above(t.HEARTBEAT_TIMEOUT.value, t.MAX_LAG.value), f.measured(f.IDLE)),
            ["KVMigrationSecondaryLagHigh"],
        ),
        Tile(
            "Elections per minute",
            "Elected replica changes over all processes. Compare with the rate before the migration.",
            [Ask(elections)],
            Style(unit="opm", mappings=[f.absent()], decimals=1),
            ["KVMigrationHATrackerFlapping"],
        ),
    )


def _progress(q: Queries) -> Band:
    phase = f"max by {q.by('target', 'kv_name')} ({q.of(c.CLIENT_PHASE, WRITING, HA)})"
    clients = Lanes(
        "Phase of the HA tracker's clients, the furthest back",
        "The phase of the HA tracker's KV client in a process.",
        [Ask(q.worst(f"min by (target) ({q.of_component(phase)})", lowest=True), "{{target}}")],
        Style(unit="none", mappings=f.phases()),
        ["KVMigrationMirroringPartial"],
    )
    missing = Lanes(
        "Entries in every view",
        "Red: the primary has entries that a view of the secondary has not at all.",
        [Ask(f"max by (key) ({q.of(c.SECONDARY_KEY_MISSING, HA)})", "{{key}}")],
        Style("none", f.above(1), f.present_missing(), empty=f.NOT_COMPARED),
        ["KVMigrationSecondaryKeyMissing"],
    )
    checks = Table(
        "Gate checks that name the HA tracker",
        "Checks of every step that judge the HA tracker.",
        [Ask(q.checks("(migration, step, check)", CHECKS))],
        Style("none", f.good_at_one(), f.verdicts(), [f.coloured("verdict")]),
        columns={"migration": "migration", "step": "step", "check": "check", "Value": "verdict"},
        sort="verdict",
    )
    return band(9, clients, missing, checks, widths=(10, 5, 9))


def _elections(q: Queries) -> Band:
    elections = q.of_component(q.rate(c.HA_TRACKER_ELECTIONS_TOTAL))
    ours = Lines(
        "Elections of a process, the most",
        "Elected replica changes that a process counts, per minute.",
        [Ask(q.worst(f"sum by (target) ({elections}) * 60"), "{{target}}")],
        Style("opm"),
        ["KVMigrationHATrackerFlapping"],
    )
    theirs = Lines(
        "Elections of each HA cluster",
        "The components' own count per user and HA cluster, the 20 busiest, per minute. Prometheus renames "
        "the HA tracker's label cluster to exported_cluster where it adds one of its own.",
        [Ask(f'topk(20, sum by (user, exported_cluster) '
             f'(rate({q.component("ha_tracker_elected_replica_changes_total")}{RATE}))) * 60',
             "{{user}} {{exported_cluster}}")],
        Style("opm", empty=f.NOT_SCRAPED),
    )  # fmt: skip
    spread = q.component("ha_tracker_elected_replica_change_propagation_time_seconds_bucket")
    propagation = Lines(
        "How long an election takes to arrive",
        "99th percentile of the time until an election reaches a process, as it counts it itself. It must "
        "stay below the update timeout of 15 s.",
        [Ask(f"histogram_quantile(0.99, sum by (le) (rate({spread}{RATE})))", "p99")],
        Style("s", f.above(15), empty=f.NOT_SCRAPED),
        marked=True,
    )
    return band(8, ours, theirs, propagation)


def _copy(q: Queries) -> Band:
    entries = Lines(
        "Entries in the primary",
        "HA-tracker entries. A fall to 0 makes every process accept samples of any replica.",
        [Ask(f"sum({q.once(c.HA_TRACKER_ENTRIES)})", "entries")],
    )
    differ = Lines(
        "Entries missing, extra and different",
        "Entries only in the primary, only in the secondary, and with another replica elected.",
        [
            Ask(f"sum({q.once(c.SECONDARY_MISSING_MEMBERS, HA)})", "missing"),
            Ask(f"sum({q.once(c.SECONDARY_EXTRA_MEMBERS, HA)})", "extra"),
            Ask(f"sum({q.once(c.SECONDARY_MISMATCHED_MEMBERS, HA)})", "different"),
        ],
        Style(
            steps=f.above(1),
            colours={"missing": "red", "different": "orange", "extra": "blue"},
            empty=f.NOT_COMPARED,
        ),
    )
    lag = Lines(
        "Lag of the secondary's entries",
        "Greatest difference of the received time. It is renewed about every 15 s.",
        [Ask(f"max({q.of(c.SECONDARY_LAG_SECONDS, HA)})", "lag")],
        Style("s", f.above(t.HEARTBEAT_TIMEOUT.value, t.MAX_LAG.value), empty=f.NOT_COMPARED),
        marked=True,
    )
    return band(8, entries, differ, lag)


def _writes(q: Queries) -> Band:
    writes, errors, requests = (
        q.of_component(q.rate(metric, HA_CLIENTS))
        for metric in (c.MIRROR_WRITES_TOTAL, c.MIRROR_WRITE_ERRORS_TOTAL, c.CLIENT_STORE_REQUESTS_TOTAL)
    )
    mirrored = Lines(
        "Mirror writes of the HA tracker",
        "Attempts and failures per second. Failures with 'no change detected' are harmless; failures by a "
        "tombstone are not.",
        [Ask(f"sum({writes})", "attempts"), Ask(f"sum({errors})", "failures")],
        Style("wps", colours={"attempts": "blue", "failures": "red"}, empty=f.NOT_MIRRORED),
        ["KVMigrationMirrorWriteErrors"],
    )
    stores = Lines(
        "Requests of the HA tracker by store",
        "Requests per second to each kind of store.",
        [Ask(f"sum by (store) ({requests})", "{{store}}")],
        Style("reqps"),
    )
    return band(8, mirrored, stores)
