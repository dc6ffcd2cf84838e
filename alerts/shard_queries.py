"""What only all shards' parts together show: PromQL over the names and digests that each part gives."""

from __future__ import annotations

from collections.abc import Callable

from alerts.promql import Queries
from alerts.thresholds import Wait
from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as s
from exporter.expose.metric import Metric
from exporter.model.migration import LABELS, READ_WRITE, RINGS, STORE
from exporter.model.pages import Phase

SETTLED = Wait(45.0, "three cycles: a process that has just started reaches its own shard last")
WRITERS, USED = 'writes="true"', 'used="true"'
BEFORE_MEMBERLIST = 'phase!="memberlist"'
Across = Callable[[Queries], str]


def complete(q: Queries) -> str:
    """1 if every shard is there and all have the same list of processes."""
    return f"{q.series(s.PRESENT)} * {q.on()} {_is_agreed(q, s.SHARD_DISCOVERY_DIGEST)}"


def _is_agreed(q: Queries, metric: Metric) -> str:
    return f"({q.most(metric)} == bool {q.least(metric)})"


def present(q: Queries) -> str:
    """1 if every shard is there, they judge by the same limits, and no series is left out."""
    there = f"count {q.by()} (count {q.by('shard')} ({fresh(q)}))"
    none_is_old = f"* {q.on()} (count {q.by()} ({fresh(q)}) == bool count {q.by()} ({q.series(s.SHARDS)}))"
    agree = [f"* {q.on()} {_is_agreed(q, metric)}" for metric in (s.SHARDS, s.SHARD_RULES_DIGEST)]
    none_dropped = f"* {q.on()} ({q.most(c.SERIES_DROPPED)} == bool 0)"
    return "\n".join([f"({there} == bool {q.most(s.SHARDS)})", none_is_old, *agree, none_dropped])


def fresh(q: Queries) -> str:
    """Shards with a last cycle no older than three of its intervals, and not in the future either."""
    limit = f"3 * {q.series(s.SHARD_INTERVAL_SECONDS)} + 1"
    age = f"abs(time() - {q.series(c.SNAPSHOT_TIMESTAMP_SECONDS)}) <= {q.on('instance')} ({limit})"
    return f"{q.series(s.SHARDS)} and {q.on('instance')} ({age})"


def together(q: Queries, expr: str) -> str:
    """True only where all shards are there: until then a member may belong to a missing shard's process."""
    return f"({expr})\nand {q.on()} {q.series(s.COMPLETE)} == 1"


def _members(q: Queries, metric: Metric, *labels: str, matchers: str = "") -> str:
    return f"group {q.by(*labels, 'member')} ({q.series(metric, matchers)})"


def unknown_members(q: Queries) -> str:
    """Gossip members that belong to no process and are not expected."""
    strange = _members(q, s.SHARD_GOSSIP_MEMBER, matchers='expected="false"')
    return f"{strange}\nunless {_members(q, s.SHARD_OWN_MEMBER)}"


def absent(q: Queries) -> str:
    """Own members that are on no list of any shard's processes, where another process has a list."""
    having = f"count {q.by()} (count {q.by('target')} ({q.series(c.GOSSIP_MEMBERS)})) > 1"
    theirs, ours = _members(q, s.SHARD_GOSSIP_MEMBER), _members(q, s.SHARD_OWN_MEMBER, matchers='seen="true"')
    return f"{_members(q, s.SHARD_UNSEEN_MEMBER)}\nunless {theirs}\nunless {ours}\nand {q.on()} {having}"


def unmet(q: Queries) -> str:
    """Keys that one shard's processes use and another's do not: that shard cannot judge copies."""
    users = f"count {q.by('key')} ({q.series(s.SHARD_USED_KEY)})"
    return f"{users} < {q.on()} group_left () count {q.by()} ({q.series(s.SHARDS)})"


def orphaned_members(q: Queries) -> str:
    """Ring members that belong to no process of any shard and to no gossip member."""
    claimed = _members(q, s.SHARD_CLAIMED_MEMBER, "key")
    return f"{_members(q, s.SHARD_GHOST_MEMBER, 'key', 'ring')}\nunless {q.on('key', 'member')} {claimed}"


def settled(q: Queries, record: str) -> str:
    """Series of a record that were recorded some cycles ago, too."""
    found = q.series(record)
    return f"{found} and {found} offset {q.span(SETTLED)}"


def _of_ours(q: Queries, found: str) -> str:
    """Orphaned members in keys that some shard's processes use; all other keys are not ours to judge."""
    return f"({found})\nand {q.on('key', 'member')} {q.series(s.SHARD_GHOST_MEMBER, USED)}"


def contents(q: Queries) -> str:
    """How many different contents the shards' views show, by key and kind of view."""
    names = ("key", "ring", "view")
    values = f'count_values {q.by(*names, "aspect")} ("digest", {q.series(s.SHARD_VIEW_DIGEST)})'
    return f"max {q.by(*names)} (count {q.by(*names, 'aspect')} (\n{values}\n))"


def _unlabelled(q: Queries) -> str:
    """Gossip members with a label that no shard has read."""
    known = f"{_members(q, s.SHARD_GOSSIP_MEMBER)} or {_members(q, s.SHARD_OWN_MEMBER)}"
    labelled = _members(q, s.SHARD_OWN_MEMBER, matchers='labelled="true"')
    return f"({known})\nunless {labelled}"


def _labels(q: Queries) -> str:
    """How many different labels the processes are configured with, where there is more than one."""
    labels = q.series(s.PART_OF[c.GOSSIP_LABEL_TARGETS])
    return f"count {q.by()} (count {q.by('label')} ({labels} > 0)) > 1"


def _no_old_group(q: Queries) -> str:
    """No shard's rings have a member of the old group."""
    presence = q.series(s.SHARD_CHECK, 'check="old-group-present"')
    return f"max {q.by()} ({presence}) == 2 == {q.on()} min {q.by()} ({presence})"


def _clients(q: Queries, *matchers: str) -> str:
    return f"{q.series(s.SHARD_CLIENTS, ','.join(filter(None, matchers)))} > 0"


def moving(q: Queries, counted: str, *matchers: str) -> str:
    """Clients that have not arrived: those of keys that are not completely on memberlist. Of a migration
    without such keys it is all clients. `counted` are matchers of all that count, `matchers` of the result.
    """
    wanted, under_way = _clients(q, counted, *matchers), f"({_clients(q, counted, BEFORE_MEMBERLIST)})"
    return (
        f"{wanted} and {q.on('migration', 'serves')} {under_way}\n"
        f"or\n{wanted} unless {q.on('migration')} {under_way}"
    )


def elsewhere(phase: Phase, *, readers: bool) -> Across:
    """Clients that count for a step and are in another phase than it needs, by migration; unknown phases are
    left out. The end of the store needs the clients of all migrations.
    """
    counted = "" if readers else WRITERS
    others = f'phase!~"{phase.label}|unknown"'

    def found(q: Queries) -> str:
        if phase is not Phase.MEMBERLIST:
            return f"group {q.by('migration')} (\n{moving(q, counted, others)}\n)"
        every = f"group {q.by()} (\n{_clients(q, counted, others)}\n)"
        return f'label_replace(\n{every},\n"migration", "{STORE}", "", ""\n)'

    return found


def _settled(record: str) -> Across:
    return lambda q: settled(q, record)


def _now(record: str) -> Across:
    return lambda q: q.series(record)


def _differing_or_unmet(q: Queries) -> str:
    return f"group {q.by('key')} (\n{contents(q)} > 1\n)\nor {q.on('key')}\n{q.series(s.UNMET)}"


def _of_keys(found: Across) -> Across:
    """Results by key, as results by migration: those with a client of the key, and those that need all keys.
    A key that no client serves is one of the rings.
    """

    def across(q: Queries) -> str:
        keyed = f'label_replace(\n{found(q)},\n"serves", "$1", "key", "(.*)"\n)'
        clients = f"group {q.by('migration', 'serves')} ({_clients(q, '')})"
        asked = [
            (RINGS, f"{keyed} unless {q.on('serves')} {clients}"),
            *((name, keyed) for name in (LABELS, READ_WRITE, STORE)),
        ]
        parts = (
            f'label_replace(\ngroup {q.by()} (\n{keys}\n),\n"migration", "{name}", "", ""\n)'
            for name, keys in asked
        )
        return "\nor\n".join(
            [f"group {q.by('migration')} (\n{clients} and {q.on('serves')} {keyed}\n)", *parts]
        )

    return across


KEY_CHECKS = ("keys-copied", "members-copied", "contents-equal", "lag")
FAILS: dict[str, Across] = {
    "gossip-no-strangers": _settled(s.UNKNOWN_MEMBERS),
    "gossip-complete": _settled(s.ABSENT),
    "gossip-port-reachable": _settled(s.ABSENT),
    "no-ghosts": lambda q: _of_ours(q, settled(q, s.ORPHANED_MEMBERS)),
    "labels-agree": _labels,
    "label-set": _labels,
    "old-group-present": _no_old_group,
}
"""By check, what makes it fail across the parts, in every migration."""

CLIENTS: dict[str, Across] = {
    "clients-multi": elsewhere(Phase.MULTI, readers=False),
    "clients-mirroring": elsewhere(Phase.MIRRORING, readers=False),
    "clients-switched": elsewhere(Phase.SWITCHED, readers=True),
    "clients-detached": elsewhere(Phase.DETACHED, readers=True),
    "clients-memberlist": elsewhere(Phase.MEMBERLIST, readers=True),
}
"""By check, what makes it fail across the parts, by migration."""

NOT_KNOWN: dict[str, Across] = {
    "gossip-no-strangers": _now(s.UNKNOWN_MEMBERS),
    "gossip-complete": _now(s.ABSENT),
    "gossip-port-reachable": _now(s.ABSENT),
    "no-ghosts": lambda q: _of_ours(q, q.series(s.ORPHANED_MEMBERS)),
    "members-labelled": _unlabelled,
    "members-unverified": _unlabelled,  # /config has both
}
"""By check, what makes it unknown for now, in every migration."""

NOT_KNOWN_OF_KEYS: dict[str, Across] = {
    **dict.fromkeys(KEY_CHECKS, _of_keys(_now(s.UNMET))),
    "views-agree": _of_keys(_differing_or_unmet),
}
"""By check, what makes it unknown for now, by migration."""
