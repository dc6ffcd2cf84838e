"""Gossip and labels: one gossip cluster, no unknown members, labels enforced."""

from __future__ import annotations

from dashboards import fields as f
from dashboards import frame, limits
from dashboards.fault_queries import NOT_OWN, OWN, rejecting
from dashboards.layout import Band, Row, band
from dashboards.panel_specifications import Ask, Columns, Show, Style
from dashboards.panels import House
from dashboards.queries import RATE
from exporter.expose import catalogue as c

ABOUT = (
    "One gossip cluster, no unknown and no missing members, labels the same everywhere and enforced. The "
    "row of the components' own metrics needs their /metrics in the same Prometheus."
)


NO_REJECTION = "No log has shown a rejection"


def build(house: House) -> f.Json:
    """Gossip and labels."""
    rows = (
        Row("Is there one gossip, and only ours?", (_tiles(house), _members(house))),
        Row("Labels", (_rejections(house), _label_tables(house))),
        Row("Health of each process's gossip", (_health(house),)),
        Row("The components' own metrics", (_queues(house), _losses(house))),
    )
    return frame.board(house, frame.GOSSIP, ABOUT, rows, "component")


def _first_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    return (
        Show(
            "Gossip clusters",
            "How many separate gossip clusters the processes form: 1 is correct.",
            [Ask(q.if_gossip(f"max({q.of(c.GOSSIP_CLUSTERS)})"))],
            Style(steps=f.steps((0, f.WARN), (1, f.GOOD), (2, f.BAD)), mappings=f.measured(f.NO_GOSSIP)),
            [house.runbook("KVMigrationGossipSplit")],
        ),
        Show(
            "Unknown members",
            "Gossip members that are no target and match no expected_members.",
            [Ask(q.if_gossip(f"sum({q.once(c.GOSSIP_UNKNOWN_MEMBERS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.NO_GOSSIP)),
            [house.runbook("KVMigrationGossipUnknownMembers")],
        ),
        Show(
            "Absent processes",
            "Processes with memberlist that no other process lists.",
            [Ask(q.if_gossip(f"sum({q.once(c.GOSSIP_ABSENT_MEMBERS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.NO_GOSSIP)),
            [house.runbook("KVMigrationGossipAbsentMembers")],
        ),
    )  # fmt: skip


def _second_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    labels = f"count by {q.by()} ({q.once(c.GOSSIP_LABEL_TARGETS)} > 0)"
    return (
        Show(
            "Foreign keys",
            "Keys in the gossip that the detected product does not use: another cluster shares this gossip.",
            [Ask(q.if_gossip(f"sum({q.once(c.GOSSIP_UNKNOWN_KEYS)})"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked=f.NO_GOSSIP)),
            [house.runbook("KVMigrationGossipUnknownKeys")],
        ),
        Show(
            "Labels in use",
            "Different gossip labels configured, no label counted as one. 1 is correct; with verification "
            "on, 2 lead to a split.",
            [Ask(f"max({labels})")],
            Style(steps=f.steps((0, f.GOOD), (2, f.BAD)), mappings=[f.absent()]),
            [house.runbook("KVMigrationLabelsDisagree")],
        ),
        Show(
            "Verification off",
            "Processes that accept any label. Correct only in the middle of a label rollout.",
            [Ask(q.how_many(f"{q.once(c.GOSSIP_LABEL_VERIFIED)} == bool 0"))],
            Style(steps=f.above(1, worst=f.WARN), mappings=f.nothing_found()),
            [house.runbook("KVMigrationLabelVerificationOff")],
        ),
    )  # fmt: skip


def _third_tiles(house: House) -> tuple[Show, ...]:
    q = house.queries
    refused = q.how_many(f"{q.once(c.LABEL_PROBE_ACCEPTED, OWN)} == bool 0")
    accepted = q.how_many(f"{q.once(c.LABEL_PROBE_ACCEPTED, NOT_OWN)} == bool 1")
    return (
        Show(
            "Rejecting now",
            "Processes with rejected packets or streams in their logs now. No metric of the components "
            "counts these. Blue: no log has shown one, or the configuration names no logs under rejections.",
            [Ask(q.if_any(q.how_many(f"{rejecting(q)} > bool 0")))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked="none in logs")),
            [house.runbook("KVMigrationForeignLabelRejected")],
        ),
        Show(
            "Probes with a wrong answer",
            "Members that refuse a ping with their own label, or accept one without or with a foreign label.",
            [Ask(q.if_any(f"{refused} + ({accepted} or vector(0))"))],
            Style(steps=f.above(1), mappings=f.nothing_found(unasked="no probe")),
            [house.runbook("KVMigrationForeignLabelAccepted")],
        ),
    )  # fmt: skip


def _tiles(house: House) -> Band:
    shows = (*_first_tiles(house), *_second_tiles(house), *_third_tiles(house))
    return band(4, *((house.stat(show), 3) for show in shows))


def _members(house: House) -> Band:
    q = house.queries
    members = q.of_component(q.once(c.GOSSIP_MEMBERS))
    alive = q.of_component(q.once(c.GOSSIP_MEMBERS, 'state="alive"'))
    each = Show(
        "Fewest running members in a process's list",
        "Lines that part are processes with different member lists.",
        [Ask(q.worst(f"max by (target) ({alive})", lowest=True), "{{target}}")],
        Style(empty=f.NO_MEMBERLIST),
        [house.runbook("KVMigrationGossipSplit")],
    )
    states = Show(
        "Members listed by state",
        "Greatest number that any process lists in this state. Members that are dead or left (memberlist's "
        "words) are dropped from the lists soon. So a member that vanished has usually stopped.",
        [Ask(f"max by (state) ({members})", "{{state}}")],
        Style(overrides=[f.shade("alive", "green"), f.shade("suspect", "orange"), f.shade("dead", "red"),
                        f.shade("left", "#8e8e8e")], empty=f.NO_MEMBERLIST),
    )  # fmt: skip
    clusters = Show(
        "Clusters, unknown, absent",
        "Separate gossip clusters, unknown members, processes in no member list.",
        [
            Ask(f"max({q.of(c.GOSSIP_CLUSTERS)})", "clusters"),
            Ask(f"sum({q.once(c.GOSSIP_UNKNOWN_MEMBERS)})", "unknown"),
            Ask(f"sum({q.once(c.GOSSIP_ABSENT_MEMBERS)})", "absent"),
            Ask(f"sum({q.once(c.GOSSIP_UNKNOWN_KEYS)})", "foreign keys"),
        ],
        Style(overrides=[f.shade("clusters", "blue"), f.shade("unknown", "red"), f.shade("absent", "orange"),
                        f.shade("foreign keys", "purple")], empty=f.NO_MEMBERLIST),
    )  # fmt: skip
    return band(9, (house.series(each), 8), (house.series(clusters), 8), (house.series(states), 8))


def _rejections(house: House) -> Band:
    q = house.queries
    by_label = Show(
        "Rejections by foreign label",
        "Packets and streams per second that processes rejected for this label, from their logs.",
        [Ask(f"sum by (label) ({q.rate(c.FOREIGN_LABEL_REJECTIONS_TOTAL)})",
             'label "{{label}}"')],
        Style("cps", f.above(1), empty=NO_REJECTION),
        [house.runbook("KVMigrationForeignLabelRejected")],
    )  # fmt: skip
    by_process = Show(
        "Rejections by process",
        "Packets and streams per second that each process rejected, by the name of its log; a log is of "
        "every component.",
        [Ask(q.worst(f"sum by (target) ({q.rate(c.FOREIGN_LABEL_REJECTIONS_TOTAL)})"), "{{target}}")],
        Style("cps", f.above(1), empty=NO_REJECTION),
    )
    return band(8, (house.series(by_label), 12), (house.series(by_process), 12))


def _label_tables(house: House) -> Band:
    q = house.queries
    configured = Show(
        "Processes per label",
        "How many processes are configured with each gossip label; an empty name is no label.",
        [Ask(f"sum by (label) ({q.once(c.GOSSIP_LABEL_TARGETS)})", 'label "{{label}}"')],
        Style(low=0),
        [house.runbook("KVMigrationLabelsDisagree")],
    )
    verifies = q.of_component(q.once(c.GOSSIP_LABEL_VERIFIED))
    verified = Show(
        "Label verification",
        "How many processes verify labels, and how many do not.",
        [Ask(q.how_many(f"{verifies} == bool 1"), "on"), Ask(q.how_many(f"{verifies} == bool 0"), "off")],
        Style(overrides=[f.shade("on", f.GOOD), f.shade("off", f.WARN)]),
    )
    own, other = (q.of_component(q.once(c.LABEL_PROBE_ACCEPTED, kind)) for kind in (OWN, NOT_OWN))
    probes = Show(
        "Label probes",
        "Answers to pings. A correct member accepts its own label, and refuses a foreign label or no label.",
        [Ask(f"min by (target, kind) ({own} or 1 - {other})")],
        Style(
            "none",
            f.steps((0, f.BAD), (1, f.GOOD)),
            f.mapped({1: ("right", f.GOOD), 0: ("wrong", f.BAD)}, "no answer"),
            [f.coloured("answer")],
            empty="No process gets a ping for its label",
        ),
        [house.runbook("KVMigrationForeignLabelAccepted")],
    )
    columns = Columns({"target": "process", "kind": "label sent", "Value": "answer"}, "answer")
    stacked = house.series(verified, stack=True)
    return band(8, (house.bars(configured), 6), (stacked, 9), (house.table(probes, columns), 9))


def _health(house: House) -> Band:
    q = house.queries
    heartbeat_age = q.of_component(q.once(c.GOSSIP_HEARTBEAT_AGE_SECONDS))
    age = Show(
        "Newest heartbeat of another process, the oldest",
        "Age of the newest heartbeat that a process has received from another one. For an isolated process "
        "it rises. The line is the heartbeat timeout.",
        [Ask(q.worst(f"max by (target) ({heartbeat_age})"), "{{target}}")],
        Style("s", f.above(limits.ISOLATED_AGE), empty=f.NO_MEMBERLIST),
        [house.runbook("KVMigrationGossipProcessIsolated")],
    )
    score = Show(
        "Health score, the worst",
        "A process's own memberlist health score: 0 is healthy, 8 the worst.",
        [Ask(q.worst(f"max by (target) ({q.of_component(q.once(c.GOSSIP_HEALTH_SCORE))})"), "{{target}}")],
        Style(steps=f.above(limits.HEALTH_SCORE + 1), empty=f.NO_MEMBERLIST),
        [house.runbook("KVMigrationGossipUnhealthy")],
    )
    return band(8, (house.series(age, line=True), 12), (house.series(score, line=True), 12))


def _per_second(house: House, name: str) -> str:
    return f"sum by (instance) (rate({house.queries.component(name)}{RATE}))"


def _queues(house: House) -> Band:
    q = house.queries
    queue = Show(
        "Messages waiting to be broadcast",
        "Messages in the broadcast queues. A queue that grows means that the state is too large or changes "
        "too often for gossip to keep up.",
        [Ask(f'sum by (instance) ({q.component("memberlist_client_messages_in_broadcast_queue")})',
             "{{instance}}")],
        Style(empty=f.NOT_SCRAPED),
    )  # fmt: skip
    received = Show(
        "Broadcasts received",
        "Broadcast messages received per second.",
        [Ask(_per_second(house, "memberlist_client_received_broadcasts_total"), "{{instance}}")],
        Style("cps", empty=f.NOT_SCRAPED),
    )
    failed = Show(
        "Compare-and-swap failures",
        "Failed writes into the gossip's KV per second: a tombstone in the way, or two that write at once.",
        [Ask(_per_second(house, "memberlist_client_cas_failure_total"), "{{instance}}")],
        Style("cps", f.above(1), empty=f.NOT_SCRAPED),
    )
    return band(8, (house.series(queue), 8), (house.series(received), 8), (house.series(failed), 8))


def _losses(house: House) -> Band:
    named = {
        "dropped to broadcast": "memberlist_client_messages_to_broadcast_dropped_total",
        "dropped on receipt": "memberlist_client_received_broadcasts_dropped_total",
        "invalid": "memberlist_client_received_broadcasts_invalid_total",
    }
    dropped = Show(
        "Broadcasts lost",
        "Broadcasts dropped because a queue was full, and those that could not be decoded (another product "
        "gossips here), per second.",
        [Ask(f"sum(rate({house.queries.component(name)}{RATE}))", text) for text, name in named.items()],
        Style("cps", f.above(1), empty=f.NOT_SCRAPED),
    )
    named = {
        "packets not sent": "memberlist_tcp_transport_packets_sent_errors_total",
        "packets not received": "memberlist_tcp_transport_packets_received_errors_total",
        "unknown connections": "memberlist_tcp_transport_unknown_connections_total",
    }
    transport = Show(
        "Transport errors",
        "Gossip packets that failed, and connections of an unknown kind to the gossip port: often a "
        "Prometheus that scrapes it, per second.",
        [Ask(f"sum(rate({house.queries.component(name)}{RATE}))", text) for text, name in named.items()],
        Style("cps", f.above(1), empty=f.NOT_SCRAPED),
    )
    return band(8, (house.series(dropped), 12), (house.series(transport), 12))
