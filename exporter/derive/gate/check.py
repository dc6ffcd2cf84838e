"""How a check is registered and weighed: fails if something is wrong, unknown if something was not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from exporter.derive import kv_clients
from exporter.derive.gate.coverage import (
    FROM_METRICS,
    METRICS,
    RESTS_ON,
    Universe,
    is_in_rings,
    runs_memberlist,
    universe,
)
from exporter.derive.limits import Rules
from exporter.derive.migration.risks import joins_only_itself
from exporter.derive.migration.rollback import is_mixed
from exporter.derive.store.external_store import unattended
from exporter.model.culprits import Culprit, Kind, Looked
from exporter.model.facts import ClientFacts, GossipFacts, KeyFacts, Snapshot, TargetFacts
from exporter.model.gate import Check, Covered, Verdict
from exporter.model.migration import HA_TRACKER, OF_ALL, STORE


@dataclass(frozen=True)  # not slots: what it knows is computed once for all checks
class Evidence:
    """What the checks look at. `migration` is the one that is judged: its steps ask of its own clients and
    keys, and of the rings that its restarts touch. "" asks all together.
    """

    now: Snapshot
    rules: Rules
    migration: str = ""

    @property
    def targets(self) -> tuple[TargetFacts, ...]:
        return self.now.targets

    @cached_property
    def up(self) -> tuple[TargetFacts, ...]:
        return tuple(target for target in self.now.targets if target.up)

    @cached_property
    def in_rings(self) -> tuple[TargetFacts, ...]:
        """The processes that keep a ring or watch one: a query frontend does neither and joins nothing."""
        return tuple(target for target in self.up if is_in_rings(target))

    @cached_property
    def with_memberlist(self) -> tuple[TargetFacts, ...]:
        """The processes that use memberlist, by their page or by a client of theirs."""
        return tuple(target for target in self.up if runs_memberlist(target))

    @cached_property
    def lonely(self) -> frozenset[str]:
        """The processes every seed of which is their own address: after a restart each would be alone."""
        return frozenset(target.name for target in self.up if joins_only_itself(target))

    @cached_property
    def every_client(self) -> tuple[ClientFacts, ...]:
        """The KV clients of all migrations."""
        return tuple(client for target in self.up for client in target.clients)

    @property
    def is_of_all(self) -> bool:
        """Whether the KV clients of all migrations are asked."""
        return not self.migration or self.migration in OF_ALL

    @cached_property
    def clients(self) -> tuple[ClientFacts, ...]:
        """The KV clients that are to move."""
        if self.is_of_all:
            return self.every_client
        return tuple(client for client in self.every_client if client.migration == self.migration)

    @property
    def is_part(self) -> bool:
        """Whether this is one shard's part: what only all parts together show is not judged here."""
        return self.now.part is not None

    @property
    def gossip(self) -> GossipFacts | None:
        return self.now.gossip

    @cached_property
    def keys(self) -> tuple[KeyFacts, ...]:
        """Keys that some process of ours uses and that a step can harm: those of the migration, and the rings
        of the processes that it restarts. Others in a shared store are not ours to judge.
        """
        ours = used(self.now.keys, self.every_client)
        if self.migration in ("", STORE):
            return ours
        rings = _rings_beside(self)
        return tuple(key for key in ours if self._has(key) or key.key in rings)

    @cached_property
    def own(self) -> tuple[KeyFacts, ...]:
        """Keys of the migration itself."""
        return tuple(key for key in self.keys if self._has(key))

    def _has(self, key: KeyFacts) -> bool:
        if self.is_of_all:
            return self.migration in ("", STORE) or key.migration != HA_TRACKER
        return key.migration == self.migration

    @cached_property
    def copied(self) -> tuple[KeyFacts, ...]:
        """Keys that must have a secondary: those that are to move, and have not arrived."""
        there = kv_clients.arrived(self.clients)
        return tuple(key for key in self.own if key.key not in there)

    @cached_property
    def universe(self) -> Universe:
        """What there is to look at."""
        return universe(self.now, self.keys)

    @cached_property
    def unattended(self) -> Mapping[str, str]:
        """Keys of the migration that live in a store and that no target serves or shows, with the store: its
        rulers, say, that are in no list of targets. Of a shard's part others may serve them.
        """
        if self.is_part:
            return {}
        shown = {key.key for key in used(self.now.keys, self.every_client)}
        found = unattended(self.now, shown | {client.key for client in self.every_client})
        if self.is_of_all:
            return found
        return {k: store for k, store in found.items() if self.rules.migration_of(k) == self.migration}

    @cached_property
    def mixed(self) -> bool:
        """Whether primaries are mixed in any migration: a process that restarts follows one side of them."""
        return any(map(is_mixed, by_migration(self.every_client).values()))

    def late(self, key: KeyFacts) -> float:
        """Seconds behind from which a view of a ring is late: one heartbeat of the ring explains as much, and
        `gate.max_lag` is granted on top.
        """
        return key.settings.period + self.rules.max_lag


def _rings_beside(seen: Evidence) -> frozenset[str]:
    """The keys of other migrations that processes of this one use, but for the HA tracker's, which no restart
    harms. Where no KV client moves, all of them.
    """
    if seen.is_of_all:
        return frozenset()
    touched = [t for t in seen.up if any(client.migration == seen.migration for client in t.clients)]
    return frozenset(c.key for t in touched for c in t.clients if c.migration != HA_TRACKER)


def by_migration(clients: Iterable[ClientFacts]) -> Mapping[str, tuple[ClientFacts, ...]]:
    """Sort KV clients by the migration that they are part of."""
    found: dict[str, tuple[ClientFacts, ...]] = {}
    for client in clients:
        found[client.migration] = (*found.get(client.migration, ()), client)
    return found


def used(keys: Iterable[KeyFacts], clients: Iterable[ClientFacts]) -> tuple[KeyFacts, ...]:
    """Pick the keys that any client serves or any process shows a page of: others in a shared store or
    gossip are not ours to judge.
    """
    served = {client.key for client in clients}
    return tuple(key for key in keys if key.key in served or any(v.kind == "ring" for v in key.views))


def in_rings(seen: Evidence) -> tuple[TargetFacts, ...]:
    """Pick the processes that keep a ring or watch one."""
    return seen.in_rings


CheckFunction = Callable[[Evidence], Check]


# What makes a check known, where it has nothing more exact to say.
READABLE = (
    "Make it readable: what is not known is named above; kvmigration status and the page say who does not "
    "answer, and why."
)
Good = Looked | tuple[Looked, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check found. Anything wrong fails, else anything unknown leaves it open, else it holds.

    `nothing` says that there is nothing to look at: unknown for a whole, no obstacle for one shard's part.
    `beside` is said whatever the verdict is; `remedy` and `known_by` stand in for the registered ones.
    """

    wrong: Iterable[Culprit] = ()
    unknown: Iterable[Culprit] = ()
    good: Good = ()
    nothing: Culprit | None = None
    beside: tuple[Looked, ...] = ()
    remedy: str = ""
    known_by: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """One check of the gate: its fixed part, and the function that looks. `doc` is where it is explained,
    `known_by` what to do while it is unknown.
    """

    id: str
    sentence: str
    remedy: str
    doc: str
    known_by: str
    look: Callable[[Evidence], Answer] = field(repr=False)

    def __call__(self, seen: Evidence) -> Check:
        """Look, and weigh what was found."""
        return self.weighed(self.look(seen))

    def variant(self, look: Callable[[Evidence], Answer]) -> Registered:
        """Register another way to look for the same: with more or less that counts as evidence."""
        return replace(self, look=look)

    def weighed(self, found: Answer) -> Check:
        """Give what was found its verdict."""
        culprits, missing = tuple(found.wrong), tuple(found.unknown)
        if culprits:
            return self._told(Verdict.FAILS, found, culprits, found.beside)
        if missing or found.nothing:
            listed = missing or ((found.nothing,) if found.nothing else ())
            told = self._told(Verdict.HOLDS, found, (), found.beside)
            return _unknown(told, listed, vacuous=not missing)
        good = found.good if isinstance(found.good, tuple) else (found.good,)
        return self._told(Verdict.HOLDS, found, (), (*good, *found.beside))

    def _told(
        self, verdict: Verdict, found: Answer, culprits: tuple[Culprit, ...], evidence: tuple[Looked, ...]
    ) -> Check:
        remedy = found.remedy or self.remedy
        told = Check(self.id, self.sentence, verdict, evidence, culprits, remedy, self.doc)
        return replace(told, cure=remedy, known_by=found.known_by or self.known_by)


def check(
    name: str, sentence: str, remedy: str, doc: str, known_by: str = READABLE
) -> Callable[[Callable[[Evidence], Answer]], Registered]:
    """Register a function as a check of the gate, by its id; a step of `harms` then asks it."""

    def register(look: Callable[[Evidence], Answer]) -> Registered:
        return Registered(name, sentence, remedy, doc, known_by, look)

    return register


def covered(check: Check, whole: Universe) -> Check:
    """Say what a check looked at. One that passes on less than its universe is unknown, by name."""
    sources = RESTS_ON.get(check.id, FROM_METRICS)
    parts = ((source, whole[source]) for source in sources)
    looked = tuple(Covered(s.value, part.of - len(part.missing), part.of) for s, part in parts)
    check = replace(check, covered=looked)
    if check.verdict is not Verdict.HOLDS:
        return check
    if missing := whole.missing(sources):
        return _unknown(replace(check, evidence=()), missing)
    if whole[METRICS].of:
        return check
    return _unknown(replace(check, evidence=()), (Culprit(Kind.NO_TARGETS),), vacuous=True)


def _unknown(check: Check, missing: tuple[Culprit, ...], *, vacuous: bool = False) -> Check:
    told = replace(check, verdict=Verdict.UNKNOWN, culprits=missing)
    return replace(told, remedy=check.known_by, vacuous=vacuous)
