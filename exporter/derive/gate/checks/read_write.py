"""Checks for moving from microservices to read-write mode, in the order of Mimir's guide.

The guide moves the read path and the backend first and the write path last, so a ring that the old
group has left whole is done, whatever the other rings are at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from exporter.derive.gate.check import CheckFunction, Evidence, Question
from exporter.derive.migration.migration import few
from exporter.derive.ring.quorum import margin, spare
from exporter.model.facts import KeyFacts, TargetFacts
from exporter.model.gate import About, Check
from exporter.model.pages import State
from exporter.products.ring_pages import RING_NAMES

OLD, NEW = "microservices", "read-write"
WRITE_RINGS = frozenset({"ingester", "distributor"})
DOC = "docs/read-write.md"
GROUPED = (
    "Name both groups under groups in the configuration so that every member is of one, and make every ring "
    "readable: its page on a process that serves it, or the store under stores."
)
BACKEND_BOTH = Question(
    "backend-rings-have-both-groups",
    "Every ring of the read path and the backend has active members of both groups.",
    "Scale up mimir-read and mimir-backend and wait until their members are active in every ring.",
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
WRITE_BOTH = Question(
    "write-rings-have-both-groups",
    "The ingester and distributor rings have active members of both groups.",
    "Scale up mimir-write and wait until its members are active in both rings.",
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
NEW_QUORUM = Question(
    "new-group-keeps-quorum",
    "The new group alone has as many active ingesters (or zones) as there are replicas.",
    "Scale up mimir-write: what it lacks when the old ingesters have gone, writes lack.",
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
SOME_OLD = Question(
    "old-group-present",
    "There is an old group to retire.",
    "Nothing is left to retire: ask the gate of finish-read-write.",
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
NONE_LEFT = Question(
    "old-group-left",
    "No member of the old group is left in any ring.",
    "Let the old members leave (scale them down one after another), or forget them if they are gone.",
    f"{DOC}#the-old-group-has-left",
    GROUPED,
)
NEW_HEALTHY = Question(
    "new-group-active",
    "Every ring has active members of the new group.",
    "Do not take the old group down while a ring would be empty.",
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
TRAFFIC = Question(
    "old-group-idle",
    "Nobody sends pushes or queries to the old group any more.",
    "Point the ingress at the new group, and wait until the old one's request rate is 0.",
    f"{DOC}#traffic",
    "Look again: a rate needs two looks. Every process must be of a group, by groups in the configuration.",
)

READS = Question(
    "new-group-reads",
    "A process of the new group answers queries.",
    "Scale up mimir-read, wait until it responds, and point the read path's ingress at it.",
    f"{DOC}#the-read-path",
    "Let the exporter read /config of every process: its target says what it serves. Give every process a "
    "group, by groups in the configuration.",
)
READ_PATH = frozenset({"read", "querier", "all"})  # words of a component that answers queries by itself


ALONE = (
    f"No {NEW} process runs the component of the ring that only {OLD} has, so scaling up adds none. Give "
    "the component to the new group, or scale it down on purpose first: an emptied ring asks for nothing."
)


def _rings(seen: Evidence) -> list[KeyFacts]:
    return [key for key in seen.keys if key.kind == "ring"]


def _unserved(seen: Evidence) -> list[KeyFacts]:
    """Rings in the gossip that no process serves any more, and that still have members: those of the old
    alertmanagers, when the last of them has been killed.
    """
    served = {key.key for key in seen.keys}
    known = (key for key in seen.now.keys if key.key not in served and key.ring in RING_NAMES)
    return [key for key in known if key.kind == "ring" and key.source.startswith("gossip") and key.members]


def _is_left_alone(key: KeyFacts, seen: Evidence) -> bool:
    """Tell whether no process of the new group runs what keeps this ring, though processes of it are up."""
    new = [target for target in seen.up if target.group == NEW and target.clients]
    runs = any(client.key == key.key for target in new for client in target.clients)
    return bool(new) and not runs and not any(member.group == NEW for member in key.members)


def _lacking(rings: Iterable[KeyFacts], seen: Evidence, question: Question) -> tuple[list[str], Question]:
    """Say which rings have no active member of the new group, and give the question with what helps them."""
    without = [key for key in rings if not _active(key, NEW)]
    alone = [key for key in without if _is_left_alone(key, seen)]
    found = [f"{k.key} has members of {OLD} alone, no {NEW} process serves it" for k in alone]
    found += [f"{key.key} has no active {NEW} member" for key in without if key not in alone]
    if not alone:
        return found, question
    scaled = f"{question.remedy} " if len(without) > len(alone) else ""
    return found, replace(question, remedy=f"{scaled}{ALONE}")


def _active(key: KeyFacts, group: str) -> bool:
    return any(member.group == group and member.state is State.ACTIVE for member in key.members)


def _old_members(key: KeyFacts) -> list[str]:
    return [member.id for member in key.members if member.group == OLD]


def _have_both(question: Question, *, write: bool) -> CheckFunction:
    def check(seen: Evidence) -> Check:
        rings = [key for key in _rings(seen) if (key.ring in WRITE_RINGS) == write]
        grouped = rings if _grouped(seen) else []
        wrong, asked = _lacking(grouped, seen, question)
        wrong += [
            f"{key.key} has no active {OLD} member"
            for key in grouped
            if _old_members(key) and not _active(key, OLD)
        ]
        return asked.answer(wrong, f"{len(rings)} rings.", _unread(seen, rings), nothing=_nothing(rings))

    return check


backend_rings_have_both = _have_both(BACKEND_BOTH, write=False)
write_rings_have_both = _have_both(WRITE_BOTH, write=True)


def old_group_present(seen: Evidence) -> Check:
    """Hold that some ring still has an old member: else this step is behind."""
    rings = _rings(seen)
    having = [key.ring for key in rings if _old_members(key)]
    none = bool(rings) and not having and _grouped(seen)
    wrong = [f"no ring has a {OLD} member"] if none and not seen.is_part else []
    nothing = _nothing(rings) or ("the old group may be in another shard's rings" if none else "")
    return SOME_OLD.answer(
        wrong, f"It is in {', '.join(few(having, 8))}.", _unread(seen, rings), nothing=nothing
    )


def new_group_keeps_quorum(seen: Evidence) -> Check:
    """Hold that a ring written by quorum keeps it, and every replica, when the old group has gone."""
    rings = [key for key in _rings(seen) if key.writes_by == "quorum"]
    wrong, unknown = [], _unread(seen, rings)
    for key in rings if _grouped(seen) else ():
        told, product = key.settings.replication, seen.now.fleet.product
        factor = max((one.factor for one in told), default=0)
        new = [member for member in key.members if member.group == NEW]
        left = margin(new, told, product)
        if left is None:
            unknown.append(f"{key.key}: no /config tells its replication factor")
        elif left < spare(told, product):
            active = sum(member.state is State.ACTIVE for member in new)
            wrong.append(f"{key.key}: {active} active of {len(new)} in {NEW}, replication factor {factor}")
    return NEW_QUORUM.answer(wrong, f"{len(rings)} rings.", unknown, nothing=_nothing(_rings(seen)))


def new_group_active(seen: Evidence) -> Check:
    """Hold that no ring depends on the old group. A ring that somebody reads and nobody is in is one
    that was lost on the way.
    """
    rings = _rings(seen)
    wrong, asked = _lacking(rings if _grouped(seen) else [], seen, NEW_HEALTHY)
    return asked.answer(wrong, f"{len(rings)} rings.", _unread(seen, rings), nothing=_nothing(rings))


def old_group_left(seen: Evidence) -> Check:
    """Hold that the old group has left all rings, unhealthy remains, owners of partitions and rings that no
    process serves any more included.
    """
    left = [(key, _old_members(key)) for key in (*_rings(seen), *_unserved(seen))]
    unknown = _unread(seen, _rings(seen))
    for key in seen.keys:
        if key.kind == "partition":
            left.append((key, [name for name in key.owners if seen.rules.group_of(name) == OLD]))
            unknown += [] if key.source else [f"{key.key}: not read"]
            unknown += [
                f"{name} in {key.key} is of no group" for name in key.owners if not seen.rules.group_of(name)
            ]
    wrong = [f"{key.key}: {', '.join(few(names, 4))}" for key, names in left if names]
    return NONE_LEFT.answer(wrong, "None.", unknown, nothing=_nothing(_rings(seen)))


def old_group_idle(seen: Evidence) -> Check:
    """Hold that processes of the old group, as long as they run, get no pushes and no queries. One that
    does, and is of no group, may be of the old one.
    """
    old = [target for target in seen.up if target.group == OLD]
    wrong = [f"{t.name}: {t.traffic_rate:.2g} requests a second" for t in old if t.traffic_rate]
    unknown: list[str] = [About(t.name, f"{t.name} (looked once)") for t in old if t.traffic_rate is None]
    nobodys = [t for t in seen.up if not t.group] if seen.rules.groups else []
    unknown += [
        f"{t.name} is of no group, its traffic not known"
        if t.traffic_rate is None
        else f"{t.name} is of no group: {t.traffic_rate:.2g} requests a second"
        for t in nobodys
        if t.traffic_rate != 0
    ]
    return TRAFFIC.answer(wrong, f"{len(old)} processes of the old group run, none is asked.", unknown)


def new_group_reads(seen: Evidence) -> Check:
    """Hold that queries have somewhere to go when the old group has gone: mimir-read is in no ring, so that
    no ring shows that it is missing.
    """
    settled = [target for target in seen.up if not target.young]
    new = [target for target in settled if target.group == NEW]
    serving = [target.name for target in new if _serves_reads(target)]
    unknown: list[str] = [
        About(target.name, f"component of {target.name}") for target in new if not _words(target)
    ]
    unknown += [f"group of {target.name}" for target in settled if not target.group and _serves_reads(target)]
    wrong = [] if serving or unknown else [f"none of {len(new)} processes in {NEW} answers queries"]
    good = f"{len(serving)} processes: {', '.join(few(serving, 5))}."
    return READS.answer(wrong, good, [] if serving else unknown)


def _serves_reads(target: TargetFacts) -> bool:
    return bool(_words(target) & READ_PATH)


def _words(target: TargetFacts) -> frozenset[str]:
    """What a process runs, word by word: as discovery calls it, and `target` of its configuration."""
    told = f"{target.component},{target.config.target if target.config else ''}".lower()
    return frozenset(re.split(r"[^a-z0-9]+", told)) - {""}


def _grouped(seen: Evidence) -> bool:
    return any(member.group for key in seen.keys for member in key.members)


def _nothing(rings: list[KeyFacts]) -> str:
    return "" if rings else "no ring was read"


def _unread(seen: Evidence, rings: list[KeyFacts]) -> list[str]:
    if not rings:
        return []
    ungrouped = [f"{m.id} in {key.key} is of no group" for key in rings for m in key.members if not m.group]
    unread = [f"{key.key}: not read" for key in rings if not key.source]
    return (
        [*ungrouped, *unread] if _grouped(seen) else ["no group is configured that matches a member", *unread]
    )
