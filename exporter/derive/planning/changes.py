"""Which lines of the configuration file a step changes: only those that are not so already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from exporter.derive.migration.risks import joins_only_itself, wait_for_tokens
from exporter.derive.planning.wanted import Wanted
from exporter.model.facts import TargetFacts
from exporter.model.pages import Product
from exporter.model.planning.plan import BlockChange, Names, Reached, Route, Setting
from exporter.model.settings import RingConfig, ring_config_of
from exporter.products.kv_settings import SETTINGS, blocks_of
from exporter.products.registry import TABLES
from exporter.products.ring_pages import INGESTER_KEY

JOIN_MEMBERS = "join_members"
REJOIN = "60s"  # as the check rejoin-interval advises, and as grafana/mimir#16332 sets it
Found = dict[tuple[str, str, tuple[tuple[str, Setting], ...], bool], list[tuple[TargetFacts, Names]]]


def block_changes(
    targets: Iterable[TargetFacts], rings: Iterable[Reached], wanted: Wanted, product: Product
) -> tuple[BlockChange, ...]:
    """The changes of all rings that the step reaches by a restart, equal changes together."""
    by_name = {target.name: target for target in targets}
    found: Found = defaultdict(list)
    for ring in rings:
        if ring.route is not Route.RESTART:
            continue
        for name in ring.targets:
            target = by_name[name]
            clients = tuple(c.name for c in target.clients if c.key == ring.key)
            if all(c.phase >= wanted.phase for c in target.clients if c.key == ring.key):
                continue
            shown = ring_config_of(ring.key, target.config.rings) if target.config else None
            left = wanted.missing(shown)
            block = _block(ring, target, shown, product)
            key = (block, ring.ring, tuple(left.items()), shown is not None)
            found[key].append((target, clients))
    return tuple(
        _of_ring(*key, members) for key, members in sorted(found.items(), key=lambda one: one[0][:2])
    )


def _of_ring(
    block: str,
    ring: str,
    left: tuple[tuple[str, Setting], ...],
    shown: bool,
    members: list[tuple[TargetFacts, Names]],
) -> BlockChange:
    return BlockChange(
        block=block,
        ring=ring,
        settings=MappingProxyType({f"{block}.kvstore.{name}": value for name, value in left}),
        targets=tuple(sorted(target.name for target, _ in members)),
        components=tuple(sorted({target.component for target, _ in members} - {""})),
        clients=tuple(sorted({client for _, clients in members for client in clients})),
        shown=shown,
    )


def _block(ring: Reached, target: TargetFacts, shown: RingConfig | None, product: Product) -> str:
    """Where the ring's settings stand: in Loki's common block if that has the same settings."""
    common, settings = target.config.common if target.config else None, SETTINGS[product]
    if settings.common and common is not None and shown is not None and _inherits(ring.ring, product):
        pairs = ("store", "primary", "secondary", "mirror_enabled")
        if all(getattr(common, name) == getattr(shown, name) for name in pairs):
            return settings.common
    return next(iter(blocks_of(product, ring.ring)), "")


def _inherits(ring: str, product: Product) -> bool:
    return any(one.name == ring and "store" in one.inherits for one in TABLES[product].rings)


def gossip_changes(targets: Iterable[TargetFacts]) -> tuple[BlockChange, ...]:
    """What the gossip needs before the first process joins: seeds besides the process itself, and joining
    again after a loss. A failed join must not end the process.
    """
    configured = [(target, target.config) for target in targets if target.up and target.config is not None]
    wanted: tuple[tuple[str, Setting, list[TargetFacts]], ...] = (
        ("rejoin_interval", REJOIN, [t for t, config in configured if config.never_rejoins]),
        ("abort_if_cluster_join_fails", False, [t for t, config in configured if config.abort_if_join_fails]),
    )
    rest = tuple(_gossip({name: value}, without) for name, value, without in wanted if without)
    return (*seed_changes(target for target, _ in configured), *rest)


def seed_changes(targets: Iterable[TargetFacts]) -> tuple[BlockChange, ...]:
    """Seeds for processes that have none but themselves: each starts with a small view, and writes it
    where memberlist is its primary. The empty list is to be filled in by the reader.
    """
    configured = [(target, target.config) for target in targets if target.up and target.config is not None]
    lonely = [t for t, config in configured if not config.join_members or joins_only_itself(t)]
    return (_gossip({JOIN_MEMBERS: ()}, lonely),) if lonely else ()


def wait_changes(targets: Iterable[TargetFacts], product: Product) -> tuple[BlockChange, ...]:
    """The wait for the ring of ingesters that would choose their tokens without one."""
    wait = SETTINGS[product].wait
    hasty = [target for target in targets if target.config is not None and _chooses_at_once(target)]
    if wait is None or not hasty:
        return ()
    return (_change(wait.block, {wait.path: wait.value}, hasty),)


def _chooses_at_once(target: TargetFacts) -> bool:
    rings = target.config.rings if target.config is not None else {}
    own = (ring_config_of(c.key, rings) for c in target.clients if c.writes)
    return any(
        ring is not None and ring.default_key == INGESTER_KEY and wait_for_tokens(ring) == 0 for ring in own
    )


def label_changes(targets: Iterable[TargetFacts], step: str, label: str) -> tuple[BlockChange, ...]:
    """The lines of a step of the labels. Label and verification are never changed in one rollout."""
    having = [t for t in targets if t.up and t.gossip is not None]
    if step == "enforce-label":
        left = [t for t in having if t.gossip and t.gossip.verified is False]
        return (_gossip({"cluster_label_verification_disabled": False}, left),) if left else ()
    verifying = [t for t in having if t.gossip and t.gossip.verified and not t.gossip.label]
    if verifying:
        return (_gossip({"cluster_label_verification_disabled": True}, verifying),)
    bare = [t for t in having if t.gossip and not t.gossip.label]
    return (_gossip({"cluster_label": label}, bare),) if bare else ()


def _gossip(settings: Mapping[str, Setting], targets: list[TargetFacts]) -> BlockChange:
    return _change("memberlist", {f"memberlist.{name}": value for name, value in settings.items()}, targets)


def _change(block: str, settings: Mapping[str, Setting], targets: list[TargetFacts]) -> BlockChange:
    """Settings that are no ring's own."""
    return BlockChange(
        block=block,
        ring="",
        settings=MappingProxyType(dict(settings)),
        targets=tuple(sorted(target.name for target in targets)),
        components=tuple(sorted({target.component for target in targets} - {""})),
    )
