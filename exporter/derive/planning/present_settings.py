"""What running processes have now, for an edited file to be compared with."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from exporter.derive import kv_clients
from exporter.derive.migration.runtime_config_differences import runtime_age
from exporter.model.facts import TargetFacts
from exporter.model.listed import grouped
from exporter.model.pages import Product
from exporter.model.planning.plan import BlockNow, GossipNow, Reached, RingNow
from exporter.model.settings import ring_config_of
from exporter.products.kv_settings import SETTINGS, blocks_of


def rings_now(
    targets: Iterable[TargetFacts], rings: Iterable[Reached], product: Product
) -> tuple[RingNow, ...]:
    """Each ring of a migration: where its settings stand, its primary and its prefixes."""
    all_targets = tuple(targets)
    return tuple(_ring_now(all_targets, ring, product) for ring in rings)


def _ring_now(targets: tuple[TargetFacts, ...], ring: Reached, product: Product) -> RingNow:
    clients = [client for target in targets for client in target.clients if client.key == ring.key]
    writers = kv_clients.writing(clients) or tuple(clients)
    primaries = {kv_clients.store_of(client) for client in writers}
    configs = (ring_config_of(ring.key, t.config.rings) for t in targets if t.config is not None)
    common = SETTINGS[product].common
    return RingNow(
        ring=ring.ring,
        blocks=(*blocks_of(product, ring.ring), *((common,) if common else ())),
        route=ring.route,
        phase=kv_clients.earliest(client.phase for client in writers),
        primary=primaries.pop() if len(primaries) == 1 else "",
        prefixes=tuple(sorted({config.prefix for config in configs if config is not None and config.prefix})),
    )


def blocks_now(
    targets: Iterable[TargetFacts], now: float, rings: Iterable[Reached] | None = None
) -> tuple[BlockNow, ...]:
    """The blocks of the runtime configuration, where read: of the processes of these rings, or of all."""
    names = None if rings is None else {name for ring in rings for name in ring.targets}
    found = grouped(
        (tuple(target.runtime.lines.items()), target)
        for target in targets
        if target.runtime is not None and (names is None or target.name in names)
    )
    return tuple(
        BlockNow(MappingProxyType(dict(lines)), tuple(sorted(t.name for t in some)), runtime_age(some, now))
        for lines, some in sorted(found.items(), key=lambda item: (-len(item[1]), str(item[0])))
    )


def gossip_now(targets: Iterable[TargetFacts]) -> GossipNow:
    """The gossip of all processes that show it."""
    running = [t for t in targets if t.up]
    configs = [t.config for t in running if t.config is not None]
    gossips = [t.gossip for t in running if t.gossip is not None]
    return GossipNow(
        labels=tuple(sorted({gossip.label for gossip in gossips if gossip.label is not None})),
        runs=bool(gossips),
        verifies=any(gossip.verified for gossip in gossips),
        seeded=all(config.join_members for config in configs),
    )
