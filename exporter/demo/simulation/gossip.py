"""The gossip side of the model: which members are on each list, and how values spread.

Every change goes into one log, stamped with the group it was sent in. Each view reads the log up to its own
delay, when it is requested. A view's content therefore does not depend on how often it is requested, and a
large cluster costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.demo.simulation.ring_values import (
    LEFT,
    Instance,
    Replica,
    Ring,
    Value,
    is_newer,
    local_changes,
    without_tombstones,
)

SUSPECT_AFTER = 30.0
FORGOTTEN_AFTER = 50.0
TOMBSTONE_KEPT = 300.0


class NoChange(Exception):  # noqa: N818 - memberlist's own "no change detected", which is benign
    """The write brought nothing that this view did not have."""


@dataclass(frozen=True, slots=True)
class Message:
    """One broadcast: changed members of a ring, or an HA-tracker entry."""

    at: float
    group: str
    key: str
    change: Ring | Replica


@dataclass(frozen=True, slots=True)
class Peer:
    """One line of a member list. `state` is memberlist's: 0 is `alive`, 1 `suspect`."""

    name: str
    address: str
    port: int
    state: int = 0


@dataclass(slots=True)
class GossipCopy:
    """One process's copy. `delay` is how many seconds changes of another process need to arrive."""

    peer: Peer
    group: str
    delay: float
    values: dict[str, dict[str, Instance] | Replica] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    cursor: int = 0
    received: int = 0
    attempts: int = 0
    failures: int = 0


class Gossip:
    """All views, the log between them, and the members that went without a word."""

    def __init__(self) -> None:
        self.views: dict[str, GossipCopy] = {}
        self.foreign: dict[str, Peer] = {}
        self._log: list[Message] = []
        self._first = 0
        self._sent: dict[tuple[str, str], dict[str, Instance]] = {}
        self._lost: dict[str, tuple[float, str, Peer]] = {}

    def join(self, owner: str, view: GossipCopy, now: float) -> None:
        """A process joins its group and, by push/pull, gets all values of the group."""
        view.cursor = self._first + len(self._log)
        self.views[owner] = view
        self._lost.pop(owner, None)
        self._pull(owner, now)

    def _pull(self, owner: str, now: float) -> None:
        view = self.views[owner]
        for other_owner, other in self.views.items():
            if other_owner != owner and other.group == view.group:
                self.catch_up(other_owner, now)
                for key, value in other.values.items():
                    _apply(view, key, value)
                return

    def leave(self, owner: str, now: float, graceful: bool) -> None:
        """A process leaves. Without a leave message it stays on the lists for a while."""
        view = self.views.pop(owner, None)
        if view and not graceful:
            self._lost[owner] = (now, view.group, view.peer)

    def regroup(self, groups: Mapping[str, str], now: float) -> None:
        """Put each process into the named group; processes that meet again exchange all their values."""
        for owner in self.views:
            self.catch_up(owner, now)
        for owner, group in groups.items():
            view = self.views.get(owner)
            if view and view.group != group:
                self._lost[owner] = (now, view.group, view.peer)
                view.group = group
        for owner in self.views:
            self._exchange(owner, now)

    def _exchange(self, owner: str, now: float) -> None:
        view = self.views[owner]
        for other in self.views.values():
            if other is not view and other.group == view.group:
                for key, value in other.values.items():
                    _apply(view, key, value)
        lost = self._lost.get(owner)
        if lost and lost[1] == view.group:
            del self._lost[owner]

    def catch_up(self, owner: str, now: float) -> GossipCopy:
        """Read the log up to what has arrived at `now`."""
        view = self.views[owner]
        while view.cursor - self._first < len(self._log):
            message = self._log[view.cursor - self._first]
            if message.at + view.delay > now:
                break
            view.cursor += 1
            if message.group == view.group:
                view.received += 1
                _apply(view, message.key, message.change)
        return view

    def broadcast(self, group: str, key: str, change: Ring | Replica, now: float) -> None:
        """Send a change to the group: of a ring only what no process has sent yet."""
        if isinstance(change, Replica):
            self._log.append(Message(now, group, key, change))
            return
        sent = self._sent.setdefault((group, key), {})
        news = {name: member for name, member in change.items() if is_newer(member, sent.get(name))}
        if news:
            sent.update(news)
            self._log.append(Message(now, group, key, news))

    def get(self, owner: str, key: str, now: float) -> Value | None:
        """A value as clients get it: without tombstones."""
        value = self.catch_up(owner, now).values.get(key)
        return value if value is None or isinstance(value, Replica) else without_tombstones(value)

    def cas(self, owner: str, key: str, change: Callable[[Value | None], Value], now: float) -> Value:
        """A local write of what `change` makes of the present value. `NoChange` if it brought nothing."""
        return self.put(owner, key, change(self.get(owner, key, now)), now)

    def put(self, owner: str, key: str, written: Value, now: float) -> Value:
        """A local write of a complete value: merged here at once, then the changes are sent."""
        view = self.catch_up(owner, now)
        view.attempts += 1
        ours = view.values.get(key)
        if isinstance(written, Replica):
            changed: Ring | Replica = written
            idle = isinstance(ours, Replica) and ours.received_at >= written.received_at
        else:
            changed = local_changes(
                {} if ours is None or isinstance(ours, Replica) else ours, written, int(now)
            )
            idle = not changed
        if idle:
            raise NoChange
        _apply(view, key, changed)
        self.broadcast(view.group, key, changed, now)
        return written

    def peers(self, owner: str, now: float) -> list[Peer]:
        """The member list of a process, by name: its group, foreign members, and the lately lost."""
        group = self.views[owner].group
        found = [view.peer for view in self.views.values() if view.group == group]
        if group == "":
            found += self.foreign.values()
        for since, lost_group, peer in self._lost.values():
            age = now - since
            if lost_group == group and age < FORGOTTEN_AFTER:
                found.append(Peer(peer.name, peer.address, peer.port, int(age >= SUSPECT_AFTER)))
        return sorted(found, key=lambda peer: peer.name)

    def tidy(self, now: float) -> None:
        """Drop old tombstones and the part of the log that every view has read."""
        for owner, view in self.views.items():
            self.catch_up(owner, now)
            for value in view.values.values():
                if not isinstance(value, Replica):
                    _forget(value, now)
        done = min((view.cursor for view in self.views.values()), default=self._first + len(self._log))
        del self._log[: done - self._first]
        self._first = done
        self._lost = {name: lost for name, lost in self._lost.items() if now - lost[0] < FORGOTTEN_AFTER}


def _forget(ring: dict[str, Instance], now: float) -> None:
    old = [
        name
        for name, member in ring.items()
        if member.state == LEFT and now - member.timestamp > TOMBSTONE_KEPT
    ]
    for name in old:
        del ring[name]


def _apply(view: GossipCopy, key: str, change: Ring | Replica) -> None:
    ours = view.values.get(key)
    if isinstance(change, Replica):
        if not isinstance(ours, Replica) or change.received_at > ours.received_at:
            view.values[key] = change
            view.versions[key] = view.versions.get(key, 0) + 1
        return
    ring = {} if ours is None or isinstance(ours, Replica) else ours
    news = {name: member for name, member in change.items() if is_newer(member, ring.get(name))}
    if news or ours is None:
        ring.update(news)
        view.values[key] = ring
        view.versions[key] = view.versions.get(key, 0) + 1
