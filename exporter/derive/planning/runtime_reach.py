"""Which KV clients the runtime configuration reaches: by running processes, else by the product's source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.model.facts import ClientFacts, TargetFacts
from exporter.model.listed import grouped
from exporter.model.pages import Phase, Product
from exporter.model.planning.plan import BY_RUNTIME, IN_MULTI, Reached, Route
from exporter.model.settings import RingConfig, RuntimeConfig, ring_config_of
from exporter.products.kv_settings import SETTINGS, ring_named


def reached(
    targets: Iterable[TargetFacts], migration: str, product: Product, into: Phase
) -> tuple[Reached, ...]:
    """Each ring of a migration, with its clients and how the step into a phase reaches them."""
    known = tuple(targets)
    by_key = grouped((c.key, c) for target in known for c in target.clients if c.migration == migration)
    static = Static(
        {t.name: t.config.rings if t.config else {} for t in known},
        frozenset(t.name for t in known if _is_overridden(t, product)),
        {t.name: t.runtime for t in known},
    )
    return tuple(_reached(key, clients, product, into, static) for key, clients in sorted(by_key.items()))


@dataclass(frozen=True, slots=True)
class Static:
    """The rings of each process's file, the processes with a client in another state, and the runtime
    configuration of each, where it was read.
    """

    rings: Mapping[str, Mapping[str, RingConfig]]
    overridden: frozenset[str]
    runtime: Mapping[str, RuntimeConfig | None]


def _reached(key: str, clients: list[ClientFacts], product: Product, into: Phase, static: Static) -> Reached:
    ring = name_of(key, static.rings.values(), product)
    left = {client.target for client in clients if not _is_there(client, into)}
    switched = into in BY_RUNTIME and all(c.phase in IN_MULTI or c.target not in left for c in clients)
    primaries = _shown(clients, static) if switched else None
    switch = SETTINGS[product].runtime
    by_source = switched and switch is not None and ring in switch.reaches
    return Reached(
        ring=ring,
        key=key,
        clients=tuple(sorted({client.name for client in clients})),
        route=Route.RUNTIME if (by_source if primaries is None else primaries) else Route.RESTART,
        targets=tuple(sorted({client.target for client in clients})),
        done=len({client.target for client in clients} - left),
        observed=primaries is not None,
    )


def _is_there(client: ClientFacts, into: Phase) -> bool:
    """Whether a client is in the phase, or beyond it."""
    return client.phase >= into


def _shown(clients: Iterable[ClientFacts], static: Static) -> bool | None:
    """Whether running clients follow the runtime configuration. They do if their gauges differ from the file.
    They do not if they agree with the file and the runtime configuration differs. Where that was not read,
    the same is true in a process with further clients that differ. `None` where no process shows either.
    """
    followers = {_follows(c, static) for c in clients}
    followers.discard(None)
    return True if True in followers else False if followers == {False} else None


def _follows(client: ClientFacts, static: Static) -> bool | None:
    rings, runtime = static.rings[client.target], static.runtime[client.target]
    differs = _differs(client, rings)
    if differs is None or runtime is None:
        return differs if client.target in static.overridden else None
    ring = ring_config_of(client.key, rings)
    has_other_primary = ring is not None and not runtime.fits(ring.primary, bool(ring.mirror_enabled))
    return differs or (False if has_other_primary else None)


def _is_overridden(target: TargetFacts, product: Product) -> bool:
    """Whether some client of a process is in another state than its file."""
    rings = target.config.rings if target.config else {}
    return SETTINGS[product].runtime is not None and any(_differs(c, rings) for c in target.clients)


def _differs(client: ClientFacts, rings: Mapping[str, RingConfig]) -> bool | None:
    ring = ring_config_of(client.key, rings)
    if ring is None or ring.store != "multi" or client.phase not in IN_MULTI or client.mirror is None:
        return None
    return client.mirror != bool(ring.mirror_enabled) or (
        bool(ring.primary) and client.primary != ring.primary
    )


def name_of(key: str, configs: Iterable[Mapping[str, RingConfig]], product: Product) -> str:
    """The everyday name of a ring, also with a prefix of its own; the key where no table has it."""
    shown = (ring.default_key for rings in configs if (ring := ring_config_of(key, rings)) is not None)
    return ring_named(product, key) or ring_named(product, next(shown, "")) or key
