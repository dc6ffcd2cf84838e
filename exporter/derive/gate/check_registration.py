"""How a check is registered and weighed: it fails on any fault, and is unknown if something is unread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.coverage import FROM_METRICS, METRICS, RESTS_ON, Universe
from exporter.model.culprits import Culprit, Kind, Looked
from exporter.model.facts import KeyFacts
from exporter.model.gate import Check, Covered, Verdict

CheckFunction = Callable[[Evidence], Check]

# How to get a verdict, where a check has nothing more exact.
READABLE = (
    "Make it readable: the names are above; kvmigration status and the page show which process "
    "does not answer, and why."
)
Good = Looked | tuple[Looked, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check found. Any fault fails it, else anything unknown leaves it unknown, else it passes.

    `nothing` means that there is nothing to judge: unknown for all processes, no obstacle for one shard's
    part. `remedy` and `known_by` replace the registered texts.
    """

    wrong: Iterable[Culprit] = ()
    unknown: Iterable[Culprit] = ()
    good: Good = ()
    nothing: Culprit | None = None
    remedy: str = ""
    known_by: str = ""


def unread(keys: Iterable[KeyFacts]) -> list[Culprit]:
    """The keys with an unread primary."""
    return [Culprit(Kind.KEY_UNREAD, key=key.key) for key in keys if not key.source]


def no_ring(rings: Collection[object]) -> Culprit | None:
    """Why nothing of these rings can be judged, `None` where there are some."""
    return None if rings else Culprit(Kind.NO_RING)


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """One check of the gate: its fixed part, and its function. `doc` is where it is explained, `known_by`
    what to do while it is unknown.
    """

    id: str
    sentence: str
    remedy: str
    doc: str
    known_by: str
    function: Callable[[Evidence], Answer] = field(repr=False)

    def __call__(self, evidence: Evidence) -> Check:
        """Run the function, and weigh its result."""
        return self.weighed(self.function(evidence))

    def variant(self, function: Callable[[Evidence], Answer]) -> Registered:
        """Register the same check with another function: with more or less that counts as evidence."""
        return replace(self, function=function)

    def weighed(self, answer: Answer) -> Check:
        """The check with a verdict by its answer."""
        culprits, missing = tuple(answer.wrong), tuple(answer.unknown)
        if culprits:
            return self._with_verdict(Verdict.FAILED, answer, culprits)
        if missing or answer.nothing:
            listed = missing or ((answer.nothing,) if answer.nothing else ())
            passed = self._with_verdict(Verdict.PASSED, answer)
            return _unknown(passed, listed, vacuous=not missing)
        good = answer.good if isinstance(answer.good, tuple) else (answer.good,)
        return self._with_verdict(Verdict.PASSED, answer, evidence=good)

    def _with_verdict(
        self,
        verdict: Verdict,
        answer: Answer,
        culprits: tuple[Culprit, ...] = (),
        evidence: tuple[Looked, ...] = (),
    ) -> Check:
        remedy = answer.remedy or self.remedy
        return Check(
            self.id,
            self.sentence,
            verdict,
            evidence,
            culprits,
            remedy,
            self.doc,
            cure=remedy,
            known_by=answer.known_by or self.known_by,
        )


def check(
    name: str, sentence: str, remedy: str, doc: str, known_by: str = READABLE
) -> Callable[[Callable[[Evidence], Answer]], Registered]:
    """Register a function as a check of the gate, by its id; a step of `harms` then uses it."""

    def register(function: Callable[[Evidence], Answer]) -> Registered:
        return Registered(name, sentence, remedy, doc, known_by, function)

    return register


def covered(check: Check, universe: Universe) -> Check:
    """Add what a check judged. One that passes on less than its universe is unknown, by name."""
    sources = RESTS_ON.get(check.id, FROM_METRICS)
    parts = ((source, universe[source]) for source in sources)
    looked = tuple(Covered(s.value, part.of - len(part.missing), part.of, part.since) for s, part in parts)
    if check.verdict is Verdict.PASSED:
        if missing := universe.missing(sources):
            return _unknown(check, missing, covered=looked, evidence=())
        if not universe[METRICS].of:
            return _unknown(check, (Culprit(Kind.NO_TARGETS),), vacuous=True, covered=looked, evidence=())
    return replace(check, covered=looked)


def _unknown(check: Check, missing: tuple[Culprit, ...], **fields: Any) -> Check:
    return replace(check, verdict=Verdict.UNKNOWN, culprits=missing, remedy=check.known_by, **fields)


class Results:
    """The checks' results in one snapshot. A check runs once for all migrations with the same values of the
    properties that it read.
    """

    def __init__(self) -> None:
        self._results: dict[CheckFunction, list[tuple[Mapping[str, object], Check]]] = {}

    def of(self, function: CheckFunction, evidence: Evidence) -> Check:
        """The result of a check on the evidence of one migration."""
        results = self._results.setdefault(function, [])
        for properties, result in results:
            if all(getattr(evidence, name) == value for name, value in properties.items()):
                return result
        evidence.properties.clear()
        result = covered(function(evidence), evidence.universe)
        results.append(({name: getattr(evidence, name) for name in tuple(evidence.properties)}, result))
        return result
