"""The checks' input: the complete snapshot, and the part of it that one migration is judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from exporter.derive import kv_clients
from exporter.derive.gate.coverage import Universe, is_in_rings, runs_memberlist, universe
from exporter.derive.gate.rollback import is_mixed
from exporter.derive.identity.member_processes import census_of, each_once
from exporter.derive.judging_rules import Rules
from exporter.derive.migration.risks import joins_only_itself
from exporter.derive.migration.single_process import is_single_process
from exporter.derive.store.external_store import unattended
from exporter.model.entry import ip_address
from exporter.model.facts import ClientFacts, GossipFacts, KeyFacts, Snapshot, TargetFacts
from exporter.model.migration import HA_TRACKER, OF_ALL, STORE

T = TypeVar("T")


class Common(Generic[T]):
    """A property that is the same for every migration: computed once for all of them."""

    def __init__(self, compute: Callable[[Evidence], T]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, evidence: Evidence, owner: type[Evidence]) -> T:
        if self._name not in evidence.common_values:
            evidence.common_values[self._name] = self._compute(evidence)
        return cast("T", evidence.common_values[self._name])


class Own(Common[T]):
    """A property in which migrations may differ. The evidence records which of them a check read: its result
    applies to each further migration with the same values.
    """

    def __get__(self, evidence: Evidence, owner: type[Evidence]) -> T:
        if self._name not in evidence.own_values:
            outer, evidence.properties = evidence.properties, set()
            evidence.own_values[self._name] = self._compute(evidence)
            evidence.properties = outer
        evidence.properties.add(self._name)
        return cast("T", evidence.own_values[self._name])


class Evidence:
    """The input of one migration's checks: its own clients and keys, and the rings that its restarts touch.
    "" is all migrations together.
    """

    def __init__(
        self, now: Snapshot, rules: Rules, migration: str = "", common_values: dict[str, Any] | None = None
    ) -> None:
        self.now, self.rules = now, rules
        self.common_values = {} if common_values is None else common_values
        self.properties: set[str] = set()
        self.own_values: dict[str, Any] = {}
        self._migration = migration

    def of(self, migration: str) -> Evidence:
        """The evidence of another migration in the same snapshot."""
        return Evidence(self.now, self.rules, migration, self.common_values)

    @property
    def targets(self) -> tuple[TargetFacts, ...]:
        return self.now.targets

    @Common
    def up(self) -> tuple[TargetFacts, ...]:
        """The processes that answer."""
        return tuple(target for target in self.now.targets if target.up)

    @Common
    def in_rings(self) -> tuple[TargetFacts, ...]:
        """The processes that keep a ring or watch one: a query frontend does neither and joins nothing."""
        return tuple(target for target in self.up if is_in_rings(target))

    @Common
    def with_memberlist(self) -> tuple[TargetFacts, ...]:
        """The processes that use memberlist, by their page or by a client of theirs."""
        return tuple(target for target in self.up if runs_memberlist(target))

    @Common
    def lonely(self) -> frozenset[str]:
        """The processes that have only their own address as seeds: after a restart each would be isolated."""
        return frozenset(target.name for target in self.up if joins_only_itself(target))

    @Common
    def is_single_process(self) -> bool:
        """Whether the cluster is certainly one process: it has no other one to join."""
        return is_single_process(self.now)

    @Common
    def hosts(self) -> frozenset[str]:
        """Each IP address of a process, a ring member, or a gossip member in state alive in several lists."""
        listing = Counter(id(target.gossip.members) for target in self.targets if target.gossip)
        lists = each_once(target.gossip.members for target in self.targets if target.gossip)
        times = Counter[str]()
        for at, members in lists.items():
            living = {address for _, (address, _) in census_of(members).spots}
            times.update(dict.fromkeys(living, listing[at]))
        enough = min(2, listing.total())
        found = {target.host for target in self.targets}
        found |= {host for host, count in times.items() if count >= enough}
        found |= {member.host for key in self.now.keys for member in key.members}
        return frozenset(address for host in found if (address := ip_address(host)))

    @Common
    def every_client(self) -> tuple[ClientFacts, ...]:
        """The KV clients of all migrations."""
        return tuple(client for target in self.up for client in target.clients)

    @Common
    def every_moving(self) -> tuple[ClientFacts, ...]:
        """The writing clients of all migrations with a key that has not arrived."""
        return kv_clients.under_way(kv_clients.writing(self.every_client))

    @Common
    def mixed(self) -> frozenset[str]:
        """The migrations with mixed primaries: a process that restarts follows one of the two stores."""
        by_name = kv_clients.by_migration(self.every_client)
        return frozenset(name for name, clients in by_name.items() if is_mixed(clients))

    @Common
    def every_key(self) -> tuple[KeyFacts, ...]:
        """The keys that some process of ours uses."""
        return kv_clients.used(self.now.keys, self.every_client)

    @Common
    def every_unattended(self) -> Mapping[str, str]:
        """The unattended keys of all migrations, with their store. Of a shard's part another shard may serve
        them.
        """
        if self.is_part:
            return {}
        used = {key.key for key in self.every_key} | {client.key for client in self.every_client}
        return unattended(self.now, used)

    @Common
    def universes(self) -> list[tuple[tuple[KeyFacts, ...], Universe]]:
        """What there is to judge of some keys, counted once for all migrations that have the same."""
        return []

    @property
    def is_part(self) -> bool:
        """Whether this is one shard's part: what only all parts together show is not judged here."""
        return self.now.part is not None

    @property
    def gossip(self) -> GossipFacts | None:
        return self.now.gossip

    @Own
    def migration(self) -> str:
        """The name of the migration."""
        return self._migration

    @Own
    def is_of_all(self) -> bool:
        """Whether the KV clients of all migrations are judged."""
        return not self._migration or self._migration in OF_ALL

    @Own
    def clients(self) -> tuple[ClientFacts, ...]:
        """The KV clients that are to move."""
        if self.is_of_all:
            return self.every_client
        return tuple(client for client in self.every_client if client.migration == self._migration)

    @Own
    def writing(self) -> tuple[ClientFacts, ...]:
        """The clients that count: read-only clients never keep a phase back."""
        return kv_clients.writing(self.clients)

    @Own
    def moving(self) -> tuple[ClientFacts, ...]:
        """Of the writing clients those with a key that has not arrived."""
        return kv_clients.under_way(self.writing)

    @Own
    def keys(self) -> tuple[KeyFacts, ...]:
        """Keys that some process of ours uses and that a step can harm: those of the migration, and the rings
        of the processes that restart. Further keys in a shared store are not judged.
        """
        ours = self.every_key
        if self._migration in ("", STORE):
            return ours
        rings = _rings_beside(self)
        return tuple(key for key in ours if self._has(key) or key.key in rings)

    @Own
    def own(self) -> tuple[KeyFacts, ...]:
        """Keys of the migration itself."""
        return tuple(key for key in self.keys if self._has(key))

    def _has(self, key: KeyFacts) -> bool:
        if self.is_of_all:
            return self._migration in ("", STORE) or key.migration != HA_TRACKER
        return key.migration == self._migration

    @Own
    def copied(self) -> tuple[KeyFacts, ...]:
        """Keys that must have a secondary: those that are to move, and have not arrived."""
        there = kv_clients.arrived(self.clients)
        return tuple(key for key in self.own if key.key not in there)

    @Own
    def universe(self) -> Universe:
        """What there is to judge."""
        for keys, counted in self.universes:
            if keys == self.keys:
                return counted
        counted = universe(self.now, self.keys)
        self.universes.append((self.keys, counted))
        return counted

    @Own
    def unattended(self) -> Mapping[str, str]:
        """Keys of the migration that are in use in a store and that no target serves or shows, with the
        store. The rulers, for example, may be in no list of targets.
        """
        found = self.every_unattended
        if self.is_of_all:
            return found
        return {k: store for k, store in found.items() if self.rules.migration_of(k) == self._migration}

    def late(self, key: KeyFacts) -> float:
        """Seconds behind from which a view of a ring is late: one heartbeat of the ring explains as much, and
        `gate.max_lag` is granted on top.
        """
        return key.settings.period + self.rules.max_lag


def _rings_beside(evidence: Evidence) -> frozenset[str]:
    """The keys of other migrations that processes of this one use, but for the HA tracker's, which no restart
    harms. Where no KV client moves, all of them.
    """
    if evidence.is_of_all:
        return frozenset()
    touched = [t for t in evidence.up if any(client.migration == evidence.migration for client in t.clients)]
    return frozenset(c.key for t in touched for c in t.clients if c.migration != HA_TRACKER)
