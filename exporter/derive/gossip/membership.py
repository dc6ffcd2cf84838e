"""One gossip cluster without unknown members: which processes list each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from heapq import nsmallest
from types import MappingProxyType

from exporter.derive.gossip.gossip_clusters import Lists, components, lasting, parted, short
from exporter.derive.gossip.label_rollout import by_label, rollout
from exporter.derive.gossip.unknown_members import outstayed, unknown_members
from exporter.derive.identity.key_product import unused_keys
from exporter.derive.identity.member_processes import Census, Identity, Spot, census_of, each_once
from exporter.derive.judging_rules import DEFAULT_TIMEOUT, Rules
from exporter.model.entry import State, bare
from exporter.model.facts import GossipFacts, GossipTarget, KeyFacts, TargetFacts
from exporter.model.pages import Observation, Outcome, ProcessConfig, Product, Ring, Value
from exporter.products.ha_keys import HaKeys

UNHEALTHY_AFTER = 2 * DEFAULT_TIMEOUT
SPREAD_WINDOW = 600.0  # seconds


def gossip_of(
    observation: Observation, identity: Identity, values: Mapping[str, Value], clock: float | None
) -> GossipTarget | None:
    """The gossip of one process; `None` where it has no memberlist or did not answer.

    `values` are its gossip copies by key, `clock` its own time.
    """
    page = observation.gossip.page.value
    if page is None:
        return None
    metrics = observation.metrics.value
    quiet = {key for key, value in values.items() if _is_quiet(value, page.now or clock)}
    age = _newest_heartbeat(values.values(), identity, page.now or clock)
    configured = _configured(observation.config.value)
    score = metrics.health_score if metrics and metrics.health_score is not None else page.health_score
    census = census_of(page.members)
    return GossipTarget(
        members=page.members,
        states=census.states,
        health_score=None if score is None else float(score),
        heartbeat_age=age,
        own_member=identity.member,
        keys=tuple(sorted(key for key, what in page.keys.items() if not what.deleted)),
        isolated=census.alive <= {identity.member},
        quiet_keys=tuple(sorted(quiet)),
        busy_keys=tuple(sorted(k for k, v in values.items() if isinstance(v, Ring) and k not in quiet)),
        **configured,  # type: ignore[arg-type] # the names are the fields'
    )


def _configured(config: ProcessConfig | None) -> dict[str, object]:
    if config is None:
        return {}
    disabled = config.label_verification_disabled
    return {
        "label": config.gossip_label,
        "verified": None if disabled is None else not disabled,
        "port": (config.advertise_port if config.advertise_address else None) or config.bind_port,
        "join_members": config.join_members,
        "rejoin_interval": config.rejoin_interval,
    }


def _newest_heartbeat(values: Iterable[Value], identity: Identity, clock: float | None) -> float | None:
    """Age of the newest heartbeat of another process: it shows an isolated process."""
    if clock is None:
        return None
    times = [
        member.time
        for value in values
        if isinstance(value, Ring)
        for member in value.members.values()
        if member.time is not None and member.id not in identity.names
    ]
    return max(0.0, clock - max(times)) if times else None


def with_times(
    gossip: GossipFacts,
    before: GossipFacts | None,
    targets: Iterable[TargetFacts],
    keys: Iterable[KeyFacts],
    now: float,
) -> GossipFacts:
    """Add what shows only over time: since when something is so, the heartbeats' ages, the gossip's delay.
    `before` is the gossip of the previous cycle, `now` our clock.
    """
    for judge in (outstayed, lasting, parted):
        gossip = judge(gossip, before, now)
    return _with_spread(replace(gossip, heartbeat_ages=heartbeat_ages(targets, keys, now)), keys, before, now)


def heartbeat_ages(
    targets: Iterable[TargetFacts], keys: Iterable[KeyFacts], now: float
) -> Mapping[str, float]:
    """The age of the newest heartbeat of any other member in each process's copies, seconds, or by its
    metrics. A process that lists only itself, where further processes exist, has received none since it
    started.
    """
    having = {target.name: (target, target.gossip) for target in targets if target.gossip is not None}
    since_start = {
        name: max(0.0, now + (target.skew or 0.0) - target.started)
        for name, (target, own) in having.items()
        if own.isolated and len(having) > 1 and target.started is not None
    }
    own_ages = {name: own.heartbeat_age for name, (_, own) in having.items() if own.heartbeat_age is not None}
    return MappingProxyType(_ages_by_metrics(keys, having) | since_start | own_ages)


def _with_spread(
    gossip: GossipFacts, keys: Iterable[KeyFacts], before: GossipFacts | None, now: float
) -> GossipFacts:
    """Add the gossip's delay: how far a copy of a ring was behind the newest one, at most, in the last
    minutes. Copies are read one after another, so a heartbeat period is always in it. One that is behind by
    more than the heartbeat timeout receives no gossip at all.
    """
    delays = (v.staleness for key in keys for v in key.views if v.kind == "gossip" and v.judged)
    behind = [seconds for seconds in delays if seconds is not None and seconds <= DEFAULT_TIMEOUT]
    current, old = max(behind, default=None), before.spread if before is not None else None
    at = before.spread_at if before is not None else now
    if old is not None and now - at <= SPREAD_WINDOW and (current is None or old >= current):
        return replace(gossip, spread=old, spread_at=at)
    return replace(gossip, spread=current, spread_at=now)


def _ages_by_metrics(keys: Iterable[KeyFacts], having: Collection[str]) -> dict[str, float]:
    """Of each ring that has memberlist as its primary the newest heartbeat, and how far a process's metrics
    are behind those of most.
    """
    found: dict[str, float] = {}
    for key in keys:
        if key.primary != "memberlist":
            continue
        newest = nsmallest(2, ((max(0.0, m.age), m.target) for m in key.members if m.age is not None))
        for view in key.views:
            if view.kind == "metrics" and view.staleness is not None and view.target in having:
                ages = [age for age, target in newest if target != view.target]
                if ages:
                    age = ages[0] + view.staleness
                    found[view.target] = min(age, found.get(view.target, age))
    return found


def _is_quiet(value: Value, clock: float | None) -> bool:
    """Whether a ring has no member left with a heartbeat: the remains of a foreign member that has left."""
    if not isinstance(value, Ring) or clock is None:
        return False
    return all(
        member.time is not None and clock - member.time > UNHEALTHY_AFTER
        for member in value.members.values()
        if member.state is not State.LEFT
    )


def judge_gossip(
    all_targets: tuple[TargetFacts, ...],
    ids: Mapping[str, Identity],
    product: Product,
    rules: Rules,
    ha: HaKeys,
) -> GossipFacts | None:
    """Judge the gossip; `None` where no process has memberlist. `ha` recognises the HA entries."""
    having = {t.name: t.gossip for t in all_targets if t.gossip is not None}
    if not having:
        return None
    judged = {t.name for t in all_targets if not t.recently_started}
    members = {name: ids[name].member for name in having if name in ids}
    lists_of = _listed_by_each(having, [ids[name] for name in having if name in ids])
    steady = frozenset(judged & {name for name, own in members.items() if own})
    alive = {name: census_of(gossip.members).alive for name, gossip in having.items()}
    lists = Lists(lists_of, alive, steady)
    found = components(lists, judged)
    unknown, namesakes = unknown_members(having, ids.values(), rules)
    configs = {target.name: target.config for target in all_targets if target.up and target.config}
    listed = frozenset(key for gossip in having.values() for key in gossip.keys)
    unused = unused_keys(listed, all_targets, product, ha)
    return GossipFacts(
        clusters=found.clusters,
        doubts=MappingProxyType(dict.fromkeys(found.doubts, 0.0)),
        short=short(found, lists),
        unknown=unknown,
        namesakes=namesakes,
        absent=_absent(lists_of, steady),
        unidentified=tuple(sorted(name for name in having if not members.get(name))),
        unknown_keys=tuple(unused),
        foreign_keys=tuple(key for key, foreign in unused.items() if foreign),
        remains=_remains(tuple(unused), having.values()),
        labels=by_label(configs),
        rollout=rollout(all_targets, rules.label),
        unverified=tuple(sorted(n for n, config in configs.items() if config.label_verification_disabled)),
        unread=tuple(sorted(t.name for t in all_targets if t.ended("/memberlist", Outcome.FAILED))),
    )


def _listed_by_each(
    having: Mapping[str, GossipTarget], identities: Iterable[Identity]
) -> Mapping[str, frozenset[str]]:
    """The processes with a member in each process's list; the same set for the same list."""
    lists = each_once(gossip.members for gossip in having.values())
    spots = {i.target: (bare(i.member), i.place) for i in identities if i.member}
    listed_here = {at: _listed_in(census_of(listed), spots) for at, listed in lists.items()}
    return {name: listed_here[id(gossip.members)] for name, gossip in having.items()}


def _listed_in(census: Census, spots: Mapping[str, Spot]) -> frozenset[str]:
    """The processes with a member, or a former self in the same place, in state alive in a list."""
    return frozenset(target for target, spot in spots.items() if spot in census.spots)


def _absent(lists_of: Mapping[str, frozenset[str]], judged: frozenset[str]) -> tuple[str, ...]:
    """Processes with memberlist that no other process lists, where another process exists."""
    if len(lists_of) < 2:
        return ()
    return tuple(
        sorted(
            name
            for name in lists_of
            if name in judged
            and not any(name in listed_there for viewer, listed_there in lists_of.items() if viewer != name)
        )
    )


def _remains(keys: tuple[str, ...], gossips: Iterable[GossipTarget]) -> tuple[str, ...]:
    """Of the unknown keys, those without a current member in every copy that was read. Of a key that several
    processes list, more than one copy was read.
    """
    lists = tuple(gossips)
    listed = Counter(key for gossip in lists for key in gossip.keys)
    quiet = Counter(key for gossip in lists for key in gossip.quiet_keys)
    busy = {key for gossip in lists for key in gossip.busy_keys}
    return tuple(key for key in keys if key not in busy and quiet[key] >= min(2, max(1, listed[key])))
