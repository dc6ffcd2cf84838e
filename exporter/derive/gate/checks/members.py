"""Checks on who is in a ring against who should be."""

from __future__ import annotations

from exporter.derive.gate.check import Evidence, Question
from exporter.derive.ring.partitions import gone_owners, without_owner
from exporter.derive.ring.writers import sharing, without_member
from exporter.model.facts import KeyFacts
from exporter.model.gate import About, Check
from exporter.model.pages import Outcome
from exporter.model.rings import WriterFacts, named

DOC = "docs/ring.md"
SHOWN = (
    "Make every ring readable, and /metrics and /config of every process: which client writes a ring, and "
    "what its process is called in it, stand there."
)
WRITERS = Question(
    "writers-are-members",
    "Each process that writes a ring is a member of it.",
    "Look into the log of each named process for failed writes to the ring (CAS). Restart it once the "
    "primary store answers. Of a member that runs another component than its ring's, give the component a "
    "ring of its own (kvstore.prefix, or a newer release).",
    f"{DOC}#writers-are-members",
    SHOWN,
)
DISTINCT = Question(
    "members-distinct",
    "Each member of a ring has an instance id and an address of its own.",
    "Give each process its own instance_id and an instance_addr that the other hosts reach, in the "
    "configuration of the named ring, then restart it.",
    f"{DOC}#members-are-distinct",
    SHOWN,
)
OWNED = Question(
    "partitions-owned",
    "Each active partition has a living owner, and each owner is a member or a process.",
    "Bring the named owners back. Where they are gone for good, make the partition inactive first and let "
    "its data be consumed to the end; see the page.",
    f"{DOC}#partitions-are-owned",
    "Make the partition ring and the ring of its owners' instances readable.",
)
FOREIGN = Question(
    "no-foreign-members",
    "No ring has a member of another product, cluster or release.",
    "Halt all rollouts: each restart spreads the merged ring. Part the two clusters first: a store prefix or "
    "a gossip label of its own for each, and a closed network between them. Then forget the foreign members.",
    f"{DOC}#foreign-members",
    SHOWN,
)


def _rings(seen: Evidence) -> list[tuple[KeyFacts, WriterFacts]]:
    return [(key, key.writers) for key in seen.keys if key.writers is not None]


def _unread(seen: Evidence) -> list[str]:
    """Name the rings that were not read, and the processes whose clients were not."""
    rings = [f"{key.key}: not read" for key in seen.keys if key.kind == "ring" and key.writers is None]
    return rings + [
        About(t.name, f"clients of {t.name}")
        for t in seen.up
        if any(_failed(p.name, p.outcome) for p in t.pages)
    ]


def _failed(page: str, outcome: Outcome) -> bool:
    return page == "/metrics" and outcome is Outcome.FAILED


def writers_are_members(seen: Evidence) -> Check:
    """Hold that each writer of a ring is in it, and that each member's process writes the ring."""
    wrong: list[str] = []
    unknown = _unread(seen)
    for key, facts in _rings(seen):
        wrong += without_member(key)
        if facts.misplaced:
            some = f"{len(facts.misplaced)} of {len(key.members)} members of {key.key}"
            wrong.append(f"{some} run a component that does not write it: {named(facts.misplaced)}")
        which = f"{key.key}: which member belongs to {named(facts.untold)}"
        unknown += [which] if facts.untold else []
    count = sum(facts.count for _, facts in _rings(seen))
    good = f"{count} writers of {len(_rings(seen))} rings."
    nothing = "" if _rings(seen) else "no ring was read"
    return WRITERS.answer(wrong, good, unknown, nothing=nothing)


def members_distinct(seen: Evidence) -> Check:
    """Hold that no two members share an address or an id, and that other hosts reach each address."""
    wrong: list[str] = []
    for key, facts in _rings(seen):
        wrong += sharing(key)
        for address, names in facts.unreachable.items():
            if address not in facts.shared:
                wrong.append(f"{key.key}: no other host reaches {address}, the address of {named(names)}")
        for name, targets in facts.claimed.items():
            wrong.append(f"{len(targets)} processes write {key.key} as {name}: {named(targets)}")
    good = f"{sum(len(key.members) for key, _ in _rings(seen))} members."
    nothing = "" if _rings(seen) else "no ring was read"
    return DISTINCT.answer(wrong, good, _unread(seen), nothing=nothing)


def partitions_owned(seen: Evidence) -> Check:
    """Hold that somebody consumes each partition that is written, or was."""
    rings = [key for key in seen.keys if key.kind == "partition"]
    wrong = [text for key in rings for text in (*without_owner(key), *gone_owners(key))]
    unknown = [f"{key.key}: not read" for key in rings if not key.source]
    unknown += [
        f"{key.key}: the ring of its owners was not read"
        for key in rings
        if any(p.alive is None and p.owners for p in key.owned)
    ]
    count = sum(len(key.owned) for key in rings)
    return OWNED.answer(wrong, f"{count} partitions." if rings else "There is no partition ring.", unknown)


def no_foreign_members(seen: Evidence) -> Check:
    """Hold that no ring has taken members that certainly belong elsewhere."""
    wrong = [
        f"foreign members of {key.key}: {len(key.foreign)} ({named(key.foreign)})"
        for key in seen.keys
        if key.foreign
    ]
    rings = [key for key in seen.keys if key.foreign is not None]
    unknown = [f"{key.key}: not read" for key in seen.keys if key.kind == "ring" and key.foreign is None]
    return FOREIGN.answer(wrong, f"{len(rings)} rings.", unknown, nothing="" if rings else "no ring was read")
