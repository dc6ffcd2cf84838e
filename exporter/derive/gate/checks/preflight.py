"""Checks before anything is touched, and after everything is done."""

from __future__ import annotations

import re

from exporter.derive.gate.cause_advice import ADVICE
from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, check, no_ring
from exporter.derive.gate.coverage import uses_memberlist
from exporter.derive.kv_clients import runs_tracker
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.facts import ClientFacts, TargetFacts
from exporter.model.migration import HA_TRACKER
from exporter.model.pages import Outcome, Product
from exporter.products.component_names import is_tracker
from exporter.products.ring_pages import HA_KEY

DOC = "docs/ring.md"
MIMIR_HA = (2, 17)
CORTEX_HA = (1, 21)
UNKNOWN_CONNECTIONS = "unknown_connections_total"


@check(
    "version-supports",
    "The product and version can do it.",
    "Upgrade first: the HA tracker needs Mimir 2.17 or a Cortex that has memberlist support for it.",
    "docs/ha-tracker.md#versions",
    "Let the exporter read /metrics of the process: product and version are in its build_info. A build "
    "without a version number stays unknown until its HA tracker runs with multi or memberlist.",
)
def version_supports(evidence: Evidence) -> Answer:
    """The product is identified, and new enough where an HA tracker is to move. A tracker that runs with
    memberlist proves that its build can.
    """
    wrong, unknown = [], []
    for target in evidence.up:
        product = target.product if target.product is not Product.UNKNOWN else evidence.rules.product
        if product is Product.UNKNOWN:
            unknown.append(Culprit(Kind.UNREAD, target.name, what="product"))
            continue
        if evidence.migration != HA_TRACKER:
            continue  # every release that has memberlist can move its rings
        needed = {Product.MIMIR: MIMIR_HA, Product.CORTEX: CORTEX_HA}.get(product)
        if needed is None or not _tracks(target) or _moves_already(target):
            continue
        version = _version(target.version)
        if version is None:
            unknown.append(Culprit(Kind.VERSION_UNKNOWN, target.name, what=target.version or "no version"))
        elif version < needed:
            wrong.append(Culprit(Kind.VERSION_OLD, target.name, what=f"{product.value} {target.version}"))
    versions = tuple(sorted({f"{t.product.value} {t.version}" for t in evidence.up}))
    nothing = None if evidence.up else Culprit(Kind.NO_ANSWER)
    return Answer(wrong, unknown, Looked(LookedKind.VERSIONS, names=versions), nothing)


def _trackers(target: TargetFacts) -> list[ClientFacts]:
    return [client for client in target.clients if client.key == HA_KEY or is_tracker(client.name)]


def _moves_already(target: TargetFacts) -> bool:
    """Whether the process's HA tracker has memberlist, directly or below multi."""
    return uses_memberlist(_trackers(target))


def _tracks(target: TargetFacts) -> bool:
    """Whether an HA tracker runs there. A configuration that all processes share switches it on for each of
    them; only the distributor runs it.
    """
    return bool(_trackers(target)) or (target.config is not None and runs_tracker(target.config))


def _version(text: str) -> tuple[int, int] | None:
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})", text)
    return (int(found[1]), int(found[2])) if found else None


@check(
    "gossip-port-quiet",
    "Only members send to the gossip port.",
    "Remove the gossip port from the scrape targets: a client, mostly Prometheus, sends HTTP to it.",
    f"{DOC}#the-gossip-port-is-scraped",
    "Run the check again: it compares two cycles. Let the exporter read /metrics of every process.",
)
def gossip_port_quiet(evidence: Evidence) -> Answer:
    """The count of connections that were no gossip stands still."""
    wrong, unknown = [], without_member_list(evidence)
    for target in evidence.up:
        if target.gossip is None:
            continue  # nothing listens there yet, or it is among the unknown
        rates = {n: r for n, r in target.counter_rates.items() if n.endswith(UNKNOWN_CONNECTIONS)}
        if not rates and (_counts_connections(target) or not target.ended("/metrics", Outcome.OK)):
            unknown.append(Culprit(Kind.LOOKED_ONCE, target.name))
        wrong += [
            Culprit(Kind.GOSSIP_PORT_SCRAPED, target.name, value=rate * 60)
            for rate in rates.values()
            if rate > 0
        ]
    return Answer(wrong, unknown, Looked(LookedKind.NO_SCRAPES))


def _counts_connections(target: TargetFacts) -> bool:
    """Whether a process has the counter: older releases lack it."""
    return any(name.endswith(UNKNOWN_CONNECTIONS) for name in target.counters)


@check(
    "gossip-port-reachable",
    "Every gossip port is reached by the other processes.",
    "Check network policies and the port of the headless service.",
    f"{DOC}#join-members",
    "Let the exporter read /memberlist of every process: it lists the process's gossip members.",
)
def gossip_port_reachable(evidence: Evidence) -> Answer:
    """Each listening process is reachable: further processes have it in their list. Before memberlist runs
    nothing listens; the next step has the same check.
    """
    gossip = evidence.gossip
    if gossip is None:
        return Answer(unknown=without_member_list(evidence), good=Looked(LookedKind.NO_MEMBERLIST_RUNS_YET))
    return Answer(
        wrong=[Culprit(Kind.GOSSIP_ABSENT, name) for name in gossip.absent],
        unknown=[
            *(Culprit(Kind.PROCESS_NOT_RESPONDING, name) for name in gossip.unread),
            *(Culprit(Kind.GOSSIP_MEMBER_UNKNOWN, name) for name in gossip.unidentified),
        ],
        good=Looked(LookedKind.ALL_LISTED),
    )


def without_member_list(evidence: Evidence) -> list[Culprit]:
    """The processes with an unreadable member list: memberlist may run or not."""
    return [
        Culprit(Kind.UNREAD, target.name, what="member list")
        for target in evidence.up
        if target.gossip is None and not target.ended("/memberlist", Outcome.ABSENT)
    ]


@check(
    "no-ghosts",
    "Every member of a ring belongs to a process or a gossip member.",
    ADVICE["orphaned-member"].text,
    f"{DOC}#orphaned-members",
    "Add the processes that write the named keys to the targets, and make every ring and every /memberlist "
    "readable: they show which process a member belongs to.",
)
def no_orphaned_members(evidence: Evidence) -> Answer:
    """Every member of every ring belongs to a process, and no unknown client writes one."""
    unread = (key.key for key in evidence.keys if key.orphaned is None and key.kind == "ring")
    return Answer(
        wrong=[
            Culprit(Kind.MEMBER_ORPHANED, key=key.key, member=name)
            for key in evidence.keys
            for name in key.orphaned or ()
        ],
        unknown=[
            *(Culprit(Kind.KEY_UNKNOWN, key=key) for key in unread),
            *(
                Culprit(Kind.KEY_UNATTENDED, key=key, what=store)
                for key, store in evidence.unattended.items()
            ),
        ],
        good=Looked(LookedKind.NONE),
        nothing=no_ring(evidence.keys),
    )


@check(
    "ha-baseline",
    "The HA tracker's election rate before the migration was read.",
    "Make the metrics of the distributors readable.",
    "docs/ha-tracker.md#election-rate",
    "Make the metrics of the distributors readable.",
)
def ha_baseline(evidence: Evidence) -> Answer:
    """Note the election rate, where an HA tracker runs. Its counter has no series until a replica has been
    elected: metrics without one mean that none was.
    """
    tracking = [target for target in evidence.up if _tracks(target)]
    if not tracking:
        return Answer(good=Looked(LookedKind.NO_TRACKER))
    unread = (target.name for target in tracking if not target.ended("/metrics", Outcome.OK))
    return Answer(
        unknown=[Culprit(Kind.UNREAD, name, what="metrics") for name in unread],
        good=Looked(LookedKind.ELECTIONS, sum(target.ha_elections or 0.0 for target in tracking)),
    )
