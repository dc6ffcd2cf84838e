"""Which of several findings is the cause, and which checks fail only as its effects.

The table is in the order of danger. Its effects are the checks that the cause explains. They keep their
verdicts, and advise about the cause instead of their own remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from exporter.derive.gate.cause_advice import ADVICE
from exporter.model.findings import Finding, FindingKind
from exporter.model.gate import Check, Verdict
from exporter.model.pages import Phase

_COPIES = frozenset({"keys-copied", "members-copied", "contents-equal", "lag", "ha-elections-equal"})
_MEMBERS = frozenset({"members-healthy", "no-ghosts", "quorum-margin", "quorum-kept"})
_GOSSIP = frozenset({"gossip-one-cluster", "gossip-complete", "gossip-port-reachable"})
_WRITERS = frozenset({"writers-are-members", "writers-missing"})
_RINGS = _COPIES | _MEMBERS | _WRITERS | {"views-agree", "old-group-left"}
_CLIENTS = frozenset(f"clients-{phase.label}" for phase in Phase if phase > Phase.EXTERNAL)
_BY_NO_CLOCK = frozenset({"keys-copied", "ha-elections-equal"})
_STORES = frozenset(
    {"stores-readable", "store-read", "store-idle", "store-has-nothing-of-its-own", "nothing-lost"}
)
_TWICE = frozenset({"no-token-conflicts", "members-distinct"})
_STRANGE = frozenset({"views-agree", "no-token-conflicts", "no-ghosts", "gossip-no-strangers"})
_MIRRORS = frozenset({"mirror-writes", "mirror-errors"})
_UNREACHED = frozenset({"without-multi", "mirroring-partial"})


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: the checks that do not pass because of it and other findings that it explains, by their ids.
    Where no warning of the fleet finds it, a failing check does, in these phases. Of the effects it only
    leaves `unknown` it explains no failure.
    """

    id: str
    effects: frozenset[str]
    check: str = ""
    phases: frozenset[Phase] = frozenset(Phase)
    unknown: frozenset[str] = frozenset()

    def explains(self, check: Check) -> bool:
        """Whether this check does not pass because of it."""
        return check.id in (self.failing if check.verdict is Verdict.FAILED else self.effects)

    @property
    def failing(self) -> frozenset[str]:
        """The effects that fail because of it."""
        return self.effects - self.unknown


CAUSES: Final[tuple[Cause, ...]] = (
    Cause("primaries-mixed", _RINGS | _GOSSIP | _CLIENTS | _MIRRORS | _TWICE | _UNREACHED | {"gossip-split"}),
    Cause("foreign-members", _STRANGE | _MEMBERS | {"unknown-members"}),
    Cause("labels-split", _RINGS | _GOSSIP | {"gossip-split", "process-isolated"}),
    Cause("gossip-split", _RINGS | _GOSSIP | {"process-isolated"}),
    Cause("unknown-members", _STRANGE),
    Cause("store-replaced", _RINGS | _STORES | {"ring-shrunk"}),
    Cause("ring-shrunk", _RINGS),
    Cause("clocks-differ", _RINGS - _BY_NO_CLOCK, "clocks-agree"),
    Cause("store-unread", _RINGS | _STORES | _MIRRORS),
    Cause("without-multi", _COPIES | {"mirror-writes", "mirroring-partial"}),
    Cause("mirroring-partial", _COPIES | {"mirror-writes"}),
    Cause("rollout-stalled", frozenset()),
    Cause("readers-stranded", frozenset()),
    Cause("between-stores", frozenset()),
    Cause("rings-unread", frozenset()),
    Cause("process-isolated", _COPIES | _WRITERS | {"views-agree", "gossip-complete", "members-healthy"}),
    Cause("writers-missing", frozenset()),
    Cause("addresses-shared", frozenset()),
    Cause("partitions-unowned", frozenset()),
    Cause("sources-fail", frozenset()),
    Cause("no-target", frozenset()),
    Cause("not-watched", frozenset()),
    Cause("two-products", frozenset()),
    Cause(
        "process-down",
        _RINGS | _GOSSIP | {"gossip-no-strangers"},
        unknown=_COPIES - {"lag"} | _WRITERS | {"gossip-one-cluster", "old-group-left"},
    ),
    Cause("process-restarting", frozenset()),
    Cause("token-conflict", frozenset(), "no-token-conflicts"),
    Cause("mirror-errors", _COPIES, "mirror-errors"),
    Cause("lag", frozenset(), "lag", frozenset({Phase.MIRRORING})),
)  # fmt: skip
_ORDER: Final[Mapping[str, int]] = MappingProxyType({cause.id: at for at, cause in enumerate(CAUSES)})


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings: causes before what they explain, and by their danger."""
    listed = tuple(findings)
    explained = _explained(finding.id for finding in listed)
    return tuple(sorted(listed, key=lambda f: (f.id in explained, _ORDER.get(f.id, len(CAUSES)))))


def warned(findings: Iterable[Finding], checks: Iterable[Check], phase: Phase | None) -> tuple[Finding, ...]:
    """Add what only failing checks find in this phase."""
    found = list(findings)
    failing = {check.id: check for check in checks if check.verdict is Verdict.FAILED}
    named = {finding.id for finding in found}
    found += [
        Finding(
            FindingKind(cause.id),
            culprits=failing[cause.check].culprits,
            looked=failing[cause.check].evidence,
        )
        for cause in CAUSES
        if cause.check in failing and (phase is None or phase in cause.phases) and cause.id not in named
    ]
    return ordered(found)


def together(lists: Iterable[tuple[Finding, ...]]) -> tuple[Finding, ...]:
    """Join the findings of several migrations; each cause that one check found is listed once."""
    return ordered(dict.fromkeys(finding for found in lists for finding in found))


def explained(check: Check, found: Iterable[str]) -> Check:
    """Give a check that did not pass the cause that explains it, and the advice for that cause."""
    if check.verdict is Verdict.PASSED:
        return check
    cause = next((c for c in CAUSES if c.id in found and c.explains(check) and c.id in ADVICE), None)
    if cause is None:
        return check
    advice = ADVICE[cause.id]
    return replace(check, cause=cause.id, remedy=advice.text, doc=advice.doc)


def _explained(ids: Iterable[str]) -> frozenset[str]:
    found = frozenset(ids)
    return frozenset().union(*(cause.failing for cause in CAUSES if cause.id in found))
