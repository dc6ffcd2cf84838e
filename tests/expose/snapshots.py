"""Hand-written snapshots: the shapes that the exposition, the API and the page have to cope with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.entry import PartitionState, State
from exporter.model.facts import (
    ClientFacts,
    Event,
    Fleet,
    GossipFacts,
    GossipTarget,
    KeyFacts,
    MemberFacts,
    PageFacts,
    ProbeResult,
    Rejection,
    SecondaryFacts,
    Snapshot,
    TargetFacts,
)
from exporter.model.findings import Finding, FindingKind
from exporter.model.gate import Check, Step, Verdict
from exporter.model.migration import Migration, Rollout
from exporter.model.pages import (
    GossipMember,
    GossipState,
    Outcome,
    Phase,
    ProcessConfig,
    Product,
    Reason,
    Start,
)
from exporter.model.rings import PartitionFacts, UnknownMember, WriterFacts
from exporter.model.stores import StoreFacts
from exporter.model.views import IN_STORE, NOT_READ, Comparison, Difference, ViewFacts

NOW = 1_780_000_000.0
ROLLOUT = Rollout(Phase.MIRRORING, 1, 3, ("mimir-write-1", "mimir-write-2"), NOW - 20)
RING, COMPACTOR, HA, PARTITIONS = (
    "collectors/ring",
    "collectors/compactor",
    "ha-tracker/",
    "collectors/ingester-partitions",
)


def client(target: str, name: str, key: str, phase: Phase, *, writes: bool = True) -> ClientFacts:
    """A multi KV client of Consul and memberlist."""
    return ClientFacts(
        target=target,
        name=name,
        key=key,
        phase=phase,
        writes=writes,
        primary="consul",
        stores=("consul", "memberlist"),
        mirror=phase is Phase.MIRRORING,
        mirror_writes=120.0 if writes else 0.0,
        mirror_errors=3.0 if writes else 0.0,
        store_rates={"consul": 0.2, "memberlist": 0.2},
        store_requests={"consul": 2400.0, "memberlist": 120.0},
    )


def gossip_target(*names: str) -> GossipTarget:
    return GossipTarget(
        members=tuple(GossipMember(name, f"10.0.0.{i}", 7946) for i, name in enumerate(names, 1)),
        states={state.value: len(names) if state is GossipState.ALIVE else 0 for state in GossipState},
        health_score=0.0,
        heartbeat_age=4.5,
        label="prod-eu.mimir",
        verified=True,
        port=7946,
        join_members=("gossip-ring:7946",),
        rejoin_interval=60.0,
        own_member=names[0],
        keys=(RING, COMPACTOR),
    )


def target(name: str, *, component: str = "ingester") -> TargetFacts:
    """A process that mirrors its ingester ring; its compactor client was not reached by the switch."""
    return TargetFacts(
        name=name,
        url=f"http://{name}:8080",
        component=component,
        up=True,
        product=Product.MIMIR,
        version="2.17.0",
        group="read-write",
        phase=Phase.MULTI,
        skew=-0.25,
        started=NOW - 86_400,
        starts=(Start(NOW - 86_400, NOW - 86_400),),
        pages=(
            PageFacts("/metrics", Outcome.OK),
            PageFacts("/memberlist", Outcome.OK),
            PageFacts("/config", Outcome.FAILED, Reason.TIMEOUT, "no answer within 5s"),
            PageFacts("/compactor/ring", Outcome.ABSENT),
        ),
        clients=(
            client(name, "ingester-lifecycler", RING, Phase.MIRRORING),
            client(name, "ingester-ring", RING, Phase.MIRRORING, writes=False),
            client(name, "compactor-lifecycler", COMPACTOR, Phase.MULTI),
        ),
        rings=(RING,),
        gossip=gossip_target("mimir-write-0-1a2b3c4d", "mimir-write-1-5e6f7a8b"),
        config=ProcessConfig(
            label="prod-eu.mimir" if name.endswith("0") else "", label_verification_disabled=False
        ),
        seen_at=NOW,
        ha_elections=7.0,
    )


def silent_target(name: str) -> TargetFacts:
    """A process that stopped answering; what it said before must not be seen any more."""
    lost = target(name)
    failed = PageFacts("/metrics", Outcome.FAILED, Reason.REFUSED, "connection refused")
    return replace(lost, up=False, pages=(failed,), phase=Phase.UNKNOWN)


def member(name: str, state: State = State.ACTIVE, *, zone: str = "zone-a") -> MemberFacts:
    return MemberFacts(
        id=name,
        address="10.0.0.1:9095",
        zone=zone,
        state=state,
        heartbeat=NOW - 3,
        age=3.0,
        tokens=512,
        ownership=0.25,
        group="read-write",
        orphaned=False,
        target=name,
        registered=NOW - 86_400,
        since=NOW - 3600,
    )


def behind() -> SecondaryFacts:
    """A secondary that lacks a member, and a view of it that nobody could read."""
    return SecondaryFacts(
        store="memberlist",
        missing_key=False,
        missing_in=(),
        lag=12.0,
        missing_members=("mimir-write-2",),
        extra_members=(),
        mismatched={"state": (), "tokens": ("mimir-write-1",), "address": (), "zone": ()},
        unread=("gossip of mimir-write-1",),
        differences=(
            Difference("mimir-write-2", "gossip of mimir-write-0", "missing", "unhealthy", ""),
            Difference("mimir-write-1", "gossip of mimir-write-0", "tokens", "512", "511"),
        ),
    )


def ring_key() -> KeyFacts:
    return KeyFacts(
        key=RING,
        ring="ingester",
        kind="ring",
        phase=Phase.MIRRORING,
        phase_uniform=True,
        primary="consul",
        source=IN_STORE,
        members=(
            member("mimir-write-0"),
            member("mimir-write-1", zone="zone-b"),
            member("mimir-write-2", State.UNHEALTHY, zone="zone-b"),
        ),
        oldest_age=93.5,
        longest_transition=125.0,
        token_conflicts=0,
        without_tokens=(),
        orphaned=("mimir-write-2",),
        foreign=("loki-write-0",),
        writers=WriterFacts(3, missing=("mimir-write-3",), shared={"10.0.0.1:9095": ("a", "b")}),
        quorum_margin=0,
        returned_total=1,
        lost=3,
        views=(
            ViewFacts("ring", "mimir-write-0", known=True, fingerprint="aa", staleness=0.0, read_at=NOW),
            ViewFacts("gossip", "mimir-write-0", known=True, fingerprint="ab", staleness=12.0,
                      missing=("mimir-write-2",), read_at=NOW,
                      against=Comparison(False, 12.0, ("mimir-write-2",))),
            ViewFacts("gossip", "mimir-write-1", known=False),
        ),
        distinct={"ring": 1, "gossip": 1},
        secondary=behind(),
    )  # fmt: skip


def other_keys() -> tuple[KeyFacts, ...]:
    """A ring nobody could read, a partition ring and the HA tracker, none of which has a known secondary
    but the last, whose every view is unread.
    """
    unread = SecondaryFacts(
        store="memberlist",
        missing_key=False,
        missing_in=(),
        lag=None,
        missing_members=(),
        extra_members=(),
        mismatched={"replica": ()},
        unread=("gossip of mimir-write-0",),
    )
    return (
        KeyFacts(COMPACTOR, "compactor", "ring", Phase.MULTI, False, "consul", source=NOT_READ),
        KeyFacts(PARTITIONS, "ingester-partitions", "partition", Phase.MULTI, True, "consul", source=IN_STORE,
                 corrupted=(3,), partitions=3, owned=(PartitionFacts(3, PartitionState.ACTIVE, ("q",), ()),),
                  partition_states={"active": 2, "inactive": 1}),
        KeyFacts(HA, "ha-tracker", "ha", Phase.UNKNOWN, False, "", source=IN_STORE, entries=2,
                 secondary=unread),
    )  # fmt: skip


def seen(text: str) -> tuple[Looked, ...]:
    """What a check says it looked at."""
    return (Looked(LookedKind.VERBATIM, what=text),)


def named(*texts: str) -> tuple[Culprit, ...]:
    """Culprits that are called so."""
    return tuple(Culprit(Kind.VERBATIM, what=text) for text in texts)


def steps() -> tuple[Step, ...]:
    uniform = Check(
        "every-client-mirrors",
        "Every writing KV client mirrors",
        Verdict.FAILED,
        seen("2 of 4 writing clients are in phase multi"),
        culprits=named("mimir-write-0 compactor-lifecycler", "mimir-write-1 compactor-lifecycler"),
        remedy="Enable mirroring for the compactor in the static configuration",
        doc="docs/ring.md#switch-primary",
    )
    views = Check("views-agree", "All views agree", Verdict.UNKNOWN, seen("1 view could not be read"))
    fine = Check(
        "one-gossip-cluster", "The gossip is one cluster", Verdict.PASSED, seen("1 cluster"), since=NOW - 900
    )
    return (
        Step("preflight", True, Verdict.PASSED, (fine,), "behind", 300.0, NOW - 600, 900.0, "open"),
        Step(
            "switch-primary", False, Verdict.FAILED, (uniform, views, fine), "next", 300.0, headline="closed"
        ),
        Step("decommission-store", False, Verdict.UNKNOWN, (views,), "ahead", 300.0, headline="unknown"),
    )


def migrations(steps: Iterable[Step]) -> tuple[Migration, ...]:
    """The migrations of a fleet whose next step is switch-primary, with these steps."""
    ends: dict[str, list[Step]] = {"rings": [], "store": []}
    for step in steps:
        name = "store" if step.name == "decommission-store" else "rings"
        ends[name].append(replace(step, migration=name))
    rings, store = (tuple(found) for found in ends.values())
    return (
        Migration(
            "rings",
            (RING, COMPACTOR),
            Phase.MULTI,
            False,
            steps=rings,
            next_step="switch-primary",
            rollout=ROLLOUT,
            findings=told("The gossip is split."),
        ),
        Migration("store", phase=Phase.MULTI, steps=store),
    )


def with_steps(snapshot: Snapshot, *found: Step) -> Snapshot:
    """The snapshot with these steps alone."""
    return replace(snapshot, migrations=migrations(found))


def gossip() -> GossipFacts:
    return GossipFacts(
        clusters=(("mimir-write-0", "mimir-write-1"), ("mimir-write-2",)),
        unknown=(
            UnknownMember("loki-write-0-99aa88bb", "10.0.9.9:7946", ("mimir-write-0",)),
            UnknownMember("ghost", "10.0.9.8:9095", ("mimir-write-0",), where=RING),
        ),
        foreign=(UnknownMember("loki-write-0-99aa88bb", "10.0.9.9:7946", ("mimir-write-0",)),),
        absent=(),
        unknown_keys=("collectors/usagestats_token2",),
        labels={"prod-eu.mimir": ("mimir-write-0",), "": ("mimir-write-1",)},
        unverified=(),
        unread=("mimir-write-2",),
        heartbeat_ages=dict.fromkeys(("mimir-write-0", "mimir-write-1", "mimir-write-2"), 4.5),
    )


def told(*texts: str) -> tuple[Finding, ...]:
    """Findings that say this."""
    return tuple(Finding(FindingKind.PLAIN, what=text, text=text) for text in texts)


def rich() -> Snapshot:
    """A fleet in the midst of mirroring, with about everything wrong that can be."""
    return Snapshot(
        at=NOW,
        started=NOW - 1.5,
        cycle=42,
        fleet=Fleet(
            Phase.MULTI, False, "Mirroring reached 4 of 6 writing clients", Product.MIMIR, ("2.17.0",),
            "switch-primary", told("1 stranger in the gossip"), NOW - 7200,
        ),
        targets=(target("mimir-write-0"), target("mimir-write-1"), silent_target("mimir-write-2")),
        keys=(ring_key(), *other_keys()),
        gossip=gossip(),
        stores=(StoreFacts("consul", Outcome.OK, keys=4, moved_at={RING: NOW - 2, HA: NOW - 9},
                           since=NOW - 900),),
        migrations=migrations(steps()),
        events=(
            Event(NOW - 7200, "phase", "The fleet went from external to multi", ""),
            Event(NOW - 30, "target", "mimir-write-2 stopped answering", "mimir-write-2"),
        ),
        rejections=(
            Rejection("mimir-write-0", "other", "file", 3),
            Rejection("mimir-write-0", "other", "file", 2),
        ),
        probes=(
            ProbeResult("mimir-write-0", "own", True, NOW - 20),
            ProbeResult("mimir-write-0", "foreign", False, NOW - 20),
            ProbeResult("mimir-write-1", "own", None, NOW - 20),
        ),
        discovered={"static": 3},
        unsure=("targets[1] (file): no file matches /etc/targets/*.yml",),
        fetches={("/metrics", "ok"): 80, ("/metrics", "failed"): 4, ("/config", "failed"): 42},
        interval=15.0,
        sweep_seconds=15.0,
    )  # fmt: skip


def unknown() -> Snapshot:
    """A fleet of which nothing is known: no target answered."""
    return Snapshot(
        at=NOW,
        started=NOW - 5,
        cycle=1,
        fleet=Fleet(Phase.UNKNOWN, None, "No process answered", Product.UNKNOWN, (), ""),
        targets=(silent_target("mimir-write-0"),),
        stores=(StoreFacts("consul", Outcome.FAILED, Reason.REFUSED, "connection refused"),),
        migrations=(Migration("rings", phase=Phase.UNKNOWN),),
    )


HOSTILE = 'evil"\n\\\x1b[31m\x00\u202e<script>alert(1)</script>\ud800'


def hostile() -> Snapshot:
    """Names a stranger in the gossip may choose: all differ, some only in what is cleaned away."""
    names = (HOSTILE, HOSTILE + "\x01", HOSTILE + "\x02", "x" * 300, "x" * 301)
    targets = tuple(replace(target(name), gossip=gossip_target(name)) for name in names)
    keys = tuple(
        replace(ring_key(), key=f"collectors/{name}", ring=name, members=(member(name, zone=name),),
                views=(ViewFacts("gossip", name, known=True, staleness=1.0),))
        for name in names
    )  # fmt: skip
    labels = dict.fromkeys(names, ("a",))
    return replace(
        rich(),
        targets=targets,
        keys=keys,
        gossip=replace(gossip(), labels=labels, unknown=tuple(UnknownMember(n, n, (n,)) for n in names)),
        rejections=tuple(Rejection(name, name, "file", 1) for name in names),
        probes=tuple(ProbeResult(name, "own", True) for name in names),
        fleet=replace(rich().fleet, headline=HOSTILE, findings=told(*names)),
        events=tuple(Event(NOW, "member", name, name) for name in names),
    )
