"""Migration overview: what is wrong, where are we, may we go on."""

from __future__ import annotations

from alerts import thresholds as t
from dashboards import fields as f
from dashboards.fault_queries import problems, what_is_wrong
from dashboards.panel_specifications import Ask, Band, Board, Lanes, Lines, Row, Style, Table, Tile, Uid, band
from dashboards.queries import EVERY_KEY, WRITING, Queries, equal
from dashboards.variables import firing
from exporter.derive.gate.step_table import NAMES
from exporter.expose import catalogue as c
from exporter.model.pages import Phase

ABOUT = (
    "A complete migration from Consul or etcd to memberlist on one board. The first row shows whether "
    "anything is wrong now. The second shows the phase of the fleet and what closes the next gate."
)


def build(q: Queries) -> Board:
    """Migration overview."""
    tiles = band(3, *_first_tiles(q), *_second_tiles(q), *_third_tiles(q))
    rows = (
        Row("Is there a fault?", (_verdict(q), tiles)),
        Row("Where are we, and may we go on?", (_progress(q),)),
        Row("KV clients and their mirror", (_clients(q), _mirror(q))),
        Row("The secondary", (_copy(q),)),
        Row("The external store", (_store(q),)),
        Row("Gates and alerts", (_gates(q),)),
    )
    return Board(Uid.OVERVIEW, ABOUT, rows, ("component", "key"))


def _where(q: Queries) -> tuple[Tile, Tile]:
    """Phase and next step."""
    phase = Tile(
        "Phase",
        "Each migration's phase: the earliest of its writing KV clients; over several installations the "
        "earliest of theirs.",
        [Ask(q.migration_phases(), "{{migration}}")],
        Style(unit="none", steps=f.plain(), mappings=f.phases()),
        ["KVMigrationPhaseStalled"],
        named=True,
    )
    step = Tile(
        "Next step",
        "The next step of each migration and whether its gate is open. Grey: all is done, or the next "
        "step is unknown.",
        [Ask(q.next_step(c.GATE_OPEN), "{{migration}}/{{step}}")],
        Style(
            unit="none",
            steps=f.good_at_one(f.WARN),
            mappings=f.mapped({1: ("gate open", f.GOOD), 0: ("gate closed", f.WARN)}, "next step unknown"),
        ),
        named=True,
    )
    return phase, step


def _verdict(q: Queries) -> Band:
    phase, step = _where(q)
    found = Tile(
        "Problems found",
        "How many of the faults in the list below are there now. Green only while the exporter's snapshot "
        "is recent; grey otherwise.",
        [Ask(problems(q))],
        Style(steps=f.above(1), mappings=f.nothing_found("none", "no recent data")),
        ["KVMigrationExporterStale"],
    )
    apart = Tile(
        "Clients behind",
        "Writing KV clients that are behind the furthest one of their key. Above 0 while a step is rolled "
        "out; if it stays, the step did not reach every client.",
        [Ask(_behind(q))],
        Style(steps=f.above(1, worst=f.WARN), mappings=f.nothing_found()),
        ["KVMigrationMirroringPartial"],
    )
    alerts = Tile(
        "Alerts firing",
        "Alerts of the migration that fire now. Blue at 0 and not green: the rules may not be loaded.",
        [Ask(f"count({firing(q)}) or vector(0)")],
        Style(steps=f.steps((0, f.PLAIN), (1, f.BAD)), mappings=[f.absent()]),
    )
    return band(4, found, phase, step, apart, alerts, widths=(5, 5, 6, 4, 4))


def _behind(q: Queries) -> str:
    clients = q.clients_by_key()
    return q.how_many(f"{clients} < bool on {q.by('key')} group_left () max by {q.by('key')} ({clients})")


def _lost(q: Queries) -> str:
    """Any observed loss; none is shown only where every chosen exporter has the metrics for it."""
    lost, lacking = q.once(c.RING_SHRUNK_MEMBERS), q.mirrored(c.SECONDARY_MISSING_MEMBERS)
    of_fleet, exporter = f"on {q.by()}", q.of(c.BUILD_INFO)
    untold = " or ".join(
        (
            f"{exporter} unless {of_fleet} {q.of(c.RING_SHRUNK_MEMBERS, EVERY_KEY)}",
            f"{exporter} unless {of_fleet} ({q.of(c.CLIENT_PHASE, WRITING, EVERY_KEY)} >= 0)",
            f"{q.while_mirroring(exporter)} unless {of_fleet} {q.of(c.SECONDARY_MISSING_MEMBERS, EVERY_KEY)}",
        )
    )
    nothing_mirrors = f"0 * sum({lost}) unless on () ({q.mirroring()})"
    known = f"sum({lost}) + (sum({lacking}) or ({nothing_mirrors}))"
    return f"(({known}) unless on () ({untold})) or ({known}) > 0 or sum({lost}) > 0"


def _first_tiles(q: Queries) -> tuple[Tile, ...]:
    return (
        Tile(
            "Worst lag",
            "Greatest lag of any key's secondary beyond one heartbeat period, while anything mirrors. "
            "Orange from gate.max_lag, red from the usual heartbeat timeout: every member would appear "
            "unhealthy at the switch.",
            [Ask(q.if_mirroring(f"max({q.while_mirroring(q.beyond_a_period(c.SECONDARY_LAG_SECONDS))})"))],
            Style("s", f.above(t.HEARTBEAT_TIMEOUT.value, t.MAX_LAG.value), f.measured(f.IDLE)),
            [Uid.RINGS, "KVMigrationSecondaryLagHigh"],
        ),
        Tile(
            "Keys missing",
            "Keys of the primary that a view of the secondary lacks, while anything mirrors. There is no "
            "backfill: a key arrives when a client writes it.",
            [Ask(q.if_mirroring(f"sum({q.mirrored(c.SECONDARY_KEY_MISSING)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
            [Uid.RINGS, "KVMigrationSecondaryKeyMissing"],
        ),
        Tile(
            "Members lost",
            "Members that the secondary lacks while anything mirrors, and members of rings that lost half or "
            "more at once, in any phase: the sign of a store overwritten by a smaller view. Grey while "
            "either is unknown.",
            [Ask(_lost(q))],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [Uid.RINGS, "KVMigrationRingShrunk"],
        ),
    )


def _second_tiles(q: Queries) -> tuple[Tile, ...]:
    members = q.once(c.GOSSIP_UNKNOWN_MEMBERS)
    return (
        Tile(
            "Processes down",
            "Targets of which no page could be read in the last cycle.",
            [Ask(q.how_many(f"{q.once(c.TARGET_UP)} == bool 0"))],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [Uid.EXPORTER, "KVMigrationTargetsDown"],
        ),
        Tile(
            "Gossip clusters",
            "How many separate gossip clusters the processes form: 1 is correct, 2 is a split brain.",
            [Ask(q.if_gossip(f"max({q.of(c.GOSSIP_CLUSTERS)})"))],
            Style(steps=f.steps((0, f.WARN), (1, f.GOOD), (2, f.BAD)), mappings=f.measured(f.NO_GOSSIP)),
            [Uid.GOSSIP, "KVMigrationGossipSplit"],
        ),
        Tile(
            "Unknown in gossip",
            "Gossip members that are no target of ours, and keys that this product does not use: another "
            "system may be in our gossip.",
            [Ask(q.if_gossip(f"sum({members}) + sum({q.once(c.GOSSIP_UNKNOWN_KEYS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.NO_GOSSIP)),
            [Uid.GOSSIP, "KVMigrationGossipUnknownMembers"],
        ),
    )


def _third_tiles(q: Queries) -> tuple[Tile, ...]:
    return (
        Tile(
            "Token conflicts",
            "Tokens claimed by more than one member, over all rings: processes compute different owners.",
            [Ask(f"sum({q.once(c.RING_TOKEN_CONFLICTS)})")],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [Uid.RINGS, "KVMigrationRingTokenConflicts"],
        ),
        Tile(
            "External store",
            "Whether the external store could be read. Grey where none is configured.",
            [Ask(f"min({q.of(c.STORE_UP)})")],
            Style("none", f.good_at_one(), f.yes_no(1, "up", "down")),
            ["KVMigrationStoreUnreachable"],
        ),
    )


def _progress(q: Queries) -> Band:
    phases = Lanes(
        "Phase of each component",
        "The earliest phase among the writing KV clients of each component's processes. In an empty part of "
        "a lane no process answered.",
        [Ask(q.component_phase(), "{{component}} ({{migration}})")],
        Style(unit="none", mappings=f.phases()),
        ["KVMigrationPrimariesMixed"],
    )
    checks = Table(
        "Checks of the next step",
        "The gate of the next step. It opens when every check has passed for the soak time. An unknown "
        "check keeps it closed. `kvmigration check STEP` prints the evidence and what to do.",
        [Ask(q.next_step(c.GATE_CHECK))],
        Style("none", f.good_at_one(), f.verdicts(), [f.coloured("verdict")]),
        columns={"check": "check", "Value": "verdict", "step": "step", "migration": "migration"},
        sort="verdict",
    )
    columns = {**_places(q), "problem": "fault", "Value": "how many"}
    found = Table(
        "Faults found now",
        "Every fault behind the first tile, and how many of it, by installation. Without a recent snapshot "
        "of the exporter the list is incomplete or stale: the first tile is grey then.",
        [Ask(what_is_wrong(q))],
        Style(steps=f.above(1), mappings=[f.absent()], overrides=[f.coloured("how many")]),
        columns=columns,
        sort=next(iter(columns)),
    )
    return band(9, phases, found, checks, widths=(7, 9, 8))


def _places(q: Queries) -> dict[str, str]:
    """The columns that name the installation of a row."""
    return {label: label for label in q.options.place if label != "job"}


def _clients(q: Queries) -> Band:
    clients = q.of_component(q.clients())
    by_phase = Lines(
        "KV clients by phase",
        "How many writing KV clients are in each phase. Two colours for long: a step that did not reach all.",
        [Ask(q.how_many(f"{clients} == bool {phase}"), phase.label) for phase in Phase],
        Style(colours={phase.label: f.PHASE_COLOURS[phase] for phase in Phase}),
        stacked=True,
    )
    by_client = Lanes(
        "Phase of each KV client",
        "The earliest phase of the processes that have a client of this name: a client that a runtime "
        "switch did not reach differs visibly.",
        [Ask(f"min by (kv_name) ({clients})", "{{kv_name}}")],
        Style(unit="none", mappings=f.phases()),
    )
    return band(8, by_phase, by_client)


def _mirror(q: Queries) -> Band:
    writes, errors = (q.of_component(q.rate(m)) for m in (c.MIRROR_WRITES_TOTAL, c.MIRROR_WRITE_ERRORS_TOTAL))
    tried = Lines(
        "Mirror writes per client",
        "Attempts to mirror a write, per second and client name. A client that only reads has none; one "
        "that writes and has 0 while mirroring is on copies nothing.",
        [Ask(f"sum by (kv_name) ({writes})", "{{kv_name}}")],
        Style(unit="wps", empty=f.NOT_MIRRORED),
        ["KVMigrationMirrorWritesStopped"],
    )
    failed = Lines(
        "Share of mirror writes that fail",
        "Failed of all attempts, per client name. A low share of 'no change detected' is benign; the line "
        "is gate.benign_mirror_error_ratio.",
        [Ask(f"sum by (kv_name) ({errors}) / sum by (kv_name) ({writes} > 0)", "{{kv_name}}")],
        Style("percentunit", f.above(t.ERROR_RATIO.value), low=0, empty=f.NOT_MIRRORED),
        ["KVMigrationMirrorWriteErrors"],
        marked=True,
    )
    return band(8, tried, failed)


def _copy(q: Queries) -> Band:
    lag = Lines(
        "Lag of the secondary per key",
        "How far the secondary is behind beyond one heartbeat period, worst member and view of each key. "
        "Lines: gate.max_lag and the usual heartbeat timeout.",
        [Ask(f"max by (ring) ({q.beyond_a_period(c.SECONDARY_LAG_SECONDS)})", "{{ring}}")],
        Style("s", f.above(t.HEARTBEAT_TIMEOUT.value, t.MAX_LAG.value), empty=f.NOT_COMPARED),
        [Uid.RINGS],
        marked=True,
    )
    missing = Lanes(
        "Keys missing in the secondary",
        "Red: the primary has the key and a view of the secondary has not. Before mirroring that is normal.",
        [Ask(f"max by (ring) ({q.of(c.SECONDARY_KEY_MISSING)})", "{{ring}}")],
        Style("none", f.above(1), f.present_missing(), low=0, high=1, empty=f.NOT_COMPARED),
    )
    return band(9, lag, missing)


def _store(q: Queries) -> Band:
    written = Lines(
        "Time since the last write",
        "Time since the exporter last found a changed key in the external store. After the last step it must "
        "grow without end; the line is the soak time.",
        [Ask(f"time() - max by (store) ({q.of(c.STORE_LAST_WRITE_TIMESTAMP_SECONDS)})", "{{store}}")],
        Style("s", f.steps((0, f.PLAIN), (t.STORE_WRITTEN.seconds, f.GOOD)), [f.absent()]),
        ["KVMigrationStoreStillWritten"],
    )
    keys = Lines(
        "Keys in the store",
        "Keys of the external store below the configured prefixes.",
        [Ask(f"max by (store) ({q.of(c.STORE_KEYS)})", "{{store}}")],
        Style(mappings=[f.absent()]),
    )
    requests = Lines(
        "Requests of KV clients by store",
        "Requests per second of all KV clients to each kind of store. They show whether a client still uses "
        "the external store.",
        [Ask(f"sum by (store) ({q.of_component(q.rate(c.CLIENT_STORE_REQUESTS_TOTAL))})", "{{store}}")],
        Style("reqps"),
    )
    return band(8, written, keys, requests)


def _gates(q: Queries) -> Band:
    gates = Lanes(
        "Gate of each step",
        "Open: every check of the step has passed for the soak time.",
        [
            Ask(f"min by (migration) ({q.of(c.GATE_OPEN, equal('step', step))})", f"{{{{migration}}}}/{step}")
            for step in NAMES  # in the order in which they are taken
        ],
        Style("none", f.good_at_one(f.WARN), f.mapped({1: ("open", f.GOOD), 0: ("closed", f.WARN)})),
    )
    columns = {**_places(q), "severity": "severity", "alertname": "alert", "Value": "state"}
    alerts = Table(
        "Active alerts",
        "Alerts of the migration that fire now, by installation. Empty also where the rules are not loaded.",
        [Ask(f"max by {q.by('alertname', 'severity')} ({firing(q)})")],
        Style(
            "none",
            f.steps((0, f.BAD)),
            f.mapped({1: ("firing", f.BAD)}),
            [f.coloured("state")],
            empty="No alert fires",
        ),
        columns=columns,
        sort=next(iter(columns)),
    )
    return band(9, gates, alerts)
