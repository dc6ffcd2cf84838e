"""Which of the external stores that are read is that of a key's processes.

Each `kvstore` block names its own host: the rings may be in one Consul and the HA tracker in another. A key
is judged from the store that its processes name. Their name for it need not be ours, so where all keys name
one store and one is read, that is it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from exporter.model.facts import TargetFacts
from exporter.model.pages import Outcome
from exporter.model.settings import ProcessConfig, RingConfig
from exporter.model.stores import NamedStore, StoreContent
from exporter.products.ring_pages import HA_KEY

PORTS = {"consul": "8500", "etcd": "2379"}
UNREADABLE = "dynamodb"  # a store that the products can use and no exporter here reads
EARLIER = -1  # the number of no process: a key's earlier names
Hosts = tuple[str, ...]
Named = Mapping[tuple[str, str], Hosts]
NamedHosts = Mapping[str, Mapping[str, Mapping[int, Hosts]]]  # by kind, key and number of the process
NOTHING: Named = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Places:
    """The store of each key by kind and configured name, `None` for one that is not read. `hosts` are most
    processes' names for it, `lasting` those that may be kept, and `by_process` those of each process
    in `listed`.
    """

    stores: tuple[StoreContent, ...]
    by_key: Mapping[tuple[str, str], StoreContent | None]
    hosts: Named
    lasting: Named
    listed: tuple[TargetFacts, ...]
    by_process: NamedHosts

    def of(self, key: str, kinds: Iterable[str]) -> StoreContent | None:
        """The store of a key that is in one of these kinds, or in any if there are none. A key without a
        configured place is where all further keys are, or in the only store that has it.
        """
        wanted = set(kinds)
        stores = [s for (kind, name), s in self.by_key.items() if name == key and kind in (wanted or PORTS)]
        if stores:
            return next((store for store in stores if store is not None), None)
        fitting = [store for store in self.stores if not wanted or store.kind in wanted]
        fitting.sort(key=lambda store: store.outcome is not Outcome.OK)
        having = [store for store in fitting if key in store.modified]
        by_kind = Counter(store.kind for store in fitting)
        if all(count == 1 for count in by_kind.values()):
            return fitting[0] if fitting else None
        return having[0] if len(having) == 1 else None

    def elsewhere(self, store: StoreContent) -> tuple[str, ...]:
        """The keys that processes have in another or an unreadable store of this kind, with its names."""
        unreadable = (f"{key} (in {UNREADABLE})" for kind, key in sorted(self.hosts) if kind == UNREADABLE)
        return *unreadable, *(
            f"{key} (in {', '.join(self.hosts[kind, key][:3])})"
            for (kind, key), place in sorted(self.by_key.items(), key=lambda item: item[0])
            if kind == store.kind and place is not store
        )

    def named(self) -> tuple[NamedStore, ...]:
        """The stores that most processes name for the keys that their clients use."""
        found: list[NamedStore] = []
        for kind in PORTS:
            named = self.by_process[kind]
            for group in _alike(named):
                counts = Counter(hosts for key in group for hosts in named[key].values())
                found.append(NamedStore(kind, counts.most_common(1)[0][0], self._prefixes(group)))
        unreadable = self._prefixes(self.by_process[UNREADABLE])
        return (*found, NamedStore(UNREADABLE, (), unreadable)) if unreadable else tuple(found)

    def _prefixes(self, keys: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({_prefix(key, self.listed) for key in keys}))


def places_of(
    targets: Iterable[TargetFacts], stores: Iterable[StoreContent], before: Named = NOTHING
) -> Places:
    """Find the store of each key that a process has in an external store. Only the keys that its clients use
    count: the remaining blocks stand in its configuration with the product's defaults. With only memberlist
    it names none any more; `before` are the names of earlier cycles.
    """
    read, listed = tuple(stores), tuple(target for target in targets if target.up)
    used = {client.key for target in listed for client in target.clients}
    by_key: dict[tuple[str, str], StoreContent | None] = {}
    hosts: dict[tuple[str, str], Hosts] = {}
    lasting: dict[tuple[str, str], Hosts] = dict(before)
    by_process = _named(listed)
    for kind in PORTS:
        earlier = {
            key: {EARLIER: hosts_before}
            for (of, key), hosts_before in before.items()
            if of == kind and key in used
        }
        named = {**earlier, **by_process[kind]}
        fitting = [store for store in read if store.kind == kind]
        for keys, store in _paired(_alike(named), named, fitting, kind) if fitting else ():
            by_key |= {(kind, key): store for key in keys}
        hosts |= {
            (kind, key): Counter(hosts_before.values()).most_common(1)[0][0]
            for key, hosts_before in named.items()
        }
        lasting = _lasting(kind, named, lasting)
    unread = {(UNREADABLE, key): (UNREADABLE,) for key in by_process[UNREADABLE]}
    lasting = {
        named: hosts_before for named, hosts_before in lasting.items() if not _is_elsewhere(named, hosts)
    } | unread
    hosts |= {
        named: hosts_before
        for named, hosts_before in lasting.items()
        if named[0] == UNREADABLE and named[1] in used
    }
    return Places(read, by_key, MappingProxyType(hosts), MappingProxyType(lasting), listed, by_process)


def _is_elsewhere(named: tuple[str, str], hosts: Collection[tuple[str, str]]) -> bool:
    """Whether a key that was in an unreadable store is in another store by now."""
    return named[0] == UNREADABLE and any((kind, named[1]) in hosts for kind in PORTS)


def _lasting(
    kind: str, named: Mapping[str, Mapping[int, Hosts]], before: Named
) -> dict[tuple[str, str], Hosts]:
    """What is kept of the keys of a kind: nothing where the processes of one key have many addresses for its
    store. That is so with an agent on each host; then an address does not identify a store.
    """
    usual = {key: Counter(hosts.values()).most_common(1)[0] for key, hosts in named.items()}
    if all(2 * count > len(named[key]) for key, (_, count) in usual.items()):
        return {**before, **{(kind, key): hosts for key, (hosts, _) in usual.items()}}
    return {(of, key): hosts for (of, key), hosts in before.items() if of != kind}


def _prefix(key: str, targets: tuple[TargetFacts, ...]) -> str:
    """The prefix of a key that some process names; of two that differ that of the last one counts."""
    configs = (target.config for target in reversed(targets) if target.config)
    return next(config.rings[name].prefix for config in configs for name in reversed(_called(key, config)))


def _called(key: str, config: ProcessConfig) -> tuple[str, ...]:
    """What a configuration calls a key; the HA tracker's may have several names."""
    trackers = config.by_default.get(HA_KEY, ())
    if key == HA_KEY:
        return trackers
    return (key,) if key in config.rings and key not in trackers else ()


def _named(targets: tuple[TargetFacts, ...]) -> NamedHosts:
    """Each process's name for the store of each key. An unreadable store has no address here."""
    found: dict[str, dict[str, dict[int, Hosts]]] = {kind: {} for kind in (*PORTS, UNREADABLE)}
    for number, target in enumerate(targets):
        config = target.config
        if config is None:
            continue
        for key in {client.key: None for client in target.clients}:
            for ring in [config.rings[name] for name in _called(key, config)]:
                for kind in _kinds(ring):
                    if kind in found and (hosts := _addresses(ring, kind)):
                        found[kind].setdefault(key, {})[number] = hosts
    return found


def _addresses(ring: RingConfig, kind: str) -> Hosts:
    if kind == UNREADABLE:
        return (UNREADABLE,)
    return _hosts((ring.consul_host,) if kind == "consul" else ring.etcd_endpoints, kind)


def _kinds(ring: RingConfig) -> tuple[str, ...]:
    return (ring.primary, ring.secondary) if ring.store == "multi" else (ring.store,)


@lru_cache(maxsize=1024)  # of all processes and keys there are a few
def _hosts(hosts: Hosts, kind: str) -> Hosts:
    return tuple(sorted({address(host, kind) for host in hosts if host}))


def address(text: str, kind: str) -> str:
    """An address as it is compared: host and port in lower case."""
    host = text.strip().lower().partition("://")[2] or text.strip().lower()
    host = host.partition("/")[0]
    return host if host.rpartition(":")[2].isdigit() and ":" in host else f"{host}:{PORTS[kind]}"


def _alike(named: Mapping[str, Mapping[int, Hosts]]) -> list[list[str]]:
    """Keys grouped by store: most of the processes that name two of them give both the same address. An
    agent on each host has another address in each process, and is one store all the same.
    """
    groups: list[list[str]] = []
    for key in sorted(named):
        group = next((g for g in groups if _is_same(named[g[0]], named[key])), None)
        if group is None:
            groups.append([key])
        else:
            group.append(key)
    return groups


def _is_same(one: Mapping[int, Hosts], other: Mapping[int, Hosts]) -> bool:
    both = one.keys() & other.keys()
    if not both:
        return bool(set(one.values()) & set(other.values()))
    return 2 * sum(bool(set(one[n]) & set(other[n])) for n in both) > len(both)


def _paired(
    groups: list[list[str]],
    named: Mapping[str, Mapping[int, Hosts]],
    stores: list[StoreContent],
    kind: str,
) -> Iterable[tuple[list[str], StoreContent | None]]:
    """Each group with its store: the one of its address, else the only one left for the only group left."""
    found = {group[0]: _at(named, group, stores, kind) for group in groups}
    free = [store for store in stores if not any(store is taken for taken in found.values())]
    open_ = [group for group in groups if found[group[0]] is None]
    if len(open_) == 1 and len(free) == 1:
        found[open_[0][0]] = free[0]
    return [(group, found[group[0]]) for group in groups]


def _at(
    named: Mapping[str, Mapping[int, Hosts]], group: list[str], stores: list[StoreContent], kind: str
) -> StoreContent | None:
    """The store at the address that most of the processes name for these keys."""
    named_hosts = [hosts for key in group for hosts in named[key].values()]
    for store in stores:
        ours = [address(each, kind) for each in store.addresses]
        fitting = [hosts for hosts in named_hosts if any(_match(a, b) for a in hosts for b in ours)]
        if 2 * len(fitting) > len(named_hosts):
            return store
    return None


def _match(one: str, other: str) -> bool:
    """Whether two addresses are one: a cluster's own DNS allows a name to be cut after any part of it."""
    (a, _, port), (b, _, same) = one.rpartition(":"), other.rpartition(":")
    return port == same and (a == b or a.startswith(f"{b}.") or b.startswith(f"{a}."))
