"""Facts as the JSON API and the command line show them: one function for each path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeVar

from msgspec import Struct

from exporter.expose.api import shapes
from exporter.expose.api.suggested_stores import suggested_stores
from exporter.expose.wording import checks as wording
from exporter.expose.wording import culprits, labels
from exporter.expose.wording.migrations import line_of
from exporter.expose.wording.readings import origin_text
from exporter.model.facts import (
    ClientFacts,
    GossipTarget,
    KeyFacts,
    MemberFacts,
    SecondaryFacts,
    Snapshot,
    TargetFacts,
)
from exporter.model.gate import Check, Step
from exporter.model.migration import LabelRollout, Migration
from exporter.model.pages import Phase
from exporter.model.stores import StoreFacts
from exporter.model.views import ViewFacts

Shape = TypeVar("Shape", bound=Struct)


def status_out(snapshot: Snapshot, version: str) -> shapes.StatusOut:
    """`/api/v1/status`."""
    fleet, share = snapshot.fleet, snapshot.part.share if snapshot.part else None
    up = [target for target in snapshot.targets if target.up]
    return as_shape(
        shapes.StatusOut,
        fleet,
        shard=share.shard if share else 0,
        shards=share.shards if share else 1,
        rollback=as_shape(shapes.RollbackOut, fleet.rollback),
        finished_keys=tuple(sorted(key for one in snapshot.migrations for key in one.arrived)),
        left_out_keys=_resting(snapshot),
        migrations=tuple(map(_migration, snapshot.migrations)),
        targets_up=len(up),
        targets_down=len(snapshot.targets) - len(up),
        clients_by_phase=dict(Counter(c.phase.label for target in up for c in target.clients)),
        stores=tuple(map(_store, snapshot.stores)),
        suggested_stores=suggested_stores(snapshot.named_stores),
        cycle=snapshot.cycle,
        cycle_seconds=max(0.0, snapshot.at - snapshot.started),
        exporter_version=version,
    )


def _migration(facts: Migration) -> shapes.MigrationOut:
    moved = facts.rollout
    return as_shape(
        shapes.MigrationOut,
        facts,
        line=line_of(facts),
        phase=facts.phase if facts.is_of_clients else None,
        rollout=as_shape(shapes.RolloutOut, moved) if moved else None,
        rollback=as_shape(shapes.RollbackOut, facts.rollback),
    )


def _resting(snapshot: Snapshot) -> tuple[str, ...]:
    """Keys of migrations that have not begun, while another migration has."""
    migrations = [one for one in snapshot.migrations if one.is_of_clients]
    if not any(one.begun for one in migrations):
        return ()
    return tuple(sorted(key for one in migrations if not one.begun for key in one.keys))


def targets_out(snapshot: Snapshot) -> tuple[shapes.TargetOut, ...]:
    """`/api/v1/targets`."""
    ages = snapshot.gossip.heartbeat_ages if snapshot.gossip else {}
    return tuple(_target(target, ages.get(target.name)) for target in snapshot.targets)


def rings_out(snapshot: Snapshot) -> tuple[shapes.RingOut, ...]:
    """`/api/v1/rings`."""
    return tuple(map(_ring, snapshot.keys))


def ring_out(key: KeyFacts) -> shapes.RingDetailOut:
    """`/api/v1/rings/KEY`."""
    differences = key.secondary.differences if key.secondary else ()
    return shapes.RingDetailOut(
        summary=_ring(key),
        members=tuple(map(_member, key.members)),
        views=tuple(map(_view, key.views)),
        differences=_each(shapes.DifferenceOut, differences),
    )


def gossip_out(snapshot: Snapshot) -> shapes.GossipOut | None:
    """`/api/v1/gossip`; `None` where no process has memberlist."""
    facts = snapshot.gossip
    if facts is None:
        return None
    return as_shape(
        shapes.GossipOut,
        facts,
        strangers=_each(shapes.StrangerOut, facts.unknown),
        ring_strangers=_each(shapes.StrangerOut, facts.orphaned),
        foreign=_each(shapes.StrangerOut, facts.foreign),
        label_rollout=_label_rollout(facts.rollout) if facts.rollout else None,
        rejections=_each(shapes.RejectionOut, snapshot.rejections),
        probes=_each(shapes.ProbeOut, snapshot.probes),
    )


def _label_rollout(facts: LabelRollout) -> shapes.LabelRolloutOut:
    conflicts = tuple(map(labels.conflict, facts.conflicts))
    return as_shape(shapes.LabelRolloutOut, facts, next=labels.next_step(facts), conflicts=conflicts)


def step_out(facts: Step) -> shapes.StepOut:
    """`/api/v1/gate/STEP`."""
    return shapes.StepOut(
        migration=facts.migration,
        step=facts.name,
        answer=facts.answer,
        place=facts.place,
        headline=facts.headline,
        soak_seconds=facts.soak,
        soaked_seconds=facts.soaked_for,
        open_since=facts.open_since,
        checks=tuple(map(check_out, facts.checks)),
    )


def check_out(check: Check) -> shapes.CheckOut:
    """One check of a step."""
    return as_shape(
        shapes.CheckOut,
        check,
        evidence=wording.evidence(check),
        culprits=wording.culprits(check),
        holds_since=check.since,
        covered=_each(shapes.CoveredOut, check.covered),
    )


def events_out(snapshot: Snapshot) -> tuple[shapes.EventOut, ...]:
    """`/api/v1/events`."""
    return _each(shapes.EventOut, snapshot.events)


def _store(facts: StoreFacts) -> shapes.StoreOut:
    return as_shape(
        shapes.StoreOut,
        facts,
        store=facts.title,
        last_write_at=facts.last_write,
        not_covered=facts.uncovered,
        replaced=culprits.name(facts.replaced) if facts.replaced else "",
    )


def _target(facts: TargetFacts, heartbeat_age: float | None) -> shapes.TargetOut:
    return as_shape(
        shapes.TargetOut,
        facts,
        clock_skew_seconds=facts.skew,
        started_at=facts.started,
        young=facts.recently_started,
        pages=tuple(as_shape(shapes.PageOut, page, page=page.name) for page in facts.pages),
        clients=tuple(map(_client, facts.clients)),
        gossip=_gossip_target(facts.gossip, heartbeat_age) if facts.gossip else None,
    )


def _client(facts: ClientFacts) -> shapes.ClientOut:
    return as_shape(shapes.ClientOut, facts, kv_name=facts.name, mirror_enabled=facts.mirror)


def _gossip_target(facts: GossipTarget, heartbeat_age: float | None) -> shapes.GossipTargetOut:
    return as_shape(
        shapes.GossipTargetOut,
        facts,
        members_by_state=facts.states,
        heartbeat_age_seconds=heartbeat_age,
        label_verified=facts.verified,
        alone=facts.isolated,
    )


def _ring(facts: KeyFacts) -> shapes.RingOut:
    return as_shape(
        shapes.RingOut,
        facts,
        ring=facts.name,
        source=origin_text(facts.source),
        members_by_state=dict(Counter(member.state.value for member in facts.members)),
        oldest_heartbeat_age_seconds=facts.oldest_age,
        ahead_seconds=facts.ahead,
        members_without_tokens=facts.without_tokens,
        foreign_members=facts.foreign,
        ghosts=facts.orphaned,
        missing_writers=facts.writers.missing if facts.writers else None,
        shared_addresses=facts.writers.shared if facts.writers else None,
        partitions_without_owner=tuple(p.number for p in facts.owned if p.is_ownerless),
        corrupted_partitions=facts.corrupted,
        distinct_views=facts.distinct,
        secondary=_secondary(facts.secondary) if facts.secondary else None,
    )


def _secondary(facts: SecondaryFacts) -> shapes.SecondaryOut:
    named = {"side": facts.store, "remembered": facts.by_pages, "key_missing": facts.missing_key}
    return as_shape(shapes.SecondaryOut, facts, lag_seconds=facts.lag, **named)


def _member(facts: MemberFacts) -> shapes.MemberOut:
    times = {"heartbeat_at": facts.heartbeat, "age_seconds": facts.age, "registered_at": facts.registered}
    return as_shape(shapes.MemberOut, facts, ghost=facts.orphaned, **times)


def _view(facts: ViewFacts) -> shapes.ViewOut:
    members = {"missing_members": facts.missing, "extra_members": facts.extra}
    return as_shape(shapes.ViewOut, facts, view=facts.kind, staleness_seconds=facts.staleness, **members)


def as_shape(shape: type[Shape], facts: object, **given: object) -> Shape:
    """The facts in a shape of the API: fields of the same name, and the other fields from `given`."""
    named = {name: getattr(facts, name) for name in shape.__struct_fields__ if name not in given}
    return shape(**{name: _plain(value) for name, value in (named | given).items()})


def _each(shape: type[Shape], facts: Iterable[object]) -> tuple[Shape, ...]:
    return tuple(as_shape(shape, each) for each in facts)


def _plain(value: object) -> object:
    """A value as JSON has it: states, outcomes and phases by their names."""
    if isinstance(value, Phase):
        return value.label
    if isinstance(value, Enum):
        return value.value
    return dict(value) if isinstance(value, Mapping) else value
