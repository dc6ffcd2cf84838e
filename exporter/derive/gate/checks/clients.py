"""Checks on processes and their KV clients: does every process respond, is each in the phase."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from exporter.derive import kv_clients
from exporter.derive.gate.cause_advice import ADVICE
from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, CheckFunction, check
from exporter.derive.identity.process_starts import restarting, unlisted
from exporter.derive.identity.wrong_targets import silence
from exporter.derive.judging_rules import DEFAULT_PERIOD
from exporter.derive.kv_clients import is_without_clients, some_of
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.facts import ClientFacts
from exporter.model.listed import grouped
from exporter.model.pages import Outcome, Phase
from exporter.products.ring_pages import HA_KEY

RELOADED = "runtime_config_last_reload_successful"
RELIST = (
    "Mend the list of the source, which lost half of its processes at once. If the shorter list is meant, "
    "reload the configuration (SIGHUP)."
)
REPORT = "Report the client's name to the project; until then compare its ring by hand."
STAYING = (
    "Keep the store: the migration {} has not begun, and its clients need it. It is free once that migration "
    "has ended too."
)
PASSED = "All clients are in a later phase already: this step needs nothing more."
FOLLOWING = "These clients are in a later phase already; let the other clients follow."
TWO_CLOCKS = 2 * DEFAULT_PERIOD  # seconds; a page that answers slowly has a later time than its request
FEW_ERRORS = 2  # just after a start gossip often has brought the value already
SOME_WRITES = 2  # one may have been counted at the primary a moment before its copy
REMEDIES = {
    Phase.MULTI: "Roll the client to store: multi with the external store as primary and mirroring off.",
    Phase.MIRRORING: ADVICE["mirroring-partial"].text,
    Phase.SWITCHED: "Once kvmigration check switch-primary is open, make memberlist the primary of all "
    "clients at once, by runtime configuration where it reaches them.",
    Phase.DETACHED: "Once every other check of disable-mirroring has passed, switch mirroring off for the "
    "client.",
    Phase.MEMBERLIST: "Once every other check of remove-multi has passed, roll the client to "
    "store: memberlist, without multi.",
}
NO_ANSWER = Culprit(Kind.NO_ANSWER)


@check(
    "targets-answer",
    "Every configured process answers.",
    ADVICE["process-down"].text,
    "docs/ring.md#processes-that-do-not-answer",
    "Mend the named source of targets, or name processes under targets in the configuration: there "
    "may be processes that only this source lists.",
)
def targets_answer(evidence: Evidence) -> Answer:
    """Every process responds and shows its metrics, those that should run and do not included, and every
    source of processes was read.
    """
    left = unlisted(evidence.targets)
    unread = (t for t in evidence.targets if not t.up), (t for t in evidence.up if not t.is_process)
    unsure = [Culprit(Kind.VERBATIM, what=text) for text in evidence.now.unsure]
    wrong = [
        *(silence(target) for targets in unread for target in targets),
        *(
            Culprit(Kind.PAGE_UNREAD, t.name, what="metrics")
            for t in evidence.up
            for p in t.pages
            if p.name == "/metrics" and p.outcome is not Outcome.OK
        ),
        *(Culprit(Kind.VERBATIM, what=text) for text in evidence.now.not_running),
        *left,
    ]
    return Answer(
        wrong=[*wrong, *unsure] if wrong else (),  # a process that was missed hides no source that fails
        unknown=unsure,
        good=Looked(LookedKind.ANSWERING, len(evidence.targets)),
        nothing=None if evidence.targets else Culprit(Kind.NO_TARGETS),
        remedy=f"{RELIST} {ADVICE['process-down'].text}" if left else "",
    )


@check(
    "processes-settled",
    "No process has just started.",
    "Find out why the named process restarts: read its log and its exit code. Take no step before it has "
    "run for five minutes.",
    "docs/ring.md#processes-that-have-just-started",
    "Wait for two heartbeat periods: a process needs them to receive all members.",
)
def settled(evidence: Evidence) -> Answer:
    """Every process has run long enough to be judged: the remaining checks skip a recently started process.
    One that restarts again and again is never judged by them.
    """
    return Answer(
        wrong=restarting(evidence.targets),
        unknown=[
            Culprit(Kind.PROCESS_STARTED, target.name) for target in evidence.up if target.recently_started
        ],
        good=Looked(LookedKind.PROCESSES, len(evidence.up)),
    )


@check(
    "runtime-config-loaded",
    "Every process has loaded its latest runtime configuration.",
    "Mend the runtime configuration of the named process: its log has the error. Until then it keeps the "
    "former one, so the next switch does not reach it. Do not restart it before: it would not start.",
    "docs/ring.md#runtime-configuration-not-loaded",
)
def runtime_config_loaded(evidence: Evidence) -> Answer:
    """The last reload succeeded on every process with a KV client. One without the gauge has no such file."""
    reloads = {target.name: target.counters.get(RELOADED) for target in evidence.up if target.clients}
    return Answer(
        wrong=[Culprit(Kind.RUNTIME_NOT_LOADED, name) for name, done in sorted(reloads.items()) if done == 0],
        good=Looked(LookedKind.PROCESSES, len(reloads)),
    )


@check(
    "clocks-agree",
    "The processes' clocks agree to within a heartbeat period.",
    ADVICE["clocks-differ"].text,
    "docs/ring.md#clocks",
)
def clocks_agree(evidence: Evidence) -> Answer:
    """No clock is a heartbeat period off the median, and all pages of a process have the same time."""
    skews = {t.name: t.skew for t in evidence.up if t.skew is not None}
    middle = sorted(skews.values())[len(skews) // 2] if skews else 0.0
    apart = {name: skew - middle for name, skew in skews.items()}
    off = {name: by for name, by in apart.items() if abs(by) > DEFAULT_PERIOD}
    return Answer(
        wrong=[
            *(
                Culprit(Kind.CLOCK_AHEAD if by > 0 else Kind.CLOCK_BEHIND, name, value=abs(by))
                for name, by in sorted(off.items())
            ),
            *(
                Culprit(Kind.CLOCKS_OF_ONE_APART, target.name, value=target.clocks_apart)
                for target in evidence.up
                if target.clocks_apart > TWO_CLOCKS and target.name not in off
            ),
        ],
        unknown=[Culprit(Kind.UNREAD, t.name, what="clock") for t in evidence.up if t.skew is None],
        good=Looked(LookedKind.CLOCKS, max(map(abs, apart.values()), default=0.0)),
    )


def _unread(clients: Iterable[ClientFacts]) -> list[Culprit]:
    return [Culprit(Kind.CLIENT_UNREAD, c.target, c.key, c.name) for c in clients]


@check(
    "primaries-agree",
    "No client has memberlist as its primary while another one has the external store.",
    ADVICE["primaries-mixed"].text,
    "docs/ring.md#when-primaries-are-mixed",
    "Let the exporter read /metrics of every process: a client shows its primary there and nowhere else.",
)
def primaries_agree(evidence: Evidence) -> Answer:
    """Primaries are mixed in no migration: a client's process that restarts follows one of the two stores."""
    moving = evidence.every_moving
    ahead = _by_name(c for c in moving if c.migration in evidence.mixed and c.phase >= Phase.SWITCHED)
    return Answer(
        wrong=[
            Culprit(Kind.CLIENT_SWITCHED, member=name, value=len(found), names=some_of(found, moving))
            for name, found in sorted(ahead.items())
        ],
        unknown=_unread(c for c in moving if c.phase is Phase.UNKNOWN),
        good=Looked(LookedKind.WRITERS, len(moving)),
        nothing=None if evidence.up else NO_ANSWER,
    )


def _judged_clients(evidence: Evidence, wanted: Phase, *, readers: bool) -> tuple[ClientFacts, ...]:
    """The clients that must be in a phase: at the end all of them, before it those that are to move."""
    if wanted is Phase.MEMBERLIST:
        return evidence.clients if readers else evidence.writing
    return kv_clients.under_way(evidence.clients) if readers else evidence.moving


def in_phase(wanted: Phase, *, readers: bool) -> CheckFunction:
    """Make the check that every writing client (and every reader, where required) is in a phase."""
    subject = "client" if readers else "writing client"

    @check(
        f"clients-{wanted.label}",
        f"Every {subject} is in phase {wanted.label}.",
        REMEDIES[wanted],
        f"docs/ring.md#{wanted.label}",
        "Let the exporter read /metrics of every process: a client shows its phase there and nowhere else.",
    )
    def judge(evidence: Evidence) -> Answer:
        clients = _judged_clients(evidence, wanted, readers=readers)
        wrong = [c for c in clients if c.phase not in {wanted, Phase.UNKNOWN}]
        counted = kv_clients.writing(clients)
        if evidence.is_part:  # which key is finished, and so what is wrong, shows in all parts together
            wrong, counted = [], tuple(c for c in counted if c.phase is wanted)
        staying = _staying(evidence) if wanted is Phase.MEMBERLIST else ""
        return Answer(
            wrong=[
                *_by_phase(wrong, clients),
                *([] if readers or evidence.is_part else _stranded(evidence.clients)),
            ],
            unknown=[
                *_unread(c for c in clients if c.phase is Phase.UNKNOWN),
                *(
                    Culprit(Kind.PROCESS_WITHOUT_CLIENTS, t.name)
                    for t in evidence.up
                    if is_without_clients(t)
                ),
            ],
            good=Looked(LookedKind.CLIENTS, len(clients)),
            nothing=None if counted else Culprit(Kind.NO_WRITER),
            remedy=staying or _possible(wanted, clients),
            known_by=staying,  # the last step judges all: a migration that stays keeps the store needed
        )

    return judge


def _staying(evidence: Evidence) -> str:
    """The migrations that have not begun, while another one has; "" where there is none."""
    migrations = [one for one in evidence.now.migrations if one.is_of_clients]
    resting = [one.name for one in migrations if not one.begun]
    return STAYING.format(" and ".join(resting)) if resting and len(resting) < len(migrations) else ""


def _stranded(clients: Iterable[ClientFacts]) -> Iterator[Culprit]:
    """The readers of a store that no writer of their key writes."""
    for found in _alike(kv_clients.stranded(clients)):
        where, names = found[0].phase.label, tuple(client.target for client in found)
        yield Culprit(Kind.CLIENT_STRANDED, member=found[0].name, what=where, value=len(found), names=names)


def _possible(wanted: Phase, clients: Iterable[ClientFacts]) -> str:
    """What the client that is furthest behind can do next: one without multi cannot mirror. Where all are
    further, the remedy is for the remaining clients to follow.
    """
    phases = {client.phase for client in clients} - {Phase.UNKNOWN}
    if not phases:
        return ""
    if min(phases) < wanted:
        return REMEDIES[Phase(min(phases) + 1)]
    if wanted not in phases:
        return PASSED
    there = min(phases - {wanted}, default=wanted)
    return f"{FOLLOWING} {REMEDIES[there]}"


def _by_phase(wrong: list[ClientFacts], clients: tuple[ClientFacts, ...]) -> Iterator[Culprit]:
    """Each client once, with the number of its processes in each phase."""
    everywhere = _by_name(clients)
    for found in _alike(wrong):
        name, where, same = found[0].name, found[0].phase.label, everywhere[found[0].name]
        count, names = len(found), some_of(found, same)
        yield Culprit(Kind.CLIENT_IN_PHASE, member=name, what=where, value=count, of=len(same), names=names)


def _alike(clients: Iterable[ClientFacts]) -> Iterator[list[ClientFacts]]:
    """The clients of one name and phase together, in order."""
    ordered = sorted(clients, key=_name_and_phase)
    return (list(same) for _, same in groupby(ordered, key=_name_and_phase))


def _name_and_phase(client: ClientFacts) -> tuple[str, Phase]:
    return client.name, client.phase


def _by_name(clients: Iterable[ClientFacts]) -> dict[str, list[ClientFacts]]:
    return grouped((client.name, client) for client in clients)


@check(
    "mirror-errors",
    "Mirror writes fail no more often than gossip explains.",
    "Search the process's log for the mirror error: a secondary that refuses writes is incomplete.",
    "docs/ring.md#mirror-errors",
    "Switch mirroring on first, and let the exporter read /metrics of every process: the counters are there.",
)
def mirror_errors(evidence: Evidence) -> Answer:
    """The error ratio of each client stays below the benign ratio. Where both of its first two writes failed,
    the third one decides.
    """
    limit = evidence.rules.benign_mirror_error_ratio
    wrong: list[Culprit] = []
    early: list[Culprit] = []
    total = 0.0
    for client in evidence.writing:
        writes, errors = kv_clients.mirrored(client)
        total += writes
        if client.mirror and errors > limit * writes and not _is_few(errors, writes, limit):
            found = Culprit(
                Kind.MIRROR_ERRORS, client.target, client.key, client.name, value=errors, of=writes
            )
            (early if limit > 0 and client.mirror_writes == writes <= FEW_ERRORS else wrong).append(found)
    mirroring = [c for c in evidence.writing if c.mirror]
    unread = _unread(c for c in mirroring if c.mirror_errors is None or c.mirror_writes is None)
    return Answer(
        wrong=wrong,
        unknown=[*unread, *early],
        good=Looked(LookedKind.MIRROR_WRITES, total, limit=limit),
        nothing=None if mirroring else Culprit(Kind.NO_MIRROR),
    )


def _is_few(errors: float, writes: float, limit: float) -> bool:
    """Whether they are the errors of a start, and not all there is; a limit of 0 means none at all."""
    return limit > 0 and errors <= FEW_ERRORS and (errors < writes or writes < SOME_WRITES)


@check(
    "mirror-writes",
    "Every client that writes the primary writes the secondary too.",
    "Check that mirroring reaches the client: the static setting counts where the runtime switch does not.",
    "docs/ring.md#the-runtime-switch-does-not-reach-every-client",
    "Switch mirroring on first. If a client mirrors by its own gauge, wait for its next heartbeat; if "
    "nothing is counted then, read its process's log.",
)
def mirror_writes(evidence: Evidence) -> Answer:
    """Each writer of the primary also writes the secondary, as far as its writes were observed. A member with
    heartbeats mirrors before long: while no write was mirrored, it is unknown. Where some clients mirror,
    those that do not write the secondary at all fail.

    The HA tracker is left to the comparison of its entries. An update that finds nothing to change counts as
    a request to the primary without anything to mirror (observed on a cluster: 12 and 6).
    """
    mirroring = [client for client in evidence.writing if client.mirror]
    not_mirroring = list(_not_mirroring(evidence.moving))
    cannot = {c.phase for c in evidence.moving if not c.mirror} == {Phase.EXTERNAL}
    return Answer(
        wrong=[*(not_mirroring if mirroring else ()), *_mirroring_nothing(mirroring)],
        unknown=[
            *_nothing_mirrored_yet(mirroring, evidence),
            *(
                not_mirroring if evidence.is_part and not mirroring else ()
            ),  # in another shard's part they may
            *_unread(c for c in evidence.writing if c.phase is Phase.UNKNOWN),
        ],
        good=Looked(LookedKind.MIRRORING, len(mirroring)),
        nothing=None if mirroring else Culprit(Kind.NO_MIRROR),
        remedy=ADVICE["without-multi"].text if cannot else "",
    )


def _mirroring_nothing(mirroring: Iterable[ClientFacts]) -> Iterator[Culprit]:
    for client in mirroring:
        written, copied, _ = kv_clients.watched(client)
        if written >= SOME_WRITES and not copied and client.key != HA_KEY:
            yield Culprit(Kind.MIRROR_NOTHING, client.target, client.key, client.name, value=written)


def _nothing_mirrored_yet(mirroring: Iterable[ClientFacts], evidence: Evidence) -> Iterator[Culprit]:
    rings = {key.key for key in evidence.keys if key.kind == "ring"}
    for client in mirroring:
        if client.written and not client.mirror_writes and client.key in rings:
            yield Culprit(Kind.MIRROR_NOTHING_YET, client.target, client.key, client.name)


def _not_mirroring(clients: tuple[ClientFacts, ...]) -> Iterator[Culprit]:
    """The writers of what is to move that do not mirror."""
    everywhere = _by_name(clients)
    found = _by_name(c for c in clients if not c.mirror and c.phase is not Phase.UNKNOWN)
    for name, off in sorted(found.items()):
        same, count = everywhere[name], len(off)
        yield Culprit(
            Kind.CLIENT_NOT_MIRRORING, member=name, value=count, of=len(same), names=some_of(off, same)
        )


@check(
    "client-keys",
    "The key of every writing client is in our tables.",
    REPORT,
    "docs/ring.md#clients-with-unknown-keys",
    REPORT,
)
def client_keys(evidence: Evidence) -> Answer:
    """No writing client has an unidentified key, which could not be compared. One only on memberlist has no
    second store to be compared with, and nothing left to move.
    """
    moving = (c for c in evidence.writing if c.phase is not Phase.MEMBERLIST)
    names = sorted({c.name for c in moving if not c.key})
    return Answer(
        unknown=[Culprit(Kind.CLIENT_UNKNOWN, member=name) for name in names],
        good=Looked(LookedKind.ALL_KNOWN),
    )
