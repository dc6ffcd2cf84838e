"""What may be done next: a step's checks and its gate. Frozen, standard library only."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Literal

from exporter.model.culprits import Culprit, Looked, LookedKind
from exporter.model.findings import Finding

GateAnswer = Literal["open", "closed", "unknown"]


class Verdict(enum.StrEnum):
    """A check's result. Only `PASSED` opens anything."""

    PASSED = "holds"
    FAILED = "fails"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Covered:
    """How much of one kind of evidence a check read: `looked` of `of`. Views are read in turns: the
    oldest one that counts was read at `since`, our clock.
    """

    source: str
    looked: int
    of: int
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a step: its condition, its result, the remedy."""

    id: str
    sentence: str
    verdict: Verdict
    evidence: tuple[Looked, ...] = ()  # what passed, and what accompanies the culprits
    culprits: tuple[Culprit, ...] = ()  # all of them; each output shows at most ten
    remedy: str = ""  # what to do now: it mends a failed check, or gets a verdict for an unknown one
    doc: str = ""  # "docs/ring.md#quorum", or its address
    since: float | None = None  # passed without a break since, our clock
    paused: float | None = None  # unknown just now, would go on from then: no failure broke its soak
    looks: int = 0  # cycles since `since` in which it passed
    wavered: float | None = None  # when it last was unknown for one cycle and kept its time
    vacuous: bool = False  # unknown because there was nothing to judge
    cure: str = ""  # what to do where it fails, whatever the verdict
    known_by: str = ""  # how to get a verdict, for each verdict
    covered: tuple[Covered, ...] = ()  # what it judged; an unknown check names the rest as culprits
    cause: str = ""  # id of the finding that explains it: its remedy is for that

    def withheld(self, why: str) -> Check:
        """The same check with an unknown verdict."""
        unknown = replace(self, verdict=Verdict.UNKNOWN, culprits=(), since=None, covered=())
        return replace(unknown, evidence=(Looked(LookedKind.VERBATIM, what=why),))


@dataclass(frozen=True, slots=True)
class Step:
    """One step's gate. `place` is "behind", "next", "ahead" (not yet reachable) or "any". A step without
    checks is not judged: its migration has not begun.
    """

    name: str
    open: bool
    verdict: Verdict
    checks: tuple[Check, ...]
    place: str
    soak: float = 0.0
    open_since: float | None = None
    soaked_for: float = 0.0
    headline: str = ""
    broken: Finding | None = None  # what its soak was broken by last
    broken_at: float | None = None  # our clock
    migration: str = ""

    @property
    def title(self) -> str:
        """The step with its migration, as `check` takes it."""
        return f"{self.migration}/{self.name}"

    @property
    def answer(self) -> GateAnswer:
        """The gate's answer in one word."""
        if self.open:
            return "open"
        return "unknown" if self.verdict is Verdict.UNKNOWN else "closed"

    def withheld(self, why: str) -> Step:
        """The same step with unknown checks."""
        checks = tuple(check.withheld(why) for check in self.checks)
        unknown = replace(self, open=False, verdict=Verdict.UNKNOWN, checks=checks, headline=why)
        return replace(unknown, open_since=None, soaked_for=0.0, broken=None, broken_at=None)
