"""From one cycle's reading to one snapshot: the order in which the questions are answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.derive.comparison.collect import Cycle, read_keys, skew_of
from exporter.derive.foreign_members import signs_of, with_foreign
from exporter.derive.gate.causes import ordered, together
from exporter.derive.gate.docs_base_url import linked
from exporter.derive.gate.soak import newcomers
from exporter.derive.gate.steps import judge_migrations
from exporter.derive.gossip.gossip_clusters import lasting, parted
from exporter.derive.gossip.label_rollout import attributed
from exporter.derive.gossip.membership import judge_gossip, outstayed, with_heartbeat_ages, with_spread
from exporter.derive.history import History, RingHistory, Watched
from exporter.derive.identity.key_names import names_of
from exporter.derive.identity.member_index import each_once
from exporter.derive.identity.member_processes import (
    Gossipers,
    Identity,
    gossipers,
    host_in,
    identities,
    owners,
)
from exporter.derive.identity.unlisted_processes import still_there
from exporter.derive.kv_key import CycleContext, is_partitioned, judge_key
from exporter.derive.limits import Rules, judged_by
from exporter.derive.migration import findings
from exporter.derive.migration.events import events
from exporter.derive.migration.judged_fleet import JudgedFleet
from exporter.derive.migration.migration import judge_fleet, product_of
from exporter.derive.migration.migrations import migrations_of
from exporter.derive.migration.overwrite_risks import risks
from exporter.derive.migration.phase_since import dated
from exporter.derive.migration.restart_risks import restart_risks
from exporter.derive.migration.rollback import judge_rollback
from exporter.derive.migration.runtime_configuration import runtime_risks
from exporter.derive.process import judge_target, stands_in, with_usual_product
from exporter.derive.ring.partitions import with_owners
from exporter.derive.ring.writers import with_writers
from exporter.derive.shard import Judged, apart, part_of
from exporter.derive.store.external_store import Around, judge_store
from exporter.derive.store.store_choice import Places, places_of
from exporter.derive.store.store_identity import identified
from exporter.model.facts import Fleet, GossipFacts, KeyFacts, Snapshot, TargetFacts, UnknownMember
from exporter.model.migration import STORE, Migration, leading
from exporter.model.pages import Outcome, Product
from exporter.model.stores import StoreFacts
from exporter.model.views import ViewFacts

Words = Callable[[Snapshot], Snapshot]


def unworded(snapshot: Snapshot) -> Snapshot:
    """Leave the facts without sentences, where they have no reader."""
    return snapshot


def conclude(cycle: Cycle, old: History, rules: Rules, words: Words = unworded) -> tuple[Snapshot, History]:
    """Conclude one cycle; the second value is what the next one needs. `words` puts in the sentences."""
    cycle, rules = _begun(cycle, old, rules)
    ids = {identity.target: identity for identity in identities(cycle.observed)}
    targets = _judge_targets(cycle, ids, old, rules)
    keys, rings = _judge_keys(cycle, targets, ids, old, rules)
    targets, keys = dated(targets, keys, old.snapshot, cycle.at)
    gossip = _with_delays(_judge_gossip(cycle, targets, ids, old, rules), targets, keys, old, cycle.at)
    signs = signs_of(cycle, targets, ids.values(), product_of(targets), rules)
    gossip, keys = with_foreign(gossip, keys, targets, ids.values(), signs)
    judged = Judged(targets, keys, gossip, tuple(ids.values()), cycle.started, cycle.at)
    part = part_of(cycle.share, judged, rules) if cycle.share is not None else None
    keys, gossip = apart(keys, gossip) if part is not None else (keys, gossip)
    stores, places = _judge_stores(cycle, old, targets)
    fleet = JudgedFleet(targets, keys, gossip, stores, cycle.unsure, part is not None)
    migrations = _judge_migrations(fleet, old.snapshot, rules, cycle.at)
    snapshot = Snapshot(
        at=cycle.at,
        started=cycle.started,
        cycle=cycle.number,
        fleet=judge_fleet(fleet, leading(migrations), findings.notes(fleet, cycle.at)),
        targets=targets,
        keys=keys,
        gossip=gossip,
        stores=stores,
        named_stores=() if stores else places.named(),
        rejections=attributed(cycle.rejections, {**old.identities, **ids}.values()),
        probes=cycle.probes,
        discovered=cycle.discovered,
        unsure=cycle.unsure.fail,
        not_running=cycle.unsure.not_running,
        fetches=cycle.fetches,
        sweep_seconds=cycle.sweep_seconds,
        resolved=cycle.resolved,
        part=part,
        migrations=migrations,
        ticked=cycle.ticked,
    )
    snapshot = words(_worded(_with_steps(snapshot, old.snapshot, rules), old.snapshot, rules))
    return snapshot, replace(_remember(cycle, old, snapshot, ids, rings), places=places.lasting)


def _worded(snapshot: Snapshot, before: Snapshot | None, rules: Rules) -> Snapshot:
    return replace(snapshot, events=events(before, snapshot, rules.max_events))


def _begun(cycle: Cycle, history: History, rules: Rules) -> tuple[Cycle, Rules]:
    """What the judgement begins with: the processes that are there, and what their keys are called."""
    cycle = replace(cycle, observed=still_there(cycle.observed, history.snapshot))
    names = names_of(cycle.observed, cycle.stores, rules.product, history.names)
    return replace(cycle, names=names), _grouped(cycle, rules)


def _grouped(cycle: Cycle, rules: Rules) -> Rules:
    """Mimir's own deployment modes count where a quarter of the processes or more are Mimir's and the
    configuration names no other modes. One process with another product's build in every second cycle would
    else change the rules of all steps, and break their soak.
    """
    pages = [
        observation.metrics.value.product
        for observation in cycle.observed
        if observation.metrics.value is not None
    ]
    products = Counter(product for product in pages if product is not Product.UNKNOWN)
    if rules.groups or not products or 4 * products[Product.MIMIR] < products.total():
        return rules
    return replace(rules, groups=rules.default_groups)


def _judge_migrations(
    fleet: JudgedFleet, before: Snapshot | None, rules: Rules, now: float
) -> tuple[Migration, ...]:
    """The migrations, with what is wrong with each and with all, and what endangers its next step."""
    common, product = tuple(findings.of_all(fleet, now)), product_of(fleet.targets)
    spread = fleet.gossip.spread if fleet.gossip is not None else None
    migrations: list[Migration] = []
    for one in migrations_of(fleet, before, rules, now):
        own = tuple(findings.of_migration(one, fleet, now))
        keys = tuple(key for key in fleet.keys if key.migration == one.name)
        migrations.append(
            replace(
                one,
                findings=ordered((*common, *own)),
                dangers=(
                    *risks(fleet.targets, keys, one.phase, product),
                    *runtime_risks(fleet.targets, one.name, now),
                    *restart_risks(fleet.targets, one, spread),
                )
                if one.is_of_clients and one.phase is not None
                else (),
            )
        )
    return tuple(migrations)


def _with_steps(snapshot: Snapshot, before: Snapshot | None, rules: Rules) -> Snapshot:
    snapshot = replace(
        snapshot, newcomers=newcomers(snapshot, before), judged_by=judged_by(rules), interval=rules.interval
    )
    judged = (
        replace(
            one,
            steps=linked(one.steps, rules.docs_url),
            rollback=judge_rollback(snapshot, one, rules.max_lag),
        )
        for one in judge_migrations(snapshot, before, rules)
    )
    snapshot = replace(snapshot, migrations=tuple(judged))
    return replace(snapshot, fleet=_fleet(snapshot))


def _fleet(snapshot: Snapshot) -> Fleet:
    """The fleet with its migrations' results: every warning, and what is next in the leading one."""
    migrations, lead = snapshot.migrations, snapshot.leading
    begun = [one for one in migrations if one.is_under_way] or [lead]
    last = next((one.next_step for one in migrations if one.name == STORE), "")
    return replace(
        snapshot.fleet,
        next_step=lead.next_step or last,
        rollback=lead.rollback,
        findings=together(one.findings for one in migrations),
        dangers=tuple(dict.fromkeys(risk for one in begun for risk in one.dangers)),
    )


def _remember(
    cycle: Cycle,
    history: History,
    snapshot: Snapshot,
    ids: Mapping[str, Identity],
    rings: Mapping[str, RingHistory],
) -> History:
    current = {observation.target.name for observation in cycle.observed}
    earlier = {name: identity for name, identity in history.identities.items() if name in current}
    indexes = {
        store.title: store.modified
        if store.outcome is Outcome.OK
        else history.indexes.get(store.title, MappingProxyType({}))
        for store in cycle.stores
    }
    return History(
        snapshot,
        MappingProxyType(earlier | dict(ids)),
        rings,
        MappingProxyType(indexes),
        cycle.names,
    )


def _judge_targets(
    cycle: Cycle, ids: Mapping[str, Identity], history: History, rules: Rules
) -> tuple[TargetFacts, ...]:
    before = {target.name: target for target in history.snapshot.targets} if history.snapshot else {}
    return with_usual_product(
        tuple(
            judge_target(
                observation,
                ids.get(observation.target.name),
                before.get(observation.target.name),
                rules,
                cycle.names,
            )
            for observation in cycle.observed
        )
    )


def _judge_keys(
    cycle: Cycle,
    targets: tuple[TargetFacts, ...],
    ids: Mapping[str, Identity],
    history: History,
    rules: Rules,
) -> tuple[tuple[KeyFacts, ...], Mapping[str, RingHistory]]:
    world = CycleContext(
        owners=owners(
            (*ids.values(), *_missed(targets, ids, history, cycle.at)),
            cycle.share.crowded if cycle.share else frozenset(),
        ),
        gossip=_gossipers(cycle),
        rules=rules,
        now=cycle.at,
        watched=_watched(targets, cycle),
        product=product_of(targets),
    )
    before: dict[str, tuple[ViewFacts, ...]] = {}
    if history.snapshot is not None:
        before = {key.key: key.views for key in history.snapshot.keys}
    facts: list[KeyFacts] = []
    rings: dict[str, RingHistory] = dict(history.rings)
    reads = read_keys(cycle, targets, before, rules.pages, rules.product)
    world = replace(world, partitioned=is_partitioned(targets, reads))
    for read in reads:
        judged, rings[read.key] = judge_key(read, history.rings.get(read.key, RingHistory()), world)
        facts.append(judged)
    keys = with_writers(tuple(facts), targets, ids.values(), history.snapshot)
    return with_owners(keys, targets, ids.values()), MappingProxyType(rings)


def _watched(targets: tuple[TargetFacts, ...], cycle: Cycle) -> Watched:
    settled = frozenset(target.name for target in targets if target.up and not target.recently_started)
    return Watched(settled, unsettled=len(targets) - len(settled), all=cycle.share is None)


def _missed(
    targets: tuple[TargetFacts, ...], ids: Mapping[str, Identity], history: History, at: float
) -> Iterator[Identity]:
    """The processes that were missed, as they were when they responded: they keep their members."""
    for target in targets:
        identity = history.identities.get(target.name)
        if identity is not None and target.name not in ids and stands_in(target, at):
            yield identity


def _gossipers(cycle: Cycle) -> Gossipers | None:
    pages = [
        observation.gossip.page.value
        for observation in cycle.observed
        if observation.gossip.page.value is not None
    ]
    lists = each_once(page.members for page in pages)
    return gossipers(member for members in lists.values() for member in members) if pages else None


def _with_delays(
    gossip: GossipFacts | None,
    targets: tuple[TargetFacts, ...],
    keys: tuple[KeyFacts, ...],
    history: History,
    at: float,
) -> GossipFacts | None:
    """The gossip with the age of its last heartbeat, and its delay."""
    before = history.snapshot.gossip if history.snapshot is not None else None
    return with_spread(with_heartbeat_ages(gossip, targets, keys, at), keys, before, at)


def _judge_gossip(
    cycle: Cycle,
    targets: tuple[TargetFacts, ...],
    ids: Mapping[str, Identity],
    history: History,
    rules: Rules,
) -> GossipFacts | None:
    gossip = judge_gossip(targets, ids.values(), product_of(targets), rules, cycle.names.ha)
    for judge in (outstayed, lasting, parted):
        gossip = judge(gossip, history.snapshot, cycle.at)
    return _excuse(gossip, targets, {**ids, **history.identities})


def _excuse(
    gossip: GossipFacts | None, targets: tuple[TargetFacts, ...], identities: Mapping[str, Identity]
) -> GossipFacts | None:
    """Take members out of `unknown` that belong to a process of ours with an unknown member. Such a
    process does not respond, or its member list or its own member is unread. A member with its earlier name
    counts, since its address may be reused by now. Else as many members at an address as there are such
    processes: these are doubtful.
    """
    if gossip is None or not gossip.unknown:
        return gossip
    untold = {*gossip.unidentified, *gossip.unread}
    not_responding = [target for target in targets if not target.up or target.name in untold]
    names = {target.name for target in not_responding}
    names |= {name for t in not_responding if t.name in identities for name in identities[t.name].names}
    names |= {identities[t.name].member for t in not_responding if t.name in identities}
    nameless = [t for t in not_responding if t.name not in identities or not identities[t.name].member]
    places = Counter(host_in(target.url) for target in nameless)
    left: list[UnknownMember] = []
    doubtful: list[UnknownMember] = []
    for member in gossip.unknown:
        host = member.address.rpartition(":")[0]
        if member.name in names or member.name.rpartition("-")[0] in names:
            continue
        if places[host] > 0:
            places[host] -= 1
            doubtful.append(member)
            continue
        left.append(member)
    return replace(gossip, unknown=tuple(left), doubtful=tuple(doubtful))


def _judge_stores(
    cycle: Cycle, history: History, targets: tuple[TargetFacts, ...]
) -> tuple[tuple[StoreFacts, ...], Places]:
    """The stores, and which keys are where."""
    places = places_of(targets, cycle.stores, history.places)
    if not cycle.stores:
        return (), places
    around = Around(cycle.at, cycle.observed, targets, cycle.names.ha, skew_of(cycle.observed))
    before = {store.title: store for store in history.snapshot.stores} if history.snapshot else {}
    stores: list[StoreFacts] = []
    for store in cycle.stores:
        indexes, old = history.indexes.get(store.title, MappingProxyType({})), before.get(store.title)
        judged = judge_store(store, indexes, old, around)
        uncovered = (*judged.uncovered, *places.elsewhere(store))
        judged = replace(judged, name=store.name, addresses=store.addresses, uncovered=uncovered)
        stores.append(identified(judged, store, old or history.stores.get(store.title), cycle.at))
    return tuple(stores), places
