"""Facts as the JSON API and the command line show them: one function for each path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from exporter.expose.api.shapes import (
    CheckOut,
    ClientOut,
    CoveredOut,
    DifferenceOut,
    EventOut,
    GateAnswer,
    GossipOut,
    GossipTargetOut,
    LabelRolloutOut,
    MemberOut,
    PageOut,
    PhaseName,
    ProbeOut,
    RejectionOut,
    RingDetailOut,
    RingOut,
    RollbackOut,
    SecondaryOut,
    StatusOut,
    StepOut,
    StoreOut,
    StrangerOut,
    TargetOut,
    ViewOut,
)
from exporter.expose.api.suggested_stores import suggested_stores
from exporter.expose.wording import checks as wording
from exporter.model.facts import (
    ClientFacts,
    GossipFacts,
    GossipTarget,
    KeyFacts,
    MemberFacts,
    PageFacts,
    ProbeResult,
    Rejection,
    SecondaryFacts,
    Snapshot,
    Stranger,
    TargetFacts,
)
from exporter.model.gate import Check, Step, Verdict
from exporter.model.label_rollout import LabelRollout
from exporter.model.pages import Phase
from exporter.model.stores import StoreFacts
from exporter.model.views import ViewFacts

_PHASES: Final[dict[Phase, PhaseName]] = {
    Phase.UNKNOWN: "unknown",
    Phase.EXTERNAL: "external",
    Phase.MULTI: "multi",
    Phase.MIRRORING: "mirroring",
    Phase.SWITCHED: "switched",
    Phase.DETACHED: "detached",
    Phase.MEMBERLIST: "memberlist",
}


def status_out(snapshot: Snapshot, version: str) -> StatusOut:
    """`/api/v1/status`."""
    fleet, share = snapshot.fleet, snapshot.part.share if snapshot.part else None
    up = [target for target in snapshot.targets if target.up]
    return StatusOut(
        headline=fleet.headline,
        shard=share.shard if share else 0,
        shards=share.shards if share else 1,
        phase=_PHASES[fleet.phase],
        uniform=fleet.uniform,
        phase_since=fleet.phase_since,
        next_step=fleet.next_step,
        warnings=fleet.warnings,
        risks=fleet.risks,
        rollback=RollbackOut(fleet.rollback.text, fleet.rollback.safe),
        finished_keys=fleet.finished_keys,
        left_out_keys=fleet.left_out,
        product=fleet.product.value,
        versions=fleet.versions,
        targets_up=len(up),
        targets_down=len(snapshot.targets) - len(up),
        clients_by_phase=dict(Counter(c.phase.label for target in up for c in target.clients)),
        stores=tuple(map(_store, snapshot.stores)),
        suggested_stores=suggested_stores(snapshot.named_stores),
        cycle=snapshot.cycle,
        cycle_seconds=max(0.0, snapshot.at - snapshot.started),
        exporter_version=version,
    )


def targets_out(snapshot: Snapshot) -> tuple[TargetOut, ...]:
    """`/api/v1/targets`."""
    return tuple(map(_target, snapshot.targets))


def rings_out(snapshot: Snapshot) -> tuple[RingOut, ...]:
    """`/api/v1/rings`."""
    return tuple(map(_ring, snapshot.keys))


def ring_out(key: KeyFacts) -> RingDetailOut:
    """`/api/v1/rings/KEY`."""
    found = key.secondary.differences if key.secondary else ()
    return RingDetailOut(
        summary=_ring(key),
        members=tuple(map(_member, key.members)),
        views=tuple(map(_view, key.views)),
        differences=tuple(DifferenceOut(d.member, d.view, d.what, d.primary, d.secondary) for d in found),
    )


def gossip_out(
    facts: GossipFacts | None, rejections: Iterable[Rejection] = (), probes: Iterable[ProbeResult] = ()
) -> GossipOut | None:
    """`/api/v1/gossip`; `None` where nobody has memberlist."""
    if facts is None:
        return None
    return GossipOut(
        clusters=facts.clusters,
        strangers=tuple(map(_stranger, facts.strangers)),
        ring_strangers=tuple(map(_stranger, facts.ring_strangers)),
        foreign=tuple(map(_stranger, facts.foreign)),
        absent=facts.absent,
        unknown_keys=facts.unknown_keys,
        labels=dict(facts.labels),
        unverified=facts.unverified,
        unread=facts.unread,
        unidentified=facts.unidentified,
        label_rollout=_label_rollout(facts.rollout) if facts.rollout else None,
        rejections=tuple(RejectionOut(r.target, r.label, r.source, r.count) for r in rejections),
        probes=tuple(ProbeOut(p.target, p.kind, p.accepted, p.at) for p in probes),
    )


def step_out(facts: Step) -> StepOut:
    """`/api/v1/gate/STEP`."""
    answer: GateAnswer = "open" if facts.open else "closed"
    if not facts.open and facts.verdict is Verdict.UNKNOWN:
        answer = "unknown"
    return StepOut(
        step=facts.name,
        answer=answer,
        place=facts.place,
        headline=facts.headline,
        soak_seconds=facts.soak,
        soaked_seconds=facts.soaked_for,
        open_since=facts.open_since,
        checks=tuple(map(check_out, facts.checks)),
    )


def check_out(check: Check) -> CheckOut:
    """Give one check."""
    return CheckOut(
        id=check.id,
        sentence=check.sentence,
        verdict=check.verdict.value,
        evidence=wording.evidence(check),
        culprits=wording.culprits(check),
        remedy=check.remedy,
        doc=check.doc,
        holds_since=check.since,
        covered=tuple(CoveredOut(one.source, one.looked, one.of) for one in check.covered),
    )


def events_out(snapshot: Snapshot) -> tuple[EventOut, ...]:
    """`/api/v1/events`."""
    return tuple(EventOut(event.at, event.kind, event.text, event.subject) for event in snapshot.events)


def _store(facts: StoreFacts) -> StoreOut:
    return StoreOut(
        store=facts.title,
        outcome=facts.outcome.value,
        reason=facts.reason.value if facts.reason else None,
        detail=facts.detail,
        keys=facts.keys,
        last_write_at=max(facts.moved_at.values(), default=None),
        replaced=facts.replaced,
        replaced_at=facts.replaced_at,
        not_covered=facts.uncovered,
    )


def _target(facts: TargetFacts) -> TargetOut:
    return TargetOut(
        name=facts.name,
        url=facts.url,
        component=facts.component,
        up=facts.up,
        product=facts.product.value,
        version=facts.version,
        source=facts.source,
        group=facts.group,
        phase=_PHASES[facts.phase],
        phase_since=facts.phase_since,
        clock_skew_seconds=facts.skew,
        started_at=facts.started,
        young=facts.young,
        seen_at=facts.seen_at,
        rings=facts.rings,
        pages=tuple(map(_page, facts.pages)),
        clients=tuple(map(_client, facts.clients)),
        gossip=_gossip_target(facts.gossip) if facts.gossip else None,
    )


def _page(facts: PageFacts) -> PageOut:
    return PageOut(
        facts.name, facts.outcome.value, facts.reason.value if facts.reason else None, facts.detail
    )


def _client(facts: ClientFacts) -> ClientOut:
    return ClientOut(
        kv_name=facts.name,
        key=facts.key,
        phase=_PHASES[facts.phase],
        writes=facts.writes,
        primary=facts.primary,
        stores=facts.stores,
        mirror_enabled=facts.mirror,
        mirror_writes=facts.mirror_writes,
        mirror_errors=facts.mirror_errors,
    )


def _label_rollout(facts: LabelRollout) -> LabelRolloutOut:
    return LabelRolloutOut(
        stage=facts.stage,
        stages=dict(facts.stages),
        next=facts.next,
        conflicts=facts.conflicts,
        unexpected=facts.unexpected,
    )


def _gossip_target(facts: GossipTarget) -> GossipTargetOut:
    return GossipTargetOut(
        members_by_state=dict(facts.states),
        health_score=facts.health_score,
        heartbeat_age_seconds=facts.heartbeat_age,
        label=facts.label,
        label_verified=facts.verified,
        own_member=facts.own_member,
        alone=facts.alone,
    )


def _ring(facts: KeyFacts) -> RingOut:
    return RingOut(
        key=facts.key,
        ring=facts.name,
        kind=facts.kind,
        phase=_PHASES[facts.phase],
        phase_since=facts.phase_since,
        phase_uniform=facts.phase_uniform,
        primary=facts.primary,
        source=facts.source,
        members_by_state=dict(Counter(member.state.value for member in facts.members)),
        oldest_heartbeat_age_seconds=facts.oldest_age,
        ahead_seconds=dict(facts.ahead),
        token_conflicts=facts.token_conflicts,
        members_without_tokens=facts.without_tokens,
        ghosts=facts.ghosts,
        foreign_members=facts.foreign,
        missing_writers=facts.writers.missing if facts.writers else None,
        shared_addresses=dict(facts.writers.shared) if facts.writers else None,
        quorum_margin=facts.quorum_margin,
        partitions=facts.partitions,
        partitions_without_owner=tuple(p.number for p in facts.owned if p.is_ownerless),
        corrupted_partitions=facts.corrupted,
        entries=facts.entries,
        distinct_views=dict(facts.distinct),
        secondary=_secondary(facts.secondary) if facts.secondary else None,
    )


def _secondary(facts: SecondaryFacts) -> SecondaryOut:
    return SecondaryOut(
        side=facts.side,
        key_missing=facts.missing_key,
        missing_in=facts.missing_in,
        lag_seconds=facts.lag,
        missing_members=facts.missing_members,
        extra_members=facts.extra_members,
        mismatched=dict(facts.mismatched),
        settled=facts.settled,
        unread=facts.unread,
        remembered=facts.remembered,
    )


def _member(facts: MemberFacts) -> MemberOut:
    return MemberOut(
        id=facts.id,
        address=facts.address,
        zone=facts.zone,
        state=facts.state.value,
        heartbeat_at=facts.heartbeat,
        age_seconds=facts.age,
        tokens=facts.tokens,
        ownership=facts.ownership,
        group=facts.group,
        ghost=facts.ghost,
        foreign=facts.foreign,
        target=facts.target,
        registered_at=facts.registered,
    )


def _view(facts: ViewFacts) -> ViewOut:
    return ViewOut(
        view=facts.kind,
        target=facts.target,
        known=facts.known,
        present=facts.present,
        judged=facts.judged,
        staleness_seconds=facts.staleness,
        missing_members=facts.missing,
        extra_members=facts.extra,
        read_at=facts.read_at,
    )


def _stranger(facts: Stranger) -> StrangerOut:
    return StrangerOut(facts.name, facts.address, facts.seen_by, facts.where)
