"""What one process may answer: its own pages changed, another's, older ones, or nonsense."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from exporter.derive.comparison.collect import Cycle
from exporter.model.entry import Member, Partition, PartitionState, Replica, State
from exporter.model.pages import (
    GossipKey,
    GossipMember,
    Observation,
    Outcome,
    Page,
    PartitionRing,
    Product,
    Reason,
    Ring,
)
from exporter.model.settings import RingConfig
from tests.evidence.changes import later, spots, without
from tests.evidence.clusters import NOW, Cluster

Fleet = tuple[Observation, ...]
Lie = Callable[[Observation, Fleet, random.Random], Observation]


def lie(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    """One to three lies of one process; `fleet` is what the whole fleet answers honestly."""
    for _ in range(chance.randint(1, 3)):
        seen = chance.choice(LIES)(seen, fleet, chance)
    return seen


def _value(page: Page[Any], value: Any) -> Page[Any]:
    return replace(page, value=value, outcome=Outcome.ABSENT if value is None else Outcome.OK)


def _pages(seen: Observation, change: Callable[[Any], Any]) -> Observation:
    """Every ring page and copy changed alike: a liar that is consistent."""
    rings = {path: _value(page, change(page.value)) for path, page in seen.rings.items()}
    parts = {path: _value(page, change(page.value)) for path, page in seen.partitions.items()}
    values = {key: _value(page, change(page.value)) for key, page in seen.gossip.values.items()}
    gossip = replace(seen.gossip, values=values)
    return replace(seen, rings=rings, partitions=parts, gossip=gossip)


def _on_members(change: Callable[[Member], Member | None]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if not isinstance(value, Ring):
            return value
        changed = ((name, change(member)) for name, member in value.members.items())
        return replace(value, members=MappingProxyType({name: m for name, m in changed if m is not None}))

    return apply


def _as_another(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    other = chance.choice(fleet)
    return replace(other, target=seen.target)


def _one_page_of_another(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    other = chance.choice(fleet)
    what = chance.choice(["metrics", "config", "gossip", "rings", "others"])
    return replace(seen, **{what: getattr(other, what)})


def _fresh(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    ahead = chance.choice([0.0, 6.0, 20.0])
    del fleet
    return _pages(seen, _on_members(lambda m: replace(m, time=NOW + 45 + ahead, state=State.ACTIVE)))


def _fewer(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    del fleet
    return _pages(seen, _on_members(lambda m: m if chance.random() < 0.7 else None))


def _states(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    del fleet
    state = chance.choice([State.LEFT, State.UNHEALTHY, State.LEAVING, State.READ_ONLY, State.ACTIVE])
    return _pages(seen, _on_members(lambda m: replace(m, state=state)))


def _invented(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    del fleet
    names = [f"mimir-write-{n}" for n in range(chance.randint(1, 12))]
    new = {
        name: Member(name, f"10.88.0.{n}:9095", State.ACTIVE, "", NOW + 44) for n, name in enumerate(names)
    }
    return _pages(seen, lambda v: replace(v, members={**v.members, **new}) if isinstance(v, Ring) else v)


def _empty(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    del fleet, chance
    return _pages(seen, _on_members(lambda m: None))


def _owners(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    """Partitions that all have living owners, or that are gone."""
    del fleet
    state = chance.choice(list(PartitionState))

    def change(value: Any) -> Any:
        if not isinstance(value, PartitionRing):
            return value

        def other(partition: Partition) -> Partition:
            return replace(partition, state=state, owners=(seen.target.name,))

        return replace(value, partitions={n: other(p) for n, p in value.partitions.items()})

    return _pages(seen, change)


def _configured(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    config = seen.config.value
    if config is None:
        return seen
    told = chance.choice([
        {"heartbeat_period": 1800.0}, {"heartbeat_timeout": 600.0}, {"heartbeat_timeout": 86400.0},
        {"replication_factor": 5}, {"replication_factor": 1}, {"zone_awareness": True}, {"prefix": "zzz/"},
    ])  # fmt: skip
    others = [other.config.value for other in fleet if other.config.value is not None]
    claimed = {"instance_id": chance.choice(others).instance_id}
    itself = chance.choice([
        {}, claimed,
        {"node_name": chance.choice(others).node_name},
        {"advertise_address": "10.77.0.9", "advertise_port": 7946}, {"ingest_storage": True},
        {"label": "", "labels_supported": False},
    ])  # fmt: skip
    if itself is claimed:
        told = {**told, **claimed}
    changed = (replace(ring, **told) for ring in config.rings.values())
    rings = {_key_of(ring) or key: ring for key, ring in zip(config.rings, changed, strict=True)}
    return replace(seen, config=_value(seen.config, replace(config, rings=rings, **itself)))


def _key_of(ring: RingConfig) -> str:
    """Its key by its prefix, as the page has it."""
    name = ring.default_key.rpartition("/")[2]
    return f"{ring.prefix}{name}" if ring.default_key else ""


def _listing(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    page = seen.gossip.page
    if page.value is None:
        return seen
    everybody = {
        m.name: m for other in fleet if other.gossip.page.value for m in other.gossip.page.value.members
    }
    members = chance.choice([
        tuple(everybody.values()), page.value.members[:1], (), page.value.members[::2],
        (*page.value.members, GossipMember("x-1-00000000", "10.77.0.9", 7946)),
    ])  # fmt: skip
    listed = {key: GossipKey(key, "ringDesc") for other in fleet for key in other.gossip.values}
    keys = chance.choice(
        [page.value.keys, {}, {**page.value.keys, **listed}, {f"k{n}": GossipKey(f"k{n}") for n in range(9)}]
    )
    return replace(
        seen, gossip=replace(seen.gossip, page=_value(page, replace(page.value, members=members, keys=keys)))
    )


def _counted(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    """Metrics that say something else: another store, phase, product, or start."""
    metrics = seen.metrics.value
    if metrics is None:
        return seen
    del fleet
    client = chance.choice([
        {"primary": "aaa", "stores": ("aaa", "memberlist"), "mirror": True},
        {"primary": "memberlist", "stores": ("consul", "memberlist"), "mirror": True},
        {"primary": "consul", "stores": ("consul", "memberlist"), "mirror": True, "mirror_writes": 1e9},
        {"primary": "", "stores": (), "mirror": None, "requests": {("inmemory", "CAS"): 5.0}},
        {"requests": {}},
    ])  # fmt: skip
    whole = chance.choice([
        {}, {"clients": {}}, {"product": Product.LOKI}, {"version": "9.9.9"}, {"start_time": NOW + 44},
        {"start_time": NOW + 4000}, {"start_time": None},
    ])  # fmt: skip
    told = {name: replace(one, **client) for name, one in metrics.clients.items()}
    told = told if chance.random() < 0.5 else dict(metrics.clients)
    return replace(seen, metrics=_value(seen.metrics, replace(metrics, **{"clients": told, **whole})))


def _clock(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    by = chance.choice([-3600.0, -70.0, 70.0, 3600.0])
    del fleet
    return replace(
        seen,
        metrics=replace(seen.metrics, clock=NOW + by),
        rings={path: replace(page, clock=NOW + by) for path, page in seen.rings.items()},
    )


def _elected(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    del fleet, chance
    return _pages(seen, lambda v: replace(v, replica="other", time=NOW + 46) if isinstance(v, Replica) else v)


def _less(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    del fleet
    cycle = Cycle(NOW, NOW, 1, (seen,))
    taken = chance.choices(list(spots(cycle)), k=2)
    how = chance.choice(["failed", "absent", "older"])
    return without(cycle, later(cycle, -60.0), taken, how).observed[0]


def _older(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    """All its pages as they were some minutes ago, as a cache gives them."""
    del fleet
    then = later(Cycle(NOW, NOW, 1, (seen,)), -chance.choice([60.0, 300.0, 900.0])).observed[0]
    rings = {path: replace(page, asked_at=seen.metrics.asked_at) for path, page in then.rings.items()}
    copies = {key: replace(page, asked_at=seen.metrics.asked_at) for key, page in then.gossip.values.items()}
    page = replace(then.gossip.page, asked_at=seen.metrics.asked_at)
    metrics = replace(then.metrics, asked_at=seen.metrics.asked_at)
    return replace(then, metrics=metrics, rings=rings, gossip=replace(then.gossip, page=page, values=copies))


def _nonsense(seen: Observation, fleet: Fleet, chance: random.Random) -> Observation:
    """A page that no decoder understands."""
    del fleet
    broken: dict[str, Any] = {"outcome": Outcome.FAILED, "reason": Reason.DECODE, "value": None}
    what = chance.choice(["metrics", "config", "rings", "gossip"])
    if what == "rings":
        return replace(seen, rings={path: replace(page, **broken) for path, page in seen.rings.items()})
    if what == "gossip":
        return replace(seen, gossip=replace(seen.gossip, page=replace(seen.gossip.page, **broken), values={}))
    return replace(seen, **{what: replace(getattr(seen, what), **broken)})


LIES: tuple[Lie, ...] = (
    _older, _nonsense, _as_another, _one_page_of_another, _fresh, _fewer, _states, _invented, _empty, _owners,
    _configured, _configured, _listing, _listing, _counted, _counted, _clock, _elected, _less,
)  # fmt: skip


def victims(made: Cluster, healthy: Cluster) -> set[str]:
    """Names of the processes that a fault changed: what they say of themselves is theirs alone."""
    return {one.name for one, was in zip(made.running, healthy.running, strict=True) if one != was}
