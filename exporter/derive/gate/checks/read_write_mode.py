"""Checks for moving from microservices to read-write mode, in the order of Mimir's guide.

The guide moves the read path and the backend first and the write path last. So a ring without old members is
done, at any state of the remaining rings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, check, no_ring, unread
from exporter.derive.ring.quorum import margin, spare
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.entry import State
from exporter.model.facts import KeyFacts, TargetFacts
from exporter.model.views import Place
from exporter.products.component_names import READ_PATH
from exporter.products.ring_pages import RING_NAMES, WRITE_RINGS

DOC = "docs/read-write.md"
GROUPED = (
    "Name both groups under groups in the configuration so that every member is of one, and make every ring "
    "readable: its page on a process that serves it, or the store under stores."
)
UNSERVED = (
    "No process of the new group runs the component of the ring that only the old group has, so scaling up "
    "adds none. Give the component to the new group, or scale it down on purpose first: the check "
    "passes once the ring is empty."
)


def _rings(evidence: Evidence) -> list[KeyFacts]:
    return [key for key in evidence.keys if key.kind == "ring"]


def _unserved(evidence: Evidence) -> list[KeyFacts]:
    """Rings in the gossip without any process that serves them, as those of killed old alertmanagers."""
    served = {key.key for key in evidence.keys}
    keys = (key for key in evidence.now.keys if key.key not in served and key.ring in RING_NAMES)
    return [key for key in keys if key.kind == "ring" and key.source.place is Place.GOSSIP and key.members]


def _is_unserved(key: KeyFacts, evidence: Evidence) -> bool:
    """Whether no process of the new group serves this ring, though processes of it run."""
    group = evidence.rules.arriving
    new = [target for target in evidence.up if target.group == group and target.clients]
    runs = any(client.key == key.key for target in new for client in target.clients)
    return bool(new) and not runs and not any(member.group == group for member in key.members)


def _lacking(rings: Iterable[KeyFacts], evidence: Evidence, remedy: str) -> tuple[list[Culprit], str]:
    """The rings that have no active member of the new group, and what helps them."""
    new, old = evidence.rules.arriving, evidence.rules.leaving
    without = [key for key in rings if not _active(key, new)]
    unserved = [key for key in without if _is_unserved(key, evidence)]
    found = [Culprit(Kind.GROUP_UNSERVED, key=key.key, what=new, names=(old,)) for key in unserved]
    found += [Culprit(Kind.GROUP_INACTIVE, key=key.key, what=new) for key in without if key not in unserved]
    if not unserved:
        return found, ""
    return found, f"{remedy} {UNSERVED}" if len(without) > len(unserved) else UNSERVED


def _active(key: KeyFacts, group: str) -> bool:
    return any(member.group == group and member.state is State.ACTIVE for member in key.members)


def _old_members(key: KeyFacts, evidence: Evidence) -> list[str]:
    return [member.id for member in key.members if member.group == evidence.rules.leaving]


def _both(evidence: Evidence, remedy: str, *, write: bool) -> Answer:
    rings = [key for key in _rings(evidence) if (key.ring in WRITE_RINGS) == write]
    answer, old = _of_new_group(evidence, rings, remedy), evidence.rules.leaving
    left = [key for key in rings if _old_members(key, evidence) and not _active(key, old)]
    wrong = [Culprit(Kind.GROUP_INACTIVE, key=key.key, what=old) for key in left]
    return replace(answer, wrong=[*answer.wrong, *wrong])


def _of_new_group(evidence: Evidence, rings: list[KeyFacts], remedy: str) -> Answer:
    """Whether each of these rings has active members of the new group."""
    wrong, helps = _lacking(rings if _grouped(evidence) else [], evidence, remedy)
    good = Looked(LookedKind.RINGS, len(rings))
    return Answer(wrong, _unread(evidence, rings), good, no_ring(rings), remedy=helps)


SCALE_BACKEND = "Scale up mimir-read and mimir-backend and wait until their members are active in every ring."
SCALE_WRITE = "Scale up mimir-write and wait until its members are active in both rings."
KEEP_OLD = "Do not take the old group down while a ring would be empty."


@check(
    "backend-rings-have-both-groups",
    "Every ring of the read path and the backend has active members of both groups.",
    SCALE_BACKEND,
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
def backend_rings_have_both(evidence: Evidence) -> Answer:
    """No ring of the read path and the backend depends on one of the groups."""
    return _both(evidence, SCALE_BACKEND, write=False)


@check(
    "write-rings-have-both-groups",
    "The ingester and distributor rings have active members of both groups.",
    SCALE_WRITE,
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
def write_rings_have_both(evidence: Evidence) -> Answer:
    """No ring of the write path depends on one of the groups."""
    return _both(evidence, SCALE_WRITE, write=True)


@check(
    "old-group-present",
    "There is an old group to retire.",
    "Nothing is left to retire: run kvmigration check finish-read-write.",
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
def old_group_present(evidence: Evidence) -> Answer:
    """Some ring still has an old member: else this step is done."""
    rings = _rings(evidence)
    having = tuple(key.ring for key in rings if _old_members(key, evidence))
    none = bool(rings) and not having and _grouped(evidence)
    return Answer(
        wrong=[Culprit(Kind.GROUP_MISSING, what=evidence.rules.leaving)]
        if none and not evidence.is_part
        else (),
        unknown=_unread(evidence, rings),
        good=Looked(LookedKind.OLD_GROUP_IN, names=having),
        nothing=no_ring(rings) or (Culprit(Kind.NO_OLD_GROUP_HERE) if none else None),
    )


@check(
    "new-group-keeps-quorum",
    "Without the old group there are as many active ingesters (or zones) as replicas.",
    "Scale up mimir-write: without enough ingesters in the new group writes fail.",
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
def new_group_keeps_quorum(evidence: Evidence) -> Answer:
    """A ring written by quorum keeps it, and every replica, after the old group's end."""
    rings, group = [key for key in _rings(evidence) if key.writes_by == "quorum"], evidence.rules.arriving
    wrong, unknown = [], _unread(evidence, rings)
    for key in rings if _grouped(evidence) else ():
        replications, product = key.settings.replication, evidence.now.fleet.product
        new = [member for member in key.members if member.group == group]
        left = margin(new, replications, product)
        if left is None:
            unknown.append(Culprit(Kind.REPLICATION_UNKNOWN, key=key.key))
        elif left < spare(replications, product):
            factor = max((one.factor for one in replications), default=0)
            active, of = sum(member.state is State.ACTIVE for member in new), len(new)
            short = Culprit(Kind.GROUP_SHORT, key=key.key, what=group, value=active, of=of, limit=factor)
            wrong.append(short)
    return Answer(wrong, unknown, Looked(LookedKind.RINGS, len(rings)), no_ring(_rings(evidence)))


@check(
    "new-group-active",
    "Every ring has active members of the new group.",
    KEEP_OLD,
    f"{DOC}#both-groups-in-every-ring",
    GROUPED,
)
def new_group_active(evidence: Evidence) -> Answer:
    """No ring depends on the old group. A ring with readers and without members was lost on the way."""
    return _of_new_group(evidence, _rings(evidence), KEEP_OLD)


@check(
    "old-group-left",
    "No member of the old group is left in any ring.",
    "Let the old members leave (scale them down one after another), or forget them if their processes were "
    "removed.",
    f"{DOC}#the-old-group-has-left",
    GROUPED,
)
def old_group_left(evidence: Evidence) -> Answer:
    """The old group has left all rings. Unhealthy remains, owners of partitions, and rings that no process
    serves any more are included.
    """
    left = [(key, _old_members(key, evidence)) for key in (*_rings(evidence), *_unserved(evidence))]
    unknown = _unread(evidence, _rings(evidence))
    for key in (key for key in evidence.keys if key.kind == "partition"):
        owners = {name: evidence.rules.group_of(name) for name in key.owners}
        left.append((key, [name for name, group in owners.items() if group == evidence.rules.leaving]))
        unknown += unread([key])
        unknown += [Culprit(Kind.GROUP_UNKNOWN, key=key.key, member=n) for n, g in owners.items() if not g]
    return Answer(
        wrong=[Culprit(Kind.GROUP_LEFT, key=key.key, names=tuple(names)) for key, names in left if names],
        unknown=unknown,
        good=Looked(LookedKind.NONE),
        nothing=no_ring(_rings(evidence)),
    )


@check(
    "old-group-idle",
    "No client sends pushes or queries to the old group.",
    "Point the ingress at the new group, and wait until the old group's request rate is 0.",
    f"{DOC}#traffic",
    "Run the check again: a rate needs two cycles. Give every process a group, under groups in the "
    "configuration.",
)
def old_group_idle(evidence: Evidence) -> Answer:
    """Processes of the old group, as long as they run, get no pushes and no queries. One that gets some, and
    is of no group, may be of the old one.
    """
    return idle(evidence, [target for target in evidence.up if target.group == evidence.rules.leaving])


def idle(evidence: Evidence, old: list[TargetFacts]) -> Answer:
    """No client sends requests to these processes of the old group, nor to one that may be of it."""
    nobodys = [t for t in evidence.up if not t.group] if evidence.rules.groups else []
    return Answer(
        wrong=[Culprit(Kind.GROUP_TRAFFIC, t.name, value=t.traffic_rate) for t in old if t.traffic_rate],
        unknown=[
            *(Culprit(Kind.LOOKED_ONCE, t.name) for t in old if t.traffic_rate is None),
            *(
                Culprit(Kind.GROUP_TRAFFIC_UNKNOWN, t.name)
                if t.traffic_rate is None
                else Culprit(Kind.GROUP_TRAFFIC_OF_NONE, t.name, value=t.traffic_rate)
                for t in nobodys
                if t.traffic_rate != 0
            ),
        ],
        good=Looked(LookedKind.OLD_GROUP_IDLE, len(old)),
    )


@check(
    "new-group-reads",
    "A process of the new group answers queries.",
    "Scale up mimir-read, wait until it responds, and point the read path's ingress at it.",
    f"{DOC}#the-read-path",
    "Let the exporter read /config of every process: target there names what it serves. Give every process a "
    "group, by groups in the configuration.",
)
def new_group_reads(evidence: Evidence) -> Answer:
    """Queries have a destination after the old group's end: no ring shows that mimir-read is missing."""
    settled = [target for target in evidence.up if not target.recently_started]
    new = [target for target in settled if target.group == evidence.rules.arriving]
    serving = tuple(target.name for target in new if _serves_reads(target))
    unknown = [Culprit(Kind.UNREAD, target.name, what="component") for target in new if not _words(target)]
    unknown += [
        Culprit(Kind.GROUP_OF_READER_UNKNOWN, target.name)
        for target in settled
        if not target.group and _serves_reads(target)
    ]
    without_readers = [Culprit(Kind.GROUP_WITHOUT_READERS, what=evidence.rules.arriving, value=len(new))]
    return Answer(
        wrong=() if serving or unknown else without_readers,
        unknown=() if serving else unknown,
        good=Looked(LookedKind.READERS, len(serving), names=serving),
    )


def _serves_reads(target: TargetFacts) -> bool:
    return bool(_words(target) & READ_PATH)


def _words(target: TargetFacts) -> frozenset[str]:
    """What a process runs, word by word: as discovery calls it, and `target` of its configuration."""
    words = f"{target.component},{target.config.target if target.config else ''}".lower()
    return frozenset(re.split(r"[^a-z0-9]+", words)) - {""}


def _grouped(evidence: Evidence) -> bool:
    return any(member.group for key in evidence.keys for member in key.members)


def _unread(evidence: Evidence, rings: list[KeyFacts]) -> list[Culprit]:
    if not rings:
        return []
    if not _grouped(evidence):
        return [Culprit(Kind.NO_GROUPS), *unread(rings)]
    members = ((key, member) for key in rings for member in key.members if not member.group)
    return [*(Culprit(Kind.GROUP_UNKNOWN, key=key.key, member=m.id) for key, m in members), *unread(rings)]
