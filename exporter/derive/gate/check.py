"""How a check is worded and weighed: fails if something is wrong, unknown if something was not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from exporter.derive import kv_clients
from exporter.derive.gate.coverage import FROM_METRICS, METRICS, RESTS_ON, Universe, is_in_rings, universe
from exporter.derive.limits import Rules
from exporter.derive.migration.rollback import is_mixed
from exporter.derive.store.external_store import unattended
from exporter.model.facts import ClientFacts, GossipFacts, KeyFacts, Snapshot, TargetFacts
from exporter.model.gate import Check, Covered, Verdict


@dataclass(frozen=True)  # not slots: what it knows is computed once for all checks
class Evidence:
    """What the checks look at."""

    now: Snapshot
    rules: Rules

    @property
    def targets(self) -> tuple[TargetFacts, ...]:
        return self.now.targets

    @cached_property
    def up(self) -> tuple[TargetFacts, ...]:
        return tuple(target for target in self.now.targets if target.up)

    @cached_property
    def clients(self) -> tuple[ClientFacts, ...]:
        return tuple(client for target in self.up for client in target.clients)

    @property
    def is_part(self) -> bool:
        """Whether this is one shard's part: what only all parts together show is not judged here."""
        return self.now.part is not None

    @property
    def gossip(self) -> GossipFacts | None:
        return self.now.gossip

    @cached_property
    def keys(self) -> tuple[KeyFacts, ...]:
        """Keys that some process of ours uses; others in a shared store are not ours to judge."""
        return used(self.now.keys, self.clients)

    @cached_property
    def copied(self) -> tuple[KeyFacts, ...]:
        """Keys that must have a secondary: those that are to move, and not on memberlist alone already."""
        done = kv_clients.finished(self.clients) | self.left_out
        return tuple(key for key in self.keys if key.key not in done)

    @cached_property
    def universe(self) -> Universe:
        """What there is to look at."""
        return universe(self.now, self.keys)

    @cached_property
    def unattended(self) -> Mapping[str, str]:
        """Keys of ours that live in a store and that no target serves or shows, with the store: its rulers,
        say, that are in no list of targets. Of a shard's part others may serve them.
        """
        ours = {key.key for key in self.keys} | {client.key for client in self.clients}
        return {} if self.is_part else unattended(self.now, ours, self.rules)

    @cached_property
    def left_out(self) -> frozenset[str]:
        """Keys that stay on the external store by configuration."""
        return kv_clients.left_out(self.clients)

    @cached_property
    def mixed(self) -> bool:
        """Whether primaries are mixed: following those who are further would finish the accident."""
        return is_mixed(self.clients)

    def late(self, key: KeyFacts) -> float:
        """Seconds behind from which a view of a ring is late: one heartbeat of the ring explains as much, and
        `gate.max_lag` is granted on top.
        """
        return key.settings.period + self.rules.max_lag


def used(keys: Iterable[KeyFacts], clients: Iterable[ClientFacts]) -> tuple[KeyFacts, ...]:
    """Pick the keys that any client serves or any process shows a page of: others in a shared store or
    gossip are not ours to judge.
    """
    served = {client.key for client in clients}
    return tuple(key for key in keys if key.key in served or any(v.kind == "ring" for v in key.views))


def in_rings(seen: Evidence) -> tuple[TargetFacts, ...]:
    """Pick the processes that keep a ring or watch one: a query frontend does neither and joins nothing."""
    return tuple(target for target in seen.up if is_in_rings(target))


CheckFunction = Callable[[Evidence], Check]


# What makes a check known, where its question has nothing more exact to say.
READABLE = (
    "Make it readable: what is not known is named above; kvmigration status and the page say who does not "
    "answer, and why."
)


@dataclass(frozen=True, slots=True)
class Question:
    """One check's fixed part. `doc` is where it is explained, `known_by` what to do while it is unknown."""

    id: str
    sentence: str
    remedy: str
    doc: str
    known_by: str = READABLE

    def answer(
        self, wrong: Iterable[str], good: str, unknown: Iterable[str] = (), bad: str = "", nothing: str = ""
    ) -> Check:
        """Weigh: anything wrong fails, else anything unknown leaves it open, else it holds. `nothing`
        says that there is nothing to look at: unknown for a whole, no obstacle for one shard's part.
        """
        culprits, missing = tuple(wrong), tuple(unknown)
        if culprits:
            return self._told(Verdict.FAILS, bad or _counted(culprits), culprits)
        if missing or nothing:
            listed = missing or (nothing,)
            return _unknown(self._told(Verdict.HOLDS, good), listed, vacuous=not missing)
        return self._told(Verdict.HOLDS, good)

    def _told(self, verdict: Verdict, evidence: str, culprits: tuple[str, ...] = ()) -> Check:
        told = Check(self.id, self.sentence, verdict, evidence, culprits, self.remedy, self.doc)
        return replace(told, cure=self.remedy, known_by=self.known_by)


def covered(check: Check, whole: Universe) -> Check:
    """Say what a check looked at. One that passes on less than its universe is unknown, by name."""
    parts = {source: whole[source] for source in RESTS_ON.get(check.id, FROM_METRICS)}
    looked = tuple(Covered(s.value, part.of - len(part.missing), part.of) for s, part in parts.items())
    check = replace(check, covered=looked)
    if check.verdict is not Verdict.HOLDS:
        return check
    missing = dict.fromkeys(name for part in parts.values() for name in part.missing)
    if missing:
        return _unknown(check, tuple(missing))
    return check if whole[METRICS].of else _unknown(check, ("no process is known",), vacuous=True)


def _unknown(check: Check, missing: tuple[str, ...], *, vacuous: bool = False) -> Check:
    told = replace(check, verdict=Verdict.UNKNOWN, evidence=f"Not known: {_counted(missing)}")
    return replace(told, culprits=missing, remedy=check.known_by, vacuous=vacuous)


def _counted(names: tuple[str, ...]) -> str:
    shown = "; ".join(names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")
