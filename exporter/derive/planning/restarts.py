"""In which order processes restart, how many at a time, and how long each wave takes at least."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from exporter.model.facts import KeyFacts, TargetFacts
from exporter.model.planning.plan import BlockChange, Spare, Wave

QUORUM = "quorum"
BEATS = 2  # heartbeat periods until a process that has just started is judged


def waves(
    targets: Iterable[TargetFacts], changes: Iterable[BlockChange], keys: Iterable[KeyFacts]
) -> tuple[Wave, ...]:
    """The processes that a step restarts: those without a member of a ring that needs a quorum first, then
    zone by zone. A zone restarts together if its ring keeps zones apart, and no ring certainly lacks a member
    to spare.
    """
    due = {name for change in changes for name in change.targets}
    all_keys = tuple(keys)
    places = _places(all_keys)
    spare = all((key.quorum_margin or 0) > 0 for key in all_keys if key.writes_by == QUORUM and key.members)
    groups: dict[tuple[bool, str, str, bool], list[str]] = defaultdict(list)
    for target in targets:
        if target.name in due:
            quorum, zone, apart = places.get(target.name, (False, "", False))
            groups[quorum, target.component, zone if apart else "", apart].append(target.name)
    return tuple(
        Wave(component, zone, tuple(sorted(names)), together and spare)
        for (_, component, zone, together), names in sorted(groups.items())
    )


def _places(keys: Iterable[KeyFacts]) -> Mapping[str, tuple[bool, str, bool]]:
    """By process: whether writes need a quorum of its ring, its zone, and whether that ring keeps zones
    apart. The ring that needs a quorum decides.
    """
    found: dict[str, tuple[bool, str, bool]] = {}
    for key in keys:
        for member in key.members:
            place = (key.writes_by == QUORUM, member.zone, bool(member.zone) and _has_zones(key))
            if member.target and place > found.get(member.target, (False, "", False)):
                found[member.target] = place
    return found


def _has_zones(key: KeyFacts) -> bool:
    return bool(key.settings.replication) and all(one.zones for one in key.settings.replication)


def spares(
    keys: Iterable[KeyFacts], targets: Iterable[TargetFacts], changes: Iterable[BlockChange]
) -> tuple[Spare, ...]:
    """How many members may be lost, of each ring that has a member in a process that restarts."""
    due = {name for change in changes for name in change.targets}
    restarting = {target.name for target in targets} & due
    return tuple(
        Spare(key.key, key.quorum_margin, _has_zones(key))
        for key in keys
        if key.kind == "ring" and any(member.target in restarting for member in key.members)
        and key.writes_by == QUORUM
    )  # fmt: skip


def settle(keys: Iterable[KeyFacts]) -> float:
    """Seconds after a restart until a process is judged again."""
    return BEATS * max((key.settings.period for key in keys if key.members), default=15.0)
