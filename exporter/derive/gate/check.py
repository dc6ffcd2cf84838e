"""How a check is registered and weighed: fails if something is wrong, unknown if something was not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.derive.gate.coverage import FROM_METRICS, METRICS, RESTS_ON, Universe
from exporter.derive.gate.evidence import Evidence
from exporter.model.culprits import Culprit, Kind, Looked
from exporter.model.gate import Check, Covered, Verdict

CheckFunction = Callable[[Evidence], Check]

# What makes a check known, where it has nothing more exact to say.
READABLE = (
    "Make it readable: the names are above; kvmigration status and the page show which process "
    "does not answer, and why."
)
Good = Looked | tuple[Looked, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check found. Anything wrong fails, else anything unknown leaves it open, else it holds.

    `nothing` says that there is nothing to look at: unknown for a whole, no obstacle for one shard's part.
    `remedy` and `known_by` stand in for the registered ones.
    """

    wrong: Iterable[Culprit] = ()
    unknown: Iterable[Culprit] = ()
    good: Good = ()
    nothing: Culprit | None = None
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
            return self._told(Verdict.FAILS, found, culprits)
        if missing or found.nothing:
            listed = missing or ((found.nothing,) if found.nothing else ())
            told = self._told(Verdict.HOLDS, found)
            return _unknown(told, listed, vacuous=not missing)
        good = found.good if isinstance(found.good, tuple) else (found.good,)
        return self._told(Verdict.HOLDS, found, evidence=good)

    def _told(
        self,
        verdict: Verdict,
        found: Answer,
        culprits: tuple[Culprit, ...] = (),
        evidence: tuple[Looked, ...] = (),
    ) -> Check:
        remedy = found.remedy or self.remedy
        return Check(
            self.id,
            self.sentence,
            verdict,
            evidence,
            culprits,
            remedy,
            self.doc,
            cure=remedy,
            known_by=found.known_by or self.known_by,
        )


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
    looked = tuple(Covered(s.value, part.of - len(part.missing), part.of, part.since) for s, part in parts)
    if check.verdict is Verdict.HOLDS:
        if missing := whole.missing(sources):
            return _unknown(check, missing, covered=looked, evidence=())
        if not whole[METRICS].of:
            return _unknown(check, (Culprit(Kind.NO_TARGETS),), vacuous=True, covered=looked, evidence=())
    return replace(check, covered=looked)


def _unknown(check: Check, missing: tuple[Culprit, ...], **told: Any) -> Check:
    return replace(check, verdict=Verdict.UNKNOWN, culprits=missing, remedy=check.known_by, **told)


class Results:
    """What the checks found in one snapshot. A check is asked once for all migrations that do not differ in
    what it asked for.
    """

    def __init__(self) -> None:
        self._known: dict[CheckFunction, list[tuple[Mapping[str, object], Check]]] = {}

    def of(self, function: CheckFunction, seen: Evidence) -> Check:
        """Give the result of a check on the evidence of one migration."""
        known = self._known.setdefault(function, [])
        for asked, told in known:
            if all(getattr(seen, name) == value for name, value in asked.items()):
                return told
        seen.asked.clear()
        told = covered(function(seen), seen.universe)
        known.append(({name: getattr(seen, name) for name in tuple(seen.asked)}, told))
        return told
