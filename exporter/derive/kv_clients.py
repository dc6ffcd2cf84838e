"""Where are we? The phase of each KV client, from its own gauges, and what follows for the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporter.model.facts import ClientFacts, KeyFacts, TargetFacts
from exporter.model.listed import grouped
from exporter.model.pages import KVClient, Observation, Outcome, Phase, ProcessConfig, ProcessMetrics, Product
from exporter.model.settings import ring_config_of
from exporter.products.component_names import RUNS_DISTRIBUTOR, TRACKER_CLIENT, is_tracker
from exporter.products.ring_pages import HA_KEY, RING_PAGES, key_of_client, reads_only_by_name

EXTERNAL_STORES = frozenset({"consul", "etcd", "dynamodb"})
WINDOW = 300.0  # seconds; benign mirror errors are single, so a ratio needs a while
WRITES = frozenset({"CAS", "PUT", "DELETE", "cas", "put", "delete"})


def phase_of(client: KVClient) -> Phase:
    """One client's phase; `UNKNOWN` where it shows neither multikv gauges nor a store. A `multi` of two
    external stores is not on its way to memberlist.
    """
    if is_between_stores(client.primary, client.stores):
        return Phase.EXTERNAL
    if client.primary:
        return multi_phase(client.primary, client.mirror)
    kinds = {kind for (kind, _), count in client.requests.items() if count > 0}
    if "multi" in kinds or client.mirror is not None or client.stores:
        return Phase.UNKNOWN  # a multi client that names no primary: it may be either
    external = bool(kinds & EXTERNAL_STORES)
    if external:
        return Phase.EXTERNAL
    return Phase.MEMBERLIST if "memberlist" in kinds else Phase.UNKNOWN


def is_between_stores(primary: str, stores: Collection[str]) -> bool:
    """Whether a client has `multi` and memberlist is none of its stores: from Consul to etcd, for example."""
    return primary in EXTERNAL_STORES and len(stores) > 1 and EXTERNAL_STORES.issuperset(stores)


def multi_phase(primary: str, mirror: bool | None) -> Phase:
    """The phase of a `multi` client."""
    if mirror is None:
        return Phase.UNKNOWN
    if primary == "memberlist":
        return Phase.SWITCHED if mirror else Phase.DETACHED
    return Phase.MIRRORING if mirror else Phase.MULTI


def writes(client: KVClient) -> bool:
    """Whether a client writes. Only a client with a reader's name and no write counts as a reader."""
    wrote = any(count > 0 for (_, operation), count in client.requests.items() if operation in WRITES)
    return wrote or bool(client.mirror_writes) or not reads_only_by_name(client.name)


def clients_of(
    observed: Observation, product: Product, before: TargetFacts | None
) -> tuple[ClientFacts, ...]:
    """Every client of one process, by their default keys. `before` is the process one cycle ago."""
    if observed.metrics.value is None:
        return ()
    old: Mapping[str, ClientFacts] = {c.name: c for c in before.clients} if before else {}
    times = Times(observed.metrics.asked_at, seconds_since(before, observed.metrics.asked_at))
    shown = judge_clients(observed.target.name, observed.metrics.value, product, old, times)
    return (*shown, *_quiet_tracker(observed, shown))


def seconds_since(before: TargetFacts | None, now: float) -> float | None:
    """Seconds since a process responded in the cycle before; `None` where it did not."""
    return now - before.seen_at if before and before.up and before.seen_at else None


def judge_clients(
    target: str, metrics: ProcessMetrics, product: Product, before: Mapping[str, ClientFacts], times: Times
) -> tuple[ClientFacts, ...]:
    """Judge every client of one process; rates need `before`, the same clients one cycle ago."""
    return tuple(
        _judge(target, client, product, before.get(name), times)
        for name, client in sorted(metrics.clients.items())
        if not _in_memory(client)
    )


def _quiet_tracker(observation: Observation, clients: Iterable[ClientFacts]) -> tuple[ClientFacts, ...]:
    """The client of an HA tracker that is switched on, with only the external store, and has written nothing
    yet: its configuration shows it. Without `multi` the metrics
    show a client after its first write, and a distributor without HA samples writes nothing. A client with
    `multi` has gauges from its start. A client with only memberlist has nothing left to move.
    """
    config = observation.config.value
    if observation.metrics.value is None or config is None or not runs_tracker(config):
        return ()
    ring = ring_config_of(HA_KEY, config.rings)
    if ring is None or ring.store not in EXTERNAL_STORES:
        return ()
    if any(client.key == HA_KEY or is_tracker(client.name) for client in clients):
        return ()
    return (ClientFacts(observation.target.name, TRACKER_CLIENT, HA_KEY, Phase.EXTERNAL, writes=True),)


def runs_tracker(config: ProcessConfig) -> bool:
    """Whether an HA tracker runs there. A configuration that all processes share switches it on for each of
    them, and only the distributor runs it.
    """
    parts = set(config.target.split(",")) if config.target else RUNS_DISTRIBUTOR
    return bool(config.ha_tracker and parts & RUNS_DISTRIBUTOR)


def some_of(found: Collection[ClientFacts], same: Collection[ClientFacts]) -> tuple[str, ...]:
    """The processes of these clients, where they are not all that have the client."""
    return tuple(sorted({client.target for client in found})) if len(found) < len(same) else ()


@dataclass(frozen=True, slots=True)
class Times:
    """When these metrics were read, and seconds since the previous reading; `None` for the first."""

    now: float
    seconds: float | None = None


def in_memory(metrics: ProcessMetrics, product: Product) -> frozenset[str]:
    """The default keys that a process keeps in its own memory and nowhere else."""
    private = {name for name, client in metrics.clients.items() if _in_memory(client)}
    if not private:
        return frozenset()  # nearly always
    shared = {key_of_client(name, product) for name in metrics.clients.keys() - private}
    return frozenset(key_of_client(name, product) for name in private) - (shared - {""})


def _in_memory(client: KVClient) -> bool:
    """A ring kept in the process itself takes no part in any migration."""
    if client.primary or not client.requests:
        return False
    return all(kind == "inmemory" for kind, _ in client.requests)


def _judge(
    target: str, client: KVClient, product: Product, before: ClientFacts | None, times: Times
) -> ClientFacts:
    seconds = times.seconds
    requests, written = _by_store(client), _written(client)
    old = before.store_requests if before else {}
    return ClientFacts(
        target=target,
        name=client.name,
        key=key_of_client(client.name, product),
        phase=phase_of(client),
        writes=writes(client),
        primary=client.primary,
        stores=client.stores,
        mirror=client.mirror,
        mirror_writes=client.mirror_writes,
        mirror_errors=client.mirror_errors,
        written=written,
        window=_window(client, written, before, times.now),
        store_requests=requests,
        store_rates=MappingProxyType(
            {
                kind: value
                for kind, count in requests.items()
                if (value := rate(old.get(kind, 0.0) if before else None, count, seconds)) is not None
            }
        ),
    )


def _window(
    client: KVClient, written: float, before: ClientFacts | None, now: float
) -> tuple[tuple[float, float, float, float], ...]:
    """The begins of the error ratio's windows: the older is one to two `WINDOW` old, or a restart's."""
    if client.mirror_writes is None or client.mirror_errors is None or not client.mirror:
        return ()
    here = (now, written, client.mirror_writes, client.mirror_errors)
    earlier = before.window if before else ()
    if not earlier or any(new < old for new, old in zip(here[1:], earlier[-1][1:], strict=True)):
        return (here,)
    return (*earlier[-1:], here) if now - earlier[-1][0] >= WINDOW else earlier


def watched(client: ClientFacts) -> tuple[float, float, float]:
    """Writes to the primary, mirror writes and mirror errors in the watched window."""
    if not client.window:
        return 0.0, 0.0, 0.0
    first, totals = client.window[0][1:], _totals(client)
    return totals[0] - first[0], totals[1] - first[1], totals[2] - first[2]


def mirrored(client: ClientFacts) -> tuple[float, float]:
    """Mirror writes and errors in the window; since the process started if the window has no write."""
    _, writes_, errors = watched(client)
    return (writes_, errors) if writes_ else _totals(client)[1:]


def _totals(client: ClientFacts) -> tuple[float, float, float]:
    return client.written or 0.0, client.mirror_writes or 0.0, client.mirror_errors or 0.0


def _written(client: KVClient) -> float:
    """Writes to the primary: those of the store's own type, not what the multi client counts above it."""
    kinds = {client.primary} if client.primary else EXTERNAL_STORES | {"memberlist"}
    return sum(n for (kind, operation), n in client.requests.items() if kind in kinds and operation in WRITES)


def _by_store(client: KVClient) -> Mapping[str, float]:
    totals: dict[str, float] = {}
    for (kind, _), count in client.requests.items():
        totals[kind] = totals.get(kind, 0.0) + count
    return MappingProxyType(totals)


def rate(before: float | None, now: float | None, seconds: float | None) -> float | None:
    """The increase per second of a counter; a counter that fell was reset and counts from zero."""
    if before is None or now is None or not seconds or seconds <= 0:
        return None
    return (now - before if now >= before else now) / seconds


def earliest(phases: Iterable[Phase]) -> Phase:
    """The phase of several clients: the earliest one, `UNKNOWN` if any is unknown or there is none."""
    return min(phases, default=Phase.UNKNOWN)


def writing(clients: Iterable[ClientFacts]) -> tuple[ClientFacts, ...]:
    """The clients that count: read-only clients never keep a phase back."""
    return tuple(client for client in clients if client.writes)


def arrived(clients: Iterable[ClientFacts]) -> frozenset[str]:
    """The keys with all clients only on memberlist, while further clients of their migration are not yet.
    These rings began there and have nothing left to move.
    """
    migrations: dict[str, dict[str, set[Phase]]] = {}
    for client in clients:
        parts = migrations.setdefault(client.migration, {})
        parts.setdefault(client.key or client.name, set()).add(client.phase)
    found: set[str] = set()
    for parts in migrations.values():
        there = {part for part, phases in parts.items() if phases == {Phase.MEMBERLIST}}
        found |= there if len(there) < len(parts) else set()
    return frozenset(found)


def under_way(clients: Iterable[ClientFacts]) -> tuple[ClientFacts, ...]:
    """The clients with a key that has not arrived."""
    all_clients = tuple(clients)
    there = arrived(all_clients)
    return (
        tuple(client for client in all_clients if (client.key or client.name) not in there)
        if there
        else all_clients
    )


def used(keys: Iterable[KeyFacts], clients: Iterable[ClientFacts]) -> tuple[KeyFacts, ...]:
    """The keys that a client serves or a page shows: further keys in a shared store are not judged."""
    served = {client.key for client in clients}
    return tuple(key for key in keys if key.key in served or any(v.kind == "ring" for v in key.views))


def stranded(clients: Iterable[ClientFacts]) -> tuple[ClientFacts, ...]:
    """The readers of a store that no writer of their key writes: their ring stands still, or is empty."""
    all_clients = tuple(clients)
    written: dict[str, set[str]] = {}
    for client in writing(all_clients):
        written.setdefault(client.key, set()).update(_WRITTEN.get(client.phase, _BOTH))
    return tuple(
        c for c in all_clients
        if not c.writes and c.key in written and not _READ.get(c.phase, _BOTH) & written[c.key]
    )  # fmt: skip


_STORE, _GOSSIP = "store", "gossip"
_BOTH = frozenset({_STORE, _GOSSIP})
_WRITTEN = {
    Phase.EXTERNAL: {_STORE}, Phase.MULTI: {_STORE}, Phase.MIRRORING: _BOTH, Phase.SWITCHED: _BOTH,
    Phase.DETACHED: {_GOSSIP}, Phase.MEMBERLIST: {_GOSSIP},
}  # fmt: skip
_READ = {Phase.EXTERNAL: frozenset({_STORE}), Phase.MEMBERLIST: frozenset({_GOSSIP})}


def uniform(clients: Iterable[ClientFacts]) -> bool | None:
    """Whether all writing clients agree; `None` where there is none or one is unknown."""
    phases = {client.phase for client in writing(clients)}
    if not phases or Phase.UNKNOWN in phases:
        return None
    return len(phases) == 1


def primary_of(clients: Iterable[ClientFacts]) -> str:
    """The primary store of a key by its writing clients: external until all have left it, and of several
    external stores that of most. A name that is no store's is none.

    Without writers, its readers decide: the targets may be only queriers.
    """
    clients = tuple(clients)
    found = [store_of(client) for client in writing(clients)]
    found = found if any(found) else [store_of(client) for client in clients]
    external = Counter(name for name in found if name in EXTERNAL_STORES)
    if external:
        return max(external, key=lambda name: (external[name], name))
    return "memberlist" if "memberlist" in found else ""


def store_of(client: ClientFacts) -> str:
    """The store that a client reads and writes first, "" where it shows none. One of an unknown phase may
    write to both of its stores: without its gauges, its requests show no primary.
    """
    if client.primary:
        return client.primary
    if client.phase is Phase.MEMBERLIST:
        return "memberlist"
    if client.phase is Phase.UNKNOWN:
        return ""
    return next((kind for kind in client.store_requests if kind in EXTERNAL_STORES), "")


def secondary_of(clients: Iterable[ClientFacts], primary: str) -> str:
    """The second store of a key's multi clients, "" where none has two stores.

    Readers count here: a client that only watches shows both of its stores too.
    """
    stores = {store for client in clients for store in client.stores}
    if primary == "memberlist":
        return next(iter(sorted(stores & EXTERNAL_STORES)), "")
    return "memberlist" if "memberlist" in stores else ""


def by_migration(clients: Iterable[ClientFacts]) -> Mapping[str, tuple[ClientFacts, ...]]:
    """Sort KV clients by the migration that they are part of."""
    found = grouped((client.migration, client) for client in clients)
    return {name: tuple(some) for name, some in found.items()}


def is_blind(target: TargetFacts) -> bool:
    """Whether some KV client of a process may be unread."""
    return not target.up or target.ended("/metrics", Outcome.FAILED) or is_without_clients(target)


def is_without_clients(target: TargetFacts) -> bool:
    """Whether a process shows a ring and no KV client: some client must have brought the ring there."""
    if target.clients or target.recently_started:
        return False
    shows = any(page.name in _RING_PATHS and page.outcome is Outcome.OK for page in target.pages)
    rings = target.config.rings.values() if target.config else ()
    in_memory = bool(target.in_memory) or (bool(rings) and all(ring.store == "inmemory" for ring in rings))
    return shows and not in_memory


_RING_PATHS = frozenset(page.path for page in RING_PAGES)
