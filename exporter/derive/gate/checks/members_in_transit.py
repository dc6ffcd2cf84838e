"""Is a rollout still going on: checks of every step that restarts processes, or that follows one."""

from __future__ import annotations

from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import (
    Answer,
    CheckFunction,
    Registered,
    check,
    no_ring,
    unread,
)
from exporter.derive.gate.checks import gossip, preflight, quorum
from exporter.derive.gate.checks import rings as keys
from exporter.derive.gate.coverage import uses_memberlist
from exporter.derive.judging_rules import Rules
from exporter.derive.ring.health import IN_TRANSIT
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.facts import KeyFacts, MemberFacts

SHORTEST, LONGEST = 60.0, 300.0  # seconds; between them the soak decides


def longest_allowed(rules: Rules) -> float:
    """Seconds after which a transition is long: no longer than the soak. So an exporter that started during a
    transition counts it as long before any step opens.
    """
    return min(LONGEST, max(SHORTEST, rules.soak))


@check(
    "no-long-transitions",
    "No member has been joining, leaving or pending for long.",
    "Finish the rollout that is under way first: read the log of each named member's process, and wait until "
    "it is active or has left.",
    "docs/ring.md#long-transitions",
    "Make every ring readable: its page on a process that serves it, or the store under stores.",
)
def no_long_transitions(evidence: Evidence) -> Answer:
    """No member stays between two states. A short transition is a restart and is only named."""
    limit = longest_allowed(evidence.rules)
    moving = [(key, member) for key in evidence.keys for member in key.members if member.state in IN_TRANSIT]
    listed = tuple(_moving(Kind.MEMBER_MOVING, key, member, evidence) for key, member in moving)
    return Answer(
        wrong=[
            _moving(Kind.MEMBER_IN_TRANSITION, key, member, evidence)
            for key, member in moving
            if _duration(evidence, member) >= limit
        ],
        unknown=unread(evidence.keys),
        good=(
            Looked(LookedKind.NO_TRANSITION, limit=limit),
            *((Looked(LookedKind.IN_TRANSITION, culprits=listed),) if listed else ()),
        ),
        nothing=no_ring(evidence.keys),
    )


def _moving(kind: Kind, key: KeyFacts, member: MemberFacts, evidence: Evidence) -> Culprit:
    seconds = _duration(evidence, member)
    return Culprit(kind, key=key.key, member=member.id, what=member.state.value, value=seconds)


def _duration(evidence: Evidence, member: MemberFacts) -> float:
    return 0.0 if member.since is None else evidence.now.at - member.since


# Before a rolling restart at any phase: the rings must be able to spare one process.
RESTARTABLE: tuple[CheckFunction, ...] = (
    keys.members_healthy,
    quorum.quorum_margin_known,
    no_long_transitions,
)


def _if_any(of: Registered) -> CheckFunction:
    """Make the check that judges the gossip only where there is one. A step of Mimir's read-write guide
    changes no KV store, which may be another.
    """

    @of.variant
    def look(evidence: Evidence) -> Answer:
        hidden = preflight.without_member_list(evidence)
        if evidence.gossip is not None or uses_memberlist(evidence.clients) or hidden or not evidence.up:
            return of.function(evidence)
        return Answer(good=Looked(LookedKind.NO_MEMBERLIST))

    return look


GOSSIP_IF_ANY: tuple[CheckFunction, ...] = tuple(
    map(_if_any, (gossip.one_cluster, gossip.no_unknown_members, gossip.complete))
)
