"""Checks for moving from microservices to read-write mode: both groups in, then the old one out."""

from __future__ import annotations

from exporter.derive.fleet import few
from exporter.derive.verdicts import Evidence, Question
from exporter.facts import Check
from exporter.model import State

OLD, NEW = "microservices", "read-write"
DOC = "docs/read-write.md"
BOTH = Question(
    "rings-have-both-groups",
    "Every ring has active members of both groups.",
    "Wait until the new group's members are active in every ring; see kvmigration status.",
    f"{DOC}#both-groups-in-every-ring",
)
NONE_LEFT = Question(
    "old-group-left",
    "No member of the old group is left in any ring.",
    "Let the old members leave (scale them down one after another), or forget them if they are gone.",
    f"{DOC}#the-old-group-has-left",
)
NEW_HEALTHY = Question(
    "new-group-active",
    "Every ring has active members of the new group.",
    "Do not take the old group down while a ring would be empty.",
    f"{DOC}#both-groups-in-every-ring",
)
TRAFFIC = Question(
    "old-group-idle",
    "The old group gets no requests any more.",
    "Point the ingress at the new group, and wait until the old one's request rate is 0.",
    f"{DOC}#traffic",
)


def rings_have_both(seen: Evidence) -> Check:
    """Hold that each ring's active members are of both groups."""
    wrong = []
    for key in seen.keys:
        if key.kind != "ring" or not key.members:
            continue
        groups = {member.group for member in key.members if member.state is State.ACTIVE}
        wrong += [f"{key.key} has no active {group} member" for group in (NEW, OLD) if group not in groups]
    return BOTH.answer(wrong, "Both are in every ring.", _unread(seen))


def new_group_active(seen: Evidence) -> Check:
    """Hold that no ring depends on the old group."""
    wrong = [
        key.key
        for key in seen.keys
        if key.kind == "ring"
        and key.members
        and not any(m.group == NEW and m.state is State.ACTIVE for m in key.members)
    ]
    return NEW_HEALTHY.answer(wrong, "Every ring.", _unread(seen))


def old_group_left(seen: Evidence) -> Check:
    """Hold that the old group has left all rings, unhealthy remains included."""
    wrong = [
        f"{key.key}: {', '.join(few(names, 4))}"
        for key in seen.keys
        if (names := [member.id for member in key.members if member.group == OLD])
    ]
    return NONE_LEFT.answer(wrong, "None.", _unread(seen))


def old_group_idle(seen: Evidence) -> Check:
    """Hold that processes of the old group, as long as they run, get no requests."""
    old = [target for target in seen.up if target.group == OLD]
    wrong = [f"{t.name}: {t.traffic_rate:.2g} requests a second" for t in old if t.traffic_rate]
    unknown = [t.name for t in old if t.traffic_rate is None]
    return TRAFFIC.answer(wrong, "None.", unknown)


def _unread(seen: Evidence) -> list[str]:
    grouped = any(member.group for key in seen.keys for member in key.members)
    unread = [key.key for key in seen.keys if key.kind == "ring" and not key.source]
    return unread if grouped else ["no group is configured that matches a member", *unread]
