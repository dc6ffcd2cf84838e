"""One gossip cluster without unknown members: which processes list each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from heapq import nsmallest
from types import MappingProxyType

from exporter.derive.gossip.gossip_clusters import Lists, components, short
from exporter.derive.gossip.label_rollout import label_of, rollout
from exporter.derive.identity.key_product import unused_keys
from exporter.derive.identity.member_index import ALIVE, Census, Endpoint, Spot, bare, census_of, each_once
from exporter.derive.identity.member_processes import Identity
from exporter.derive.limits import DEFAULT_TIMEOUT, Rules
from exporter.model.entry import State
from exporter.model.facts import GossipFacts, GossipTarget, KeyFacts, Snapshot, TargetFacts, UnknownMember
from exporter.model.pages import GossipMember, Observation, Outcome, ProcessConfig, Product, Ring, Value
from exporter.products.ha_keys import HaKeys

UNHEALTHY_AFTER = 2 * DEFAULT_TIMEOUT
SPREAD_WINDOW = 600.0  # seconds
STAYS = 120.0  # seconds; a restarted process leaves its former self in member lists for up to a minute


def gossip_of(
    observation: Observation, identity: Identity, values: Mapping[str, Value], clock: float | None
) -> GossipTarget | None:
    """The gossip of one process; `None` where it has no memberlist or did not answer.

    `values` are its gossip copies by key, `clock` its own time.
    """
    page = observation.gossip.page.value
    if page is None:
        return None
    config = observation.config.value
    census = census_of(page.members)
    metrics = observation.metrics.value
    quiet = {key for key, value in values.items() if _is_quiet(value, page.now or clock)}
    score = metrics.health_score if metrics and metrics.health_score is not None else page.health_score
    return GossipTarget(
        members=page.members,
        states=census.states,
        health_score=None if score is None else float(score),
        heartbeat_age=_newest_heartbeat(values.values(), identity, page.now or clock),
        own_member=identity.member,
        keys=tuple(sorted(key for key, what in page.keys.items() if not what.deleted)),
        isolated=census.alive <= {identity.member},
        quiet_keys=tuple(sorted(quiet)),
        busy_keys=tuple(sorted(k for k, v in values.items() if isinstance(v, Ring) and k not in quiet)),
        **_configured(config),  # type: ignore[arg-type] # the names are the fields'
    )


def _configured(config: ProcessConfig | None) -> dict[str, object]:
    if config is None:
        return {}
    disabled = config.label_verification_disabled
    return {
        "label": label_of(config),
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


def with_heartbeat_ages(
    gossip: GossipFacts | None, targets: Iterable[TargetFacts], keys: Iterable[KeyFacts], now: float
) -> GossipFacts | None:
    """Add the age of the newest heartbeat of any other member in each process's copies, seconds, or by its
    metrics. A process that lists only itself, where further processes exist, has received none since it
    started. `now` is our clock.
    """
    having = {target.name: (target, target.gossip) for target in targets if target.gossip is not None}
    if gossip is None:
        return None
    since_start = {
        name: max(0.0, now + (target.skew or 0.0) - target.started)
        for name, (target, own) in having.items()
        if own.isolated and len(having) > 1 and target.started is not None
    }
    own_ages = {name: own.heartbeat_age for name, (_, own) in having.items() if own.heartbeat_age is not None}
    ages = _ages_by_metrics(keys, having) | since_start | own_ages
    return replace(gossip, heartbeat_ages=MappingProxyType(ages))


def with_spread(
    gossip: GossipFacts | None, keys: Iterable[KeyFacts], before: GossipFacts | None, now: float
) -> GossipFacts | None:
    """Add the gossip's delay: how far a copy of a ring was behind the newest one, at most, in the last
    minutes. Copies are read one after another, so a heartbeat period is always in it. One that is behind by
    more than the heartbeat timeout receives no gossip at all.
    """
    if gossip is None:
        return None
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
    targets: Iterable[TargetFacts],
    identities: Iterable[Identity],
    product: Product,
    rules: Rules,
    ha: HaKeys | None = None,
) -> GossipFacts | None:
    """Judge the gossip; `None` where no process has memberlist. `ha` recognises the HA entries."""
    all_targets = tuple(targets)
    having = {t.name: t.gossip for t in all_targets if t.gossip is not None}
    if not having:
        return None
    ids = {identity.target: identity for identity in identities}
    judged = {t.name for t in all_targets if not t.recently_started}
    members = {name: ids[name].member for name in having if name in ids}
    lists_of = _listed_by_each(having, [ids[name] for name in having if name in ids])
    steady = frozenset(judged & {name for name, own in members.items() if own})
    alive = {name: census_of(gossip.members).alive for name, gossip in having.items()}
    lists = Lists(lists_of, alive, steady)
    found = components(lists, judged)
    unknown, namesakes = _unknown_members(having, ids.values(), rules)
    configs = {target.name: target.config for target in all_targets if target.up and target.config}
    listed = frozenset(key for gossip in having.values() for key in gossip.keys)
    unused = unused_keys(listed, all_targets, product, ha or HaKeys())
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
        labels=_by_label(configs),
        unverified=tuple(sorted(n for n, config in configs.items() if config.label_verification_disabled)),
        unread=tuple(sorted(t.name for t in all_targets if _unread(t))),
        rollout=rollout(all_targets, rules.label),
    )


def _by_label(configs: Mapping[str, ProcessConfig]) -> Mapping[str, tuple[str, ...]]:
    """The processes with a label that was read, by label."""
    found: dict[str, list[str]] = {}
    for name, config in configs.items():
        label = label_of(config)
        if label is not None:
            found.setdefault(label, []).append(name)
    return MappingProxyType({label: tuple(sorted(names)) for label, names in found.items()})


def _unread(target: TargetFacts) -> bool:
    return any(p.name == "/memberlist" and p.outcome is Outcome.FAILED for p in target.pages)


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


def _unknown_members(
    having: Mapping[str, GossipTarget], identities: Iterable[Identity], rules: Rules
) -> tuple[tuple[UnknownMember, ...], tuple[UnknownMember, ...]]:
    """Members that are no process of ours and that no `expected_members` pattern matches; apart from them
    those that have the name of one.
    """
    ours = OwnMembers.of(identities)
    found: dict[str, tuple[GossipMember, list[str]]] = {}
    strange: dict[int, list[GossipMember]] = {}
    for viewer, gossip in having.items():
        at = id(gossip.members)
        if at not in strange:
            alive = (member for member in gossip.members if member.state in ALIVE)
            strange[at] = [m for m in alive if not (ours.has(m) or is_expected(m.name, rules))]
        for member in strange[at]:
            found.setdefault(member.name, (member, []))[1].append(viewer)
    unknown: list[UnknownMember] = []
    namesakes: list[UnknownMember] = []
    for name, (member, seers) in sorted(found.items()):
        one = UnknownMember(name, f"{member.address}:{member.port}", tuple(sorted(seers)))
        (namesakes if ours.names(member) else unknown).append(one)
    return tuple(unknown), tuple(namesakes)


def outstayed(gossip: GossipFacts | None, before: Snapshot | None, now: float) -> GossipFacts | None:
    """Date the namesakes; those that outstay a process's former self count among `unknown`."""
    if gossip is None or not gossip.namesakes:
        return gossip
    namesakes = before.gossip.namesakes if before is not None and before.gossip is not None else ()
    since = {namesake.name: namesake.since for namesake in namesakes}
    dated = tuple(replace(one, since=min(since.get(one.name) or now, now)) for one in gossip.namesakes)
    stayed = (one for one in dated if one.since is not None and now - one.since >= STAYS)
    unknown = sorted((*gossip.unknown, *stayed), key=lambda member: member.name)
    return replace(gossip, namesakes=dated, unknown=tuple(unknown))


@dataclass(frozen=True, slots=True)
class OwnMembers:
    """The watched processes: the places of their own members, by their complete and bare names. Also the
    names of those with an unidentified member.
    """

    places: Mapping[str, frozenset[Endpoint]]
    hidden: frozenset[str]

    @classmethod
    def of(cls, identities: Iterable[Identity]) -> OwnMembers:
        """Take names and places out of the processes' identities."""
        places: dict[str, set[Endpoint]] = {}
        hidden: set[str] = set()
        for identity in identities:
            if not identity.member:
                hidden |= identity.names
            for name in {identity.member, *identity.names} if identity.member else ():
                places.setdefault(name, set()).add(identity.place)
        return cls({name: frozenset(found) for name, found in places.items()}, frozenset(hidden))

    def has(self, member: GossipMember) -> bool:
        """Whether a gossip member is one of these processes. The name by itself counts only where the process
        has an unidentified member: two installations may have the same pod names.
        """
        here = (member.address, member.port)
        if here in self.places.get(member.name, ()):
            return True
        name = bare(member.name)
        return name in self.hidden or here in self.places.get(name, ())

    def names(self, member: GossipMember) -> bool:
        """Whether a gossip member has the name of one of these processes."""
        return member.name in self.places or bare(member.name) in self.places


def is_expected(member: str, rules: Rules) -> bool:
    """Whether `expected_members` names a member."""
    return any(pattern.search(member) for pattern in rules.expected_members)


def _remains(keys: tuple[str, ...], gossips: Iterable[GossipTarget]) -> tuple[str, ...]:
    """Of the unknown keys, those without a current member in every copy that was read. Of a key that several
    processes list, more than one copy was read.
    """
    lists = tuple(gossips)
    listed = Counter(key for gossip in lists for key in gossip.keys)
    quiet = Counter(key for gossip in lists for key in gossip.quiet_keys)
    busy = {key for gossip in lists for key in gossip.busy_keys}
    return tuple(key for key in keys if key not in busy and quiet[key] >= min(2, max(1, listed[key])))
