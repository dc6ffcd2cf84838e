"""The primary against one view of the secondary, member by member.

Rings, partition rings and the HA tracker's entries are compared by one loop: each is a mapping of
ids to things with a time and a few fields. Lag is the thing's time in the primary less its time in
the secondary, not below 0. "Extra" is not "missing": deletes are never mirrored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.derive.ring.health import own_state
from exporter.model.facts import Comparison, Difference
from exporter.model.pages import (
    Member,
    Partition,
    PartitionRing,
    PartitionState,
    Replica,
    Ring,
    State,
    Tokens,
    Value,
)

ContentEntry = Member | Partition | Replica | str
Content = Mapping[str, ContentEntry]
FIELDS = {
    "ring": ("state", "tokens", "address", "zone"),
    "partition": ("state", "tokens", "address", "zone"),
    "ha": ("replica",),
}
MAX_DIFFERENCES = 200
MAX_DOUBTFUL = 200
NOTHING: Content = MappingProxyType({})


def content_of(value: Value | Mapping[str, Replica]) -> Content:
    """Give what counts of a value: no tombstones, no deleted entries; owners beside partitions."""
    if isinstance(value, Ring):
        return value.live()
    if isinstance(value, PartitionRing):
        return _partitions(value)
    if isinstance(value, Replica):
        return NOTHING if value.deleted_at else {"": value}
    return {name: entry for name, entry in value.items() if not entry.deleted_at}


def _partitions(ring: PartitionRing) -> Content:
    found: dict[str, ContentEntry] = {}
    for number, partition in ring.partitions.items():
        if partition.state is PartitionState.DELETED:
            continue
        found[f"partition {number}"] = partition
        found |= {f"owner {owner}": str(number) for owner in partition.owners}
    return found


@dataclass(frozen=True, slots=True)
class Moment:
    """When the primary was read, by its own clock, and the ring's heartbeat period in seconds.

    `delivered` is the newest time of each member that the primary's watch had brought to any process
    before the secondary was read. A store can be a heartbeat ahead of that: what nobody was told of
    yet, nobody could have passed on, so within one period the delivered time counts.
    """

    clock: float | None
    period: float
    delivered: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def behind(self, name: str, told: float, seen: float) -> float:
        """Seconds that a view with the time `seen` is behind the primary's time of a member, `told`."""
        known = self.delivered.get(name)
        if known is not None and 0 < told - known <= self.period:
            told = known
        return max(0.0, told - seen)


def delivered(pages: Iterable[Content]) -> Mapping[str, float]:
    """The newest time of each member over the ring pages (tracker pages) that were read."""
    newest: dict[str, float] = {}
    for content in pages:
        for name, thing in content.items():
            time = thing.heartbeat if type(thing) is Member else _time(thing)
            if time is not None and time > newest.get(name, 0.0):
                newest[name] = time
    return newest


def compare(primary: Content, view: Content | None, name: str, at: Moment) -> Comparison:
    """Compare the primary with one view of the secondary; `None` is a view that lacks the key."""
    missing_key = view is None and bool(primary)
    view = view or NOTHING
    missing = tuple(sorted(primary.keys() - view.keys()))
    extra = tuple(sorted(view.keys() - primary.keys()))
    walk = _Walk(name, at)
    walk.pairs(primary, view)
    walk.gone(missing, primary)
    odd = [Difference(item, name, "extra") for item in extra[:MAX_DIFFERENCES]]
    return Comparison(
        missing_key=missing_key,
        lag=walk.lag,
        missing=missing,
        extra=extra,
        mismatched=MappingProxyType({what: tuple(ids) for what, ids in walk.mismatched.items()}),
        settled=frozenset(walk.settled),
        differences=tuple((*walk.lost, *walk.fields, *odd, *walk.late)[:MAX_DIFFERENCES]),
        doubtful=tuple(walk.doubtful[:MAX_DOUBTFUL]),
    )


class _Walk:
    """What one comparison gathers on its way over the members, the worst apart from the merely late."""

    def __init__(self, name: str, at: Moment) -> None:
        self.name = name
        self.at = at
        self.lag: float | None = None
        self.mismatched: dict[str, list[str]] = {}
        self.settled: set[str] = set()
        self.lost: list[Difference] = []
        self.fields: list[Difference] = []
        self.late: list[Difference] = []
        self.doubtful: list[Difference] = []

    def pairs(self, primary: Content, view: Content) -> None:
        """Walk over what both have. This loop is the cycle's hottest: views times members."""
        behind, find = self.at.behind, view.get
        lag, timed = 0.0, False
        for item, mine in primary.items():
            theirs = find(item)
            if theirs is None:
                continue
            if type(mine) is type(theirs) is Member:
                told, seen = mine.heartbeat, theirs.heartbeat
            else:
                told, seen = _time(mine), _time(theirs)
            if told is not None and seen is not None:
                timed = True
                if told > seen and (ahead := behind(item, told, seen)):
                    lag = max(lag, ahead)
                    if len(self.late) < MAX_DIFFERENCES:
                        self.late.append(Difference(item, self.name, "lag", "", f"{ahead:g} s behind"))
            if not same(mine, theirs):
                self._differ(item, mine, theirs)
        self.lag = lag if timed else None

    def _differ(self, item: str, mine: ContentEntry, theirs: ContentEntry) -> None:
        found = [Difference(item, self.name, *each) for each in _fields(mine, theirs)]
        for difference in found:
            self.mismatched.setdefault(difference.what, []).append(item)
        self._judge(item, found, settled=not self._one_heartbeat(mine, theirs))
        self.fields += found

    def gone(self, missing: Iterable[str], primary: Content) -> None:
        for item in missing:
            found = Difference(item, self.name, "missing", _text(primary[item]))
            self._judge(item, [found], settled=not self._is_recent(_born(primary[item])))
            self.lost.append(found)

    def _judge(self, item: str, found: list[Difference], *, settled: bool) -> None:
        if found and settled:
            self.settled.add(item)
        else:
            self.doubtful += found

    def _one_heartbeat(self, mine: ContentEntry, theirs: ContentEntry) -> bool:
        """Tell whether the two are neighbours in time: the same member one heartbeat later."""
        if isinstance(mine, Partition) and isinstance(theirs, Partition):
            return self._is_recent(max(mine.changed or 0.0, theirs.changed or 0.0))
        left, right = _time(mine), _time(theirs)
        return left is not None and right is not None and 0 < abs(left - right) <= self.at.period

    def _is_recent(self, when: float | None) -> bool:
        """Tell whether something is less than a period old by the primary's clock, or about to be."""
        if when is None or self.at.clock is None:
            return False
        return abs(self.at.clock - when) <= self.at.period


def same(mine: ContentEntry, theirs: ContentEntry) -> bool:
    """Tell cheaply that nothing but the heartbeat can differ: nearly all pairs are like that."""
    if mine is theirs:
        return True
    if type(mine) is not Member or type(theirs) is not Member:
        return False
    left, right = mine.tokens, theirs.tokens
    return (
        (left is right or (left.digest == right.digest and left.count == right.count))
        and mine.state is theirs.state
        and mine.address == theirs.address
        and mine.zone == theirs.zone
        and mine.read_only == theirs.read_only
    )


def _born(thing: ContentEntry) -> float | None:
    if isinstance(thing, Member):
        return thing.registered
    return thing.changed if isinstance(thing, Partition) else None


def time_of(thing: ContentEntry) -> float | None:
    """When an entry was last renewed, or a partition changed, unix seconds."""
    if type(thing) is Member:
        return thing.heartbeat
    if isinstance(thing, Replica):
        return thing.received_at
    return thing.changed if isinstance(thing, Partition) else None


def _time(thing: ContentEntry) -> float | None:
    """The time by which an entry can lag: a partition has no heartbeat."""
    if type(thing) is Member:
        return thing.heartbeat
    return thing.received_at if isinstance(thing, Replica) else None


def _fields(mine: ContentEntry, theirs: ContentEntry) -> list[tuple[str, str, str]]:
    """Give the fields that differ, with both values as text."""
    if isinstance(mine, Member) and isinstance(theirs, Member):
        return _member_fields(mine, theirs)
    if isinstance(mine, Replica) and isinstance(theirs, Replica):
        return [("replica", mine.replica, theirs.replica)] if mine.replica != theirs.replica else []
    if isinstance(mine, Partition) and isinstance(theirs, Partition):
        found = [("state", mine.state.value, theirs.state.value)] if mine.state is not theirs.state else []
        return found + _token_field(mine.tokens, theirs.tokens)
    return [("address", _text(mine), _text(theirs))] if mine != theirs else []


def _member_fields(mine: Member, theirs: Member) -> list[tuple[str, str, str]]:
    found = []
    left, right = own_state(mine), own_state(theirs)
    hidden = State.UNHEALTHY in {left, right}  # a ring page shows it instead of the member's own state
    if left is not right and not hidden:
        found.append(("state", left.value, right.value))
    found += _token_field(mine.tokens, theirs.tokens)
    if mine.address != theirs.address:
        found.append(("address", mine.address, theirs.address))
    if mine.zone != theirs.zone:
        found.append(("zone", mine.zone, theirs.zone))
    return found


def _token_field(mine: Tokens, theirs: Tokens) -> list[tuple[str, str, str]]:
    known = mine.digest is not None and theirs.digest is not None
    counted = mine.count >= 0 and theirs.count >= 0
    differs = mine.digest != theirs.digest if known else counted and mine.count != theirs.count
    return [("tokens", _token_text(mine), _token_text(theirs))] if differs else []


def _token_text(tokens: Tokens) -> str:
    return f"{tokens.count} tokens" + (f" ({tokens.digest.hex()[:8]})" if tokens.digest else "")


def _text(thing: ContentEntry) -> str:
    if isinstance(thing, Member):
        return f"{own_state(thing).value} at {thing.address}"
    if isinstance(thing, Replica):
        return thing.replica
    return thing.state.value if isinstance(thing, Partition) else f"partition {thing}"
