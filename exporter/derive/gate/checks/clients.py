"""Checks on processes and their KV clients: does everybody answer, is everybody in the phase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from exporter.derive import kv_clients
from exporter.derive.gate.advice import ADVICE
from exporter.derive.gate.check import CheckFunction, Evidence, Question
from exporter.derive.identity.restarts import restarting
from exporter.derive.identity.unlisted_processes import unlisted
from exporter.derive.limits import DEFAULT_PERIOD
from exporter.derive.migration.migration import few, said_left_out, silence
from exporter.derive.process import is_mute
from exporter.model.facts import ClientFacts
from exporter.model.gate import About, Check
from exporter.model.pages import Outcome, Phase
from exporter.products.ring_pages import HA_KEY

ANSWER = Question(
    "targets-answer",
    "Every configured process answers.",
    ADVICE["process-down"].text,
    "docs/ring.md#processes-that-do-not-answer",
    "Mend the source of targets that is named, or name processes under targets in the configuration: there "
    "may be processes that only it knows.",
)
RELIST = (
    "Mend the list of the source, which lost half of its processes at once. If the shorter list is meant, "
    "reload the configuration (SIGHUP)."
)
WAIT = "Wait for two heartbeat periods: what a process sees in its first seconds says nothing yet."
SETTLED = Question(
    "processes-settled",
    "No process has just started.",
    "Find out why the named process restarts: its log and its exit code say so. Take no step before it has "
    "run for five minutes.",
    "docs/ring.md#processes-that-have-just-started",
    WAIT,
)
CLOCKS = Question(
    "clocks-agree",
    "The processes' clocks agree to within a heartbeat period.",
    ADVICE["clocks-differ"].text,
    "docs/ring.md#clocks",
)
MIRROR_ERRORS = Question(
    "mirror-errors",
    "Mirror writes fail no more often than gossip explains.",
    "Look for the mirror error in the process's log: a secondary that refuses writes is no copy.",
    "docs/ring.md#mirror-errors",
    "Switch mirroring on first, and let the exporter read /metrics of every process: the counters are there.",
)
MIRROR_WRITES = Question(
    "mirror-writes",
    "Every client that writes the primary writes the secondary too.",
    "Check that mirroring reaches the client: the static setting counts where the runtime switch does not.",
    "docs/ring.md#the-runtime-switch-does-not-reach-every-client",
    "Switch mirroring on first. Where a client says that it mirrors, wait for its next heartbeat; if nothing "
    "is counted then, its process's log says why.",
)
PRIMARIES = Question(
    "primaries-agree",
    "No client has memberlist as its primary while another one has the external store.",
    ADVICE["primaries-mixed"].text,
    "docs/ring.md#when-primaries-are-mixed",
    "Let the exporter read /metrics of every process: a client shows its primary there and nowhere else.",
)
REPORT = "Report the client's name to the project; until then compare its ring by hand."
CLIENT_KEYS = Question(
    "client-keys",
    "It is known which key every writing client serves.",
    REPORT,
    "docs/ring.md#clients-with-unknown-keys",
    REPORT,
)
STAYING = (
    "Keys stay on the external store by configuration (gate.keep_on_store), so it stays too. If they are to "
    "move after all, take them out of the list."
)
TWO_CLOCKS = 2 * DEFAULT_PERIOD  # seconds; a page that answers slowly tells a later time than was asked
FEW_ERRORS = 2  # just after a start gossip often has brought the value already
SOME_WRITES = 2  # one may have been counted at the primary a moment before its copy
REMEDIES = {
    Phase.MULTI: "Roll the client to store: multi with the external store as primary and mirroring off.",
    Phase.MIRRORING: ADVICE["mirroring-partial"].text,
    Phase.SWITCHED: "Once kvmigration check switch-primary is open, make memberlist the primary of all "
    "clients at once, by runtime configuration where it reaches them.",
    Phase.DETACHED: "Once every other check of disable-mirroring holds, switch mirroring off for the client.",
    Phase.MEMBERLIST: "Once every other check of remove-multi holds, roll the client to store: memberlist, "
    "without multi.",
}


def targets_answer(seen: Evidence) -> Check:
    """Hold that every process answers and shows its metrics, those that should run and do not included, and
    that every source of processes was read.
    """
    down = [target for target in seen.targets if not target.up]
    blind = [
        About(t.name, f"{t.name} (metrics)")
        for t in seen.up
        for p in t.pages
        if p.name == "/metrics" and p.outcome is not Outcome.OK
    ]
    nothing = "" if seen.targets else "no process is known"
    good = f"{len(seen.targets)} of {len(seen.targets)} answer."
    others = [target for target in seen.up if target.why_none]
    left = unlisted(seen.targets)
    missing = [*seen.now.not_running, *left]
    wrong = [*(About(target.name) for target in (*down, *others)), *blind, *missing]
    why = [silence(target, detail=True) for target in (*down, *others)]
    asked = replace(ANSWER, remedy=f"{RELIST} {ANSWER.remedy}") if left else ANSWER
    return asked.answer(wrong, good, seen.now.unsure, "; ".join(few([*why, *blind, *missing])), nothing)


def settled(seen: Evidence) -> Check:
    """Hold that every process is old enough to be judged: the other checks pass over those that are not. One
    that restarts again and again is never judged by them.
    """
    unknown = [About(target.name, f"{target.name} has just started") for target in seen.up if target.young]
    return SETTLED.answer(restarting(seen.targets), f"{len(seen.up)} processes.", unknown)


def clocks_agree(seen: Evidence) -> Check:
    """Hold that no clock is further from the middle one than a heartbeat period, and that all pages of a
    process tell the same time.
    """
    told = {t.name: t.skew for t in seen.up if t.skew is not None}
    middle = sorted(told.values())[len(told) // 2] if told else 0.0
    off = {name: skew - middle for name, skew in told.items() if abs(skew - middle) > DEFAULT_PERIOD}
    wrong = [
        f"{name} is {abs(by):.0f} s {'ahead' if by > 0 else 'behind'}" for name, by in sorted(off.items())
    ]
    wrong += [
        f"{target.name} tells two times, {target.clocks_apart:.0f} s apart"
        for target in seen.up
        if target.clocks_apart > TWO_CLOCKS and target.name not in off
    ]
    unknown = [About(target.name, f"clock of {target.name}") for target in seen.up if target.skew is None]
    widest = max((abs(skew - middle) for skew in told.values()), default=0.0)
    return CLOCKS.answer(wrong, f"At most {widest:.0f} s apart from the middle one.", unknown)


def primaries_agree(seen: Evidence) -> Check:
    """Hold that primaries are not mixed: a client's process that restarts follows one side of them."""
    moving = kv_clients.moving(kv_clients.writing(seen.clients))
    ahead = Counter(c.name for c in moving if seen.mixed and c.phase >= Phase.SWITCHED)
    wrong = [f"{name} on {count} processes has memberlist" for name, count in sorted(ahead.items())]
    unknown = [About(c.target, f"{c.name} on {c.target}") for c in moving if c.phase is Phase.UNKNOWN]
    nothing = "" if seen.up else "no process answers"
    return PRIMARIES.answer(wrong, f"{len(moving)} clients that write.", unknown, nothing=nothing)


def in_phase(wanted: Phase, *, readers: bool) -> CheckFunction:
    """Make the check that every writing client (and every reader, where asked) is in a phase."""
    who = "client" if readers else "writing client"
    question = Question(
        f"clients-{wanted.label}",
        f"Every {who} is in phase {wanted.label}.",
        REMEDIES[wanted],
        f"docs/ring.md#{wanted.label}",
        "Let the exporter read /metrics of every process: a client shows its phase there and nowhere else.",
    )

    def check(seen: Evidence) -> Check:
        clients = seen.clients if readers else kv_clients.writing(seen.clients)
        clients = clients if wanted is Phase.MEMBERLIST else kv_clients.moving(clients)
        wrong = [c for c in clients if c.phase not in {wanted, Phase.UNKNOWN}]
        unknown = [About(c.target, f"{c.name} on {c.target}") for c in clients if c.phase is Phase.UNKNOWN]
        unknown += [About(t.name, f"{t.name} shows no KV client") for t in seen.up if is_mute(t)]
        counted = kv_clients.writing(clients)
        if seen.is_part:  # whose key is finished, and so who is wrong, shows in all parts together
            wrong, counted = [], tuple(c for c in counted if c.phase is wanted)
        nothing = "" if counted else "no writing client was seen"
        good = f"{len(clients)} of {len(clients)} clients."
        left = [] if readers or seen.is_part else _stranded(seen.clients)
        named = [*_named(wrong, clients), *left]
        told = _possible(question, wanted, clients).answer(named, good, unknown, nothing=nothing)
        return _with_left_out(told, wanted, seen)

    return check


def _stranded(clients: Iterable[ClientFacts]) -> list[str]:
    """Name the readers that look at a store which no writer of their key writes."""
    found = Counter((client.name, client.phase) for client in kv_clients.stranded(clients))
    return [
        f"{name} on {count} processes only reads, and reads what nobody writes ({where.label})"
        for (name, where), count in sorted(found.items())
    ]


def _with_left_out(told: Check, wanted: Phase, seen: Evidence) -> Check:
    """Say whose clients were not asked. The last step asks everybody: who stays keeps the store needed."""
    said = said_left_out(seen.left_out)
    if not said:
        return told
    if wanted is Phase.MEMBERLIST:
        return replace(told, remedy=STAYING)
    return replace(told, evidence=f"{told.evidence}{said}")


def _possible(question: Question, wanted: Phase, clients: Iterable[ClientFacts]) -> Question:
    """Say what the client that is furthest behind can do next: one without multi cannot mirror. Where all
    are further, the remedy is for the others to follow.
    """
    phases = {client.phase for client in clients} - {Phase.UNKNOWN}
    if not phases:
        return question
    if min(phases) < wanted:
        return replace(question, remedy=REMEDIES[Phase(min(phases) + 1)])
    if wanted not in phases:
        return replace(question, remedy="All are further already: nothing is to be done for this step.")
    there = min(phases - {wanted}, default=wanted)
    return replace(
        question, remedy=f"These are further already; the others have to follow. {REMEDIES[there]}"
    )


def _named(wrong: list[ClientFacts], clients: tuple[ClientFacts, ...]) -> list[str]:
    """Name each client once, with on how many of its processes it is in which phase."""
    everywhere = Counter(client.name for client in clients)
    found = Counter((client.name, client.phase) for client in wrong)
    return [
        f"{name} on {count} of {everywhere[name]} processes is {where.label}"
        + (" (mirroring still off)" if where is Phase.MULTI else "")
        for (name, where), count in sorted(found.items())
    ]


def mirror_errors(seen: Evidence) -> Check:
    """Hold that the error ratio of each client stays below the benign one."""
    limit = seen.rules.benign_mirror_error_ratio
    wrong, total = [], 0.0
    for client in kv_clients.writing(seen.clients):
        writes, errors = kv_clients.mirrored(client)
        total += writes
        if client.mirror and errors > limit * writes and not _is_few(errors, writes, limit):
            wrong.append(f"{client.name} on {client.target}: {errors:g} of {writes:g} writes failed")
    mirroring = [c for c in kv_clients.writing(seen.clients) if c.mirror]
    unread = [
        About(c.target, f"{c.name} on {c.target}")
        for c in mirroring
        if c.mirror_errors is None or c.mirror_writes is None
    ]
    good = f"{total:g} mirror writes, at most {limit:.0%} of a client's failed."
    return MIRROR_ERRORS.answer(wrong, good, unread, nothing="" if mirroring else "no client mirrors")


def _is_few(errors: float, writes: float, limit: float) -> bool:
    """Tell whether they are the errors of a start, and not all there is; a limit of 0 means none at all."""
    return limit > 0 and errors <= FEW_ERRORS and (errors < writes or writes < SOME_WRITES)


def mirror_writes(seen: Evidence) -> Check:
    """Hold that who writes the primary also writes the secondary, as far as we watched it write. Who beats
    in a ring has mirrored something before long: while nothing was, nothing is known. Where some mirror and
    others do not, those do not write the secondary at all.

    The HA tracker is left to the comparison of its entries: an update that finds nothing to change
    counts as a request to the primary, and there is nothing to mirror (seen live: 12 and 6).
    """
    writing = kv_clients.writing(seen.clients)
    mirroring = [client for client in writing if client.mirror]
    others = _not_mirroring(writing)
    wrong = list(others) if mirroring else []
    for client in mirroring:
        written, copied, _ = kv_clients.watched(client)
        if written >= SOME_WRITES and not copied and client.key != HA_KEY:
            wrong.append(f"{client.name} on {client.target}: {written:g} writes, none mirrored")
    rings = {key.key for key in seen.keys if key.kind == "ring"}
    unknown: list[str] = [
        About(client.target, f"{client.name} on {client.target}: no mirror write was counted yet")
        for client in mirroring
        if client.written and not client.mirror_writes and client.key in rings
    ]
    unknown += others if seen.is_part and not mirroring else []  # in another shard's part they may
    unknown += [About(c.target, f"{c.name} on {c.target}") for c in writing if c.phase is Phase.UNKNOWN]
    good = f"{len(mirroring)} clients mirror what they write."
    cannot = {c.phase for c in kv_clients.moving(writing) if not c.mirror} == {Phase.EXTERNAL}
    question = replace(MIRROR_WRITES, remedy=ADVICE["without-multi"].text) if cannot else MIRROR_WRITES
    return question.answer(wrong, good, unknown, nothing="" if mirroring else "no client mirrors")


def _not_mirroring(writing: tuple[ClientFacts, ...]) -> list[str]:
    """Name the writers of what is to move that do not mirror."""
    clients = kv_clients.moving(writing)
    everywhere = Counter(client.name for client in clients)
    found = Counter(c.name for c in clients if not c.mirror and c.phase is not Phase.UNKNOWN)
    return [
        f"{name} on {off} of {everywhere[name]} processes does not mirror"
        for name, off in sorted(found.items())
    ]


def client_keys(seen: Evidence) -> Check:
    """Hold that no writing client serves a key we cannot name: it could not be compared. One that is on
    memberlist alone has no second store to be compared with, and nothing left to move.
    """
    moving = (c for c in kv_clients.writing(seen.clients) if c.phase is not Phase.MEMBERLIST)
    wrong = sorted({c.name for c in moving if not c.key})
    return CLIENT_KEYS.answer([], "All are known.", wrong)
