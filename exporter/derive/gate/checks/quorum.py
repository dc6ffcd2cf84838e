"""Checks on how many members a ring can lose, and on the settings that determine this and their health."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, check, no_ring
from exporter.derive.gate.checks.rings import lacking
from exporter.derive.ring.agreed_settings import disagreement
from exporter.derive.ring.quorum import spare
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.entry import State
from exporter.model.facts import KeyFacts

DOC = "docs/ring.md"


@check(
    "quorum-margin",
    "Every ring that is written by quorum can lose one more member, and its active members have tokens.",
    "Repair the unhealthy members before any process is restarted.",
    f"{DOC}#quorum",
    "Make the ring readable, and /config of a process that uses it: the replication factor is there.",
)
def quorum_margin(evidence: Evidence) -> Answer:
    """The margin is 1 in the rings that are written by quorum. Where the replication factor allows no loss at
    all, no member is unhealthy, and the risk is reported.
    """
    wrong, unknown = _margins(evidence)
    return _margin(evidence, wrong, unknown, _good(evidence))


@quorum_margin.variant
def quorum_margin_known(evidence: Evidence) -> Answer:
    """The same where the replication factor was read. Else the step depends on its members-healthy, which is
    unknown where the ring itself was not read.
    """
    wrong, untold = _margins(evidence)
    stands_in = Looked(LookedKind.MARGIN_UNKNOWN, culprits=tuple(untold))
    return _margin(evidence, wrong, [], stands_in if untold else _good(evidence))


@check(
    "quorum-kept",
    "Every ring that is written by quorum has it now, and its active members have tokens.",
    "Repair the members that are leaving, joining or without tokens: writes fail already.",
    f"{DOC}#quorum",
)
def quorum_kept(evidence: Evidence) -> Answer:
    """No ring is short of its quorum, where the replication factor was read, and no active member of any ring
    lacks its tokens. No restart follows, so there need be nothing to spare.
    """
    return Answer(
        wrong=[
            *(
                Culprit(Kind.MARGIN_SMALL, key=key.key, value=key.quorum_margin)
                for key in _by_quorum(evidence)
                if key.quorum_margin is not None and key.quorum_margin < 0
            ),
            *_without_tokens(evidence.keys),
        ],
        good=Looked(LookedKind.QUORUM),
        nothing=no_ring(evidence.keys),
    )


@check(
    "settings-agree",
    "All processes that use a ring have the same settings of it.",
    "Give the named processes the setting of the other processes, and restart them. While settings "
    "differ, processes differ about the healthy members and about the quorum of a write.",
    f"{DOC}#settings-differ",
)
def settings_agree(evidence: Evidence) -> Answer:
    """The processes that use a ring have the same times, replication factor and zone awareness. A setting
    that no process shows is required where it is needed.
    """
    return Answer(
        wrong=[
            *(
                Culprit(Kind.RING_SETTING_DIFFERS, key=key.key, why=culprit)
                for key in evidence.keys
                for culprit in key.settings.differing
            ),
            *_parted(evidence),
        ],
        good=Looked(LookedKind.RINGS, len(evidence.keys)),
        nothing=no_ring(evidence.keys),
    )


def _parted(evidence: Evidence) -> Iterator[Culprit]:
    """Which processes have a ring under another key than the rest: they are in another ring."""
    names = {key.key: key.ring for key in evidence.keys if key.kind == "ring"}
    having: dict[str, dict[str, dict[str, None]]] = {}
    for client in evidence.clients:
        if client.key in names:
            keys = having.setdefault(names[client.key], {})
            keys.setdefault(client.key, {})[client.target] = None
    for ring, keys in sorted(having.items()):
        yield from disagreement(keys, partial(_in_other_ring, ring))


def _in_other_ring(ring: str, key: str, usual: str) -> Culprit:
    return Culprit(Kind.RINGS_PARTED, key=key, member=usual, what=ring)


def _by_quorum(evidence: Evidence) -> list[KeyFacts]:
    return [key for key in evidence.keys if key.writes_by == "quorum"]


def _margin(evidence: Evidence, wrong: list[Culprit], unknown: list[Culprit], good: Looked) -> Answer:
    good = good if _by_quorum(evidence) else Looked(LookedKind.NO_QUORUM)
    return Answer(wrong, unknown, good, no_ring(evidence.keys))


def _good(evidence: Evidence) -> Looked:
    single = [key for key in _by_quorum(evidence) if not _spare(key, evidence)]
    if not single:
        return Looked(LookedKind.MARGIN)
    factors = sorted({str(one.factor) for key in single for one in key.settings.replication})
    return Looked(LookedKind.MARGIN_NONE, what=" and ".join(factors), names=tuple(key.key for key in single))


def _spare(key: KeyFacts, evidence: Evidence) -> int:
    return spare(key.settings.replication, evidence.now.fleet.product)


def _margins(evidence: Evidence) -> tuple[list[Culprit], list[Culprit]]:
    """The rings with too small a margin, and those with an unknown one."""
    wrong: list[Culprit] = []
    unknown: list[Culprit] = []
    for key in _by_quorum(evidence):
        if not key.settings.replication:
            unknown.append(Culprit(Kind.REPLICATION_UNKNOWN, key=key.key))
        elif key.quorum_margin is None:
            unknown += lacking([key]) or [Culprit(Kind.KEY_UNREAD, key=key.key)]
        elif key.quorum_margin < min(1, _spare(key, evidence)):
            wrong.append(_small(key))
        else:
            wrong += _without_tokens([key])
    return wrong, unknown


def _without_tokens(keys: Iterable[KeyFacts]) -> Iterator[Culprit]:
    """Active members without tokens: nothing is written to them, with any number of further members."""
    for key in keys:
        yield from (
            Culprit(Kind.MEMBER_WITHOUT_TOKENS, key=key.key, member=name) for name in key.without_tokens or ()
        )


def _small(key: KeyFacts) -> Culprit:
    """Blame a ring, and name its unhealthy members first, then active members without tokens."""
    unhealthy = tuple(member.id for member in key.members if member.state not in _FINE)
    names = (*unhealthy, *(key.without_tokens or ()))
    return Culprit(Kind.MARGIN_SMALL, key=key.key, value=key.quorum_margin, of=len(unhealthy), names=names)


_FINE = frozenset({State.ACTIVE, State.READ_ONLY})
