"""Is a rollout still going on: what every step asks that restarts processes, or that one follows."""

from __future__ import annotations

from exporter.derive.gate.check import CheckFunction, Evidence, Question
from exporter.derive.gate.checks import gossip, preflight, quorum
from exporter.derive.gate.checks import rings as keys
from exporter.derive.limits import Rules
from exporter.derive.migration.migration import few
from exporter.derive.ring.health import IN_TRANSIT
from exporter.model.facts import KeyFacts, MemberFacts
from exporter.model.gate import Check
from exporter.model.pages import Phase

SHORTEST, LONGEST = 60.0, 300.0  # seconds; between them the soak decides
TRANSITIONS = Question(
    "no-long-transitions",
    "No member has been joining, leaving or pending for long.",
    "Finish the rollout that is under way first: read the log of each named member's process, and wait until "
    "it is active or has left.",
    "docs/ring.md#long-transitions",
    "Make every ring readable: its page on a process that serves it, or the store under stores.",
)


def longest_allowed(rules: Rules) -> float:
    """Seconds after which a transition is long: no longer than the soak, so that an exporter that started
    during a transition has known it for long before any step opens.
    """
    return min(LONGEST, max(SHORTEST, rules.soak))


def no_long_transitions(seen: Evidence) -> Check:
    """Hold that no member stays between two states. A short transition is a restart and is only named."""
    limit = longest_allowed(seen.rules)
    moving = [(key, member) for key in seen.keys for member in key.members if member.state in IN_TRANSIT]
    wrong = [
        f"{_named(key, member)} for {_duration(seen, member):.0f} s"
        for key, member in moving
        if _duration(seen, member) >= limit
    ]
    unknown = [f"{key.key}: not read" for key in seen.keys if not key.source]
    short = f" In transition now: {', '.join(few([_named(*one) for one in moving], 5))}." if moving else ""
    nothing = "" if seen.keys else "no ring was read"
    return TRANSITIONS.answer(wrong, f"None for {limit:.0f} s.{short}", unknown, nothing=nothing)


def _named(key: KeyFacts, member: MemberFacts) -> str:
    return f"{member.id} in {key.key} is {member.state.value}"


def _duration(seen: Evidence, member: MemberFacts) -> float:
    return 0.0 if member.since is None else seen.now.at - member.since


# Before a rolling restart at any phase: the rings must be able to spare one process.
RESTARTABLE: tuple[CheckFunction, ...] = (
    keys.members_healthy,
    quorum.quorum_margin_told,
    no_long_transitions,
)


def _if_any(question: Question, check: CheckFunction) -> CheckFunction:
    """Make the check that asks of the gossip only where there is one: a step of Mimir's read-write guide
    changes no KV store, which may be another.
    """

    def asked(seen: Evidence) -> Check:
        uses = any(
            "memberlist" in client.stores or client.phase is Phase.MEMBERLIST for client in seen.clients
        )
        unread = preflight.silent_about_gossip(seen)
        if seen.gossip is not None or uses or unread or not seen.up:
            return check(seen)
        return question.answer([], "No process runs memberlist.")

    return asked


GOSSIP_IF_ANY: tuple[CheckFunction, ...] = (
    _if_any(gossip.ONE, gossip.one_cluster),
    _if_any(gossip.STRANGERS, gossip.no_strangers),
    _if_any(gossip.COMPLETE, gossip.complete),
)
