"""From one cycle's reading to one snapshot: the order in which the questions are answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from exporter.derive.comparison.collect import Cycle, read_keys
from exporter.derive.foreign_members import signs_of, with_foreign
from exporter.derive.gate.step_verdicts import with_steps
from exporter.derive.gossip.label_rollout import attributed
from exporter.derive.gossip.membership import judge_gossip, with_times
from exporter.derive.gossip.unknown_members import excused
from exporter.derive.identity.key_names import names_of
from exporter.derive.identity.member_processes import Identity, gossipers, identities, missed, owners
from exporter.derive.identity.process_starts import still_there
from exporter.derive.judging_rules import Rules
from exporter.derive.key_judgement import CycleContext, is_partitioned, judge_keys
from exporter.derive.migration.events import events
from exporter.derive.migration.fleet_summary import usual_product, versions_of, with_migrations
from exporter.derive.migration.phase_since import dated
from exporter.derive.previous_cycle import History, RingHistory, Watched, remember
from exporter.derive.process_judgement import judge_targets
from exporter.derive.ring.partitions import with_owners
from exporter.derive.ring.writers import with_writers
from exporter.derive.shard import with_part
from exporter.derive.store.external_store import Around, Earlier, judge_stores
from exporter.derive.store.store_choice import places_of
from exporter.model.facts import Fleet, KeyFacts, Snapshot, TargetFacts
from exporter.model.pages import Product

Words = Callable[[Snapshot], Snapshot]


def unworded(snapshot: Snapshot) -> Snapshot:
    """Leave the facts without sentences, where they have no reader."""
    return snapshot


def conclude(cycle: Cycle, old: History, rules: Rules, words: Words = unworded) -> tuple[Snapshot, History]:
    """Conclude one cycle; the second value is what the next one needs. `words` puts in the sentences."""
    cycle, rules = _begun(cycle, old, rules)
    before = old.snapshot
    ids = {identity.target: identity for identity in identities(cycle.observed)}
    targets = judge_targets(cycle.observed, ids, before, rules, cycle.names)
    product = usual_product(targets)
    keys, rings = _judge_keys(cycle, targets, ids, old, (rules, product))
    targets, keys = dated(targets, keys, before, cycle.at)
    gossip = judge_gossip(targets, ids, product, rules, cycle.names.ha)
    if gossip is not None:
        gossip = with_times(gossip, before.gossip if before else None, targets, keys, cycle.at)
        gossip = excused(gossip, targets, {**ids, **old.identities})
    signs = signs_of(cycle, targets, ids.values(), product, rules)
    gossip, keys = with_foreign(gossip, keys, targets, ids.values(), signs)
    places = places_of(targets, cycle.stores, old.places)
    earlier = Earlier({s.title: s for s in before.stores} if before else {}, old.indexes, old.stores)
    around = Around(cycle.at, cycle.observed, targets, cycle.names.ha, cycle.skew)
    stores = judge_stores(cycle.stores, places, earlier, around)
    snapshot = replace(
        _taken_over(cycle),
        fleet=Fleet(product=product, versions=versions_of(targets)),
        targets=targets,
        keys=keys,
        gossip=gossip,
        stores=stores,
        named_stores=() if stores else places.named(),
        rejections=attributed(cycle.rejections, {**old.identities, **ids}.values()),
    )
    snapshot = with_part(snapshot, cycle.share, ids.values(), rules) if cycle.share is not None else snapshot
    snapshot = with_steps(with_migrations(snapshot, before, rules), before, rules)
    snapshot = words(replace(snapshot, events=events(before, snapshot, rules.max_events)))
    return snapshot, remember(cycle, replace(old, rings=rings, places=places.lasting), snapshot, ids)


def _taken_over(cycle: Cycle) -> Snapshot:
    """A snapshot with what needs no judgement."""
    return Snapshot(
        at=cycle.at,
        started=cycle.started,
        cycle=cycle.number,
        fleet=Fleet(),
        probes=cycle.probes,
        discovered=cycle.discovered,
        unsure=cycle.unsure.fail,
        not_running=cycle.unsure.not_running,
        fetches=cycle.fetches,
        sweep_seconds=cycle.sweep_seconds,
        resolved=cycle.resolved,
        ticked=cycle.ticked,
    )


def _begun(cycle: Cycle, history: History, rules: Rules) -> tuple[Cycle, Rules]:
    """What the judgement begins with: the processes that are there, and what their keys are called."""
    cycle = replace(cycle, observed=still_there(cycle.observed, history.snapshot))
    names = names_of(cycle.observed, cycle.stores, rules.product, history.names)
    shown = (observation.metrics.value for observation in cycle.observed)
    products = Counter(page.product for page in shown if page is not None)
    return replace(cycle, names=names), rules.grouped(products)


def _judge_keys(
    cycle: Cycle,
    targets: tuple[TargetFacts, ...],
    ids: Mapping[str, Identity],
    history: History,
    by: tuple[Rules, Product],
) -> tuple[tuple[KeyFacts, ...], Mapping[str, RingHistory]]:
    """The keys, each by itself, then compared with the processes; and the rings' past for the next cycle."""
    rules, product = by
    before = {key.key: key.views for key in history.snapshot.keys} if history.snapshot else {}
    reads = read_keys(cycle, targets, before, rules.pages, rules.product)
    lists = (observation.gossip.page.value for observation in cycle.observed)
    world = CycleContext(
        owners=owners(
            (*ids.values(), *missed(targets, ids, history.identities, cycle.at)),
            cycle.share.crowded if cycle.share else frozenset(),
        ),
        gossip=gossipers(page.members for page in lists if page is not None),
        rules=rules,
        now=cycle.at,
        watched=Watched.of(targets, cycle.share),
        product=product,
        partitioned=is_partitioned(targets, reads),
    )
    keys, rings = judge_keys(reads, history.rings, world)
    keys = with_writers(keys, targets, ids.values(), history.snapshot)
    return with_owners(keys, targets, ids.values()), rings
