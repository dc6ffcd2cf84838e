"""Checks on a ring's members and its expected members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, check, no_ring, unread
from exporter.derive.ring.partitions import vanished_owners, without_owner
from exporter.derive.ring.writers import sharing, without_member
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.facts import KeyFacts
from exporter.model.pages import Outcome
from exporter.model.rings import WriterFacts

DOC = "docs/ring.md"
SHOWN = (
    "Make every ring readable, and /metrics and /config of every process: which client writes a ring, and "
    "what its process is called in it, stand there."
)


def _rings(evidence: Evidence) -> list[tuple[KeyFacts, WriterFacts]]:
    return [(key, key.writers) for key in evidence.keys if key.writers is not None]


def _named(keys: Iterable[KeyFacts]) -> list[Culprit]:
    return [Culprit(Kind.KEY_UNREAD, key=key.key) for key in keys]


def _unread(evidence: Evidence) -> list[Culprit]:
    """The rings that were not read, and the processes with unread clients."""
    return [
        *_named(key for key in evidence.keys if key.kind == "ring" and key.writers is None),
        *(
            Culprit(Kind.UNREAD, t.name, what="clients")
            for t in evidence.up
            if t.ended("/metrics", Outcome.FAILED)
        ),
    ]


@check(
    "writers-are-members",
    "Each process that writes a ring is a member of it.",
    "Search the log of each named process for failed writes to the ring (CAS). Restart it once the "
    "primary store answers. Of a member that runs another component than its ring's, give the component a "
    "ring of its own (kvstore.prefix, or a newer release).",
    f"{DOC}#writers-are-members",
    SHOWN,
)
def writers_are_members(evidence: Evidence) -> Answer:
    """Each writer of a ring is in it, and each member's process writes the ring."""
    wrong: list[Culprit] = []
    unknown = _unread(evidence)
    for key, facts in _rings(evidence):
        wrong += without_member(key)
        if names := facts.misplaced:
            ring = Culprit(
                Kind.MEMBERS_MISPLACED, key=key.key, value=len(names), of=len(key.members), names=names
            )
            wrong.append(ring)
        if facts.untold:
            unknown.append(Culprit(Kind.WRITERS_UNTOLD, key=key.key, names=facts.untold))
    count = sum(facts.count for _, facts in _rings(evidence))
    good = Looked(LookedKind.RING_WRITERS, count, len(_rings(evidence)))
    return Answer(wrong, unknown, good, no_ring(_rings(evidence)))


@check(
    "members-distinct",
    "Each member of a ring has an instance id and an address of its own.",
    "Give each process its own instance_id and an instance_addr that the other hosts reach, in the "
    "configuration of the named ring, then restart it.",
    f"{DOC}#members-are-distinct",
    SHOWN,
)
def members_distinct(evidence: Evidence) -> Answer:
    """No two members share an address or an id, and each address is reachable from other hosts."""
    return Answer(
        wrong=[
            culprit
            for key, facts in _rings(evidence)
            for culprit in (*sharing(key), *_indistinct(key, facts))
        ],
        unknown=_unread(evidence),
        good=Looked(LookedKind.MEMBERS, sum(len(key.members) for key, _ in _rings(evidence))),
        nothing=no_ring(_rings(evidence)),
    )


def _indistinct(key: KeyFacts, facts: WriterFacts) -> Iterator[Culprit]:
    for address, names in facts.unreachable.items():
        if address not in facts.shared:
            yield Culprit(Kind.ADDRESS_UNREACHABLE, key=key.key, what=address, names=names)
    for name, targets in facts.claimed.items():
        yield Culprit(Kind.ID_SHARED, key=key.key, member=name, value=len(targets), names=targets)


@check(
    "partitions-owned",
    "Each active partition has a running owner, and each owner is a member or a process.",
    "Start the named owners again. If they were removed for good, make the partition inactive. "
    "Wait until all of its data is consumed, then remove them: the page has the steps.",
    f"{DOC}#partitions-are-owned",
    "Make the partition ring and the ring of its owners' instances readable.",
)
def partitions_owned(evidence: Evidence) -> Answer:
    """Some process consumes each partition that is written, or was."""
    rings = [key for key in evidence.keys if key.kind == "partition"]
    count = sum(len(key.owned) for key in rings)
    return Answer(
        wrong=[culprit for key in rings for culprit in (*without_owner(key), *vanished_owners(key))],
        unknown=[
            *unread(rings),
            *(
                Culprit(Kind.PARTITION_OWNERS_UNREAD, key=key.key)
                for key in rings
                if any(p.alive is None and p.owners for p in key.owned)
            ),
        ],
        good=Looked(LookedKind.PARTITIONS, count) if rings else Looked(LookedKind.NO_PARTITIONS),
    )


@check(
    "no-foreign-members",
    "No ring has a member of another product, cluster or release.",
    "Halt all rollouts: each restart spreads the merged ring. Part the two clusters first: a store prefix or "
    "a gossip label of its own for each, and a closed network between them. Then forget the foreign members.",
    f"{DOC}#foreign-members",
    SHOWN,
)
def no_foreign_members(evidence: Evidence) -> Answer:
    """No ring has taken members that certainly belong elsewhere."""
    rings = [key for key in evidence.keys if key.foreign is not None]
    return Answer(
        wrong=[
            Culprit(Kind.MEMBERS_FOREIGN, key=key.key, value=len(key.foreign), names=key.foreign)
            for key in evidence.keys
            if key.foreign
        ],
        unknown=_named(key for key in evidence.keys if key.kind == "ring" and key.foreign is None),
        good=Looked(LookedKind.RINGS, len(rings)),
        nothing=no_ring(rings),
    )
