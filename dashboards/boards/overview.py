"""Migration overview: what is wrong, where are we, may we go on."""

from __future__ import annotations

from dashboards import fields as f
from dashboards import frame, limits
from dashboards.fault_queries import problems, what_is_wrong
from dashboards.layout import Band, Row, band
from dashboards.panel_specifications import Ask, Columns, Show, Style
from dashboards.panels import House
from dashboards.queries import EVERY_KEY, WRITING, Queries, equal
from exporter.derive.gate.step_table import NAMES
from exporter.expose import catalogue as c
from exporter.model.pages import Phase

ABOUT = (
    "A complete migration from Consul or etcd to memberlist on one board. The first row shows whether "
    "anything is wrong now. The second shows the phase of the fleet and what closes the next gate."
)


def build(house: House) -> f.Json:
    """Migration overview."""
    rows = (
        Row("Is there a fault?", (_verdict(house), _tiles(house))),
        Row("Where are we, and may we go on?", (_progress(house),)),
        Row("KV clients and their mirror", (_clients(house), _mirror(house))),
        Row("The secondary", (_copy(house),)),
        Row("The external store", (_store(house),)),
        Row("Gates and alerts", (_gates(house),)),
    )
    return frame.board(house, frame.OVERVIEW, ABOUT, rows, "component", "key")


def _where(house: House) -> tuple[Show, Show]:
    """Phase and next step."""
    q = house.queries
    phase = Show(
        "Phase",
        "Each migration's phase: the earliest of its writing KV clients; over several installations the "
        "earliest of theirs.",
        [Ask(q.migration_phases(), "{{migration}}")],
        Style(unit="none", steps=f.plain(), mappings=f.phases()),
        [house.runbook("KVMigrationPhaseStalled")],
    )
    step = Show(
        "Next step",
        "The next step of each migration and whether its gate is open. Grey: all is done, or the next "
        "step is unknown.",
        [Ask(q.next_step(c.GATE_OPEN), "{{migration}}/{{step}}")],
        Style(
            unit="none",
            steps=f.steps((0, f.WARN), (1, f.GOOD)),
            mappings=f.mapped({1: ("gate open", f.GOOD), 0: ("gate closed", f.WARN)}, "next step unknown"),
        ),
    )
    return phase, step


def _verdict(house: House) -> Band:
    q = house.queries
    phase, step = _where(house)
    found = Show(
        "Problems found",
        "How many of the faults in the list below are there now. Green only while the exporter's snapshot "
        "is recent; grey otherwise.",
        [Ask(problems(q))],
        Style(steps=f.above(1), mappings=f.nothing_found("none", "no recent data")),
        [house.runbook("KVMigrationExporterStale")],
    )
    apart = Show(
        "Clients behind",
        "Writing KV clients that are behind the furthest one of their key. Above 0 while a step is rolled "
        "out; if it stays, the step did not reach every client.",
        [Ask(_behind(q))],
        Style(steps=f.above(1, worst=f.WARN), mappings=f.nothing_found()),
        [house.runbook("KVMigrationMirroringPartial")],
    )
    alerts = Show(
        "Alerts firing",
        "Alerts of the migration that fire now. Blue at 0 and not green: the rules may not be loaded.",
        [Ask(f"count({frame.firing(house)}) or vector(0)")],
        Style(steps=f.steps((0, f.PLAIN), (1, f.BAD)), mappings=[f.absent()]),
    )
    return band(
        4,
        (house.stat(found), 5),
        (house.stat(phase, mode="value_and_name"), 5),
        (house.stat(step, mode="value_and_name"), 6),
        (house.stat(apart), 4),
        (house.stat(alerts), 4),
    )


def _behind(q: Queries) -> str:
    clients = q.clients_by_key()
    return q.how_many(f"{clients} < bool on {q.by('key')} group_left () max by {q.by('key')} ({clients})")


def _lost(q: Queries) -> str:
    """Any observed loss; none is shown only where every chosen exporter has the metrics for it."""
    lost, lacking = q.once(c.RING_SHRUNK_MEMBERS), q.while_mirroring(q.once(c.SECONDARY_MISSING_MEMBERS))
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


def _first_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    rings = house.to_board(frame.RINGS, "Ring consistency")
    missing = q.while_mirroring(q.once(c.SECONDARY_KEY_MISSING))
    return (
        Show(
            "Worst lag",
            "Greatest lag of any key's secondary beyond one heartbeat period, while anything mirrors. "
            "Orange from gate.max_lag, red from the usual heartbeat timeout: every member would appear "
            "unhealthy at the switch.",
            [Ask(q.if_mirroring(f"max({q.while_mirroring(q.beyond_a_period(c.SECONDARY_LAG_SECONDS))})"))],
            Style("s", f.above(limits.HEARTBEAT_TIMEOUT, limits.MAX_LAG), f.measured(f.IDLE)),
            [rings, house.runbook("KVMigrationSecondaryLagHigh")],
        ),
        Show(
            "Keys missing",
            "Keys of the primary that a view of the secondary lacks, while anything mirrors. There is no "
            "backfill: a key arrives when a client writes it.",
            [Ask(q.if_mirroring(f"sum({missing})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.IDLE)),
            [rings, house.runbook("KVMigrationSecondaryKeyMissing")],
        ),
        Show(
            "Members lost",
            "Members that the secondary lacks while anything mirrors, and members of rings that lost half or "
            "more at once, in any phase: the sign of a store overwritten by a smaller view. Grey while "
            "either is unknown.",
            [Ask(_lost(q))],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [rings, house.runbook("KVMigrationRingShrunk")],
        ),
    )


def _second_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    gossip = house.to_board(frame.GOSSIP, "Gossip and labels")
    members = q.once(c.GOSSIP_UNKNOWN_MEMBERS)
    return (
        Show(
            "Processes down",
            "Targets of which no page could be read in the last cycle.",
            [Ask(q.how_many(f"{q.once(c.TARGET_UP)} == bool 0"))],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [house.to_board(frame.EXPORTER, "Exporter"), house.runbook("KVMigrationTargetsDown")],
        ),
        Show(
            "Gossip clusters",
            "How many separate gossip clusters the processes form: 1 is correct, 2 is a split brain.",
            [Ask(q.if_gossip(f"max({q.of(c.GOSSIP_CLUSTERS)})"))],
            Style(steps=f.steps((0, f.WARN), (1, f.GOOD), (2, f.BAD)), mappings=f.measured(f.NO_GOSSIP)),
            [gossip, house.runbook("KVMigrationGossipSplit")],
        ),
        Show(
            "Unknown in gossip",
            "Gossip members that are no target of ours, and keys that this product does not use: another "
            "system may be in our gossip.",
            [Ask(q.if_gossip(f"sum({members}) + sum({q.once(c.GOSSIP_UNKNOWN_KEYS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.NO_GOSSIP)),
            [gossip, house.runbook("KVMigrationGossipUnknownMembers")],
        ),
    )


def _third_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    rings = house.to_board(frame.RINGS, "Ring consistency")
    return (
        Show(
            "Token conflicts",
            "Tokens claimed by more than one member, over all rings: processes compute different owners.",
            [Ask(f"sum({q.once(c.RING_TOKEN_CONFLICTS)})")],
            Style(steps=f.above(1), mappings=f.nothing_found()),
            [rings, house.runbook("KVMigrationRingTokenConflicts")],
        ),
        Show(
            "External store",
            "Whether the external store could be read. Grey where none is configured.",
            [Ask(f"min({q.of(c.STORE_UP)})")],
            Style("none", f.steps((0, f.BAD), (1, f.GOOD)), f.yes_no(1, "up", "down")),
            [house.runbook("KVMigrationStoreUnreachable")],
        ),
    )


def _tiles(house: House) -> Band:
    shows = (*_first_tiles(house), *_second_tiles(house), *_third_tiles(house))
    return band(3, *((house.stat(show), 3) for show in shows))


def _progress(house: House) -> Band:
    q = house.queries
    phases = Show(
        "Phase of each component",
        "The earliest phase among the writing KV clients of each component's processes. In an empty part of "
        "a lane no process answered.",
        [Ask(q.component_phase(), "{{component}} ({{migration}})")],
        Style(unit="none", mappings=f.phases()),
        [house.runbook("KVMigrationPrimariesMixed")],
    )
    checks = Show(
        "Checks of the next step",
        "The gate of the next step. It opens when every check has passed for the soak time. An unknown "
        "check keeps it closed. `kvmigration check STEP` prints the evidence and what to do.",
        [Ask(q.next_step(c.GATE_CHECK))],
        Style("none", f.steps((0, f.BAD), (1, f.GOOD)), f.verdicts(), [f.coloured("verdict")]),
    )
    found = Show(
        "Faults found now",
        "Every fault behind the first tile, and how many of it, by installation. Without a recent snapshot "
        "of the exporter the list is incomplete or stale: the first tile is grey then.",
        [Ask(what_is_wrong(q))],
        Style(steps=f.above(1), mappings=[f.absent()], overrides=[f.coloured("how many")]),
    )
    headings = {"check": "check", "Value": "verdict", "step": "step", "migration": "migration"}
    verdicts = Columns(headings, "verdict")
    columns = {**_places(house), "problem": "fault", "Value": "how many"}
    faults = Columns(columns, next(iter(columns)))
    return band(
        9, (house.timeline(phases), 7), (house.table(found, faults), 9), (house.table(checks, verdicts), 8)
    )


def _places(house: House) -> dict[str, str]:
    """The columns that name the installation of a row."""
    return {label: label for label in house.options.place if label != "job"}


def _clients(house: House) -> Band:
    q = house.queries
    clients = q.of_component(q.clients())
    by_phase = Show(
        "KV clients by phase",
        "How many writing KV clients are in each phase. Two colours for long: a step that did not reach all.",
        [Ask(q.how_many(f"{clients} == bool {phase.value}"), phase.label) for phase in Phase],
        Style(overrides=[f.shade(phase.label, f.PHASE_COLOURS[phase]) for phase in Phase]),
    )
    by_client = Show(
        "Phase of each KV client",
        "The earliest phase of the processes that have a client of this name: a client that a runtime "
        "switch did not reach differs visibly.",
        [Ask(f"min by (kv_name) ({clients})", "{{kv_name}}")],
        Style(unit="none", mappings=f.phases()),
    )
    return band(8, (house.series(by_phase, stack=True), 12), (house.timeline(by_client), 12))


def _mirror(house: House) -> Band:
    q = house.queries
    writes, errors = (q.of_component(q.rate(m)) for m in (c.MIRROR_WRITES_TOTAL, c.MIRROR_WRITE_ERRORS_TOTAL))
    tried = Show(
        "Mirror writes per client",
        "Attempts to mirror a write, per second and client name. A client that only reads has none; one "
        "that writes and has 0 while mirroring is on copies nothing.",
        [Ask(f"sum by (kv_name) ({writes})", "{{kv_name}}")],
        Style(unit="wps", empty=f.NOT_MIRRORED),
        [house.runbook("KVMigrationMirrorWritesStopped")],
    )
    failed = Show(
        "Share of mirror writes that fail",
        "Failed of all attempts, per client name. A low share of 'no change detected' is benign; the line "
        "is gate.benign_mirror_error_ratio.",
        [Ask(f"sum by (kv_name) ({errors}) / sum by (kv_name) ({writes} > 0)", "{{kv_name}}")],
        Style("percentunit", f.above(limits.ERROR_RATIO), low=0, empty=f.NOT_MIRRORED),
        [house.runbook("KVMigrationMirrorWriteErrors")],
    )
    return band(8, (house.series(tried), 12), (house.series(failed, line=True), 12))


def _copy(house: House) -> Band:
    q = house.queries
    lag = Show(
        "Lag of the secondary per key",
        "How far the secondary is behind beyond one heartbeat period, worst member and view of each key. "
        "Lines: gate.max_lag and the usual heartbeat timeout.",
        [Ask(f"max by (ring) ({q.beyond_a_period(c.SECONDARY_LAG_SECONDS)})", "{{ring}}")],
        Style("s", f.above(limits.HEARTBEAT_TIMEOUT, limits.MAX_LAG), empty=f.NOT_COMPARED),
        [house.to_board(frame.RINGS, "Ring consistency")],
    )
    missing = Show(
        "Keys missing in the secondary",
        "Red: the primary has the key and a view of the secondary has not. Before mirroring that is normal.",
        [Ask(f"max by (ring) ({q.of(c.SECONDARY_KEY_MISSING)})", "{{ring}}")],
        Style("none", f.above(1), f.present_missing(), low=0, high=1, empty=f.NOT_COMPARED),
    )
    return band(9, (house.series(lag, line=True), 12), (house.timeline(missing), 12))


def _store(house: House) -> Band:
    q = house.queries
    written = Show(
        "Time since the last write",
        "Time since the exporter last found a changed key in the external store. After the last step it must "
        "grow without end; the line is the soak time.",
        [Ask(f"time() - max by (store) ({q.of(c.STORE_LAST_WRITE_TIMESTAMP_SECONDS)})", "{{store}}")],
        Style("s", f.steps((0, f.PLAIN), (limits.STORE_WRITTEN, f.GOOD)), [f.absent()]),
        [house.runbook("KVMigrationStoreStillWritten")],
    )
    keys = Show(
        "Keys in the store",
        "Keys of the external store below the configured prefixes.",
        [Ask(f"max by (store) ({q.of(c.STORE_KEYS)})", "{{store}}")],
        Style(mappings=[f.absent()]),
    )
    requests = Show(
        "Requests of KV clients by store",
        "Requests per second of all KV clients to each kind of store. They show whether a client still uses "
        "the external store.",
        [Ask(f"sum by (store) ({q.of_component(q.rate(c.CLIENT_STORE_REQUESTS_TOTAL))})", "{{store}}")],
        Style("reqps"),
    )
    return band(8, (house.series(written), 8), (house.series(keys), 8), (house.series(requests), 8))


def _gates(house: House) -> Band:
    q = house.queries
    gates = Show(
        "Gate of each step",
        "Open: every check of the step has passed for the soak time.",
        [
            Ask(f"min by (migration) ({q.of(c.GATE_OPEN, equal('step', step))})", f"{{{{migration}}}}/{step}")
            for step in NAMES  # in the order in which they are taken
        ],
        Style(
            "none", f.steps((0, f.WARN), (1, f.GOOD)), f.mapped({1: ("open", f.GOOD), 0: ("closed", f.WARN)})
        ),
    )
    alerts = Show(
        "Active alerts",
        "Alerts of the migration that fire now, by installation. Empty also where the rules are not loaded.",
        [Ask(f"max by {q.by('alertname', 'severity')} ({frame.firing(house)})")],
        Style(
            "none",
            f.steps((0, f.BAD)),
            f.mapped({1: ("firing", f.BAD)}),
            [f.coloured("state")],
            empty="No alert fires",
        ),
    )
    headings = {**_places(house), "severity": "severity", "alertname": "alert", "Value": "state"}
    columns = Columns(headings, next(iter(headings)))
    return band(9, (house.timeline(gates), 12), (house.table(alerts, columns), 12))
