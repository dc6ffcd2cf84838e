"""What would turn the next step into an accident, reported before it: small views that would be written, and
processes that a restart harms.

A KV client writes complete values. A process that has memberlist as its primary and lists few members writes
its small ring over the store's. On a cluster, a ring of three shrank to one and two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from statistics import median_low

from exporter.derive.gossip.label_rollout import DEFAULT_LABELS, oddity
from exporter.derive.judging_rules import DEFAULT_PERIOD
from exporter.derive.migration.runtime_config_differences import runtime_risks
from exporter.derive.migration.single_process import is_single_process
from exporter.derive.ring.quorum import spare
from exporter.model.entry import host_of, port_of
from exporter.model.facts import KeyFacts, Snapshot, TargetFacts
from exporter.model.findings import Finding, FindingKind
from exporter.model.migration import Migration
from exporter.model.pages import GossipState, Outcome, Phase, Product
from exporter.model.settings import RingConfig, ring_config_of

SMALL = 0.5  # a view of half the members or fewer
_BEFORE_RESTARTS = frozenset({Phase.EXTERNAL, Phase.DETACHED})
_ON_MEMBERLIST = frozenset({Phase.SWITCHED, Phase.DETACHED})
_NO_STORE_LEFT = frozenset({Phase.MEMBERLIST, Phase.UNKNOWN})


def with_dangers(migrations: Iterable[Migration], snapshot: Snapshot) -> tuple[Migration, ...]:
    """The migrations, with what endangers the next step of each."""
    return tuple(
        replace(one, dangers=_dangers(one, one.phase, snapshot))
        if one.is_of_clients and one.phase is not None
        else one
        for one in migrations
    )


def _dangers(migration: Migration, phase: Phase, snapshot: Snapshot) -> tuple[Finding, ...]:
    keys = tuple(key for key in snapshot.keys if key.migration == migration.name)
    spread = snapshot.gossip.spread if snapshot.gossip is not None else None
    return (
        *_of_views(snapshot, keys, phase),
        *runtime_risks(snapshot.targets, migration.name, snapshot.at),
        *_of_restarts(snapshot.targets, migration, spread),
    )


def _of_views(snapshot: Snapshot, keys: tuple[KeyFacts, ...], where: Phase) -> tuple[Finding, ...]:
    """The processes that would write a small view, while an external store is left, and those that let in any
    other cluster. Before a rolling restart also the rings that can spare no member.
    """
    targets, product = snapshot.targets, snapshot.fleet.product
    having = [target for target in targets if target.gossip is not None and not target.recently_started]
    if where in _NO_STORE_LEFT:
        return (*_unverified(having), *_unusual_labels(having))
    small = (*_few_listed(having), *_small_copies(keys))
    lonely = () if is_single_process(snapshot) else _lonely_joins(targets)
    further = (*_from_the_future(keys), *_unread(targets), *lonely)
    beside = (*_unusual_labels(having), *_none_to_spare(keys, where, product))
    return (*small, *further, *_unverified(having), *beside)


def _few_listed(having: list[TargetFacts]) -> Iterable[Finding]:
    """Those with half or less of the members of most: one list of invented members makes none short."""
    counts = {target.name: _alive(target) for target in having}
    total = max(len(having), median_low(counts.values()) if counts else 0)
    for name, count in counts.items():
        if total > 1 and count <= SMALL * total:
            yield Finding(FindingKind.SMALL_VIEW, name, count=count, of=total)


def _alive(target: TargetFacts) -> int:
    states = target.gossip.states if target.gossip else {}
    return states.get(GossipState.ALIVE.value, 0) + states.get(GossipState.SUSPECT.value, 0)


def _small_copies(keys: tuple[KeyFacts, ...]) -> Iterable[Finding]:
    """Copies of a mirrored ring that lack half of it; before mirroring every copy is empty."""
    for key in keys:
        for view in key.views if key.phase is Phase.MIRRORING and len(key.members) > 1 else ():
            lost = len(view.against.missing) if view.against is not None else 0
            if view.kind == "gossip" and view.judged and lost >= SMALL * len(key.members):
                size = len(key.members)
                yield Finding(FindingKind.SMALL_COPY, view.target, key.key, count=size - lost, of=size)


def _from_the_future(keys: tuple[KeyFacts, ...]) -> Iterable[Finding]:
    for key in keys:
        if key.ahead:
            name = max(key.ahead, key=lambda entry: key.ahead[entry])
            further = len(key.ahead) - 1
            yield Finding(FindingKind.FUTURE_TIMESTAMP, name, key.key, count=key.ahead[name], of=further)


def _unread(targets: Iterable[TargetFacts]) -> Iterable[Finding]:
    for target in targets:
        if target.up and target.ended("/memberlist", Outcome.FAILED):
            yield Finding(FindingKind.MEMBER_LIST_UNREAD, target.name)


def _lonely_joins(targets: Iterable[TargetFacts]) -> Iterable[Finding]:
    for target in targets:
        if joins_only_itself(target):
            yield Finding(FindingKind.JOINS_ITSELF, target.name)


def _none_to_spare(keys: tuple[KeyFacts, ...], where: Phase, product: Product) -> Iterable[Finding]:
    """What `quorum-margin` cannot require, where a rolling restart is next."""
    if where not in _BEFORE_RESTARTS:
        return
    by_quorum = [key for key in keys if key.writes_by == "quorum" and key.settings.replication]
    single = tuple(key.key for key in by_quorum if not spare(key.settings.replication, product))
    if single:
        yield Finding(FindingKind.NONE_TO_SPARE, names=single)


def _unverified(having: list[TargetFacts]) -> Iterable[Finding]:
    """A label that is not verified keeps no other cluster out; in a label's rollout it is so for a while."""
    off = tuple(t.name for t in having if t.gossip and t.gossip.label and t.gossip.verified is False)
    if off:
        yield Finding(FindingKind.LABEL_UNVERIFIED, count=len(off), of=len(having), names=off)


def _unusual_labels(having: list[TargetFacts]) -> Iterable[Finding]:
    """A label that another cluster has by default, or that is easily written otherwise on other processes."""
    for label in sorted({t.gossip.label for t in having if t.gossip and t.gossip.label}):
        if label in DEFAULT_LABELS:
            yield Finding(FindingKind.LABEL_DEFAULT, label)
        if unusual := oddity(label):
            yield Finding(FindingKind.LABEL_UNUSUAL, label, culprits=(unusual,))


def _of_restarts(
    targets: Iterable[TargetFacts], migration: Migration, spread: float | None
) -> tuple[Finding, ...]:
    """The processes that a restart harms by their own settings: a process that ends itself, or that chooses
    its tokens before it has the ring. `spread` is the gossip's delay, seconds.
    """
    having = [t for t in targets if t.up and any(c.migration == migration.name for c in t.clients)]
    aborting = _aborting(having) if migration.phase in _BEFORE_RESTARTS else ()
    hasty = _hasty(having, migration.name, spread) if migration.phase in _ON_MEMBERLIST else ()
    return (*aborting, *hasty)


def _aborting(having: list[TargetFacts]) -> Iterator[Finding]:
    """Those that end themselves where no seed answers, as for the first processes of a rollout."""
    names = tuple(t.name for t in having if t.config is not None and t.config.abort_if_join_fails)
    if names:
        yield Finding(FindingKind.JOIN_ABORTS, count=len(names), of=len(having), names=names)


def _hasty(having: list[TargetFacts], migration: str, spread: float | None) -> Iterator[Finding]:
    """Those that choose tokens at once, or sooner than the gossip's delay: two members may get the same
    tokens. A heartbeat period explains that much of the measured delay.
    """
    found: dict[tuple[str, float], list[str]] = defaultdict(list)
    for target in having:
        for key, ring in _written(target, migration):
            wait = wait_for_tokens(ring)
            slow = (spread or 0.0) - (ring.heartbeat_period or DEFAULT_PERIOD)
            if wait is not None and (wait == 0 or wait < slow):
                found[key, wait].append(target.name)
    for (key, wait), names in sorted(found.items()):
        measured = () if spread is None else (f"{max(spread, 1.0):.0f}",)  # heartbeats have no fractions
        yield Finding(
            FindingKind.TOKENS_HASTY, key, f"{wait:g}", len(names), len(having), tuple(names), others=measured
        )


def _written(target: TargetFacts, migration: str) -> Iterator[tuple[str, RingConfig]]:
    """The rings that a process writes, with their settings."""
    rings = target.config.rings if target.config is not None else {}
    for key in sorted({c.key for c in target.clients if c.writes and c.migration == migration}):
        ring = ring_config_of(key, rings)
        if ring is not None:
            yield key, ring


def wait_for_tokens(ring: RingConfig) -> float | None:
    """Seconds from a process's start until it takes its tokens; `None`: tokens from a file, or no setting."""
    waits = [seconds for seconds in (ring.join_after, ring.observe_period) if seconds is not None]
    return sum(waits) if waits and not ring.tokens_file else None


def joins_only_itself(target: TargetFacts) -> bool:
    """Whether a process's every seed is its own address: after a restart it would be isolated."""
    config = target.config
    if config is None or not config.join_members:
        return False
    return all(is_at(target, seed, _LOOPBACK) for seed in config.join_members)


def is_at(target: TargetFacts, seed: str, more: frozenset[str] = frozenset()) -> bool:
    """Whether a seed names a process's own address and gossip port. `more` are its further hosts."""
    config = target.config
    if config is None:
        return False
    host, port = host_of(seed), port_of(seed)
    if host in _ANY or port is None:
        return False
    own = (config.advertise_address, config.node_name, config.instance_id, target.host)
    advertised = config.advertise_port if config.advertise_address else None
    is_its_host = host in own or host in config.bind_addresses or host in more
    return is_its_host and port in (config.bind_port, advertised)


_ANY = frozenset({"", "0.0.0.0", "::"})  # no host of its own
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})  # of its own machine, with its own port: itself
