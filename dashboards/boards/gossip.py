"""Gossip and labels: one gossip cluster, no unknown members, labels enforced."""

from __future__ import annotations

from alerts import thresholds as t
from dashboards import fields as f
from dashboards.fault_queries import NOT_OWN, OWN, rejecting
from dashboards.panel_specifications import Ask, Band, Bars, Board, Lines, Row, Style, Table, Tile, Uid, band
from dashboards.queries import RATE, Queries
from exporter.expose import catalogue as c

ABOUT = (
    "One gossip cluster, no unknown and no missing members, labels the same everywhere and enforced. The "
    "row of the components' own metrics needs their /metrics in the same Prometheus."
)
NO_REJECTION = "No log has shown a rejection"


def build(q: Queries) -> Board:
    """Gossip and labels."""
    tiles = band(4, *_first_tiles(q), *_second_tiles(q), *_third_tiles(q))
    rows = (
        Row("Is there one gossip, and only ours?", (tiles, _members(q))),
        Row("Labels", (_rejections(q), _label_tables(q))),
        Row("Health of each process's gossip", (_health(q),)),
        Row("The components' own metrics", (_queues(q), _losses(q))),
    )
    return Board(Uid.GOSSIP, ABOUT, rows, ("component",))


def _first_tiles(q: Queries) -> tuple[Tile, ...]:
    return (
        Tile(
            "Gossip clusters",
            "How many separate gossip clusters the processes form: 1 is correct.",
            [Ask(q.if_gossip(f"max({q.of(c.GOSSIP_CLUSTERS)})"))],
            Style(steps=f.steps((0, f.WARN), (1, f.GOOD), (2, f.BAD)), mappings=f.measured(f.NO_GOSSIP)),
            ["KVMigrationGossipSplit"],
        ),
        Tile(
            "Unknown members",
            "Gossip members that are no target and match no expected_members.",
            [Ask(q.if_gossip(f"sum({q.once(c.GOSSIP_UNKNOWN_MEMBERS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.NO_GOSSIP)),
            ["KVMigrationGossipUnknownMembers"],
        ),
        Tile(
            "Absent processes",
            "Processes with memberlist that no other process lists.",
            [Ask(q.if_gossip(f"sum({q.once(c.GOSSIP_ABSENT_MEMBERS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.NO_GOSSIP)),
            ["KVMigrationGossipAbsentMembers"],
        ),
    )  # fmt: skip


def _second_tiles(q: Queries) -> tuple[Tile, ...]:
    labels = f"count by {q.by()} ({q.once(c.GOSSIP_LABEL_TARGETS)} > 0)"
    return (
        Tile(
            "Foreign keys",
            "Keys in the gossip that the detected product does not use: another cluster shares this gossip.",
            [Ask(q.if_gossip(f"sum({q.once(c.GOSSIP_UNKNOWN_KEYS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.NO_GOSSIP)),
            ["KVMigrationGossipUnknownKeys"],
        ),
        Tile(
            "Labels in use",
            "Different gossip labels configured, no label counted as one. 1 is correct; with verification "
            "on, 2 lead to a split.",
            [Ask(f"max({labels})")],
            Style(steps=f.steps((0, f.GOOD), (2, f.BAD)), mappings=[f.absent()]),
            ["KVMigrationLabelsDisagree"],
        ),
        Tile(
            "Verification off",
            "Processes that accept any label. Correct only in the middle of a label rollout.",
            [Ask(q.how_many(f"{q.once(c.GOSSIP_LABEL_VERIFIED)} == bool 0"))],
            Style(steps=f.above(1, worst=f.WARN), mappings=f.nothing_found()),
            ["KVMigrationLabelVerificationOff"],
        ),
    )  # fmt: skip


def _third_tiles(q: Queries) -> tuple[Tile, ...]:
    refused = q.how_many(f"{q.once(c.LABEL_PROBE_ACCEPTED, OWN)} == bool 0")
    accepted = q.how_many(f"{q.once(c.LABEL_PROBE_ACCEPTED, NOT_OWN)} == bool 1")
    return (
        Tile(
            "Rejecting now",
            "Processes with rejected packets or streams in their logs now. No metric of the components "
            "counts these. Blue: no log has shown one, or the configuration names no logs under rejections.",
            [Ask(q.if_any(q.how_many(f"{rejecting(q)} > bool 0")))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked="none in logs")),
            ["KVMigrationForeignLabelRejected"],
        ),
        Tile(
            "Probes with a wrong answer",
            "Members that refuse a ping with their own label, or accept one without or with a foreign label.",
            [Ask(q.if_any(f"{refused} + ({accepted} or vector(0))"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked="no probe")),
            ["KVMigrationForeignLabelAccepted"],
        ),
    )  # fmt: skip


def _members(q: Queries) -> Band:
    members = q.of_component(q.once(c.GOSSIP_MEMBERS))
    alive = q.of_component(q.once(c.GOSSIP_MEMBERS, 'state="alive"'))
    each = Lines(
        "Fewest running members in a process's list",
        "Lines that part are processes with different member lists.",
        [Ask(q.worst(f"max by (target) ({alive})", lowest=True), "{{target}}")],
        Style(empty=f.NO_MEMBERLIST),
        ["KVMigrationGossipSplit"],
    )
    states = Lines(
        "Members listed by state",
        "Greatest number that any process lists in this state. Members that are dead or left (memberlist's "
        "words) are dropped from the lists soon. So a member that vanished has usually stopped.",
        [Ask(f"max by (state) ({members})", "{{state}}")],
        Style(colours=f.GOSSIP_COLOURS, empty=f.NO_MEMBERLIST),
    )
    clusters = Lines(
        "Clusters, unknown, absent",
        "Separate gossip clusters, unknown members, processes in no member list.",
        [
            Ask(f"max({q.of(c.GOSSIP_CLUSTERS)})", "clusters"),
            Ask(f"sum({q.once(c.GOSSIP_UNKNOWN_MEMBERS)})", "unknown"),
            Ask(f"sum({q.once(c.GOSSIP_ABSENT_MEMBERS)})", "absent"),
            Ask(f"sum({q.once(c.GOSSIP_UNKNOWN_KEYS)})", "foreign keys"),
        ],
        Style(
            colours={"clusters": "blue", "unknown": "red", "absent": "orange", "foreign keys": "purple"},
            empty=f.NO_MEMBERLIST,
        ),
    )
    return band(9, each, clusters, states)


def _rejections(q: Queries) -> Band:
    by_label = Lines(
        "Rejections by foreign label",
        "Packets and streams per second that processes rejected for this label, from their logs.",
        [Ask(f"sum by (label) ({q.rate(c.FOREIGN_LABEL_REJECTIONS_TOTAL)})",
             'label "{{label}}"')],
        Style("cps", f.above(1), empty=NO_REJECTION),
        ["KVMigrationForeignLabelRejected"],
    )  # fmt: skip
    by_process = Lines(
        "Rejections by process",
        "Packets and streams per second that each process rejected, by the name of its log; a log is of "
        "every component.",
        [Ask(q.worst(f"sum by (target) ({q.rate(c.FOREIGN_LABEL_REJECTIONS_TOTAL)})"), "{{target}}")],
        Style("cps", f.above(1), empty=NO_REJECTION),
    )
    return band(8, by_label, by_process)


def _label_tables(q: Queries) -> Band:
    configured = Bars(
        "Processes per label",
        "How many processes are configured with each gossip label; an empty name is no label.",
        [Ask(f"sum by (label) ({q.once(c.GOSSIP_LABEL_TARGETS)})", 'label "{{label}}"')],
        Style(low=0),
        ["KVMigrationLabelsDisagree"],
    )
    verifies = q.of_component(q.once(c.GOSSIP_LABEL_VERIFIED))
    verified = Lines(
        "Label verification",
        "How many processes verify labels, and how many do not.",
        [Ask(q.how_many(f"{verifies} == bool 1"), "on"), Ask(q.how_many(f"{verifies} == bool 0"), "off")],
        Style(colours={"on": f.GOOD, "off": f.WARN}),
        stacked=True,
    )
    own, other = (q.of_component(q.once(c.LABEL_PROBE_ACCEPTED, kind)) for kind in (OWN, NOT_OWN))
    probes = Table(
        "Label probes",
        "Answers to pings. A correct member accepts its own label, and refuses a foreign label or no label.",
        [Ask(f"min by (target, kind) ({own} or 1 - {other})")],
        Style(
            "none",
            f.good_at_one(),
            f.mapped({1: ("right", f.GOOD), 0: ("wrong", f.BAD)}, "no answer"),
            [f.coloured("answer")],
            empty="No process gets a ping for its label",
        ),
        ["KVMigrationForeignLabelAccepted"],
        columns={"target": "process", "kind": "label sent", "Value": "answer"},
        sort="answer",
    )
    return band(8, configured, verified, probes, widths=(6, 9, 9))


def _health(q: Queries) -> Band:
    heartbeat_age = q.of_component(q.once(c.GOSSIP_HEARTBEAT_AGE_SECONDS))
    age = Lines(
        "Newest heartbeat of another process, the oldest",
        "Age of the newest heartbeat that a process has received from another one. For an isolated process "
        "it rises. The line is the heartbeat timeout.",
        [Ask(q.worst(f"max by (target) ({heartbeat_age})"), "{{target}}")],
        Style("s", f.above(t.ISOLATED_AGE.value), empty=f.NO_MEMBERLIST),
        ["KVMigrationGossipProcessIsolated"],
        marked=True,
    )
    score = Lines(
        "Health score, the worst",
        "A process's own memberlist health score: 0 is healthy, 8 the worst.",
        [Ask(q.worst(f"max by (target) ({q.of_component(q.once(c.GOSSIP_HEALTH_SCORE))})"), "{{target}}")],
        Style(steps=f.above(t.HEALTH_SCORE.value + 1), empty=f.NO_MEMBERLIST),
        ["KVMigrationGossipUnhealthy"],
        marked=True,
    )
    return band(8, age, score)


def _per_second(q: Queries, name: str) -> str:
    return f"sum by (instance) (rate({q.component(name)}{RATE}))"


def _queues(q: Queries) -> Band:
    queue = Lines(
        "Messages waiting to be broadcast",
        "Messages in the broadcast queues. A queue that grows means that the state is too large or changes "
        "too often for gossip to keep up.",
        [Ask(f'sum by (instance) ({q.component("memberlist_client_messages_in_broadcast_queue")})',
             "{{instance}}")],
        Style(empty=f.NOT_SCRAPED),
    )  # fmt: skip
    received = Lines(
        "Broadcasts received",
        "Broadcast messages received per second.",
        [Ask(_per_second(q, "memberlist_client_received_broadcasts_total"), "{{instance}}")],
        Style("cps", empty=f.NOT_SCRAPED),
    )
    failed = Lines(
        "Compare-and-swap failures",
        "Failed writes into the gossip's KV per second: a tombstone in the way, or two that write at once.",
        [Ask(_per_second(q, "memberlist_client_cas_failure_total"), "{{instance}}")],
        Style("cps", f.above(1), empty=f.NOT_SCRAPED),
    )
    return band(8, queue, received, failed)


def _losses(q: Queries) -> Band:
    named = {
        "dropped to broadcast": "memberlist_client_messages_to_broadcast_dropped_total",
        "dropped on receipt": "memberlist_client_received_broadcasts_dropped_total",
        "invalid": "memberlist_client_received_broadcasts_invalid_total",
    }
    dropped = Lines(
        "Broadcasts lost",
        "Broadcasts dropped because a queue was full, and those that could not be decoded (another product "
        "gossips here), per second.",
        [Ask(f"sum(rate({q.component(name)}{RATE}))", text) for text, name in named.items()],
        Style("cps", f.above(1), empty=f.NOT_SCRAPED),
    )
    named = {
        "packets not sent": "memberlist_tcp_transport_packets_sent_errors_total",
        "packets not received": "memberlist_tcp_transport_packets_received_errors_total",
        "unknown connections": "memberlist_tcp_transport_unknown_connections_total",
    }
    transport = Lines(
        "Transport errors",
        "Gossip packets that failed, and connections of an unknown kind to the gossip port: often a "
        "Prometheus that scrapes it, per second.",
        [Ask(f"sum(rate({q.component(name)}{RATE}))", text) for text, name in named.items()],
        Style("cps", f.above(1), empty=f.NOT_SCRAPED),
    )
    return band(8, dropped, transport)
