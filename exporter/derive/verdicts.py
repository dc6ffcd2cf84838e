"""How a check is worded and weighed: fails if something is wrong, unknown if something was not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from exporter.derive import phase
from exporter.derive.rules import Rules
from exporter.facts import ClientFacts, GossipFacts, KeyFacts, Snapshot, TargetFacts
from exporter.steps import Check, Verdict


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
        done = phase.finished(self.clients) | self.left_out
        return tuple(key for key in self.keys if key.key not in done)

    @cached_property
    def left_out(self) -> frozenset[str]:
        """Keys that stay on the external store by configuration."""
        return phase.left_out(self.clients)


def used(keys: Iterable[KeyFacts], clients: Iterable[ClientFacts]) -> tuple[KeyFacts, ...]:
    """Pick the keys that any client serves or any process shows a page of: others in a shared store or
    gossip are not ours to judge.
    """
    served = {client.key for client in clients}
    return tuple(key for key in keys if key.key in served or any(v.kind == "ring" for v in key.views))


CheckFunction = Callable[[Evidence], Check]


@dataclass(frozen=True, slots=True)
class Question:
    """One check's fixed part. `doc` is where it is explained."""

    id: str
    sentence: str
    remedy: str
    doc: str

    def answer(
        self, wrong: Iterable[str], good: str, unknown: Iterable[str] = (), bad: str = "", nothing: str = ""
    ) -> Check:
        """Weigh: anything wrong fails, else anything unknown leaves it open, else it holds. `nothing`
        says that there is nothing to look at: unknown for a whole, no obstacle for one shard's part.
        """
        culprits, missing = tuple(wrong), tuple(unknown)
        if culprits:
            return Check(
                self.id,
                self.sentence,
                Verdict.FAILS,
                bad or _counted(culprits),
                culprits,
                self.remedy,
                self.doc,
            )
        if missing or nothing:
            listed = missing or (nothing,)
            text = f"Not known: {_counted(listed)}"
            return Check(
                self.id,
                self.sentence,
                Verdict.UNKNOWN,
                text,
                listed,
                self.remedy,
                self.doc,
                vacuous=not missing,
            )
        return Check(self.id, self.sentence, Verdict.HOLDS, good, (), self.remedy, self.doc)


def _counted(names: tuple[str, ...]) -> str:
    shown = "; ".join(names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")
